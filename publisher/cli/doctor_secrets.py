"""Checks for `publisher doctor` that nobody else can read the secrets, and that the key opens them."""

from __future__ import annotations

from collections.abc import Iterator

from publisher.cli.doctor_lines import DoctorLine
from publisher.core.encryption import KEY_VARIABLE, EncryptionError, SecretCipher
from publisher.core.messages import Message, _, ngettext
from publisher.core.private_files import find_open_to_others
from publisher.core.secret_reading import describe_character, quotes_around
from publisher.db.encrypted_values import check_openable
from publisher.desk import Desk
from publisher.settings import Settings, SettingsError, read_secret
from publisher.settings.private_paths import DATABASE_SESSIONS, private_paths


def describe_private_files(settings: Settings) -> Message:
    """Describes who can read the desk's files. Raises SettingsError where others can."""
    if open_paths := find_open_to_others(private_paths(settings)):
        raise SettingsError(
            _(
                "others on this machine can read or change {files:list}, and this user may not forbid it; take their "
                "permissions away, such as with chmod go= and the name",
                files=open_paths,
            )
        )
    return _("only this user can read the database, the pictures, the sessions and the backups")


def describe_key(desk: Desk) -> Message:
    """Describes the key and the secrets that it opens.

    Raises:
        SettingsError: the key is invalid, missing although something needs it, or does not open a secret.
    """
    seal = SecretCipher.from_environment() if read_secret(KEY_VARIABLE, several=True) else None
    with desk.database.reading() as session:
        sealed = check_openable(session, seal)
    if seal is not None:
        return _("opens all that is sealed in the database ({number})", number=sealed)
    if sealed:
        raise EncryptionError(
            ngettext(
                "{variable} is not set, and {count} secret in the database can't be opened; set it as it was, or make "
                "one: publisher key new",
                "{variable} is not set, and {count} secrets in the database can't be opened; set it as it was, or make "
                "one: publisher key new",
                count=sealed,
                variable=KEY_VARIABLE,
            )
        )
    if desk.settings.storage.sessions == DATABASE_SESSIONS:
        raise EncryptionError(
            _(
                "{variable} is not set, and storage.sessions needs it; set it as it was, or make one: "
                "publisher key new",
                variable=KEY_VARIABLE,
            )
        )
    return _("{variable} is not set, and nothing needs it yet", variable=KEY_VARIABLE)


def check_passwords(desk: Desk) -> Iterator[DoctorLine]:
    """Yields a line for each secret with quotation marks around it, which may be part of a password."""
    for name, channel in desk.settings.channels.items():
        for secret in desk.channels.adapter(name).secrets:
            variable = channel.secret_variable(secret.name)
            try:
                quotes = quotes_around(read_secret(variable) or "")
            except SettingsError:
                # The line of the channel says so.
                continue
            if quotes:
                text = _(
                    "{variable} has {character} at both ends; if that is not part of it, remove it",
                    variable=variable,
                    character=describe_character(quotes),
                )
                yield DoctorLine(True, _("secrets"), text, warning=True)
