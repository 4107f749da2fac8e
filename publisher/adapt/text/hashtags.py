"""Turns tags into hashtags for a caption, or into words for a field of their own."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable

import regex

from publisher.adapt.text.cleaning import one_line
from publisher.platforms.profiles import TagLimits

_DROPPED = regex.compile(r"['’‘ʼ`´]")
_WORD = regex.compile(r"[\p{L}\p{M}\p{Nd}_]+(?:·[\p{L}\p{M}\p{Nd}_]+)*")
_LETTER = regex.compile(r"\p{L}")
_DIGIT = regex.compile(r"\p{Nd}")
_GREEK = regex.compile(r"\p{Greek}")


def hashtag(tag: str, *, middle_dot: bool = False) -> str:
    """Makes `#CamelCase` of a tag, so that screen readers speak its words; empty when no letter is left.

    Words that have a capital or a digit stay as they are (BPoD, mRNA, p53), so do Greek letters. `middle_dot` keeps
    the Catalan l·l where the platform takes it into a hashtag.
    """
    # The compatibility form makes full-width letters and ligatures ordinary ones.
    words = _WORD.findall(_DROPPED.sub("", unicodedata.normalize("NFKC", one_line(tag))))
    joined = "".join(_capitalize((word if middle_dot else word.replace("·", "")).strip("_")) for word in words)
    # Words that began with a combining mark have just been joined to a letter.
    return f"#{unicodedata.normalize('NFC', joined)}" if _LETTER.search(joined) else ""


def _capitalize(word: str) -> str:
    if word != word.lower() or _GREEK.match(word) or _DIGIT.search(word):
        return word
    return word[:1].upper() + word[1:]


def hashtags(tags: Iterable[str], limits: TagLimits, maximum: int | None = None) -> tuple[str, ...]:
    """Makes the first `maximum` different hashtags, never more or longer than the platform takes."""
    count = limits.maximum if maximum is None else min(maximum, limits.maximum)
    made = (hashtag(tag, middle_dot=limits.middle_dot) for tag in tags)
    return _without_duplicates((tag for tag in made if tag and len(tag) <= limits.max_length), count)


def field_tags(tags: Iterable[str], limits: TagLimits) -> tuple[str, ...]:
    """Makes tags for a field of their own: words as staff wrote them, without `#` and without commas."""
    made = (one_line(tag.replace(",", " ")).lstrip("# ") for tag in tags)
    return _without_duplicates((tag for tag in made if tag and len(tag) <= limits.max_length), limits.maximum)


def _without_duplicates(tags: Iterable[str], count: int) -> tuple[str, ...]:
    unique: dict[str, str] = {}
    for tag in tags:
        unique.setdefault(tag.casefold(), tag)
    return tuple(unique.values())[: max(count, 0)]
