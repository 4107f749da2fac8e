"""Backups: made whole, rotated, checked, and restored without posting anything twice. And moves to another database."""
