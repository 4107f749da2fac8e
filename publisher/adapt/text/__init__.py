"""Turns the texts of a post into the caption and alt texts of one channel."""
