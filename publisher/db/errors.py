"""Defines the error of a database that can't be used, with a sentence for people."""

from __future__ import annotations


class DatabaseError(Exception):
    """Says that the database can't be used; the message is one sentence for a person."""


RESTORE_HINT = (
    "stop the desk, then bring the last good backup back with publisher restore FILE, such as the newest file in "
    "backups/daily"
)
"""What to do about a database that is lost or damaged."""
