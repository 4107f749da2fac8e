"""Finds posts by their words, and lists all of them page by page."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date

from sqlalchemy import select, true
from sqlalchemy.orm import Session

from publisher.core.search_query import SearchQuery
from publisher.db.models import SHOWN, UNAPPROVED, Post
from publisher.db.post_search import matching_posts
from publisher.posts.search_matches import SearchMatch, find_matches

PAGE_SIZE = 50


@dataclass(frozen=True, slots=True)
class FoundPost:
    """Holds what a list shows of a post."""

    id: int
    title: str
    language: str
    state: str
    tags: list[str]
    last_shown_on: date | None
    reserve: bool


def find_posts(
    session: Session, text: str = "", state: str = "", *, before: int | None = None, limit: int = PAGE_SIZE
) -> list[FoundPost]:
    """Returns the newest posts with the words of `text`; `before`: only those older than the post with this id.

    `state`: one of a post's states, or `shown`; empty means any.
    """
    columns = (Post.id, Post.title, Post.language, Post.state, Post.tags, Post.last_shown_on, Post.reserve)
    query = select(*columns).order_by(Post.id.desc()).limit(limit)
    if text.strip():
        query = query.where(matching_posts(session, SearchQuery.of(text)))
    if state == "shown":
        query = query.where(SHOWN)
    elif state:
        query = query.where(Post.state == state, true() if state == "approved" else UNAPPROVED)
    if before is not None:
        query = query.where(Post.id < before)
    return [FoundPost(*row) for row in session.execute(query)]


def find_search_matches(session: Session, posts: Collection[int], text: str) -> Mapping[int, tuple[SearchMatch, ...]]:
    """Returns, by post, where some posts match what was searched for."""
    query = SearchQuery.of(text)
    if not query.words:
        return {}
    rows = session.scalars(select(Post).where(Post.id.in_(posts)))
    return {post.id: find_matches(post, query) for post in rows}
