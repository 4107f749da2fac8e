"""Simulates the toy platform."""
