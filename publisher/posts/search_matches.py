"""Finds where a post matches what somebody searched for, and marks the words in the text around."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass

from publisher.core.search_query import QueryPhrase, QueryWord, SearchQuery
from publisher.core.words import Word, forms_of, words_of
from publisher.db.models import Post
from publisher.posts.search_texts import SearchText, search_texts

SNIPPET_LENGTH = 160
MAX_SHOWN = 2
"""The most places of a post that are shown."""


@dataclass(frozen=True, slots=True)
class TextPart:
    """Holds a piece of a text, marked where it is what was searched for."""

    text: str
    is_match: bool = False


@dataclass(frozen=True, slots=True)
class SearchMatch:
    """Holds a place where a post matched."""

    where: SearchText
    parts: tuple[TextPart, ...]
    """The text around the first match; `…` stands for what is left out."""


def find_matches(post: Post, query: SearchQuery) -> tuple[SearchMatch, ...]:
    """Finds where a post matches: first the texts with most of the words; the title counts as seen by everybody."""
    found: list[tuple[int, int, SearchMatch]] = []
    for order, text in enumerate(search_texts(post)):
        marked = _marked(text, query)
        if marked:
            numbers = {number for _word, number in marked}
            match = SearchMatch(text, tuple(_snippet(text.text, [word for word, _number in marked])))
            found.append((-len(numbers), order, match))
    return tuple(match for _numbers, _order, match in sorted(found, key=lambda item: item[:2])[:MAX_SHOWN])


def has_all(query: SearchQuery, texts: Iterable[SearchText]) -> bool:
    """Decides whether some of these texts have each word and phrase of a search."""
    missing = {*range(len(query.words) + len(query.phrases))}
    for text in texts:
        missing -= _parts_in(text, query, missing)
        if not missing:
            return True
    return not missing


def _parts_in(text: SearchText, query: SearchQuery, numbers: Collection[int]) -> set[int]:
    """Returns which of the numbered parts of a search a text has: the words come first, then the phrases."""
    parts: tuple[QueryWord | QueryPhrase, ...] = (*query.words, *query.phrases)
    wanted = [(number, part) for number, part in enumerate(parts) if number in numbers and _looks_into(part, text)]
    words = list(words_of(text.text)) if wanted else []
    forms = {forms_of(text.text[word.start : word.end], text.language) for word in words}
    return {
        number
        for number, part in wanted
        if (
            any(map(part.matches, forms))
            if isinstance(part, QueryWord)
            else next(_places_of(part, words), None) is not None
        )
    }


def _marked(text: SearchText, query: SearchQuery) -> list[tuple[Word, int]]:
    """Returns the words of a text that are searched for, each with the number of what it belongs to in the search."""
    words = list(words_of(text.text))
    wanted = [(number, word) for number, word in enumerate(query.words) if _looks_into(word, text)]
    numbers: dict[int, int] = {}
    for place, word in enumerate(words if wanted else ()):
        forms = forms_of(text.text[word.start : word.end], text.language)
        if (number := next((number for number, searched in wanted if searched.matches(forms)), None)) is not None:
            numbers[place] = number
    for number, phrase in enumerate(query.phrases, start=len(query.words)):
        if _looks_into(phrase, text):
            numbers |= dict.fromkeys(_places_of(phrase, words), number)
    return [(words[place], numbers[place]) for place in sorted(numbers)]


def _looks_into(part: QueryWord | QueryPhrase, text: SearchText) -> bool:
    return not part.fields or text.field in part.fields


def _places_of(phrase: QueryPhrase, words: Sequence[Word]) -> Iterator[int]:
    """Yields the places of the words that make a phrase."""
    folded = tuple(word.folded for word in words)
    length = len(phrase.folded)
    for start in range(len(folded) - length + 1):
        if folded[start : start + length] == phrase.folded:
            yield from range(start, start + length)


def _snippet(text: str, matches: Sequence[Word]) -> Iterator[TextPart]:
    """Yields the pieces of a text around its first match."""
    start, end = _window(text, matches[0])
    if start:
        yield TextPart("… ")
    at = start
    for match in matches:
        if match.end > end:
            break
        if match.start > at:
            yield TextPart(text[at : match.start])
        yield TextPart(text[match.start : match.end], is_match=True)
        at = match.end
    if at < end:
        yield TextPart(text[at:end])
    if end < len(text):
        yield TextPart(" …")


def _window(text: str, match: Word) -> tuple[int, int]:
    """Returns where a snippet begins and ends: at words, and a third of it before the first match."""
    if len(text) <= SNIPPET_LENGTH:
        return 0, len(text)
    start = max(0, min(match.start - SNIPPET_LENGTH // 3, len(text) - SNIPPET_LENGTH))
    end = min(len(text), start + SNIPPET_LENGTH)
    if start:
        start = min(match.start, text.find(" ", start) + 1 or start)
    if end < len(text):
        end = max(match.end, text.rfind(" ", start, end))
    return start, end
