"""Rehearses the coming days: picks with a virtual clock on a copy of the database in memory."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from sqlalchemy import Select, insert, select
from sqlalchemy.orm import Session

from publisher.adapt.posts import Target
from publisher.adapt.text.mentions import PeopleDirectory
from publisher.core.messages import _
from publisher.core.problems import Problem
from publisher.db.base import Base
from publisher.db.models import Delivery, Media, Pick, Post, PostImage
from publisher.db.operations import Channel
from publisher.db.session import Database
from publisher.posts.desk_parts import DeskParts
from publisher.posts.errors import PostError
from publisher.schedule.picking import pick_slot
from publisher.schedule.slots import slot_closes, slot_day, slot_opens
from publisher.settings import Settings

CHUNK = 1000


@dataclass(frozen=True, slots=True)
class RehearsedChannel:
    """Holds when a channel would publish, or why it would not."""

    name: str
    due_at: datetime
    """In UTC."""
    local: datetime
    """The same instant in the outlet's time zone."""
    problem: Problem | None
    """Why the delivery would be held; None: it would go out."""


@dataclass(frozen=True, slots=True)
class RehearsedDay:
    """Holds what would happen on one day."""

    slot: date
    instant: datetime
    """When the post of the day is picked, in UTC."""
    local: datetime
    reason: str
    """As in the table of picks: `fixed date`, `queue`, `reserve`, `empty` or `missed`."""
    post_id: int | None
    title: str
    channels: tuple[RehearsedChannel, ...]


def rehearse(desk: DeskParts, *, start: date, days: int) -> list[RehearsedDay]:
    """Returns what would happen on `days` days from `start` on if nobody changed the queue any more.

    Nothing is sent, rendered or changed. The days from now until `start` are rehearsed too, because they use up
    posts.

    Raises:
        PostError: `start` is over.
    """
    settings, targets, people, now = desk.settings, desk.targets, desk.people, desk.now()
    today = slot_day(now, settings.outlet.zone)
    if start < today:
        raise PostError(_("{day:day} is over; rehearse from {today:day} on", day=start, today=today))
    with _copy(desk.database, today) as copy:
        rehearsed = [
            _rehearse_day(copy, settings, targets, people, day=today + timedelta(days=number), now=now)
            for number in range((start - today).days + days)
        ]
    return rehearsed[(start - today).days :]


def _rehearse_day(
    copy: Database,
    settings: Settings,
    targets: Mapping[str, Target],
    people: PeopleDirectory,
    *,
    day: date,
    now: datetime,
) -> RehearsedDay:
    opens, closes = max(slot_opens(day, settings), now), slot_closes(day, settings)
    # A slot that stayed empty is filled as soon as an embargo ends, if that is not too late.
    for moment in (opens, *_embargo_ends(copy, opens, closes)):
        if pick_slot(copy, settings, targets, people, moment).result == "picked":
            break
    return _read(copy, settings, day)


def _embargo_ends(copy: Database, after: datetime, before: datetime) -> list[datetime]:
    ends = Post.embargo_until
    query = select(ends).where(Post.state == "approved", ends > after, ends < before).order_by(ends)
    with copy.reading() as session:
        return [end for end in session.scalars(query) if end is not None]


def _read(copy: Database, settings: Settings, day: date) -> RehearsedDay:
    zone = settings.outlet.zone
    opens = slot_opens(day, settings)
    with copy.reading() as session:
        pick = session.scalars(select(Pick).where(Pick.slot == day)).one()
        return RehearsedDay(
            slot=day,
            instant=max(opens, pick.picked_at),
            local=max(opens, pick.picked_at).astimezone(zone),
            reason=pick.reason,
            post_id=pick.post_id,
            title=pick.post.title if pick.post else "",
            channels=tuple(
                RehearsedChannel(
                    delivery.channel_name,
                    delivery.due_at,
                    delivery.scheduled_at.astimezone(zone),
                    delivery.problem,
                )
                for delivery in pick.deliveries
                if delivery.part == 0
            ),
        )


@contextmanager
def _copy(database: Database, today: date) -> Iterator[Database]:
    """Copies all that picking reads, and the deliveries of today, into a database in memory."""
    copy = Database.open("sqlite://")
    todays = select(Delivery.__table__).join(Pick, Pick.id == Delivery.pick_id).where(Pick.slot >= today)
    try:
        with database.reading() as source, copy.writing() as target:
            Base.metadata.create_all(target.connection())
            for model in (Channel, Media, Post, PostImage, Pick):
                _copy_rows(source, target, model, select(model.__table__))
            _copy_rows(source, target, Delivery, todays)
        yield copy
    finally:
        copy.close()


def _copy_rows(source: Session, target: Session, model: type[Base], query: Select) -> None:  # type: ignore[type-arg]
    for rows in source.execute(query).mappings().partitions(CHUNK):
        target.execute(insert(model), [dict(row) for row in rows])
