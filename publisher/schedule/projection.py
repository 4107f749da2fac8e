"""Projects which day each waiting post would get if nobody changed the queue any more.

It applies the rules of `choice` to a list in memory, so that a long queue can be shown without a rehearsal.
A rehearsal gives the same days.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from sqlalchemy import ColumnElement, and_, or_, select
from sqlalchemy.orm import Session

from publisher.db.models import Pick, Post
from publisher.posts.post_store import was_picked
from publisher.schedule.choice import Reason
from publisher.schedule.slots import slot_closes, slot_day, slot_opens
from publisher.settings import Settings


@dataclass(slots=True, eq=False)
class Candidate:
    """Holds the fields of a post that its choice depends on."""

    id: int
    reserve: bool
    fixed_date: date | None
    embargo_until: datetime | None
    last_shown_on: date | None


@dataclass(frozen=True, slots=True)
class ProjectedDay:
    """Holds the post that a slot would get."""

    slot: date
    post_id: int | None
    reason: Reason


def project(
    session: Session, settings: Settings, now: datetime, candidates: Iterable[Candidate] | None = None
) -> Iterator[ProjectedDay]:
    """Yields the coming slots without an end, from the first one that can still get a post.

    `candidates`: the approved posts in their order, where the caller has them already; they are modified.
    """
    day = _first_open(session, settings, now)
    waiting = _WaitingPosts(_load(session) if candidates is None else candidates, settings.reserve.no_repeat_days)
    while True:
        opens, closes = max(slot_opens(day, settings), now), slot_closes(day, settings)
        yield waiting.take(day, (opens, *waiting.embargo_ends(opens, closes)))
        day += timedelta(days=1)


def _first_open(session: Session, settings: Settings, now: datetime) -> date:
    today = slot_day(now, settings.outlet.zone)
    reason = session.scalar(select(Pick.reason).where(Pick.slot == today))
    is_open = reason in (None, "empty") and now < slot_closes(today, settings)
    return today if is_open else today + timedelta(days=1)


def _load(session: Session) -> list[Candidate]:
    query = (
        select(Post.id, Post.reserve, Post.fixed_date, Post.embargo_until, Post.last_shown_on)
        .where(Post.state == "approved", or_(Post.reserve, _not_shown()))
        .order_by(Post.position, Post.id)
    )
    return [Candidate(*row) for row in session.execute(query)]


def _not_shown() -> ColumnElement[bool]:
    # A shown post has its day, unless it has a fixed date; this condition first spares a search in the picks.
    return and_(or_(Post.last_shown_on.is_(None), Post.fixed_date.is_not(None)), ~was_picked())


class _WaitingPosts:
    """Holds the waiting posts in their order. A chosen post is removed, unless it is of the reserve."""

    def __init__(self, posts: Iterable[Candidate], no_repeat_days: int) -> None:
        self._no_repeat = timedelta(days=no_repeat_days)
        self._fixed: dict[date, list[Candidate]] = {}
        self._queue: list[Candidate] = []
        self._reserve: list[Candidate] = []
        self._embargoes: list[datetime] = []
        for post in posts:
            self._add(post)
        self._embargoes.sort()

    def _add(self, post: Candidate) -> None:
        if post.embargo_until is not None:
            self._embargoes.append(post.embargo_until)
        if post.fixed_date is not None:
            self._fixed.setdefault(post.fixed_date, []).append(post)
        elif post.reserve:
            self._reserve.append(post)
        else:
            self._queue.append(post)

    def embargo_ends(self, after: datetime, before: datetime) -> list[datetime]:
        """Lists the ends of embargoes between two instants."""
        return [end for end in self._embargoes if after < end < before]

    def take(self, day: date, moments: Iterable[datetime]) -> ProjectedDay:
        """Returns the post of a day: the first that may be shown at one of these moments."""
        for moment in moments:
            if post := _first_free(self._fixed.get(day, []), moment):
                return ProjectedDay(day, post.id, "fixed date")
            if post := _first_free(self._queue, moment):
                self._queue.remove(post)
                return ProjectedDay(day, post.id, "queue")
            if post := _first_free(self._rested(day), moment):
                post.last_shown_on = day
                return ProjectedDay(day, post.id, "reserve")
        return ProjectedDay(day, None, "empty")

    def _rested(self, day: date) -> list[Candidate]:
        window = day - self._no_repeat
        rested = [post for post in self._reserve if not post.last_shown_on or post.last_shown_on < window]
        return sorted(rested, key=lambda post: post.last_shown_on or date.min)


def _first_free(posts: Iterable[Candidate], moment: datetime) -> Candidate | None:
    return next((post for post in posts if post.embargo_until is None or post.embargo_until <= moment), None)
