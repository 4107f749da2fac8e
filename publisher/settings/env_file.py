"""Reads the secrets of a desk from the file `.env` beside its configuration into the environment."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

from publisher.core.errors import SettingsError, unreadable_error
from publisher.core.file_reading import CONFIGURATION_BYTES, read_text
from publisher.core.messages import _

NAME = ".env"
LINE = re.compile(r"(?:export\s+)?(?P<name>[A-Za-z_][A-Za-z0-9_]*)\s*=\s*(?P<value>.*)")
QUOTED = re.compile(r"(?P<quote>[\"'])(?P<value>.*?)(?P=quote)(?:\s+#.*)?")
"""A value in quotation marks, which a comment may follow that has some of its own."""
COMMENT = re.compile(r"(?:^|\s+)#.*")


def load_env_file(config: Path) -> None:
    """Sets the variables of the file `.env` beside the configuration that the environment does not have, or empty.

    A line is `NAME=VALUE`. Quotation marks around a value are no part of it; without them it ends before a space
    and `#`. Nothing in it is replaced, a `$` neither.

    Raises:
        SettingsError: a line is not so, or the file can't be read. The error never shows what a line holds.
    """
    file = config.parent / NAME
    try:
        text = read_text(file, CONFIGURATION_BYTES, "utf-8-sig")
    except FileNotFoundError:
        return
    except UnicodeDecodeError:
        raise SettingsError(_("{file} is not UTF-8 text; save it as UTF-8", file=file)) from None
    except OSError as error:
        raise unreadable_error(str(file), error) from error
    for name, value in _variables(file, text):
        if value and not os.environ.get(name):
            os.environ[name] = value


def _variables(file: Path, text: str) -> Iterator[tuple[str, str]]:
    for number, line in enumerate(text.split("\n"), start=1):
        stripped = line.strip()
        if not stripped or stripped.startswith("#"):
            continue
        match = LINE.fullmatch(stripped)
        if match is None:
            raise SettingsError(
                _('{file}, line {number}: write NAME=VALUE, or begin the line with "#"', file=file, number=number)
            )
        quoted = QUOTED.fullmatch(match["value"])
        yield match["name"], quoted["value"] if quoted else COMMENT.sub("", match["value"])
