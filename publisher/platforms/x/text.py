"""Counts text and finds links by X's own rules (twitter-text, configuration 3)."""

from __future__ import annotations

import importlib
import sys
import threading
import unicodedata
from functools import cache, lru_cache
from importlib import resources
from types import ModuleType
from typing import Any

import regex

URL_LENGTH = 23
EMOJI_RESERVE = 5
"""Units kept free in a text with an emoji of several characters: X may not know it as one, and count each of them."""
MAX_PARSED = 1000
"""Code points of one text that are searched for links: the search takes more than quadratic time."""

_SEPARATOR = regex.compile(r"[ \t\n]+")
# A link needs a dot before the first letter of a domain, which no "4.0" has: the library, slow to load, is not asked.
_DOMAIN_DOT = regex.compile(r"\S\.[^\s0-9]")
# An emoji needs a character outside these plain ones.
_NOT_PLAIN = regex.compile(r"[^\u0000-\u00a8\u00aa-\u00ad\u00af-\u10ff\u2000-\u200c\u2010-\u201f\u2026\u2032-\u2037]")
_LIGHT = regex.compile(r"[\u0000-\u10ff\u2000-\u200d\u2010-\u201f\u2032-\u2037]")
# One of a single character, such as © or 🧬, weighs 2 by every version of the rules; so do flags of two letters.
_JOINED_EMOJI = regex.compile(
    r"\p{Extended_Pictographic}\ufe0f?(?:\u200d|[\U0001F3FB-\U0001F3FF]|[\U000E0020-\U000E007F])"
)
_lock = threading.Lock()


@cache
def _twitter_text() -> Any:
    """Imports the library beside a stand-in for `pkg_resources`, which it asks for one data file.

    Newer setuptools no longer have that module. The stand-in is gone when this returns.
    """
    with _lock:
        if "pkg_resources" in sys.modules:
            return importlib.import_module("twitter_text")
        stand_in = ModuleType("pkg_resources")
        stand_in.__dict__["resource_string"] = _resource_string
        sys.modules["pkg_resources"] = stand_in
        try:
            return importlib.import_module("twitter_text")
        finally:
            del sys.modules["pkg_resources"]


def _resource_string(module: str, name: str) -> bytes:
    return (resources.files(module.rpartition(".")[0]) / name).read_bytes()


def weighted_length(text: str) -> int:
    """Returns the length that X compares with its limit: most scripts 1, others and emoji 2, a link 23.

    Exact, except that a text with more than `MAX_PARSED` code points in words that could hold a
    link or an emoji is counted from above.
    """
    total, parsed = 0, 0
    text = unicodedata.normalize("NFC", text.replace("\r\n", "\n").replace("\r", "\n"))
    for word in _SEPARATOR.split(text):
        if (plain := _plain_length(word)) is not None:
            total += plain
        elif (parsed := parsed + len(word)) <= MAX_PARSED:
            total += _parsed_length(word)
        else:
            total += 2 * len(word) + URL_LENGTH * word.count(".")
    return total + sum(len(run) for run in _SEPARATOR.findall(text))


@lru_cache(maxsize=4096)
def _plain_length(word: str) -> int | None:
    """Returns the length of a word whose characters count one by one; None: it may hold a link or an emoji."""
    if _NOT_PLAIN.search(word) or _DOMAIN_DOT.search(word):
        return None
    return 2 * len(word) - len(_LIGHT.findall(word))


@lru_cache(maxsize=4096)
def _parsed_length(word: str) -> int:
    return int(_twitter_text().parse_tweet(word).weightedLength)


def find_links(text: str) -> tuple[str, ...]:
    """Returns what X makes a link of, bare domains such as `README.md` included, in order."""
    words = [word for word in unicodedata.normalize("NFC", text).split() if _DOMAIN_DOT.search(word)]
    links: list[str] = []
    parsed = 0
    for word in words:
        parsed += len(word)
        if parsed > MAX_PARSED:
            break
        links.extend(_links_of(word))
    return tuple(links)


@lru_cache(maxsize=4096)
def _links_of(word: str) -> tuple[str, ...]:
    entities = _twitter_text().extract_urls_with_indices(word)
    return tuple(str(entity["url"]) for entity in entities)


class XTextRules:
    """X's rules for whatever adapts or pays for a text."""

    unit = "x_weighted"
    unit_name = "characters as X counts them"

    def count(self, text: str) -> int:
        """Returns the weighted length."""
        return weighted_length(text)

    def find_links(self, text: str) -> tuple[str, ...]:
        """Returns what X makes a link of."""
        return find_links(text)

    def emoji_reserve(self, text: str) -> int:
        """Returns the units kept free where the text has an emoji of several characters."""
        return EMOJI_RESERVE if _JOINED_EMOJI.search(text) else 0


RULES = XTextRules()
