"""Publishes on Tumblr through pytumblr."""
