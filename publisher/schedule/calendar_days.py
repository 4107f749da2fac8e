"""The days as people look at them: what was shown where, and what would come next."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from itertools import islice, takewhile
from typing import Literal

from sqlalchemy import select
from sqlalchemy.orm import Session

from publisher.db.models import Delivery, Pick, Post
from publisher.schedule.listing import HORIZON_DAYS, Waiting, candidates, first_pictures
from publisher.schedule.projection import ProjectedDay, project
from publisher.schedule.slots import slot_day, slot_opens
from publisher.settings import Settings

Kind = Literal["shown", "coming", "draft", "empty", "missed", "nothing"]
"""`coming`: it would be picked; `draft`: fixed to the day, and not approved; `nothing`: before the desk, or too far."""


@dataclass(frozen=True, slots=True)
class ChannelState:
    channel: str
    state: str
    link: str
    """Where the post is; empty when it isn't public, or the platform gives no address."""


@dataclass(frozen=True, slots=True)
class DayEntry:
    """A post of a day, or the lack of one."""

    kind: Kind
    post_id: int | None = None
    title: str = ""
    picture: str | None = None
    reason: str = ""
    """Why this post: `fixed date`, `queue` or `reserve`."""
    deliveries: tuple[ChannelState, ...] = ()

    @property
    def movable(self) -> bool:
        """Whether it can be given another day: a post of the reserve comes and stays in the reserve."""
        return self.kind in ("coming", "draft") and self.reason != "reserve"


@dataclass(frozen=True, slots=True)
class CalendarDay:
    day: date
    opens: datetime
    """The instant of the slot, in UTC."""
    entries: tuple[DayEntry, ...]


def calendar_days(
    session: Session, settings: Settings, waiting: Sequence[Waiting], first: date, last: date, now: datetime
) -> list[CalendarDay]:
    """Every day from `first` to `last`: its post or the lack of one, then posts that only wait for their approval.

    `waiting`: what `waiting_posts` lists.
    """
    picks = {pick.slot: pick for pick in session.scalars(select(Pick).where(Pick.slot.between(first, last)))}
    coming = {each.slot: each for each in _projected(session, settings, waiting, last, now)}
    drafts = [each for each in waiting if each.fixed_date and each.state != "approved"]
    entries = {
        day: [
            _entry(picks.get(day), coming.get(day)),
            *(DayEntry("draft", each.id) for each in drafts if each.fixed_date == day),
        ]
        for day in _days(first, last)
    }
    named = _Names(session, {each.post_id for listed in entries.values() for each in listed if each.post_id})
    states = _states(session, [pick.id for pick in picks.values()])
    return [
        CalendarDay(
            day,
            slot_opens(day, settings),
            tuple(named.complete(each, states.get(picks[day].id, ()) if day in picks else ()) for each in listed),
        )
        for day, listed in entries.items()
    ]


def _days(first: date, last: date) -> Iterator[date]:
    return (first + timedelta(days=number) for number in range((last - first).days + 1))


def _projected(
    session: Session, settings: Settings, waiting: Sequence[Waiting], last: date, now: datetime
) -> list[ProjectedDay]:
    if last < slot_day(now, settings.outlet.zone):
        return []
    coming = islice(project(session, settings, now, candidates(waiting)), HORIZON_DAYS)
    return list(takewhile(lambda each: each.slot <= last, coming))


def _entry(pick: Pick | None, coming: ProjectedDay | None) -> DayEntry:
    if coming is not None:
        # A day that stayed empty until now can still get a post.
        return DayEntry("coming", coming.post_id, reason=coming.reason) if coming.post_id else DayEntry("empty")
    if pick is None:
        return DayEntry("nothing")
    if pick.post_id is None:
        return DayEntry("missed" if pick.reason == "missed" else "empty")
    return DayEntry("shown", pick.post_id, reason=pick.reason)


def _states(session: Session, picks: Sequence[int]) -> dict[int, tuple[ChannelState, ...]]:
    """What became of each pick, channel by channel; replies that continue a post are left out."""
    query = select(Delivery.pick_id, Delivery.channel_name, Delivery.state, Delivery.remote_url)
    found: dict[int, tuple[ChannelState, ...]] = {}
    for pick, channel, state, link in session.execute(
        query.where(Delivery.pick_id.in_(picks), Delivery.part == 0).order_by(Delivery.id)
    ):
        found[pick] = (*found.get(pick, ()), ChannelState(channel, state, link or ""))
    return found


class _Names:
    """Titles and pictures of posts."""

    def __init__(self, session: Session, posts: set[int]) -> None:
        self._titles = {
            post_id: title for post_id, title in session.execute(select(Post.id, Post.title).where(Post.id.in_(posts)))
        }
        self._pictures = first_pictures(session, posts)

    def complete(self, entry: DayEntry, deliveries: tuple[ChannelState, ...]) -> DayEntry:
        if entry.post_id is None:
            return entry
        return replace(
            entry,
            title=self._titles[entry.post_id],
            picture=self._pictures.get(entry.post_id),
            deliveries=deliveries if entry.kind == "shown" else (),
        )
