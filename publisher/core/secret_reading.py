"""Reads secrets from the environment, or from the files that it names."""

from __future__ import annotations

import os
import unicodedata
from pathlib import Path

from publisher.core.errors import SettingsError, unreadable_error
from publisher.core.file_reading import SECRET_BYTES, read_text
from publisher.core.messages import Message, _

PASSWORD = "_PASSWORD"  # noqa: S105 - how the names of variables end
QUOTES = "\"'`“”„‘’‚«»"
BYTE_ORDER_MARK = "\ufeff"
INVISIBLE = ("Cc", "Cf", "Zs", "Zl", "Zp")
"""The categories of control characters, of what joins or directs others, and of spaces and line ends."""


def read_secret(variable: str, *, several: bool = False) -> str | None:
    """Returns a secret from `VARIABLE`, or from a file. None: not set.

    The file is the one that `VARIABLE_FILE` names, else the one in the folder that systemd gives a service.

    `several`: there may be more than one, with spaces or line ends between.

    Raises:
        SettingsError: the file can't be read, or is empty; or the secret has a character that can't be part of it, such
            as a line end. The error names the character, never the secret.
    """
    if value := os.environ.get(variable):
        _refuse_odd(value, variable, variable, several)
        return value
    file = os.environ.get(f"{variable}_FILE") or _credential(variable)
    if not file:
        return None
    try:
        # Some editors begin a file with a byte order mark.
        secret = read_text(Path(file), SECRET_BYTES, "utf-8-sig").strip()
    except OSError as error:
        raise unreadable_error(_named(variable, file), error) from error
    except UnicodeDecodeError:
        raise SettingsError(_("{file} is not UTF-8 text; save it as UTF-8", file=_named(variable, file))) from None
    if not secret:
        raise SettingsError(_("{file} is empty; write the secret into it", file=_named(variable, file)))
    _refuse_odd(secret, variable, _named(variable, file), several)
    return secret


def _credential(variable: str) -> str | None:
    """Returns the path of a secret that systemd hands to a service, as `LoadCredential=publisher:FOLDER` names it."""
    folder = os.environ.get("CREDENTIALS_DIRECTORY")
    file = Path(folder) / f"publisher_{variable}" if folder else None
    return str(file) if file and file.exists() else None


def _refuse_odd(secret: str, variable: str, source: Message | str, several: bool) -> None:
    for part in secret.split() if several else (secret,):
        refuse_odd_character(part, variable, source)


def refuse_odd_character(secret: str, variable: str, source: Message | str) -> None:
    """Raises SettingsError where a secret has a character that can't be part of it.

    A password may have quotation marks and spaces, wherever they are. `source`: what the error says has the character.
    """
    password = variable.endswith(PASSWORD)
    first, last = ((_is_odd(at, password) or (not password and at in f" {QUOTES}")) for at in (secret[0], secret[-1]))
    odd = next((character for character in secret if _is_odd(character, password)), None)
    if first:
        text = _(
            "{source} begins with {character}, which can't be part of it: remove it",
            source=source,
            character=describe_character(secret[0]),
        )
    elif last:
        text = _(
            "{source} ends with {character}, which can't be part of it: remove it",
            source=source,
            character=describe_character(secret[-1]),
        )
    elif odd is not None:
        text = _(
            "{source} has {character} in it, which can't be part of it: remove it",
            source=source,
            character=describe_character(odd),
        )
    else:
        return
    raise SettingsError(text)


def quotes_around(secret: str) -> str:
    """Returns the quotation mark that a secret begins with, where it ends with one too; empty: it does not."""
    return secret[0] if len(secret) > 1 and secret[0] in QUOTES and secret[-1] in QUOTES else ""


def describe_character(character: str) -> Message:
    """Names a character that a person may not see."""
    code = f"U+{ord(character):04X}"
    match character:
        case "\n":
            return _("a line end ({code})", code=code)
        case "\r":
            return _("a line end as Windows writes it ({code})", code=code)
        case "\t":
            return _("a tab ({code})", code=code)
        case " ":
            return _("a space ({code})", code=code)
        case "\xa0":
            return _("a no-break space ({code})", code=code)
        case "\ufeff":
            return _("a byte order mark ({code})", code=code)
        case _quotation if character in QUOTES:
            return _("a quotation mark ({code})", code=code)
    return _("a character that nobody sees ({code})", code=code)


def _is_odd(character: str, password: bool) -> bool:
    if password:
        return unicodedata.category(character) == "Cc" or character == BYTE_ORDER_MARK
    return character != " " and unicodedata.category(character) in INVISIBLE


def _named(variable: str, file: str) -> Message:
    if os.environ.get(f"{variable}_FILE"):
        return _("{file}, which {variable}_FILE names,", file=file, variable=variable)
    return _("{file}, the credential of {variable},", file=file, variable=variable)
