"""Lists the days of the calendar: what was shown where, and what would come next."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from itertools import takewhile
from typing import Literal

from sqlalchemy import select
from sqlalchemy.orm import Session

from publisher.db.models import WAITS_FOR_DATE, Delivery, Pick, Post
from publisher.posts.post_store import was_picked
from publisher.schedule.listing import FirstPicture, first_pictures
from publisher.schedule.projection import ProjectedDay, project
from publisher.schedule.slots import slot_day, slot_opens
from publisher.settings import Settings

DayKind = Literal["shown", "coming", "draft", "empty", "missed", "nothing"]
"""`coming`: it would be picked; `draft`: fixed to the day, and not approved; `nothing`: before the desk, or too far."""


@dataclass(frozen=True, slots=True)
class ChannelState:
    """Holds the state of a day's delivery on one channel."""

    channel: str
    state: str
    link: str
    """The address of the post; empty when it isn't public, or the platform gives no address."""


@dataclass(frozen=True, slots=True)
class DayEntry:
    """Holds a post of a day, or says that there is none."""

    kind: DayKind
    post_id: int | None = None
    title: str = ""
    language: str = ""
    picture: FirstPicture | None = None
    reason: str = ""
    """Why this post: `fixed date`, `queue` or `reserve`."""
    deliveries: tuple[ChannelState, ...] = ()

    @property
    def movable(self) -> bool:
        """Decides whether the post can get another day; a post of the reserve can't."""
        return self.kind in ("coming", "draft") and self.reason != "reserve"


@dataclass(frozen=True, slots=True)
class CalendarDay:
    """Holds one day with its posts."""

    day: date
    opens: datetime
    """The instant of the slot, in UTC."""
    entries: tuple[DayEntry, ...]


def calendar_days(session: Session, settings: Settings, first: date, last: date, now: datetime) -> list[CalendarDay]:
    """Lists every day from `first` to `last`: its post or none, then posts that only wait for their approval."""
    picks = {pick.slot: pick for pick in session.scalars(select(Pick).where(Pick.slot.between(first, last)))}
    coming = {projected.slot: projected for projected in _projected(session, settings, last, now)}
    drafts = _drafts(session, first, last)
    entries = {
        day: [
            _entry(picks.get(day), coming.get(day)),
            *(DayEntry("draft", post_id) for post_id in drafts.get(day, ())),
        ]
        for day in _days(first, last)
    }
    post_ids = {entry.post_id for day_entries in entries.values() for entry in day_entries if entry.post_id}
    titles = _TitlesAndPictures(session, post_ids)
    states = _channel_states(session, [pick.id for pick in picks.values()])
    return [
        CalendarDay(
            day,
            slot_opens(day, settings),
            tuple(
                titles.complete(entry, states.get(picks[day].id, ()) if day in picks else ()) for entry in day_entries
            ),
        )
        for day, day_entries in entries.items()
    ]


def _days(first: date, last: date) -> Iterator[date]:
    return (first + timedelta(days=number) for number in range((last - first).days + 1))


def _drafts(session: Session, first: date, last: date) -> dict[date | None, list[int]]:
    """Returns, by day, the posts that are fixed to it and not approved, in their order."""
    query = select(Post.fixed_date, Post.id).where(
        WAITS_FOR_DATE,
        Post.fixed_date.between(first, last),
        Post.state.in_(("draft", "in_review")),
        Post.reserve | ~was_picked(),
    )
    drafts: dict[date | None, list[int]] = {}
    for day, post_id in session.execute(query.order_by(Post.fixed_date, Post.position, Post.id)):
        drafts.setdefault(day, []).append(post_id)
    return drafts


def _projected(session: Session, settings: Settings, last: date, now: datetime) -> list[ProjectedDay]:
    if last < slot_day(now, settings.outlet.zone):
        return []
    return list(takewhile(lambda projected: projected.slot <= last, project(session, settings, now)))


def _entry(pick: Pick | None, coming: ProjectedDay | None) -> DayEntry:
    if coming is not None:
        # A day that stayed empty until now can still get a post.
        return DayEntry("coming", coming.post_id, reason=coming.reason) if coming.post_id else DayEntry("empty")
    if pick is None:
        return DayEntry("nothing")
    if pick.post_id is None:
        return DayEntry("missed" if pick.reason == "missed" else "empty")
    return DayEntry("shown", pick.post_id, reason=pick.reason)


def _channel_states(session: Session, picks: Sequence[int]) -> dict[int, tuple[ChannelState, ...]]:
    """Returns the deliveries of each pick by channel; replies that continue a post are left out."""
    query = select(Delivery.pick_id, Delivery.channel_name, Delivery.state, Delivery.remote_url)
    states: dict[int, tuple[ChannelState, ...]] = {}
    for pick, channel, state, link in session.execute(
        query.where(Delivery.pick_id.in_(picks), Delivery.part == 0).order_by(Delivery.id)
    ):
        states[pick] = (*states.get(pick, ()), ChannelState(channel, state, link or ""))
    return states


class _TitlesAndPictures:
    """Holds the titles and first pictures of posts."""

    def __init__(self, session: Session, posts: set[int]) -> None:
        rows = session.execute(select(Post.id, Post.title, Post.language).where(Post.id.in_(posts)))
        self._titles = {post_id: (title, language) for post_id, title, language in rows}
        self._pictures = first_pictures(session, posts)

    def complete(self, entry: DayEntry, deliveries: tuple[ChannelState, ...]) -> DayEntry:
        if entry.post_id is None:
            return entry
        title, language = self._titles[entry.post_id]
        return replace(
            entry,
            title=title,
            language=language,
            picture=self._pictures.get(entry.post_id),
            deliveries=deliveries if entry.kind == "shown" else (),
        )
