"""How long a text is, in the unit of a platform, and by how much it is too long."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable

import regex

from publisher.platforms.profiles import TextLimits, Unit
from publisher.platforms.x.text import weighted_length

EMOJI_SPARE = 5
"""Units kept free on X in a text with emoji: those newer than the counting rules may weigh more."""

UNIT_NAMES: dict[Unit, str] = {
    "code_points": "characters",
    "utf16": "characters, emoji as two",
    "x_weighted": "characters as X counts them",
    "graphemes": "characters",
    "mastodon": "characters as Mastodon counts them",
    "threads": "characters as Threads counts them",
}

_GRAPHEME = regex.compile(r"\X")
_URL = regex.compile(r"https?://[^\s<>\"]*[^\s<>\".,;:!?’”»)\]]", regex.IGNORECASE)
_REMOTE_USER = regex.compile(r"(?<![\w/])(@\w[\w.-]*)@[\w-]+(?:\.[\w-]+)+")
_EMOJI = regex.compile(r"\p{Extended_Pictographic}|[\U0001F1E6-\U0001F1FF]{2}|[0-9#*]\ufe0f?\u20e3")
_EMOJI_GRAPHEME = regex.compile(r"(?=\p{Emoji_Presentation}|\p{Extended_Pictographic}\ufe0f?|[0-9#*]\ufe0f?\u20e3)\X")


def graphemes(text: str) -> list[str]:
    """What a reader takes for single characters."""
    found: list[str] = _GRAPHEME.findall(text)
    return found


def find_urls(text: str) -> list[str]:
    """The addresses written out in a text."""
    return [text[start:end] for start, end in url_places(text)]


def url_places(text: str) -> list[tuple[int, int]]:
    """Where the addresses written out in a text begin and end, in code points."""
    return [found.span() for found in _URL.finditer(text)]


def count(text: str, unit: Unit, url_length: int | None = None) -> int:
    """The length of a text in a platform's unit, after NFC.

    `url_length` is what a written-out address counts for where the unit itself does not say it.
    """
    text = unicodedata.normalize("NFC", text)
    if unit == "x_weighted":
        return weighted_length(text)
    if unit == "mastodon":
        url_length = url_length or 23
        text = _REMOTE_USER.sub(r"\1", text)
    shorter = _URL.sub("", text) if url_length is not None else text
    urls = len(find_urls(text)) * (url_length or 0)
    return _COUNTERS[unit](shorter) + urls


def _threads(text: str) -> int:
    emoji: list[str] = _EMOJI_GRAPHEME.findall(text)
    return len(text) + sum(len(one.encode()) - len(one) for one in emoji)


_COUNTERS: dict[Unit, Callable[[str], int]] = {
    "code_points": len,
    "utf16": lambda text: len(text.encode("utf-16-le")) // 2,
    "graphemes": lambda text: len(graphemes(text)),
    "mastodon": lambda text: len(graphemes(text)),
    "threads": _threads,
}


def excess(text: str, limits: TextLimits) -> int:
    """By how many units a text is too long; 0 when it fits, its size in bytes included."""
    over = count(text, limits.unit, limits.url_length) - limits.limit
    if limits.unit == "x_weighted" and _EMOJI.search(text):
        over += EMOJI_SPARE
    if limits.max_bytes is not None:
        over = max(over, len(text.encode()) - limits.max_bytes)
    return max(over, 0)
