"""Finds where a post matches what somebody searched for, and marks the words in the text around."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from publisher.core.search_query import SearchQuery
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
        marked = [(word, number) for word, number in _marked(text, query) if number is not None]
        if marked:
            numbers = {number for _word, number in marked}
            match = SearchMatch(text, tuple(_snippet(text.text, [word for word, _number in marked])))
            found.append((-len(numbers), order, match))
    return tuple(match for _numbers, _order, match in sorted(found, key=lambda item: item[:2])[:MAX_SHOWN])


def _marked(text: SearchText, query: SearchQuery) -> Iterator[tuple[Word, int | None]]:
    """Yields each word of a text with the number of the searched word that it is, if any."""
    for word in words_of(text.text):
        forms = forms_of(text.text[word.start : word.end], text.language)
        yield word, next((number for number, wanted in enumerate(query.words) if wanted.matches(forms)), None)


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
