"""Says how to mend a line of front matter that its language can't read, or reads otherwise than people mean it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence

from publisher.core.messages import Message, _
from publisher.intake.value_remedies import list_of
from publisher.posts.date_mistakes import describe_other_date

_FIELD = re.compile(r"(?P<indent>\s*(?:-\s+)?)(?P<key>[\w-]+)\s*:(?:\s+(?P<value>.*?))?\s*$")
_TOML_FIELD = re.compile(r"\s*(?P<key>[\w.-]+)\s*(?P<sign>[=:])\s*(?P<value>.*?)\s*$")
_SPACED_KEY = re.compile(r"\s*(?P<key>[\w-]+(?: [\w-]+)+)\s*=")
_COMMENT = re.compile(r"\s#.*$")
_SPECIAL = tuple("@`%&*!|>?-[]{},'\"“”‘’«")
_TEXT_KEYS = frozenset({"title", "standfirst", "written_by", "credit", "licence", "alt", "label"})


def advise_yaml(lines: Sequence[str], number: int) -> tuple[int, Message] | None:
    """Returns the line that is to be mended, and how; None: it is not known. `number`: that of the error, from 0."""
    while number >= len(lines) or (number > 0 and not lines[number].strip()):
        number -= 1
    if number < 0:
        return None
    line = lines[number]
    if "\t" in line[: len(line) - len(line.lstrip())]:
        return number, _("a line can't begin with a tab; indent it with spaces")
    if (opened := _line_with_open_list(lines, number)) is not None:
        field = _FIELD.match(lines[opened])
        key = field["key"] if field else ""
        return opened, _("{field}: # begins a comment; write it without #, or in quotes", field=key)
    field = _FIELD.match(line)
    value = (field["value"] or "") if field else ""
    if not field or not value:
        return None
    if line[0] == " " and not field["indent"].strip() and _stands_at_left_edge(lines, number):
        return number, _("{field}: begin the line at its left edge, as the one above it", field=field["key"])
    if ": " in value or value.startswith(_SPECIAL) or value.endswith(":"):
        example = f"{field['key']}: {_quoted(value)}"
        return number, _("{field}: put the value in quotes: {example}", field=field["key"], example=example)
    return None


def _line_with_open_list(lines: Sequence[str], number: int) -> int | None:
    """Finds the line, at most at `number`, of a list or table that a comment has left open."""
    for line in range(number, -1, -1):
        field = _FIELD.match(lines[line])
        value = (field["value"] or "") if field else ""
        if re.match(r"[\[{][^\]}]*#", value):
            return line
        if line < number and value:
            return None
    return None


def _stands_at_left_edge(lines: Sequence[str], number: int) -> bool:
    """Decides whether the line above is a whole field that begins at the left edge."""
    above = next((line for line in reversed(lines[:number]) if line.strip()), "")
    field = _FIELD.match(above)
    return bool(field and field["value"] and not field["indent"])


def _quoted(value: str) -> str:
    """Returns a text in quotes as YAML reads it."""
    if len(value) > 2 and value[0] == value[-1] == '"' and "\\" in value and '"' not in value[1:-1]:
        value = value[1:-1]
    if value[0] == value[-1] == "'" and len(value) > 1:
        value = value[1:-1]
    return f'"{value}"' if not re.search(r'["\\]', value) else "'" + value.replace("'", "''") + "'"


def advise_toml(lines: Sequence[str], number: int) -> Message | None:
    """Says how to mend a line; None: it is not known. `number`: that of the error, from 0."""
    line = lines[number] if 0 <= number < len(lines) else ""
    if spaced := _SPACED_KEY.match(line):
        return _("write the field as one word: {field}", field="_".join(spaced["key"].split()))
    field = _TOML_FIELD.match(line)
    if not field:
        return None
    key, value = field["key"], field["value"]
    if field["sign"] == ":":
        return _("{field}: write = and not a colon: {example}", field=key, example=f"{key} = {_toml_text(value)}")
    if not value:
        return _("{field}: it has no value; write one, or remove the line", field=key)
    if date := describe_other_date(value):
        return _("{field}: {why}", field=key, why=date)
    if any(re.match(rf"\s*{re.escape(key)}\s*=", line) for line in _same_table(lines, number)):
        return _("{field}: it is given twice; keep one of the two lines", field=key)
    return _advise_toml_value(key, value)


def _advise_toml_value(key: str, value: str) -> Message | None:
    if value.casefold() in ("true", "false", "yes", "no"):
        return _("{field}: write true or false, in small letters and without quotes", field=key)
    if key == "tags" or value[0] == "[":
        example = f"{key} = {list_of(value.strip('[] '), is_toml=True)}"
        return _("{field}: put each text of the list in quotes: {example}", field=key, example=example)
    if value[0] == '"' and "\\" in value and "'" not in value:
        example = f"{key} = '{value.strip(chr(34))}'"
        return _("{field}: put a text with a backslash in single quotes: {example}", field=key, example=example)
    if value[0] in "\"'" and value.count(value[0]) == 1:
        return _("{field}: the text has no quote at its end; end it on its line, in {quote}", field=key, quote=value[0])
    if value[0] in "'“”‘’«" or value[0].isalpha() or re.match(r'"[^"]*"\s*[^#\s]', value):
        return _("{field}: put the text in quotes: {example}", field=key, example=f"{key} = {_toml_text(value)}")
    return None


def _toml_text(value: str) -> str:
    inner = value[1:-1] if len(value) > 1 and (value[0], value[-1]) in {("'", "'"), ("“", "”"), ("‘", "’")} else value
    return json.dumps(inner.strip('"'), ensure_ascii=False)


def _same_table(lines: Sequence[str], number: int) -> Iterator[str]:
    """Yields the lines of the same table before a line."""
    for line in reversed(lines[:number]):
        if re.match(r"\s*\[", line):
            return
        yield line


def cut_texts(lines: Sequence[str]) -> Iterator[tuple[int, str, str]]:
    """Yields the line, counted from 0, the field and the rest of each YAML text that ends at a ` #`."""
    for number, line in enumerate(lines):
        field = _FIELD.match(line)
        value = (field["value"] or "") if field else ""
        if not field or field["key"] not in _TEXT_KEYS or value.startswith(('"', "'", "|", ">", "#")):
            continue
        if comment := _COMMENT.search(value):
            yield number, field["key"], comment[0].strip()
