"""Holds one folder per platform: its adapter, its profile, its caption template, and what they need."""
