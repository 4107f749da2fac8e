"""Which errors are sentences for people, and what to say about the others."""

from __future__ import annotations

from sqlalchemy.exc import DBAPIError, OperationalError

from publisher.adapt.images.inspection import ImageRefused
from publisher.backup.files import BackupError
from publisher.db.upgrade import DatabaseError
from publisher.delivery.act_refusals import Refused
from publisher.media import MediaError
from publisher.platforms.errors import PlatformError
from publisher.posts.errors import PostError
from publisher.settings import SettingsError
from publisher.staff.accounts import AccountError
from publisher.staff.passwords import WeakPassword

SENTENCES = (
    SettingsError,
    DatabaseError,
    BackupError,
    PostError,
    Refused,
    PlatformError,
    ImageRefused,
    MediaError,
    AccountError,
    WeakPassword,
)


def sentence(error: Exception) -> str:
    """What to tell a person about an error."""
    if isinstance(error, SENTENCES):
        return str(error)
    if isinstance(error, OperationalError):
        return f"the database can't be used: {error.orig}"
    if isinstance(error, DBAPIError):
        return f"the database refused: {error.orig}"
    if isinstance(error, ValueError) and "PUBLISHER_LOG_LEVEL" in str(error):
        return str(error)
    if isinstance(error, UnicodeEncodeError):
        return "the command line holds bytes that are no text; write it in UTF-8"
    if isinstance(error, OSError):
        return f"{error.strerror or error}{f': {error.filename}' if error.filename else ''}"
    return f"something unexpected happened ({type(error).__name__}: {error}); PUBLISHER_LOG_LEVEL=debug shows where"
