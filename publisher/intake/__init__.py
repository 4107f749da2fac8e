"""Reads posts from outside the desk: files with front matter, beside their pictures."""
