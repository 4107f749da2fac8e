"""Projects which day each waiting post would get if nobody changed the queue any more.

It applies the rules of `choice` in memory, so that a long queue can be shown without a rehearsal. A rehearsal gives
the same days. Only the posts that the coming days can need are read, however many wait.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right, insort
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from itertools import takewhile

from sqlalchemy import ColumnElement, Select, and_, case, or_, select, tuple_
from sqlalchemy.orm import Session

from publisher.db.models import EMBARGOED, READY_RESERVE, WAITING, WAITS_FOR_DATE, Pick, Post
from publisher.posts.post_store import lacks_alt_text, was_picked
from publisher.schedule.choice import Reason
from publisher.schedule.slots import slot_closes, slot_day, slot_opens
from publisher.settings import Settings

HORIZON_DAYS = 730
"""How many days ahead are projected."""
FIRST_BATCH = 32
"""Posts of the queue that are read at first; each further batch has twice as many."""

_Candidates = Select[int, float, datetime | None, date | None, bool, date | None]


@dataclass(slots=True, eq=False)
class Candidate:
    """Holds the fields of a post that its choice depends on."""

    id: int
    position: float
    embargo_until: datetime | None
    last_shown_on: date | None
    reserve: bool
    fixed_date: date | None

    @property
    def place(self) -> tuple[float, int]:
        """Where it stands in its order."""
        return self.position, self.id

    @property
    def turn(self) -> tuple[date, float, int]:
        """When its turn comes in the reserve: the one that was shown longest ago is the first."""
        return self.last_shown_on or date.min, self.position, self.id

    def may_be_shown(self, moment: datetime) -> bool:
        """Decides whether its embargo is over."""
        return self.embargo_until is None or self.embargo_until <= moment


@dataclass(frozen=True, slots=True)
class ProjectedDay:
    """Holds the post that a slot would get."""

    slot: date
    post_id: int | None
    reason: Reason


def project(session: Session, settings: Settings, now: datetime) -> Iterator[ProjectedDay]:
    """Yields the coming slots to the horizon, from the first one that can still get a post."""
    first = _first_open(session, settings, now)
    last = first + timedelta(days=HORIZON_DAYS - 1)
    waiting = _WaitingPosts(session, settings, first, last, now)
    for number in range(HORIZON_DAYS):
        day = first + timedelta(days=number)
        opens, closes = max(slot_opens(day, settings), now), slot_closes(day, settings)
        yield waiting.take(day, (opens, *waiting.embargo_ends(opens, closes)))


def days_of_cover(session: Session, settings: Settings, now: datetime) -> int:
    """Counts the coming slots that would get a post before the first empty one; at most the horizon."""
    return sum(1 for _day in takewhile(lambda day: day.post_id is not None, project(session, settings, now)))


def _first_open(session: Session, settings: Settings, now: datetime) -> date:
    today = slot_day(now, settings.outlet.zone)
    reason = session.scalar(select(Pick.reason).where(Pick.slot == today))
    is_open = reason in (None, "empty") and now < slot_closes(today, settings)
    return today if is_open else today + timedelta(days=1)


def _candidates() -> _Candidates:
    return select(Post.id, Post.position, Post.embargo_until, Post.last_shown_on, Post.reserve, Post.fixed_date)


def _is_free(now: datetime) -> ColumnElement[bool]:
    return or_(Post.embargo_until.is_(None), Post.embargo_until <= now)


class _WaitingPosts:
    """Holds the waiting posts in their order. A chosen post is removed, unless it is of the reserve."""

    def __init__(self, session: Session, settings: Settings, first: date, last: date, now: datetime) -> None:
        embargoed = _read_embargoed(session, now, slot_closes(last, settings))
        self._fixed = _read_dated(session, first, last)
        self._queue = _Queue(session, now, [post for post in embargoed if not post.reserve])
        self._reserve = _Reserve(
            session, settings.reserve.no_repeat_days, now, [post for post in embargoed if post.reserve]
        )
        dated = (post.embargo_until for posts in self._fixed.values() for post in posts)
        ends = {*(post.embargo_until for post in embargoed), *dated}
        self._embargoes = sorted(end for end in ends if end is not None)

    def embargo_ends(self, after: datetime, before: datetime) -> list[datetime]:
        """Lists the ends of embargoes between two instants."""
        ends = self._embargoes
        return ends[bisect_right(ends, after) : bisect_left(ends, before)]

    def take(self, day: date, moments: Iterable[datetime]) -> ProjectedDay:
        """Returns the post of a day: the first that may be shown at one of these moments."""
        for moment in moments:
            if post := _first_free(self._fixed.get(day, []), moment):
                return ProjectedDay(day, post.id, "fixed date")
            if post := self._queue.take(moment):
                return ProjectedDay(day, post.id, "queue")
            if post := self._reserve.take(day, moment):
                return ProjectedDay(day, post.id, "reserve")
        return ProjectedDay(day, None, "empty")


def _read_embargoed(session: Session, now: datetime, until: datetime) -> list[Candidate]:
    """Reads the approved posts without a fixed date whose embargo ends within the horizon, in their order."""
    query = _candidates().where(EMBARGOED, Post.embargo_until > now, Post.embargo_until <= until)
    in_line = and_(Post.last_shown_on.is_(None), ~was_picked())
    # An `or` of both would lead SQLite to the index of places, and so through all waiting posts.
    waits = case((Post.reserve, ~lacks_alt_text()), else_=in_line)
    query = query.where(Post.state == "approved", Post.fixed_date.is_(None), waits)
    return _read(session, query.order_by(Post.position, Post.id))


def _read_dated(session: Session, first: date, last: date) -> dict[date, list[Candidate]]:
    """Reads the approved posts that are fixed to some days, by day and in their order."""
    query = _candidates().where(WAITS_FOR_DATE, Post.state == "approved", Post.fixed_date.between(first, last))
    posts: dict[date, list[Candidate]] = {}
    for post in _read(session, query.where(~was_picked()).order_by(Post.fixed_date, Post.position, Post.id)):
        if post.fixed_date is not None:
            posts.setdefault(post.fixed_date, []).append(post)
    return posts


def _read(
    session: Session, query: Select[int, float, datetime | None, date | None, bool, date | None]
) -> list[Candidate]:
    return [Candidate(*row) for row in session.execute(query)]


@dataclass(slots=True)
class _Queue:
    """Holds the approved posts in line. Those without an embargo are read in batches, when their days come."""

    session: Session
    now: datetime
    embargoed: list[Candidate]
    free: list[Candidate] = field(default_factory=list)
    """Those that were read and not taken, the next one last."""
    last_read: tuple[float, int] | None = None
    batch: int = FIRST_BATCH

    def take(self, moment: datetime) -> Candidate | None:
        """Removes and returns the first post that may be shown."""
        if not self.free:
            self._read_more()
        free = self.free[-1] if self.free else None
        embargoed = _first_free(self.embargoed, moment)
        if embargoed is not None and (free is None or embargoed.place < free.place):
            self.embargoed.remove(embargoed)
            return embargoed
        return self.free.pop() if free is not None else None

    def _read_more(self) -> None:
        if not self.batch:
            return
        query = _candidates().where(WAITING, _is_free(self.now), ~was_picked())
        if self.last_read is not None:
            query = query.where(tuple_(Post.position, Post.id) > tuple_(*self.last_read))
        posts = _read(self.session, query.order_by(Post.position, Post.id).limit(self.batch))
        is_last = len(posts) < self.batch
        self.batch = 0 if is_last else 2 * self.batch
        if posts:
            self.last_read = posts[-1].place
        self.free = posts[::-1]


@dataclass(slots=True)
class _Reserve:
    """Holds the approved posts of the reserve by their turn. They are read when the first of them is needed."""

    session: Session
    no_repeat_days: int
    now: datetime
    embargoed: list[Candidate]
    by_turn: list[Candidate] | None = None

    def take(self, day: date, moment: datetime) -> Candidate | None:
        """Returns the post whose turn it is, and puts it behind the others."""
        if self.by_turn is None:
            self.by_turn = sorted((*self._read_free(), *self.embargoed), key=_turn)
        window = day - timedelta(days=self.no_repeat_days)
        rested = takewhile(lambda post: not post.last_shown_on or post.last_shown_on < window, self.by_turn)
        chosen = _first_free(rested, moment)
        if chosen is not None:
            self.by_turn.remove(chosen)
            chosen.last_shown_on = day
            insort(self.by_turn, chosen, key=_turn)
        return chosen

    def _read_free(self) -> list[Candidate]:
        """Reads as many posts as there are days; of each day it is one that is shown, and then goes behind."""
        query = _candidates().where(READY_RESERVE, _is_free(self.now), ~lacks_alt_text())
        never = query.where(Post.last_shown_on.is_(None)).order_by(Post.position, Post.id)
        before = query.where(Post.last_shown_on.is_not(None)).order_by(Post.last_shown_on, Post.position, Post.id)
        posts = _read(self.session, never.limit(HORIZON_DAYS))
        return [*posts, *_read(self.session, before.limit(HORIZON_DAYS - len(posts)))]


def _turn(post: Candidate) -> tuple[date, float, int]:
    return post.turn


def _first_free(posts: Iterable[Candidate], moment: datetime) -> Candidate | None:
    return next((post for post in posts if post.may_be_shown(moment)), None)
