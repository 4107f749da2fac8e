"""Publishes on X through tweepy."""
