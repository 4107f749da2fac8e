"""Reads the waiting posts in their order, a page at a time, however many wait.

They stand in three places: those with a fixed date by their date, the queue, and the reserve. Each place has an index
in its order, so that a page costs as much as it shows, and a place further on as much as there is before it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Literal

from sqlalchemy import ColumnElement, Select, TextClause, func, select, tuple_
from sqlalchemy.orm import Session
from sqlalchemy.orm.attributes import InstrumentedAttribute

from publisher.core.search_query import SearchQuery
from publisher.db.models import IN_LINE, IN_RESERVE, WAITS_FOR_DATE, Post
from publisher.db.post_search import WALKED, has_words, is_among, matching_ids
from publisher.posts.post_store import was_picked

QueuePart = Literal["fixed date", "queue", "reserve"]
QUEUE_PARTS: tuple[QueuePart, ...] = ("fixed date", "queue", "reserve")

_COLUMNS = (
    Post.id,
    Post.version,
    Post.state,
    Post.title,
    Post.language,
    Post.tags,
    Post.reserve,
    Post.fixed_date,
    Post.embargo_until,
    Post.last_shown_on,
    Post.position,
)
_CONDITIONS: Mapping[QueuePart, TextClause] = {
    "fixed date": WAITS_FOR_DATE,
    "queue": IN_LINE,
    "reserve": IN_RESERVE,
}
_BY_DATE = (Post.fixed_date, Post.position, Post.id)
_IN_ORDER = (Post.position, Post.id)
_Key = tuple[Any, ...]
_Matching = list[int] | Select[int] | None
"""The posts that have the searched words, a list of few or a selection of many. None: nothing is searched for."""


@dataclass(frozen=True, slots=True)
class Count:
    """Holds a number of posts, or says that there are more than were counted."""

    number: int
    has_more: bool = False

    def __bool__(self) -> bool:
        return self.number > 0


@dataclass(frozen=True, slots=True)
class WaitingPost:
    """Holds a waiting post, without its texts."""

    id: int
    version: int
    state: str
    title: str
    language: str
    tags: list[str]
    place: QueuePart
    number: int
    """Counted from 1 in each of the three places."""
    fixed_date: date | None
    embargo_until: datetime | None
    last_shown_on: date | None


@dataclass(frozen=True, slots=True)
class QueueFilter:
    """Selects posts of the queue. Empty: any."""

    state: str = ""
    place: str = ""
    text: str = ""
    with_problems: bool = False

    @property
    def is_any(self) -> bool:
        """Decides whether the filter selects all posts."""
        return self == QueueFilter()

    @property
    def places(self) -> tuple[QueuePart, ...]:
        """The places whose posts it can select."""
        return tuple(place for place in QUEUE_PARTS if self.place in ("", place))

    @property
    def selects_whole_places(self) -> bool:
        """Decides whether it selects every post of its places."""
        return not self.state and not self.text.strip()


ANY_POST = QueueFilter()


def read_waiting(session: Session, criteria: QueueFilter, begin: int, limit: int) -> list[WaitingPost]:
    """Reads at most `limit` of the selected posts, without the first `begin` of them."""
    posts: list[WaitingPost] = []
    matching = _matching(session, criteria)
    for place in criteria.places:
        rows = _read_place(session, place, criteria, matching, begin, limit - len(posts))
        posts += _numbered(session, place, rows, criteria, begin)
        if len(posts) == limit:
            break
        begin = 0 if rows else begin - _count(session, place, criteria, matching, begin)
    return posts


def _read_place(
    session: Session, place: QueuePart, criteria: QueueFilter, matching: _Matching, begin: int, limit: int
) -> Sequence[Any]:
    order = _order(place)
    if isinstance(matching, Select):
        walked = _walked(session, place, criteria)
        columns: Sequence[Any] = _COLUMNS
        query = select(*columns).where(*walked).order_by(*order).offset(begin).limit(limit)
        rows = session.execute(query).all()
        if len(rows) == limit or not _is_beyond_walk(session, place, criteria):
            return rows
    query = _selected(place, criteria, matching).order_by(*order).offset(begin).limit(limit)
    return session.execute(query).all()


def _walked(session: Session, place: QueuePart, criteria: QueueFilter) -> tuple[ColumnElement[bool], ...]:
    """Makes the conditions that a post is among the first of a place and has the searched words."""
    first = _selected(place, criteria).order_by(*_order(place)).limit(WALKED).with_only_columns(Post.id)
    ids = first.subquery()
    return Post.id.in_(select(ids.c.id)), has_words(session, SearchQuery.of(criteria.text))


def _is_beyond_walk(session: Session, place: QueuePart, criteria: QueueFilter) -> bool:
    """Decides whether a place has more posts than are looked at one by one."""
    return _count(session, place, criteria, None, WALKED + 1) > WALKED


def read_waiting_after(session: Session, post_id: int, limit: int) -> list[WaitingPost] | None:
    """Reads at most `limit` waiting posts, those behind a post. None: that post does not wait."""
    before = find_waiting(session, post_id)
    if before is None:
        return None
    last = session.execute(select(*_order(before.place)).where(Post.id == post_id)).one()
    order = _order(before.place)
    behind = _selected(before.place, ANY_POST).where(tuple_(*order) > tuple_(*last)).order_by(*order).limit(limit)
    posts = _numbered(session, before.place, session.execute(behind).all(), ANY_POST, before.number)
    for place in QUEUE_PARTS[QUEUE_PARTS.index(before.place) + 1 :]:
        if len(posts) < limit:
            posts += read_waiting(session, QueueFilter(place=place), 0, limit - len(posts))
    return posts


def find_waiting(session: Session, post_id: int) -> WaitingPost | None:
    """Returns a waiting post with its place and number; None: it does not wait."""
    for place in QUEUE_PARTS:
        row = session.execute(_selected(place, ANY_POST).where(Post.id == post_id)).first()
        if row is not None:
            number = 1 + _count_between(session, place, None, _key(place, row))
            return _waiting_post(row, place, number)
    return None


def count_waiting(session: Session, criteria: QueueFilter, at_most: int) -> int:
    """Counts the selected posts; where there are more than `at_most`, only some of the others."""
    number = 0
    matching = _matching(session, criteria)
    for place in criteria.places:
        number += _count(session, place, criteria, matching, at_most + 1)
        if number > at_most:
            break
    return number


def estimate_waiting(session: Session, criteria: QueueFilter, at_most: int) -> Count:
    """Counts the selected posts up to `at_most`; where many have the searched words, only among the first ones."""
    number, has_more = 0, False
    if isinstance(_matching(session, criteria), Select):
        for place in criteria.places:
            walked = select(func.count()).select_from(Post).where(*_walked(session, place, criteria))
            number += session.scalar(walked) or 0
            has_more = has_more or _is_beyond_walk(session, place, criteria)
    if number:
        return Count(number, has_more)
    number = count_waiting(session, criteria, at_most)
    return Count(min(number, at_most), number > at_most)


def count_places(session: Session) -> dict[QueuePart, int]:
    """Counts the waiting posts of each place, all of them: it reads an index over the waiting ones."""
    return {
        place: session.scalar(select(func.count()).select_from(Post).where(_CONDITIONS[place])) or 0
        for place in QUEUE_PARTS
    }


def _order(place: QueuePart) -> tuple[InstrumentedAttribute[Any], ...]:
    return _BY_DATE if place == "fixed date" else _IN_ORDER


def _key(place: QueuePart, row: Any) -> _Key:
    return (row.fixed_date, row.position, row.id) if place == "fixed date" else (row.position, row.id)


def _selected(place: QueuePart, criteria: QueueFilter, matching: _Matching = None) -> Select[Any]:
    columns: Sequence[Any] = _COLUMNS
    query = select(*columns).where(*_conditions(place, criteria, matching))
    # Who was picked for a slot has left the queue. The index knows it by the day, so that counting looks at no pick.
    return query if place == "reserve" else query.where(Post.reserve | ~was_picked())


def _matching(session: Session, criteria: QueueFilter) -> _Matching:
    return matching_ids(session, SearchQuery.of(criteria.text)) if criteria.text.strip() else None


def _conditions(place: QueuePart, criteria: QueueFilter, matching: _Matching) -> list[ColumnElement[bool] | TextClause]:
    conditions: list[ColumnElement[bool] | TextClause] = [_CONDITIONS[place]]
    if criteria.state:
        conditions.append(Post.state == criteria.state)
    if matching is not None:
        conditions.append(is_among(matching))
    return conditions


def _count(session: Session, place: QueuePart, criteria: QueueFilter, matching: _Matching, at_most: int) -> int:
    some = select(Post.id).where(*_conditions(place, criteria, matching)).limit(at_most).subquery()
    return session.scalar(select(func.count()).select_from(some)) or 0


def _numbered(
    session: Session, place: QueuePart, rows: Sequence[Any], criteria: QueueFilter, begin: int
) -> list[WaitingPost]:
    """Makes posts of rows that follow each other. `begin`: how many of the selected ones come before them."""
    if criteria.selects_whole_places:
        return [_waiting_post(row, place, begin + number) for number, row in enumerate(rows, start=1)]
    posts: list[WaitingPost] = []
    number, last = 0, None
    for row in rows:
        key = _key(place, row)
        number += 1 + _count_between(session, place, last, key)
        last = key
        posts.append(_waiting_post(row, place, number))
    return posts


def _count_between(session: Session, place: QueuePart, after: _Key | None, before: _Key) -> int:
    """Counts the posts of a place between two others."""
    order = tuple_(*_order(place))
    query = select(func.count()).select_from(Post).where(*_conditions(place, ANY_POST, None), order < tuple_(*before))
    if after is not None:
        query = query.where(order > tuple_(*after))
    return session.scalar(query) or 0


def _waiting_post(row: Any, place: QueuePart, number: int) -> WaitingPost:
    return WaitingPost(
        row.id,
        row.version,
        row.state,
        row.title,
        row.language,
        row.tags,
        place,
        number,
        row.fixed_date,
        row.embargo_until,
        row.last_shown_on,
    )
