"""Describes errors for people at the command line."""

from __future__ import annotations

from sqlalchemy.exc import DBAPIError, OperationalError

from publisher.core.errors import UserError
from publisher.core.messages import Message, _


def describe_error(error: Exception) -> str:
    """Describes an error in a sentence for the present reader."""
    if isinstance(error, UserError):
        return str(error)
    return str(_describe_other(error))


def _describe_other(error: Exception) -> Message | str:
    if isinstance(error, OperationalError):
        return _("the database can't be used: {reason}", reason=error.orig)
    if isinstance(error, DBAPIError):
        return _("the database refused: {reason}", reason=error.orig)
    if isinstance(error, UnicodeEncodeError):
        return _("the command line has bytes that are not text; write it in UTF-8")
    if isinstance(error, OSError):
        reason = error.strerror or error
        return _("{reason}: {file}", reason=reason, file=error.filename) if error.filename else str(reason)
    return _(
        "something unexpected happened ({kind}: {reason}); PUBLISHER_LOG_LEVEL=debug shows where",
        kind=type(error).__name__,
        reason=error,
    )
