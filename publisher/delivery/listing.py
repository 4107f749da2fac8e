"""Finds deliveries for operators: by day, channel, state and text, the newest first."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date

from sqlalchemy import Select, or_, select
from sqlalchemy.orm import Session, joinedload

from publisher.db.models import Attempt, Delivery, Event, Pick, Post
from publisher.db.problem_column import problem_contains

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
    session: Session, criteria: DeliveryFilter, *, before: int | None = None, limit: int = 50
) -> list[Delivery]:
    """Returns at most `limit` deliveries, the newest first; `before`: only those older than this id."""
    query = _query(criteria).order_by(Delivery.id.desc()).limit(limit)
    if before is not None:
        query = query.where(Delivery.id < before)
    return list(session.scalars(query))


def all_deliveries(session: Session, criteria: DeliveryFilter) -> Iterator[Delivery]:
    """Yields all matching deliveries, however many: they are read in batches."""
    before: int | None = None
    while piece := find_deliveries(session, criteria, before=before, limit=EXPORTED):
        yield from piece
        before = piece[-1].id
        session.expunge_all()


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

    delivery: Delivery
    attempts: Sequence[Attempt]
    events: Sequence[Event]
    siblings: Sequence[Delivery]
    """The other channels' deliveries of the same pick, and the other parts of a thread."""


def load_delivery_history(session: Session, delivery_id: int) -> DeliveryHistory | None:
    """Returns a delivery's whole history; None when there is no such delivery."""
    delivery = session.get(Delivery, delivery_id, options=[joinedload(Delivery.pick), joinedload(Delivery.channel)])
    if delivery is None:
        return None
    attempts = session.scalars(select(Attempt).where(Attempt.delivery_id == delivery_id).order_by(Attempt.id))
    events = session.scalars(select(Event).where(Event.delivery_id == delivery_id).order_by(Event.id))
    siblings = session.scalars(
        select(Delivery).where(Delivery.pick_id == delivery.pick_id, Delivery.id != delivery_id).order_by(Delivery.id)
    )
    return DeliveryHistory(delivery, list(attempts), list(events), list(siblings))
