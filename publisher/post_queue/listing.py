"""What people are shown of the queue: the waiting posts, the day each would get, their problems."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from itertools import islice, takewhile
from typing import Literal

from sqlalchemy import ColumnElement, and_, select
from sqlalchemy.orm import Session

from publisher.adapt.people import People
from publisher.adapt.posts import Target
from publisher.db.models import Post
from publisher.post_queue.approval import PostProblem, problems_of
from publisher.post_queue.order import in_line
from publisher.post_queue.projection import project
from publisher.post_queue.storing import was_picked
from publisher.settings import Settings

HORIZON_DAYS = 730
"""How far ahead days are worked out."""


@dataclass(frozen=True, slots=True)
class QueueRow:
    post: Post
    place: Literal["fixed date", "queue", "reserve"]
    number: int
    """Counted from 1 in each of the three places."""
    projected: date | None
    """The next day that the post would get; None for a draft, or beyond the horizon."""
    problems: tuple[PostProblem, ...]


def queue_listing(
    session: Session,
    settings: Settings,
    targets: Mapping[str, Target],
    people: People,
    *,
    now: datetime,
    limit: int = 200,
) -> list[QueueRow]:
    """The posts with a fixed date, by date; then the queue and the reserve in their order.

    At most `limit` of each, because every one is adapted to find its problems.
    """
    days: dict[int, date] = {}
    for each in islice(project(session, settings, now), HORIZON_DAYS):
        if each.post_id is not None:
            days.setdefault(each.post_id, each.slot)
    dated = and_(Post.state != "withdrawn", Post.fixed_date.is_not(None), ~was_picked())
    places: tuple[tuple[Literal["fixed date", "queue", "reserve"], ColumnElement[bool]], ...] = (
        ("fixed date", dated),
        ("queue", in_line(reserve=False)),
        ("reserve", in_line(reserve=True)),
    )
    return [
        QueueRow(post, place, number, days.get(post.id), problems_of(session, post, settings, targets, people, now=now))
        for place, condition in places
        for number, post in enumerate(_posts(session, condition, limit), start=1)
    ]


def days_of_cover(session: Session, settings: Settings, now: datetime) -> int:
    """How many of the coming slots would get a post before the first empty one; at most the horizon."""
    coming = islice(project(session, settings, now), HORIZON_DAYS)
    return sum(1 for _ in takewhile(lambda each: each.post_id is not None, coming))


def _posts(session: Session, condition: ColumnElement[bool], limit: int) -> list[Post]:
    query = select(Post).where(condition).order_by(Post.fixed_date, Post.position, Post.id).limit(limit)
    return list(session.scalars(query))
