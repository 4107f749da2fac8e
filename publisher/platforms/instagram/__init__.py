"""Publishes on Instagram through instagrapi."""
