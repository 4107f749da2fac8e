"""Finds deliveries for operators: by day, channel, state and text.

Every face lists them in one order: the newest day first, and within a day by channel and part.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, exists, or_, select
from sqlalchemy.orm import Session, contains_eager, joinedload

from publisher.core.search_query import SearchQuery
from publisher.db.models import HAS_PROBLEM, HAS_REMOTE_ID, Attempt, Delivery, Event, Pick, Post
from publisher.db.post_search import WALKED, has_words, matching_ids
from publisher.db.problem_column import problem_contains
from publisher.delivery.correction_history import corrections_of
from publisher.delivery.row import AttemptRow, CorrectionRow, DeliveryRow, EventRow

ORDER = (Delivery.slot.desc(), Delivery.channel_name, Delivery.part)
MAX_FOUND = 1000
"""Of more matches the database makes the list itself."""
EXPORTED = 1000
"""Rows that an export reads at once."""


@dataclass(frozen=True, slots=True)
class DeliveryFilter:
    """Says which deliveries to list; an empty field does not matter."""

    day: date | None = None
    channel: str = ""
    states: tuple[str, ...] = ()
    text: str = ""
    """Words of the post, part of the problem, or the whole link or its id."""


def find_deliveries(
    session: Session, criteria: DeliveryFilter, *, after: int | None = None, limit: int = 50
) -> list[DeliveryRow]:
    """Returns at most `limit` deliveries in the order of all lists; `after`: those that follow the one with this id."""
    query = _query(criteria).order_by(*ORDER)
    if after is not None:
        last = session.get(Delivery, after)
        if last is None:
            return []
        query = query.where(_follows(last))
    if criteria.text:
        found = _Found.of(session, criteria.text)
        if isinstance(found.posts, Select) and len(rows := _walk(session, query, found, limit)) == limit:
            return rows
        query = query.where(found.condition)
    return [DeliveryRow.of(delivery) for delivery in session.scalars(query.limit(limit))]


def _walk(session: Session, query: Select[Delivery], found: _Found, limit: int) -> list[DeliveryRow]:
    """Looks at the first deliveries of a list one by one. Those that it finds are the first of all that match."""
    first = query.with_only_columns(Delivery.id).limit(WALKED).subquery()
    of_post = exists().where(Post.id == Pick.post_id, has_words(session, found.query)).correlate(Pick)
    has_text = or_(Delivery.id.in_(found.deliveries), of_post)
    rows = select(Delivery).join(Delivery.pick).where(Delivery.id.in_(select(first.c.id)), has_text)
    rows = rows.options(contains_eager(Delivery.pick), joinedload(Delivery.channel)).order_by(*ORDER).limit(limit)
    return [DeliveryRow.of(delivery) for delivery in session.scalars(rows)]


def all_deliveries(session: Session, criteria: DeliveryFilter) -> Iterator[DeliveryRow]:
    """Yields all matching deliveries, however many: they are read in batches."""
    after: int | None = None
    while rows := find_deliveries(session, criteria, after=after, limit=EXPORTED):
        yield from rows
        after = rows[-1].id
        session.expunge_all()


def _follows(last: Delivery) -> ColumnElement[bool]:
    """Makes the condition that a delivery comes after another one; the index on slots begins with the first part."""
    return and_(
        Delivery.slot <= last.slot,
        or_(
            Delivery.slot < last.slot,
            Delivery.channel_name > last.channel_name,
            and_(Delivery.channel_name == last.channel_name, Delivery.part > last.part),
        ),
    )


def _query(criteria: DeliveryFilter) -> Select[Delivery]:
    query = (
        select(Delivery)
        .where(Delivery.slot.is_not(None))
        .options(joinedload(Delivery.pick), joinedload(Delivery.channel))
    )
    if criteria.day is not None:
        query = query.where(Delivery.slot == criteria.day)
    if criteria.channel:
        query = query.where(Delivery.channel_name == criteria.channel)
    if criteria.states:
        query = query.where(Delivery.state.in_(criteria.states))
    return query


@dataclass(frozen=True, slots=True)
class _Found:
    """Holds the deliveries whose post has the words of a text, whose problem has the text, or whose link it is.

    Each of the three is found by an index of its own, and none of them by reading all deliveries.
    """

    query: SearchQuery
    deliveries: Sequence[int]
    posts: Sequence[int] | Select[int]
    """Those with the words, where they are many; of few posts the deliveries are listed."""

    @classmethod
    def of(cls, session: Session, text: str) -> _Found:
        with_problem = select(Delivery.id).where(HAS_PROBLEM, problem_contains(Delivery.problem, text))
        found = list(session.scalars(with_problem.order_by(Delivery.id.desc()).limit(MAX_FOUND)))
        by_link = select(Delivery.id).where(HAS_REMOTE_ID, Delivery.remote_url == text)
        by_remote_id = select(Delivery.id).where(Delivery.remote_id == text.rstrip("/").rpartition("/")[2])
        for linked in (by_link, by_remote_id):
            found += session.scalars(linked.limit(MAX_FOUND))
        query = SearchQuery.of(text)
        posts = matching_ids(session, query)
        if isinstance(posts, list):
            found += session.scalars(select(Delivery.id).join(Delivery.pick).where(Pick.post_id.in_(posts)))
        return cls(query, found, posts)

    @property
    def condition(self) -> ColumnElement[bool]:
        if not isinstance(self.posts, Select):
            return Delivery.id.in_(self.deliveries)
        # With many matches, the list's own order is followed, and each delivery is looked up among them.
        picks = select(Pick.id).where(Pick.post_id.in_(self.posts))
        return or_((Delivery.id + 0).in_(self.deliveries), (Delivery.pick_id + 0).in_(picks))


@dataclass(frozen=True, slots=True)
class DeliveryHistory:
    """Holds everything that is known about one delivery."""

    row: DeliveryRow
    pick: Pick
    adapted: dict[str, Any]
    """The `AdaptedPost` that was sent, or would be."""
    attempts: Sequence[AttemptRow]
    events: Sequence[EventRow]
    siblings: Sequence[DeliveryRow]
    """The other channels' deliveries of the same pick, and the other parts of a thread."""
    corrections: Sequence[CorrectionRow]
    """The newest first."""

    def to_json(self) -> dict[str, Any]:
        """Returns all of it for programs."""
        return {
            **self.row.to_json(),
            "adapted": self.adapted,
            "attempts": [attempt.to_json() for attempt in self.attempts],
            "events": [event.to_json() for event in self.events],
            "corrections": [correction.to_json() for correction in self.corrections],
        }


def load_delivery_history(session: Session, delivery_id: int) -> DeliveryHistory | None:
    """Returns a delivery's whole history; None when there is no such delivery."""
    loaded = [joinedload(Delivery.pick), joinedload(Delivery.channel)]
    delivery = session.get(Delivery, delivery_id, options=loaded)
    if delivery is None:
        return None
    attempts = session.scalars(select(Attempt).where(Attempt.delivery_id == delivery_id).order_by(Attempt.id))
    events = session.scalars(select(Event).where(Event.delivery_id == delivery_id).order_by(Event.id))
    siblings = session.scalars(
        select(Delivery)
        .where(Delivery.pick_id == delivery.pick_id, Delivery.id != delivery_id)
        .options(*loaded)
        .order_by(Delivery.channel_name, Delivery.part)
    )
    return DeliveryHistory(
        DeliveryRow.of(delivery),
        delivery.pick,
        delivery.adapted,
        [AttemptRow.of(attempt) for attempt in attempts],
        [EventRow.of(event) for event in events],
        [DeliveryRow.of(sibling) for sibling in siblings],
        [CorrectionRow.of(correction) for correction in corrections_of(session, delivery_id)],
    )
