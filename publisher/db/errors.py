"""What is wrong with a database, as sentences for people."""

from __future__ import annotations


class DatabaseError(Exception):
    """The database can't be used; the message is one sentence for a person."""
