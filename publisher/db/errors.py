"""Defines the error of a database that can't be used, with a sentence for people."""

from __future__ import annotations

from publisher.core.errors import ErrorKind, UserError
from publisher.core.messages import _


class DatabaseError(UserError):
    """Says that the database can't be used; the message is one sentence for a person."""

    code = "database-unusable"
    kind = ErrorKind.MACHINE


RESTORE_HINT = _(
    "stop the desk, then bring the last good backup back with publisher restore FILE, such as the newest file in "
    "backups/daily"
)
"""What to do about a database that is lost or damaged."""
