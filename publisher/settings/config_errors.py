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

from publisher.core.characters import quote_value
from publisher.core.messages import Message, _


class WrongValue(ValueError):
    """Says what is wrong with the configuration as a whole. `key`: of the value that is best changed."""

    def __init__(self, text: Message, *, key: str) -> None:
        super().__init__(text)
        self.key = key


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


def describe_first_mistake(file: ConfigurationFile, error: ValidationError, model: type[BaseModel]) -> Message:
    """Returns the sentence for the mistake that is best mended first."""
    # A misspelt key is both unknown and missing; "unknown" says what to mend.
    mistake = min(error.errors(include_url=False), key=lambda details: details["type"] != "extra_forbidden")
    keys = tuple(str(key) for key in mistake["loc"] if not re.match(r"function-|\[key\]", str(key)))
    dotted = ".".join(keys)
    if not keys:
        cause = mistake.get("ctx", {}).get("error")
        place = file.place(_parts(cause.key)) if isinstance(cause, WrongValue) else str(file.path)
        return _("{place}: {problem}", place=place, problem=_describe_value(mistake, dotted))
    if mistake["type"] == "extra_forbidden":
        unknown = describe_unknown_key(dotted, known_keys(model, keys[:-1]))
        return _("{place}: {problem}", place=file.place(keys), problem=unknown)
    if mistake["type"] == "missing":
        return _("{place}: “{key}” is missing; add it", place=file.place(keys[:-1]), key=dotted)
    problem = _describe_value(mistake, dotted)
    return _("{place}: {key}: {problem}", place=file.place(keys), key=dotted, problem=problem)


def describe_unknown_key(key: str, known: Iterable[str]) -> Message:
    """Says that a key is unknown, and which one may have been meant."""
    near = difflib.get_close_matches(key.rpartition(".")[2], known, n=1)
    if near:
        return _("unknown key “{key}”; did you mean “{near}”?", key=key, near=near[0])
    return _("unknown key “{key}”; known are {known:list}", key=key, known=list(known))


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


def _describe_value(mistake: ErrorDetails, dotted: str) -> Message | str:
    """Says what is wrong with a value, by pydantic's name of the mistake, and what to write."""
    context, value = mistake.get("ctx", {}), quote_value(mistake["input"])
    match mistake["type"]:
        case "value_error":
            return _text_of(context["error"])
        case "too_short":
            return _("it is empty; write at least {minimum}", minimum=context["min_length"])
        case "string_too_short":
            return _("it is empty; write something")
        case "string_too_long":
            return _("it is too long; write at most {maximum} characters", maximum=context["max_length"])
        case "greater_than":
            return _("{value} is too small; write more than {limit}", value=value, limit=f"{context['gt']:g}")
        case "greater_than_equal":
            return _("{value} is too small; write at least {limit}", value=value, limit=f"{context['ge']:g}")
        case "less_than_equal":
            return _("{value} is too large; write at most {limit}", value=value, limit=f"{context['le']:g}")
        case "literal_error":
            return _("{value} is not known here; write {expected}", value=value, expected=_choices(context["expected"]))
        case kind:
            return _describe_type(kind, value, dotted) or _lower_first(mistake["msg"])


def _describe_type(kind: str, value: str, dotted: str) -> Message | None:
    match kind:
        case "string_type":
            return _("{value} is no text; write it in quotes", value=value)
        case "int_parsing" | "int_type" | "int_from_float":
            return _("{value} is no whole number", value=value)
        case "float_parsing" | "float_type":
            return _("{value} is no number", value=value)
        case "path_type":
            return _("{value} is no path; write it in quotes", value=value)
        case "tuple_type":
            return _("{value} is no list; write it like [1, 2]", value=value)
        case "dict_type" | "model_type":
            return _("it must be a table, such as [{key}]", key=dotted)
        case _other:
            return None


def _choices(expected: str) -> str:
    """Quotes the values that pydantic lists between straight marks as other texts for people quote them."""
    return re.sub("'([^']*)'", r"“\1”", expected)


def _text_of(error: Exception) -> Message | str:
    """Returns the text of a check of ours; other checks have their own, in English."""
    text = error.args[0] if error.args else ""
    return text if isinstance(text, Message) else _lower_first(str(error))


def _lower_first(text: str) -> str:
    return f"{text[:1].lower()}{text[1:]}"


def _parts(dotted: str) -> tuple[str, ...]:
    return tuple(part.strip().strip("\"'") for part in dotted.split("."))
