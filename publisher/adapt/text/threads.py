"""Splits the rest of a text into replies, for channels that show the whole text."""

from __future__ import annotations

from collections.abc import Callable
from itertools import takewhile
from operator import eq

from publisher.adapt.text.counting import graphemes
from publisher.adapt.text.rich_text import RichText
from publisher.adapt.text.shortening import last_end, sentence_ends


def split_thread(whole: RichText, shown: str, fits: Callable[[str], bool]) -> tuple[str, ...]:
    """Splits a tidied text that begins like `shown` into parts, from the first sentence that is not fully shown.

    Each part fits; it ends with a sentence where it can, else at a word, else between graphemes.
    """
    same = sum(1 for _ in takewhile(bool, map(eq, whole.text, shown)))
    start = max((end for end in sentence_ends(whole.text) if end <= same), default=0)
    rest = _from(whole, start)
    parts: list[str] = []
    while rest.text and not fits(rest.text):
        at = _find_part_end(rest, fits)
        parts.append(rest.text[:at].rstrip())
        rest = _from(rest, at)
    return (*parts, rest.text) if rest.text else tuple(parts)


def _find_part_end(rest: RichText, fits: Callable[[str], bool]) -> int:
    return last_end(rest, lambda end: fits(rest.text[:end].rstrip())) or len(graphemes(rest.text)[0])


def _from(rich: RichText, start: int) -> RichText:
    """Returns the text from a position on, without the space that it begins with."""
    begins = len(rich.text) - len(rich.text[start:].lstrip())
    return rich.part(begins, len(rich.text), "italic", "link", "mention", "prefix")
