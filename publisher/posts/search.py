"""Finds posts by their words, their year and other things, and lists all of them page by page."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

from sqlalchemy import ColumnElement, Select, TextClause, select, true, union
from sqlalchemy.orm import Session

from publisher.core.problems import Problem
from publisher.core.search_query import MAX_SEARCH, SearchQuery
from publisher.core.states import State
from publisher.db.imports import PublishedLink
from publisher.db.models import SHOWN, UNAPPROVED, Delivery, Pick, Post
from publisher.db.operations import Channel
from publisher.db.post_search import MAX_LISTED, WALKED, has_words, indexed_posts, matching_ids
from publisher.posts.errors import SearchRefused
from publisher.posts.problem_codes import SearchProblem
from publisher.posts.search_matches import SearchMatch, find_matches

PAGE_SIZE = 50
FIELDS_OF_RANKS = (("title",), ("title", "alt_text", "tags"))
"""Posts with all words in these fields come first; then all others."""


@dataclass(frozen=True, slots=True)
class PostFilter:
    """Selects posts. Empty fields select any."""

    text: str = ""
    """Words, phrases, beginnings and fields; see `SearchQuery`."""
    state: str = ""
    """One of a post's states, or `shown`."""
    year: int | None = None
    """In which followers saw it last."""
    tag: str = ""
    person: str = ""
    """Words of a name that wrote it or is credited."""
    credit: str = ""
    """Words of the credit, such as an institution."""
    licence: str = ""
    platform: str = ""
    """The name of a platform where it is published, by this desk or before it."""

    @property
    def query(self) -> SearchQuery:
        """The words that a post must have."""
        query = SearchQuery.of(self.text)
        for field, text in self._texts_of_fields.items():
            query += SearchQuery.in_field(field, text)
        return query

    @property
    def _texts_of_fields(self) -> Mapping[str, str]:
        return {"tag": self.tag, "person": self.person, "credit": self.credit, "licence": self.licence}

    @property
    def needs_words(self) -> bool:
        """Decides whether something was typed that a post must have."""
        return any(text.strip() for text in (self.text, *self._texts_of_fields.values()))

    @property
    def mistake(self) -> Problem | None:
        """Why no post can be found with what was typed; None: it can be searched for."""
        if any(len(text) > MAX_SEARCH for text in (self.text, *self._texts_of_fields.values())):
            return SearchProblem.TOO_LONG(maximum=MAX_SEARCH)
        wordless = self.query.wordless
        return SearchProblem.WORDLESS(part=wordless[0]) if wordless else None

    def check(self) -> None:
        """Raises SearchRefused where no post can be found with what was typed."""
        if self.mistake is not None:
            raise SearchRefused(self.mistake)


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


_COLUMNS = (Post.id, Post.title, Post.language, Post.state, Post.tags, Post.last_shown_on, Post.reserve)


def find_posts(
    session: Session,
    text: str = "",
    state: str = "",
    *,
    criteria: PostFilter | None = None,
    before: int | None = None,
    limit: int = PAGE_SIZE,
) -> list[FoundPost]:
    """Returns the first posts with the words of `text`, or those that `criteria` selects.

    Where words are looked for and at most `MAX_LISTED` posts have them, those with all words in their title come
    first, then those with all of them in title, alt texts and tags, then the others; each time the newest shown
    first. Of more posts, and without words, the newest come first.

    `before`: only those that are listed behind the post with this id; all where it is not found any more.
    """
    selected = criteria or PostFilter(text, state)
    conditions = _conditions(selected)
    matching = matching_ids(session, selected.query) if selected.needs_words else None
    if matching is not None:
        # With many matches, the list's own order is followed, and each post is looked up among them.
        is_list = isinstance(matching, list)
        conditions.append(Post.id.in_(matching) if is_list else (Post.id + 0).in_(matching))
    if isinstance(matching, list) or selected.year is not None:
        found = session.execute(select(Post.id, Post.last_shown_on).where(*conditions).limit(MAX_LISTED + 1)).all()
        if len(found) <= MAX_LISTED:
            return _page_of(session, _ranked(session, selected.query, found), before, limit)
    if before is not None:
        conditions.append(Post.id < before)
    if isinstance(matching, Select) and (rows := _newest_with_words(session, selected, before, limit)):
        return rows
    query = select(*_COLUMNS).where(*conditions).order_by(Post.id.desc()).limit(limit)
    return [FoundPost(*row) for row in session.execute(query)]


def _newest_with_words(session: Session, criteria: PostFilter, before: int | None, limit: int) -> list[FoundPost]:
    """Returns a whole page of posts with the words of a search, if the newest ones hold it; else none."""
    newest = select(Post.id).where(*_conditions(criteria)).order_by(Post.id.desc()).limit(WALKED)
    if before is not None:
        newest = newest.where(Post.id < before)
    ids = newest.subquery()
    query = select(*_COLUMNS).where(Post.id.in_(select(ids.c.id)), has_words(session, criteria.query))
    rows = [FoundPost(*row) for row in session.execute(query.order_by(Post.id.desc()).limit(limit))]
    return rows if len(rows) == limit else []


def years_shown(session: Session) -> list[int]:
    """Lists the years from the first to the last in which a post was shown, the newest first."""
    shown = select(Post.last_shown_on).where(SHOWN).limit(1)
    first = session.scalar(shown.order_by(Post.last_shown_on))
    last = session.scalar(shown.order_by(Post.last_shown_on.desc()))
    return [] if first is None or last is None else list(range(last.year, first.year - 1, -1))


def platforms_shown(session: Session) -> list[str]:
    """Lists the platforms where posts are published, by this desk or before it."""
    names = union(select(Channel.platform), select(PublishedLink.platform))
    return sorted(session.scalars(names))


def find_search_matches(
    session: Session, posts: Collection[int], text: str | PostFilter
) -> Mapping[int, tuple[SearchMatch, ...]]:
    """Returns, by post, where some posts match what was searched for."""
    query = text.query if isinstance(text, PostFilter) else SearchQuery.of(text)
    if not query:
        return {}
    rows = session.scalars(select(Post).where(Post.id.in_(posts)))
    return {post.id: find_matches(post, query) for post in rows}


def _conditions(criteria: PostFilter) -> list[ColumnElement[bool] | TextClause]:
    """Makes the conditions of everything but words."""
    conditions: list[ColumnElement[bool] | TextClause] = []
    if criteria.state == "shown":
        conditions.append(SHOWN)
    elif criteria.state:
        conditions += [Post.state == criteria.state, true() if criteria.state == "approved" else UNAPPROVED]
    if criteria.year is not None:
        first, last = date(criteria.year, 1, 1), date(criteria.year, 12, 31)
        conditions += [SHOWN, Post.last_shown_on.between(first, last)]
    if criteria.platform:
        conditions.append(Post.id.in_(_published_on(criteria.platform)))
    return conditions


def _published_on(platform: str) -> Select[int]:
    by_desk = (
        select(Pick.post_id)
        .join(Delivery, Delivery.pick_id == Pick.id)
        .join(Channel, Channel.name == Delivery.channel_name)
        .where(Channel.platform == platform, Delivery.state == State.PUBLISHED, Pick.post_id.is_not(None))
    )
    before = select(PublishedLink.post_id).where(PublishedLink.platform == platform)
    named = union(by_desk, before).subquery()
    return select(named.c[0])


def _ranked(session: Session, query: SearchQuery, posts: Sequence[Any]) -> list[int]:
    """Returns the ids of posts in the order of a list. `posts`: their ids and the days they were shown last."""
    ranks: dict[int, int] = {}
    for rank, fields in enumerate(FIELDS_OF_RANKS) if query else ():
        in_fields = indexed_posts(session, _looking_into(query, fields))
        ids = select(Post.id).where(Post.id.in_([row.id for row in posts]), Post.id.in_(in_fields))
        for post_id in session.scalars(ids):
            ranks.setdefault(post_id, rank)

    def place(row: Any) -> tuple[int, int, int]:
        shown = row.last_shown_on.toordinal() if row.last_shown_on else date.max.toordinal()
        return ranks.get(row.id, len(FIELDS_OF_RANKS)), -shown, -row.id

    return [row.id for row in sorted(posts, key=place)]


def _looking_into(query: SearchQuery, fields: tuple[str, ...]) -> SearchQuery:
    """Returns a search for the same words in these fields; a word that names a field of its own keeps it."""
    return SearchQuery(
        tuple(word if word.fields else replace(word, fields=fields) for word in query.words),
        tuple(phrase if phrase.fields else replace(phrase, fields=fields) for phrase in query.phrases),
    )


def _page_of(session: Session, ids: Sequence[int], before: int | None, limit: int) -> list[FoundPost]:
    if before is not None:
        # A post that is not found any more has no place in the list: it begins anew, so that none is left out.
        ids = ids[ids.index(before) + 1 :] if before in ids else ids
    shown = list(ids[:limit])
    rows = {row.id: FoundPost(*row) for row in session.execute(select(*_COLUMNS).where(Post.id.in_(shown)))}
    return [rows[post_id] for post_id in shown]
