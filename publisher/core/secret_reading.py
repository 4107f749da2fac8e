"""Reads secrets from the environment, or from the files that it names."""

from __future__ import annotations

import os
from pathlib import Path

from publisher.core.errors import SettingsError, unreadable_error
from publisher.core.file_reading import SECRET_BYTES, read_text
from publisher.core.messages import Message, _


def read_secret(variable: str) -> str | None:
    """Returns a secret from `VARIABLE`, or from the file that `VARIABLE_FILE` names. None: not set.

    Raises:
        SettingsError: the file can't be read, or is empty.
    """
    if value := os.environ.get(variable):
        return value
    file = os.environ.get(f"{variable}_FILE")
    if not file:
        return None
    try:
        secret = read_text(Path(file), SECRET_BYTES).strip()
    except OSError as error:
        raise unreadable_error(_named(variable, file), error) from error
    except UnicodeDecodeError:
        raise SettingsError(_("{file} is not UTF-8 text; save it as UTF-8", file=_named(variable, file))) from None
    if not secret:
        raise SettingsError(_("{file} is empty; write the secret into it", file=_named(variable, file)))
    return secret


def _named(variable: str, file: str) -> Message:
    return _("{file}, which {variable}_FILE names,", file=file, variable=variable)
