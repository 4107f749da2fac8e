"""Says how a value of front matter is written that is of another kind than its field."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from publisher.core.characters import quote_value
from publisher.core.messages import Message, _

_VALUE = re.compile(r"\s*(?:-\s+)?(?:[\"']?[\w.-]+[\"']?\s*[:=]|-)\s*(?P<value>.*?)\s*$")
_NUMBER_LISTS = {"focal_point": "[0.5, 0.5]", "crop_box": "[0.1, 0.1, 0.9, 0.9]", "gutters": "[0.5]"}
_LISTS = ("tuple_type", "list_type")
_TABLES = ("dict_type", "model_type", "model_attributes_type")
_LINK = '{label: the paper, url: "https://example.org/paper"}'
_TOML_LINK = '{label = "the paper", url = "https://example.org/paper"}'
OTHER_NAMES: Mapping[str, str] = {
    "date": "fixed_date",
    "day": "fixed_date",
    "author": "written_by",
    "by": "written_by",
    "summary": "standfirst",
    "subtitle": "standfirst",
    "copyright": "licence",
    "alt_text": "alt",
    "path": "file",
    "src": "file",
}
"""What people call the fields elsewhere."""


@dataclass(frozen=True, slots=True)
class WrittenValue:
    """Holds a value that can't be used, as it stands in the file."""

    keys: Sequence[str]
    """The keys that lead to it."""
    lines: Sequence[str]
    """Its line and those below it; none where the line is not known."""
    is_toml: bool

    @property
    def text(self) -> str:
        match = _VALUE.match(self.lines[0]) if self.lines else None
        return match["value"] if match else ""

    def assigned(self, value: str) -> str:
        """Returns a value with its field before it, as the file's language writes it."""
        key = self.keys[-1]
        if key.isdigit():
            return value
        return f"{key} = {value}" if self.is_toml else f"{key}: {value}"


def value_remedy(mistake: Mapping[str, Any], written: WrittenValue) -> Message | None:
    """Says how to write a value; None: the mistake itself says enough. `mistake`: an error of pydantic."""
    value, kind = mistake["input"], mistake["type"]
    if kind == "string_pattern_mismatch" and written.keys[:1] in (["language"], ["translations"]):
        return _("{value} is no code of a language; write one such as en, ca or pt-BR", value=quote_value(value))
    if kind in _LISTS:
        return _list_remedy(value, written)
    if kind in _TABLES and isinstance(value, str):
        if "links" in written.keys:
            return _("it has a label and an address; write {example}", example=_link(written))
        return _("it has fields of its own; write each on a line below it")
    if kind == "bool_type":
        return _("write true or false, without quotes")
    if kind == "string_type" and value is None:
        return _remedy_of_nothing(written)
    if kind == "string_type" and not isinstance(value, list | dict):
        text = written.text if written.text and not written.keys[-1].isdigit() else str(value)
        return _("put it in quotes, to make it a text: {example}", example=written.assigned(f'"{text}"'))
    return None


def _list_remedy(value: Any, written: WrittenValue) -> Message | None:
    key = written.keys[-1] if written.keys else ""
    if key in _NUMBER_LISTS:
        return _("it is a list of numbers; write {example}", example=written.assigned(_NUMBER_LISTS[key]))
    if key == "links":
        return _("it is a list; write {example}", example=f"[{_link(written)}]")
    if isinstance(value, str):
        return _("it is a list; write {example}", example=list_of(value, is_toml=written.is_toml))
    if value is None and "#" in written.text:
        words = written.text.replace("#", " ").replace(",", " ").split()
        example = list_of(",".join(words), is_toml=written.is_toml)
        return _("it is empty, because # begins a comment; write {example}", example=example)
    return None


def _remedy_of_nothing(written: WrittenValue) -> Message:
    if written.text.startswith(("&", "!", "*")):
        return _("put it in quotes, to make it a text: {example}", example=written.assigned(f'"{written.text}"'))
    if any("#" in line for line in written.lines[:30]):
        return _("it is empty, because # begins a comment; write it without #, or in quotes")
    return _("it is empty; write it, or remove the line")


def _link(written: WrittenValue) -> str:
    return _TOML_LINK if written.is_toml else _LINK


def list_of(text: str, *, is_toml: bool) -> str:
    """Returns the list that a text with commas was meant to be, as the file's language writes it."""
    items = [item.strip().strip("\"'") for item in text.split(",") if item.strip()] or ["…"]
    plain = not is_toml and all(re.fullmatch(r"\w[\w ./-]*", item) for item in items)
    written = items if plain else [json.dumps(item, ensure_ascii=False) for item in items]
    return f"[{', '.join(written)}]"
