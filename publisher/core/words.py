"""Splits texts into words and reduces words to the forms that a search compares.

Accents are folded, case is ignored, and the Catalan `l·l` is one sound in one word: `cèl·lules`, `CEL·LULES` and
`cellules` are the same. Of each word its stem is found, too, in the language of the text, so that `cells` finds `cell`.
"""

from __future__ import annotations

import re
import threading
import unicodedata
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

MAX_WORD = 60
"""Characters of a word that are compared; a longer one is no word of a language."""
STEMMERS = {
    "ar": "arabic", "ca": "catalan", "da": "danish", "de": "german", "el": "greek", "en": "english", "es": "spanish",
    "et": "estonian", "eu": "basque", "fi": "finnish", "fr": "french", "ga": "irish", "hu": "hungarian",
    "hy": "armenian", "id": "indonesian", "it": "italian", "lt": "lithuanian", "nb": "norwegian", "ne": "nepali",
    "nl": "dutch", "no": "norwegian", "pt": "portuguese", "ro": "romanian", "ru": "russian", "sr": "serbian",
    "sv": "swedish", "ta": "tamil", "tr": "turkish", "yi": "yiddish",
}  # fmt: skip
"""The name of the Snowball stemmer of each language that has one."""
_MIDDLE_DOTS = "·•‧∙⋅・"
_WORD = re.compile(rf"(?:[^\W_]|[\u0300-\u036f])+(?:(?<=[lL])[{_MIDDLE_DOTS}](?=[lL])(?:[^\W_]|[\u0300-\u036f])+)*")
_DOUBLE_L = re.compile(rf"(?<=l)[{_MIDDLE_DOTS}](?=l)")
_LOCK = threading.Lock()
"""A stemmer works on one word at a time."""
_stemmers: dict[str, Any] = {}


@dataclass(frozen=True, slots=True)
class Word:
    """Holds a word of a text, and where it stands there."""

    start: int
    end: int
    folded: str


def words_of(text: str) -> Iterator[Word]:
    """Yields the words of a text in their order."""
    for match in _WORD.finditer(text):
        if folded := fold(match[0]):
            yield Word(match.start(), match.end(), folded)


@lru_cache(maxsize=65_536)
def fold(word: str) -> str:
    """Returns a word without accents, case and marks."""
    plain = unicodedata.normalize("NFKD", _plain(word))
    return "".join(character for character in plain if character.isalnum())[:MAX_WORD]


@lru_cache(maxsize=65_536)
def stems_of(word: str, language: str) -> tuple[str, ...]:
    """Returns the stems of a word, as it is written and without its accents; none where its language has no stemmer.

    A stemmer takes other endings off with the accents than without, and who searches often leaves them out.
    """
    name = STEMMERS.get(language.partition("-")[0].lower())
    if name is None:
        return ()
    return tuple(dict.fromkeys(fold(stem) for form in (_plain(word), fold(word)) if (stem := _stem(form, name))))


def forms_of(word: str, language: str) -> frozenset[str]:
    """Returns all that a word of a text is found by."""
    return frozenset((fold(word), *stems_of(word, language)))


def stems_in(word: str, languages: Collection[str]) -> frozenset[str]:
    """Returns the stems of a searched word, whatever language it is in."""
    return frozenset(stem for language in languages for stem in stems_of(word, language))


def _plain(word: str) -> str:
    """Returns a word in lower case and composed, with `ll` for the Catalan `l·l`."""
    return _DOUBLE_L.sub("", unicodedata.normalize("NFKC", word).casefold())


def _stem(word: str, name: str) -> str:
    with _LOCK:
        if name not in _stemmers:
            # Loaded where something is searched or stored: most commands do neither.
            import Stemmer  # noqa: PLC0415

            _stemmers[name] = Stemmer.Stemmer(name)
        stem: str = _stemmers[name].stemWord(word)
    return stem
