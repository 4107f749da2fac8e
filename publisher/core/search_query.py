"""Reads what somebody searches for as words and phrases, each with the forms and the fields that it is found by."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from publisher.core.words import stems_in, words_of

MAX_SEARCH = 200
"""Characters of one search: every word of them is looked for."""
MIN_PREFIX = 3
"""Letters of a word from which on longer words that begin with it are found, too."""
LANGUAGES = ("en", "ca")
SMALL_WORDS = frozenset(
    {"a", "al", "als", "an", "and", "d", "de", "del", "dels", "el", "els", "en", "i", "in", "l", "la", "les", "of"}
    | {"or", "s", "the", "un", "una"}
    | {"http", "https", "www"}
)
"""Words that are left out of a search for others; the last begin addresses."""
SEARCH_FIELDS: Mapping[str, tuple[str, ...]] = {
    "title": ("title",),
    "alt": ("alt_text",),
    "credit": ("credit",),
    "tag": ("tags",),
    "by": ("written_by",),
    "licence": ("licence",),
    "person": ("written_by", "credit"),
}
"""The fields of a post that a word before a colon names, as in `title:neurons`."""
_PART = re.compile(
    rf'(?:(?P<field>{"|".join(SEARCH_FIELDS)}):)?(?:"(?P<phrase>[^"]*)"|(?P<word>[^\s"]+|"))', re.IGNORECASE
)


@dataclass(frozen=True, slots=True)
class QueryWord:
    """Holds one word of a search."""

    typed: str
    folded: str
    stems: frozenset[str]
    fields: tuple[str, ...] = ()
    """The fields of a post that are looked into. Empty: all."""
    has_star: bool = False
    """Typed as the beginning of a word, as in `ne*`."""

    @property
    def is_prefix(self) -> bool:
        """Decides whether longer words that begin with it are found."""
        return self.has_star or len(self.folded) >= MIN_PREFIX

    def matches(self, forms: frozenset[str]) -> bool:
        """Decides whether a word of a text, given by its forms, is one that is searched for."""
        if not forms.isdisjoint((self.folded, *self.stems)):
            return True
        return self.is_prefix and any(form.startswith(self.folded) for form in forms)


@dataclass(frozen=True, slots=True)
class QueryPhrase:
    """Holds words that must follow each other in one text, as they are written; or one, meant just as it is."""

    typed: str
    folded: tuple[str, ...]
    fields: tuple[str, ...] = ()
    """The fields of a post that are looked into. Empty: all."""


@dataclass(frozen=True, slots=True)
class SearchQuery:
    """Holds the words and phrases that a post must have, each in any field of any language unless it names one."""

    words: tuple[QueryWord, ...]
    phrases: tuple[QueryPhrase, ...] = ()
    wordless: tuple[str, ...] = ()
    """What was typed as something to look for and holds no word, such as `title:...`: no post has it."""

    @classmethod
    def of(cls, text: str, languages: Sequence[str] = LANGUAGES) -> SearchQuery:
        """Reads what somebody typed: words, `"a phrase"`, `begin*`, and `field:word` with the fields above.

        `languages`: those that the words may be in.
        """
        words: dict[tuple[str, tuple[str, ...]], QueryWord] = {}
        phrases: list[QueryPhrase] = []
        wordless: list[str] = []
        for part in _parts(text, languages):
            if isinstance(part, QueryPhrase):
                phrases.append(part)
            elif isinstance(part, str):
                wordless.append(part)
            else:
                words.setdefault((part.folded, part.fields), part)
        telling = [word for word in words.values() if _is_telling(word)]
        if not telling and not phrases:
            telling = list(words.values())
        if text.strip() and not (telling or phrases or wordless):
            wordless.append(text.strip())
        return cls(tuple(telling), tuple(phrases), tuple(wordless))

    @classmethod
    def in_field(cls, field: str, text: str, languages: Sequence[str] = LANGUAGES) -> SearchQuery:
        """Reads a text whose words are all looked for in one of `SEARCH_FIELDS`."""
        words = tuple(_words(text, SEARCH_FIELDS[field], languages))
        wordless = (f"{field}:{text.strip()}",) if text.strip() and not words else ()
        return cls(words, wordless=wordless)

    def __add__(self, other: SearchQuery) -> SearchQuery:
        return SearchQuery(
            (*self.words, *other.words), (*self.phrases, *other.phrases), (*self.wordless, *other.wordless)
        )

    def __bool__(self) -> bool:
        """Decides whether there is anything to look for that a post may have."""
        return bool(self.words or self.phrases) and not self.wordless


def _is_telling(word: QueryWord) -> bool:
    return bool(word.fields or word.has_star) or word.folded not in SMALL_WORDS


def _parts(text: str, languages: Sequence[str]) -> Iterator[QueryWord | QueryPhrase | str]:
    """Yields what is to be looked for; as a plain text what names a field, or is quoted, and holds no word."""
    for part in _PART.finditer(text):
        fields = SEARCH_FIELDS[part["field"].lower()] if part["field"] else ()
        if part["phrase"] is None:
            words = list(_words(part["word"], fields, languages))
            yield from words
            if fields and not words:
                yield part[0]
            continue
        folded = tuple(word.folded for word in words_of(part["phrase"]))
        if not folded and (fields or part["phrase"].strip()):
            yield part[0]
        elif folded:
            yield QueryPhrase(part["phrase"].strip(), folded, fields)


def _words(text: str, fields: tuple[str, ...], languages: Sequence[str]) -> Iterator[QueryWord]:
    for word in words_of(text):
        typed = text[word.start : word.end]
        has_star = text[word.end : word.end + 1] == "*"
        yield QueryWord(typed, word.folded, stems_in(typed, languages), fields, has_star=has_star)
