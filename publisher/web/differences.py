"""Compares two texts word by word: what was taken out, what was put in.

The time grows with the length of the texts, not with its square: words that both texts have once anchor the
comparison, again between two anchors, and only a few words are compared with each other one by one.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Literal, NamedTuple

MAX_WORDS = 100_000
"""The words of both texts together; longer ones are not compared, and shown whole."""
MAX_DEPTH = 6
MAX_PAIRS = 1_600
"""Pairs of words that are compared with each other where no anchor is found."""


@dataclass(frozen=True, slots=True)
class Piece:
    """A part of the compared texts."""

    kind: Literal["same", "out", "in"]
    text: str


class _Range(NamedTuple):
    """`old[start:end]`, and what stands in its place in the new text."""

    start: int
    end: int
    new_start: int
    new_end: int


def diff_words(before: str, after: str) -> list[Piece]:
    """Compares two texts word by word, and returns the pieces of both in reading order."""
    old, new = _words(before), _words(after)
    if len(old) + len(new) > MAX_WORDS:
        same = before == after
        whole = [Piece("same", before)] if same else [Piece("out", before), Piece("in", after)]
        return [piece for piece in whole if piece.text]
    changes = list(_changes(old, new, _Range(0, len(old), 0, len(new)), MAX_DEPTH))
    return list(_pieces(old, new, changes))


def _words(text: str) -> list[str]:
    return re.findall(r"\s+|\w+|[^\w\s]", text)


def _changes(old: Sequence[str], new: Sequence[str], whole: _Range, depth: int) -> Iterator[_Range]:
    """Yields the ranges that differ, in order."""
    part = _without_equal_ends(old, new, whole)
    width, new_width = part.end - part.start, part.new_end - part.new_start
    if not width and not new_width:
        return
    anchors = _anchors(old, new, part) if width and new_width and depth else []
    if anchors:
        start, new_start = part.start, part.new_start
        for at, new_at in [*anchors, (part.end, part.new_end)]:
            yield from _changes(old, new, _Range(start, at, new_start, new_at), depth - 1)
            start, new_start = at + 1, new_at + 1
    elif width and new_width and width * new_width <= MAX_PAIRS:
        yield from _compare_words(old, new, part)
    else:
        yield part


def _without_equal_ends(old: Sequence[str], new: Sequence[str], part: _Range) -> _Range:
    start, end, new_start, new_end = part
    while start < end and new_start < new_end and old[start] == new[new_start]:
        start, new_start = start + 1, new_start + 1
    while start < end and new_start < new_end and old[end - 1] == new[new_end - 1]:
        end, new_end = end - 1, new_end - 1
    return _Range(start, end, new_start, new_end)


def _anchors(old: Sequence[str], new: Sequence[str], part: _Range) -> list[tuple[int, int]]:
    """Returns the positions of words that both ranges have exactly once, in the same order in both."""
    old_counts = Counter(old[part.start : part.end])
    new_counts = Counter(new[part.new_start : part.new_end])
    positions = {new[at]: at for at in range(part.new_start, part.new_end) if new_counts[new[at]] == 1}
    pairs = [
        (at, positions[old[at]])
        for at in range(part.start, part.end)
        if old_counts[old[at]] == 1 and old[at] in positions
    ]
    return _longest_rising(pairs)


def _longest_rising(pairs: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    """Returns the longest series of pairs, of those given in order, whose second numbers rise too."""
    ends: list[int] = []
    last: list[int] = []
    before: list[int] = []
    for number, (_, place) in enumerate(pairs):
        length = bisect_left(ends, place)
        before.append(last[length - 1] if length else -1)
        ends[length : length + 1], last[length : length + 1] = [place], [number]
    series = []
    number = last[-1] if last else -1
    while number >= 0:
        series.append(pairs[number])
        number = before[number]
    return series[::-1]


def _compare_words(old: Sequence[str], new: Sequence[str], part: _Range) -> Iterator[_Range]:
    matcher = SequenceMatcher(None, old[part.start : part.end], new[part.new_start : part.new_end], autojunk=False)
    for kind, start, end, new_start, new_end in matcher.get_opcodes():
        if kind != "equal":
            yield _Range(part.start + start, part.start + end, part.new_start + new_start, part.new_start + new_end)


def _pieces(old: Sequence[str], new: Sequence[str], changes: Sequence[_Range]) -> Iterator[Piece]:
    at = 0
    for change in [*changes, _Range(len(old), len(old), len(new), len(new))]:
        candidates = (
            Piece("same", "".join(old[at : change.start])),
            Piece("out", "".join(old[change.start : change.end])),
            Piece("in", "".join(new[change.new_start : change.new_end])),
        )
        yield from (piece for piece in candidates if piece.text)
        at = change.end


def changed_fields(before: Mapping[str, str], after: Mapping[str, str]) -> list[str]:
    """Lists the fields whose texts differ, those of `before` first. A missing field counts as empty."""
    names = list(dict.fromkeys([*before, *after]))
    return [name for name in names if before.get(name, "").strip() != after.get(name, "").strip()]
