"""Finds where the text that a platform shows differs from the text that was sent."""

from __future__ import annotations

import operator
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from itertools import zip_longest

EXCERPT_WORDS = 8
INVISIBLE = frozenset({"Cc", "Cf"})


@dataclass(frozen=True, slots=True)
class TextDifference:
    """Holds the first words at which two texts differ. Empty: that text ends there."""

    sent: str
    shown: str


def first_difference(
    sent: str, shown: str, is_same_word: Callable[[str, str], bool] = operator.eq
) -> TextDifference | None:
    """Compares two texts word by word, and returns the first words that differ; None: they read the same.

    Platforms trim, compose characters and drop invisible ones: none of that is a difference.
    `is_same_word` is asked with a word that was sent and one that is shown.
    """
    sent_words, shown_words = readable_words(sent), readable_words(shown)
    for index, (sent_word, shown_word) in enumerate(zip_longest(sent_words, shown_words)):
        if sent_word is None or shown_word is None or not is_same_word(sent_word, shown_word):
            return TextDifference(sent=_excerpt(sent_words, index), shown=_excerpt(shown_words, index))
    return None


def is_same_text(sent: str, shown: str) -> bool:
    """Decides whether two texts read the same, line for line. Platforms compose, trim and drop invisible characters."""
    return _readable_lines(sent) == _readable_lines(shown)


def _readable_lines(text: str) -> list[str]:
    return [" ".join(readable_words(line)) for line in text.strip().splitlines()]


def readable_words(text: str) -> list[str]:
    """Returns the words of a text, composed, without invisible characters."""
    composed = unicodedata.normalize("NFC", text)
    return "".join(
        character for character in composed if character.isspace() or unicodedata.category(character) not in INVISIBLE
    ).split()


def excerpt(text: str) -> str:
    """Returns the first words of a text."""
    return _excerpt(readable_words(text), 0)


def _excerpt(words: list[str], start: int) -> str:
    cut = words[start : start + EXCERPT_WORDS]
    return " ".join(cut) + (" …" if start + EXCERPT_WORDS < len(words) else "")
