"""Plays Tumblr on a local port."""
