"""Finds deliveries for operators: by day, channel, state and text.

Every face lists them in one order: the newest day first, and within a day by channel and part.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, or_, select
from sqlalchemy.orm import Session, joinedload

from publisher.db.models import Attempt, Delivery, Event, Pick, Post
from publisher.db.problem_column import problem_contains
from publisher.delivery.row import AttemptRow, DeliveryRow, EventRow

EXPORTED = 1000
"""Rows that an export reads at once."""


@dataclass(frozen=True, slots=True)
class DeliveryFilter:
    """Says which deliveries to list; an empty field does not matter."""

    day: date | None = None
    channel: str = ""
    states: tuple[str, ...] = ()
    text: str = ""
    """Part of the title, the problem or the link."""


def find_deliveries(
    session: Session, criteria: DeliveryFilter, *, after: int | None = None, limit: int = 50
) -> list[DeliveryRow]:
    """Returns at most `limit` deliveries in the order of all lists; `after`: those that follow the one with this id."""
    query = _query(criteria).order_by(Pick.slot.desc(), Delivery.channel_name, Delivery.part).limit(limit)
    if after is not None:
        query = query.where(_follows(after))
    return [DeliveryRow.of(delivery) for delivery in session.scalars(query)]


def all_deliveries(session: Session, criteria: DeliveryFilter) -> Iterator[DeliveryRow]:
    """Yields all matching deliveries, however many: they are read in batches."""
    after: int | None = None
    while rows := find_deliveries(session, criteria, after=after, limit=EXPORTED):
        yield from rows
        after = rows[-1].id
        session.expunge_all()


def _follows(delivery_id: int) -> ColumnElement[bool]:
    """Makes the condition that a delivery comes after the one with this id. No delivery comes after an unknown one."""
    last = select(Pick.slot, Delivery.channel_name, Delivery.part).join(Delivery.pick).where(Delivery.id == delivery_id)
    day = last.with_only_columns(Pick.slot).correlate(None).scalar_subquery()
    channel = last.with_only_columns(Delivery.channel_name).correlate(None).scalar_subquery()
    part = last.with_only_columns(Delivery.part).correlate(None).scalar_subquery()
    return or_(
        Pick.slot < day,
        and_(Pick.slot == day, Delivery.channel_name > channel),
        and_(Pick.slot == day, Delivery.channel_name == channel, Delivery.part > part),
    )


def _query(criteria: DeliveryFilter) -> Select[Delivery]:
    query = select(Delivery).join(Pick).options(joinedload(Delivery.pick), joinedload(Delivery.channel))
    if criteria.day is not None:
        query = query.where(Pick.slot == criteria.day)
    if criteria.channel:
        query = query.where(Delivery.channel_name == criteria.channel)
    if criteria.states:
        query = query.where(Delivery.state.in_(criteria.states))
    if criteria.text:
        text = criteria.text
        query = query.outerjoin(Post, Post.id == Pick.post_id).where(
            or_(
                Post.title.icontains(text, autoescape=True),
                problem_contains(Delivery.problem, text),
                Delivery.remote_url.icontains(text, autoescape=True),
            )
        )
    return query


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

    def to_json(self) -> dict[str, Any]:
        """Returns all of it for programs."""
        return {
            **self.row.to_json(),
            "adapted": self.adapted,
            "attempts": [attempt.to_json() for attempt in self.attempts],
            "events": [event.to_json() for event in self.events],
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
    )
