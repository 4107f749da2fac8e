"""Reads what somebody searches for as words, each with the forms that it is found by."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from publisher.core.words import stems_in, words_of

MAX_WORDS = 8
MIN_PREFIX = 3
"""Letters of a word from which on longer words that begin with it are found, too."""
LANGUAGES = ("en", "ca")
SMALL_WORDS = frozenset(
    {"a", "al", "als", "an", "and", "d", "de", "del", "dels", "el", "els", "en", "i", "in", "l", "la", "les", "of"}
    | {"or", "s", "the", "un", "una"}
    | {"http", "https", "www"}
)
"""Words that are left out of a search for others; the last begin addresses."""


@dataclass(frozen=True, slots=True)
class QueryWord:
    """Holds one word of a search."""

    typed: str
    folded: str
    stems: frozenset[str]

    @property
    def is_prefix(self) -> bool:
        """Decides whether longer words that begin with it are found."""
        return len(self.folded) >= MIN_PREFIX

    def matches(self, forms: frozenset[str]) -> bool:
        """Decides whether a word of a text, given by its forms, is one that is searched for."""
        if not forms.isdisjoint((self.folded, *self.stems)):
            return True
        return self.is_prefix and any(form.startswith(self.folded) for form in forms)


@dataclass(frozen=True, slots=True)
class SearchQuery:
    """Holds the words that a post must have, each in any field of any language."""

    words: tuple[QueryWord, ...]

    @classmethod
    def of(cls, text: str, languages: Sequence[str] = LANGUAGES) -> SearchQuery:
        """Reads the words that somebody typed. `languages`: those that the words may be in."""
        written = {word.folded: text[word.start : word.end] for word in words_of(text)}
        telling = [folded for folded in written if folded not in SMALL_WORDS] or list(written)
        return cls(
            tuple(QueryWord(written[word], word, stems_in(written[word], languages)) for word in telling[:MAX_WORDS])
        )
