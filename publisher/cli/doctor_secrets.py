"""Checks for `publisher doctor` that nobody else can read the secrets, and that the key opens them."""

from __future__ import annotations

from publisher.core.encryption import KEY_VARIABLE, EncryptionError, SecretCipher
from publisher.core.private_files import find_open_to_others
from publisher.db.encrypted_values import check_openable
from publisher.desk import Desk
from publisher.settings import Settings, SettingsError, read_secret
from publisher.settings.private_paths import DATABASE_SESSIONS, private_paths


def describe_private_files(settings: Settings) -> str:
    """Describes who can read the desk's files. Raises SettingsError where others can."""
    if open_paths := find_open_to_others(private_paths(settings)):
        names = ", ".join(str(path) for path in open_paths)
        raise SettingsError(
            f"others on this machine can read or change {names}, and this user may not forbid it; take their "
            "permissions away, such as with chmod go= and the name"
        )
    return "only this user can read the database, the pictures, the sessions and the backups"


def describe_key(desk: Desk) -> str:
    """Describes the key and the secrets that it opens.

    Raises:
        SettingsError: the key is invalid, missing although something needs it, or does not open a secret.
    """
    seal = SecretCipher.from_environment() if read_secret(KEY_VARIABLE) else None
    with desk.database.reading() as session:
        sealed = check_openable(session, seal)
    if seal is not None:
        return f"opens all that is sealed in the database ({sealed})"
    if sealed or desk.settings.storage.sessions == DATABASE_SESSIONS:
        reason = f"{sealed} secrets in the database can't be opened" if sealed else "storage.sessions needs it"
        raise EncryptionError(
            f"{KEY_VARIABLE} is not set, and {reason}; set it as it was, or make one: publisher key new"
        )
    return f"{KEY_VARIABLE} is not set, and nothing needs it yet"
