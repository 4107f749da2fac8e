"""Describes errors for people at the command line."""

from __future__ import annotations

from sqlalchemy.exc import DBAPIError, OperationalError

from publisher.core.errors import UserError


def describe_error(error: Exception) -> str:
    """Describes an error in a sentence for a person."""
    if isinstance(error, UserError):
        return str(error)
    if isinstance(error, OperationalError):
        return f"the database can't be used: {error.orig}"
    if isinstance(error, DBAPIError):
        return f"the database refused: {error.orig}"
    if isinstance(error, UnicodeEncodeError):
        return "the command line has bytes that are not text; write it in UTF-8"
    if isinstance(error, OSError):
        return f"{error.strerror or error}{f': {error.filename}' if error.filename else ''}"
    return f"something unexpected happened ({type(error).__name__}: {error}); PUBLISHER_LOG_LEVEL=debug shows where"
