"""Holds text with marks, which a template renders for the plain caption and for rich blocks alike.

While a template is rendered, marks are pairs of private-use characters inside ordinary strings, so that
any template expression keeps them; `clean` removes those characters from the texts of staff. Afterwards
`Marker.read` separates marks and text.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, NamedTuple

import regex

from publisher.adapt.text.cleaning import space_for

MarkKind = Literal[
    "bold", "italic", "link", "mention",
    "heading", "bullet", "number", "quote",
    "prefix", "field", "shorten", "hashtag",
]  # fmt: skip
"""`prefix` is the bullet or number of a list item in plain text; `field` names the post's field."""

BLOCK_KINDS: frozenset[MarkKind] = frozenset({"heading", "bullet", "number", "quote"})

_OPEN = 0xF0000
_CLOSE = 0x100000
_MAX_MARKS = 0xFFFD
_MARK = regex.compile(r"[\U000F0000-\U000FFFFD\U00100000-\U0010FFFD]")
_SPACES = regex.compile(r"[ \t\n]+")


class Mark(NamedTuple):
    """Says what `text[start:end]` is; `value` is a link's address or a field's name."""

    start: int
    end: int
    kind: MarkKind
    value: str = ""


@dataclass(frozen=True, slots=True)
class RichText:
    """Holds a text and its marks."""

    text: str
    marks: tuple[Mark, ...] = ()
    """In the order in which they begin."""

    def marks_of_kind(self, *kinds: MarkKind) -> list[Mark]:
        return [mark for mark in self.marks if mark.kind in kinds]

    def inside(self, start: int, end: int, *kinds: MarkKind) -> list[Mark]:
        """Returns the marks of these kinds that touch `text[start:end]`, clipped to it and counted from its start."""
        return [
            Mark(max(mark.start, start) - start, min(mark.end, end) - start, mark.kind, mark.value)
            for mark in self.marks_of_kind(*kinds)
            if mark.start < end and mark.end > start
        ]

    def part(self, start: int, end: int, *kinds: MarkKind) -> RichText:
        """Returns `text[start:end]` with its marks of these kinds."""
        return RichText(self.text[start:end], tuple(self.inside(start, end, *kinds)))

    def replace(self, start: int, end: int, text: str = "") -> RichText:
        """Replaces `text[start:end]`; marks that reach over it stay, marks inside it are removed."""
        shift = len(text) - (end - start)

        def begin(at: int) -> int:
            return at if at <= start else max(at, end) + shift

        def finish(at: int) -> int:
            return at + shift if at >= end else min(at, start)

        moved = (Mark(begin(mark.start), finish(mark.end), mark.kind, mark.value) for mark in self.marks)
        remaining = tuple(mark for mark in moved if mark.start < mark.end)
        return RichText(self.text[:start] + text + self.text[end:], remaining)

    def tidy(self) -> RichText:
        """Removes stray spaces, repeated blank lines, and a heading with nothing below it."""
        rich = self
        for run in reversed(list(_SPACES.finditer(self.text))):
            at_edge = run.start() == 0 or run.end() == len(self.text)
            if run[0] == " " and not at_edge:
                continue
            spaces = "" if at_edge else space_for(run[0])
            if spaces != run[0]:
                rich = rich.replace(run.start(), run.end(), spaces)
        return _without_lone_heading(rich)


def _without_lone_heading(rich: RichText) -> RichText:
    for mark in rich.marks_of_kind("heading"):
        if mark.start > 0 and mark.end == len(rich.text) and not rich.inside(mark.start, mark.end, "field"):
            return rich.replace(mark.start, mark.end).tidy()
    return rich


class Marker:
    """Puts marks into strings and reads them back; one per rendering."""

    def __init__(self) -> None:
        self._marks: list[tuple[MarkKind, str]] = []
        self._numbers: dict[tuple[MarkKind, str], int] = {}

    def wrap(self, text: str, kind: MarkKind, value: str = "") -> str:
        """Returns the text between an opening and a closing mark. Empty text stays empty."""
        if not text:
            return ""
        key = (kind, value)
        if key not in self._numbers:
            if len(self._marks) > _MAX_MARKS:
                return text
            self._numbers[key] = len(self._marks)
            self._marks.append(key)
        number = self._numbers[key]
        return f"{chr(_OPEN + number)}{text}{chr(_CLOSE + number)}"

    def read(self, marked: str) -> RichText:
        """Separates text and marks. A mark that a template cut in two ends where the text ends."""
        pieces: list[str] = []
        marks: list[Mark] = []
        started: dict[int, list[int]] = {}
        length = at = 0
        for match in _MARK.finditer(marked):
            pieces.append(marked[at : match.start()])
            length, at = length + match.start() - at, match.end()
            code = ord(match[0])
            if code < _CLOSE:
                started.setdefault(code - _OPEN, []).append(length)
            elif beginnings := started.get(code - _CLOSE):
                marks.append(self._mark(code - _CLOSE, beginnings.pop(), length))
        pieces.append(marked[at:])
        length += len(marked) - at
        for number, beginnings in started.items():
            marks.extend(self._mark(number, beginning, length) for beginning in beginnings)
        whole = sorted((mark for mark in marks if mark.start < mark.end), key=lambda mark: (mark.start, -mark.end))
        return RichText("".join(pieces), tuple(whole))

    def _mark(self, number: int, start: int, end: int) -> Mark:
        kind, value = self._marks[number]
        return Mark(start, end, kind, value)


def remove_marks(marked: str) -> str:
    """Returns the string without marks, as a follower reads it."""
    return str(_MARK.sub("", marked))


def change_lines(marked: str, change: Callable[[str], str]) -> str:
    """Changes every line that is not empty."""
    return "\n".join(change(line) if remove_marks(line).strip() else line for line in marked.split("\n"))
