"""Plays Instagram on a local port."""
