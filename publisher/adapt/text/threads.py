"""Where a channel shows the whole text, its rest goes on in replies."""

from __future__ import annotations

from collections.abc import Callable
from itertools import takewhile
from operator import eq

from publisher.adapt.text.counting import graphemes
from publisher.adapt.text.rich_text import RichText
from publisher.adapt.text.shortening import last_end, sentence_ends


def continued(whole: RichText, shown: str, fits: Callable[[str], bool]) -> tuple[str, ...]:
    """The parts, in order, of a tidied text that begins as `shown` does, from the first sentence not fully shown.

    Each part fits; it ends with a sentence where it can, else at a word, else between graphemes.
    """
    same = sum(1 for _ in takewhile(bool, map(eq, whole.text, shown)))
    start = max((end for end in sentence_ends(whole.text) if end <= same), default=0)
    rest = _from(whole, start)
    parts: list[str] = []
    while rest.text and not fits(rest.text):
        at = _end_of_part(rest, fits)
        parts.append(rest.text[:at].rstrip())
        rest = _from(rest, at)
    return (*parts, rest.text) if rest.text else tuple(parts)


def _end_of_part(rest: RichText, fits: Callable[[str], bool]) -> int:
    return last_end(rest, lambda end: fits(rest.text[:end].rstrip())) or len(graphemes(rest.text)[0])


def _from(rich: RichText, start: int) -> RichText:
    """What follows, without the space that it begins with."""
    begins = len(rich.text) - len(rich.text[start:].lstrip())
    return rich.part(begins, len(rich.text), "italic", "link", "mention", "prefix")
