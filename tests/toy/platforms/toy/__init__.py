"""Holds the smallest possible platform."""
