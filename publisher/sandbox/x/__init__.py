"""Plays X on a local port."""
