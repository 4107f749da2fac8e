"""Tags as a platform shows them: hashtags in a caption, or words in a field of their own."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable

import regex

from publisher.adapt.text.cleaning import one_line
from publisher.platforms.profiles import TagLimits

_DROPPED = regex.compile(r"['’‘ʼ`´]")
_WORD = regex.compile(r"[\p{L}\p{M}\p{Nd}_]+(?:·[\p{L}\p{M}\p{Nd}_]+)*")
_LETTER = regex.compile(r"\p{L}")
_GREEK = regex.compile(r"\p{Greek}")


def hashtag(tag: str, *, middle_dot: bool = False) -> str:
    """`#CamelCase` of a tag, so that screen readers speak its words; empty when no letter is left.

    Words that have a capital stay as they are (BPoD, mRNA), so do Greek letters. `middle_dot` keeps
    the Catalan l·l where the platform takes it into a hashtag.
    """
    # The compatibility form makes full-width letters and ligatures ordinary ones.
    words = _WORD.findall(_DROPPED.sub("", unicodedata.normalize("NFKC", one_line(tag))))
    joined = "".join(_capital((word if middle_dot else word.replace("·", "")).strip("_")) for word in words)
    # Words that began with a combining mark have just been joined to a letter.
    return f"#{unicodedata.normalize('NFC', joined)}" if _LETTER.search(joined) else ""


def _capital(word: str) -> str:
    if word != word.lower() or _GREEK.match(word):
        return word
    return word[:1].upper() + word[1:]


def hashtags(tags: Iterable[str], limits: TagLimits, wanted: int | None = None) -> tuple[str, ...]:
    """The first `wanted` different hashtags, never more or longer than the platform takes."""
    most = limits.maximum if wanted is None else min(wanted, limits.maximum)
    made = (hashtag(tag, middle_dot=limits.middle_dot) for tag in tags)
    return _different((one for one in made if one and len(one) <= limits.max_length), most)


def field_tags(tags: Iterable[str], limits: TagLimits) -> tuple[str, ...]:
    """Tags for a field of their own: words as staff wrote them, without `#` and without commas."""
    made = (one_line(tag.replace(",", " ")).lstrip("# ") for tag in tags)
    return _different((one for one in made if one and len(one) <= limits.max_length), limits.maximum)


def _different(tags: Iterable[str], most: int) -> tuple[str, ...]:
    kept: dict[str, str] = {}
    for tag in tags:
        kept.setdefault(tag.casefold(), tag)
    return tuple(kept.values())[: max(most, 0)]
