"""Backups: made whole, rotated, checked, and restored without posting anything twice."""
