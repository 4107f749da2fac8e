"""Splits the rest of a text into replies, for channels that show the whole text."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable
from itertools import takewhile
from operator import eq

import regex

from publisher.adapt.text.rich_text import RichText
from publisher.adapt.text.shortening import ELLIPSIS, MIN_SHARE, Cut, find_cuts, sentence_ends
from publisher.adapt.text.word_gaps import Grade

_LOOKED_THROUGH = 512
"""Code points."""
_PARAGRAPH_END = regex.compile(r"[ \t]*\n[ \t]*\n")


def split_thread(whole: RichText, shown: str, fits: Callable[[str], bool]) -> tuple[str, ...]:
    """Splits a tidied text that begins like `shown` into parts, from the first sentence that is not fully shown.

    Each part fits; it ends with a sentence where it can, else at a word, else between graphemes. One that ends inside
    a sentence has an ellipsis there.
    """
    same = sum(1 for _ in takewhile(bool, map(eq, whole.text, shown)))
    start = max((end for end in sentence_ends(whole.text) if end <= same), default=0)
    rest = _from(whole, start)
    parts: list[str] = []
    while rest.text and not fits(rest.text):
        part, at = _first_part(rest, fits)
        parts.append(part)
        rest = _from(rest, at)
    return (*parts, rest.text) if rest.text else tuple(parts)


def _first_part(rest: RichText, fits: Callable[[str], bool]) -> tuple[str, int]:
    """Returns the first part of a text that is too long, and where the text goes on."""
    rest = _beginning(rest, fits)
    cuts = find_cuts(rest)
    cuts = cuts[: bisect_left(cuts, True, key=lambda cut: not fits(rest.text[: cut.at]))]
    for grade in Grade:
        for cut in reversed(cuts):
            if grade is not Grade.SENTENCE and cut.at < MIN_SHARE[grade] * cuts[-1].at:
                break
            if cut.grade <= grade and fits(part := _ended(rest, cut)):
                return part, cut.gap
    ends = [grapheme.end() for grapheme in regex.finditer(r"\X", rest.text)]
    end = ends[max(0, bisect_left(ends, True, key=lambda end: not fits(_cut_inside_word(rest.text, end))) - 1)]
    inside_word = _cut_inside_word(rest.text, end)
    return (inside_word if fits(inside_word) else rest.text[:end]), end


def _beginning(rest: RichText, fits: Callable[[str], bool]) -> RichText:
    """Returns as much of a text as can matter for its first part: to look through all of it each time takes long."""
    length = _LOOKED_THROUGH
    while length < len(rest.text) and fits(rest.text[:length]):
        length *= 2
    return _from(rest, 0, length + _LOOKED_THROUGH)


def _ended(rest: RichText, cut: Cut) -> str:
    """Returns the text before a cut. Where it ends no sentence, paragraph or item of a list, with an ellipsis."""
    going_on = len(rest.text) - len(rest.text[cut.gap :].lstrip())
    before_item = any(mark.start == going_on for mark in rest.marks_of_kind("prefix"))
    if before_item or _PARAGRAPH_END.match(rest.text, cut.gap):
        return rest.text[: cut.gap].rstrip()
    return rest.text[: cut.at].rstrip() + cut.ending


def _cut_inside_word(text: str, end: int) -> str:
    start = text[:end].rstrip()
    return start if start.endswith(ELLIPSIS) else start + ELLIPSIS


def _from(rich: RichText, start: int, end: int | None = None) -> RichText:
    """Returns the text from a position on, without the space that it begins with, up to `end`."""
    begins = len(rich.text) - len(rich.text[start:].lstrip())
    return rich.part(begins, len(rich.text) if end is None else end, "italic", "link", "mention", "prefix")
