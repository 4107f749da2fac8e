"""Finds posts by their text, and lists all of them page by page."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date

from sqlalchemy import ColumnElement, Text, and_, cast, or_, select, true
from sqlalchemy.orm import Session

from publisher.db.models import Post

MAX_WORDS = 8
PAGE_SIZE = 50


@dataclass(frozen=True, slots=True)
class FoundPost:
    """Holds what a list shows of a post."""

    id: int
    title: str
    state: str
    tags: list[str]
    last_shown_on: date | None
    reserve: bool


def has_words(text: str) -> ColumnElement[bool]:
    """Selects posts whose title, standfirst, body or tags hold every word of `text`, as a whole word or within one."""
    words = text.split()[:MAX_WORDS]
    return and_(true(), *(_holds(word) for word in words))


def find_posts(
    session: Session, text: str = "", state: str = "", *, before: int | None = None, limit: int = PAGE_SIZE
) -> list[FoundPost]:
    """Returns the newest posts with the words of `text`; `before`: only those older than the post with this id.

    `state`: one of a post's states, or `shown`; empty means any.
    """
    columns = (Post.id, Post.title, Post.state, Post.tags, Post.last_shown_on, Post.reserve)
    query = select(*columns).where(has_words(text)).order_by(Post.id.desc()).limit(limit)
    if state:
        query = query.where(Post.last_shown_on.is_not(None) if state == "shown" else Post.state == state)
    if before is not None:
        query = query.where(Post.id < before)
    return [FoundPost(*row) for row in session.execute(query)]


def _holds(word: str) -> ColumnElement[bool]:
    texts = (Post.title, Post.standfirst, Post.body)
    in_texts = (column.icontains(form, autoescape=True) for form in _forms(word) for column in texts)
    # Tags are stored as JSON, which escapes letters beyond ASCII.
    tags = cast(Post.tags, Text)
    in_tags = (tags.icontains(json.dumps(form)[1:-1], autoescape=True) for form in _forms(word))
    return or_(*in_texts, *in_tags)


def _forms(word: str) -> Sequence[str]:
    """Returns the forms to search for: SQLite ignores case in ASCII only."""
    return (word,) if word.isascii() else tuple(dict.fromkeys(_cases(word)))


def _cases(word: str) -> Iterator[str]:
    yield from (word, word.lower(), word.upper(), word.capitalize())
