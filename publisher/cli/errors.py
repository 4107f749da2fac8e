"""Lists the errors whose message is for people, and describes all others."""

from __future__ import annotations

from sqlalchemy.exc import DBAPIError, OperationalError

from publisher.adapt.images.inspection import ImageRefused
from publisher.backup.files import BackupError
from publisher.db.upgrade import DatabaseError
from publisher.delivery.act_refusals import ActRefused
from publisher.media import MediaError
from publisher.platforms.errors import PlatformError
from publisher.posts.errors import PostError
from publisher.settings import SettingsError
from publisher.staff.accounts import AccountError
from publisher.staff.passwords import WeakPassword

ERRORS_FOR_PEOPLE = (
    SettingsError,
    DatabaseError,
    BackupError,
    PostError,
    ActRefused,
    PlatformError,
    ImageRefused,
    MediaError,
    AccountError,
    WeakPassword,
)


def describe_error(error: Exception) -> str:
    """Describes an error in a sentence for a person."""
    if isinstance(error, ERRORS_FOR_PEOPLE):
        return str(error)
    if isinstance(error, OperationalError):
        return f"the database can't be used: {error.orig}"
    if isinstance(error, DBAPIError):
        return f"the database refused: {error.orig}"
    if isinstance(error, ValueError) and "PUBLISHER_LOG_LEVEL" in str(error):
        return str(error)
    if isinstance(error, UnicodeEncodeError):
        return "the command line has bytes that are not text; write it in UTF-8"
    if isinstance(error, OSError):
        return f"{error.strerror or error}{f': {error.filename}' if error.filename else ''}"
    return f"something unexpected happened ({type(error).__name__}: {error}); PUBLISHER_LOG_LEVEL=debug shows where"
