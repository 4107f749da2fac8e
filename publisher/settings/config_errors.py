"""Turns pydantic's errors in a configuration into one sentence: where, what is wrong, what to do."""

from __future__ import annotations

import difflib
import os
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any, get_args

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

# By pydantic's name of a mistake; the placeholders are the mistake's own.
MESSAGES = {
    "too_short": "it is empty; write at least {min_length}",
    "string_too_short": "it is empty; write something",
    "string_too_long": "it is too long; write at most {max_length} characters",
    "string_type": "{input!r} is no text; write it in quotes",
    "int_parsing": "{input!r} is no whole number",
    "int_type": "{input!r} is no whole number",
    "int_from_float": "{input!r} is no whole number",
    "float_parsing": "{input!r} is no number",
    "float_type": "{input!r} is no number",
    "greater_than": "{input!r} is too small; write more than {gt:g}",
    "greater_than_equal": "{input!r} is too small; write at least {ge:g}",
    "less_than_equal": "{input!r} is too large; write at most {le:g}",
    "literal_error": "{input!r} is not known here; write {expected}",
    "path_type": "{input!r} is no path; write it in quotes",
    "tuple_type": "{input!r} is no list; write it like [1, 2]",
    "dict_type": "it must be a table, such as [{dotted}]",
    "model_type": "it must be a table, such as [{dotted}]",
}


class ConfigurationFile:
    """Finds the lines of the keys in a TOML file."""

    def __init__(self, path: Path, text: str, env_prefix: str) -> None:
        self.path = path
        self._text = text
        self._env_prefix = env_prefix

    def place(self, keys: tuple[str, ...]) -> str:
        """Returns the environment variable that sets a key, else `FILE:LINE` of it or of its table, else the file."""
        for length in range(len(keys), 0, -1):
            variable = self._env_prefix + "__".join(keys[:length]).upper()
            if variable in {name.upper() for name in os.environ}:
                return variable
        lines = (self._line(keys[:length]) for length in range(len(keys), 0, -1))
        return next((f"{self.path}:{line}" for line in lines if line), str(self.path))

    def _line(self, keys: tuple[str, ...]) -> int | None:
        table: tuple[str, ...] = ()
        for number, line in enumerate(self._text.splitlines(), start=1):
            if match := re.match(r"\s*\[([^\[\]]+)\]", line):
                table = _parts(match[1])
                if table == keys:
                    return number
            elif match := re.match(r"\s*([\w\"'. -]+?)\s*=", line):
                key = (*table, *_parts(match[1]))
                if key == keys[: len(key)]:
                    return number
        return None


def describe_first_mistake(file: ConfigurationFile, error: ValidationError, model: type[BaseModel]) -> str:
    """Returns the sentence for the mistake that is best mended first."""
    # A misspelt key is both unknown and missing; "unknown" says what to mend.
    mistake = min(error.errors(include_url=False), key=lambda details: details["type"] != "extra_forbidden")
    keys = tuple(str(key) for key in mistake["loc"] if not re.match(r"function-|\[key\]", str(key)))
    dotted = ".".join(keys)
    if not keys:
        message = mistake["msg"].removeprefix("Value error, ")
        return f"{file.place(_parts(message.split()[0]))}: {message}"
    if mistake["type"] == "extra_forbidden":
        return f"{file.place(keys)}: {describe_unknown_key(dotted, known_keys(model, keys[:-1]))}"
    if mistake["type"] == "missing":
        return f"{file.place(keys[:-1])}: {dotted!r} is missing; add it"
    return f"{file.place(keys)}: {dotted}: {_plain(mistake, dotted)}"


def describe_unknown_key(key: str, known: Iterable[str]) -> str:
    """Says that a key is unknown, and which one may have been meant."""
    near = difflib.get_close_matches(key.rpartition(".")[2], known, n=1)
    return f"unknown key {key!r}; " + (f"did you mean {near[0]!r}?" if near else f"known are {', '.join(known)}")


def known_keys(model: type[BaseModel], table: tuple[str, ...]) -> list[str]:
    """Lists the keys of a table of the configuration that `model` describes."""
    annotation: Any = model
    for key in table:
        if isinstance(annotation, type) and issubclass(annotation, BaseModel) and key in annotation.model_fields:
            annotation = annotation.model_fields[key].annotation
        elif get_args(annotation):
            annotation = get_args(annotation)[-1]
    if not (isinstance(annotation, type) and issubclass(annotation, BaseModel)):
        return []
    return sorted(name for name, field in annotation.model_fields.items() if not field.exclude)


def _plain(mistake: ErrorDetails, dotted: str) -> str:
    if pattern := MESSAGES.get(mistake["type"]):
        return pattern.format(**mistake.get("ctx", {}), input=mistake["input"], dotted=dotted)
    message = mistake["msg"].removeprefix("Value error, ")
    return f"{message[:1].lower()}{message[1:]}"


def _parts(dotted: str) -> tuple[str, ...]:
    return tuple(part.strip().strip("\"'") for part in dotted.split("."))
