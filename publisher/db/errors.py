"""What is wrong with a database, as sentences for people."""

from __future__ import annotations


class DatabaseError(Exception):
    """The database can't be used; the message is one sentence for a person."""


RESTORE = (
    "stop the desk, then bring the last good backup back with publisher restore FILE, such as the newest file in "
    "backups/daily"
)
"""What to do about a database that is lost or damaged."""
