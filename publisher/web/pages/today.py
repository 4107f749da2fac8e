"""Shows today's post on each channel, the next post, and what needs a person."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum
from itertools import takewhile
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse
from sqlalchemy import select
from sqlalchemy.orm import Session, joinedload

from publisher.archive.alt_texts import alt_text_progress, deadline_of
from publisher.core.messages import Message, _
from publisher.core.problems import Problem
from publisher.core.states import BY_HAND, State
from publisher.db.event_cache import CachedValue
from publisher.db.models import Delivery, Pick, Post
from publisher.db.operations import Channel
from publisher.delivery.row import next_try
from publisher.desk import Desk
from publisher.health.heartbeat import last_heartbeats
from publisher.schedule.cover import cover_of
from publisher.schedule.late_changes import late_changes
from publisher.schedule.listing import first_pictures, unrepeated_days
from publisher.schedule.projection import ProjectedDay, project
from publisher.schedule.reserve_without_alt_text import count_without_alt_text
from publisher.schedule.slots import expiry, slot_closes, slot_day, slot_instant, slot_opens
from publisher.settings import ChannelSettings
from publisher.web.open_problems import open_problems
from publisher.web.pages.for_you import unread_on_today
from publisher.web.rendering import cached_page, desk_of

router = APIRouter()

MIN_NOTED_LATENESS = timedelta(minutes=5)
"""The page mentions no shorter delay of a post."""


@dataclass(frozen=True, slots=True)
class ChannelToday:
    """The state of one channel today."""

    name: str
    label: str
    platform: str
    account: str
    today: Delivery | None
    """The delivery of today's slot."""
    next_try: datetime | None
    """The time of its next try; None: it isn't waiting for the clock."""
    latest: Delivery | None
    """The last published delivery."""
    unknown: Delivery | None
    """The newest delivery whose post may be public without anybody knowing."""
    late: timedelta | None
    """The delay of `latest`, where it is worth a word."""
    paused: Problem | Message | None
    """Why it is paused. None: it isn't."""
    next_at: datetime | None
    """When the next post goes out. None: nothing is ready, or it is due now."""
    is_due: bool
    """The next post goes out as soon as it is picked."""

    @property
    def standing(self) -> str:
        """What became of today's post: `out`, `unknown`, `waiting`, `person`, `given up`, `left out`."""
        if self.today is None:
            return "left out"
        if self.today.state == State.PUBLISHED:
            return "out"
        if self.today.unknown_since is not None or self.today.state == State.UNCONFIRMED:
            return "unknown"
        if self.today.state in BY_HAND:
            return "person"
        return "given up" if self.today.state == State.CANCELED else "waiting"


class DayPhase(StrEnum):
    """Names what can be said of today's post while none is picked."""

    BEFORE = "before"
    """It is picked later today."""
    OPEN = "open"
    """Its hour is past; what becomes ready now still goes out today."""
    OVER = "over"
    """It is too late for a post today."""


@router.get("/")
def today(request: Request) -> HTMLResponse:
    desk = desk_of(request)
    now = desk.now()
    cache: CachedValue[dict[str, Any]] = request.app.state.today_cache
    with desk.database.reading() as session:
        nothing_runs = not any(process.lives(now) for process in last_heartbeats(session, now).values())

    def context() -> dict[str, Any]:
        with desk.database.reading() as session:
            shared = cache.get(session, now, lambda: _context(request, session, desk, now))
            own = unread_on_today(session, request)
        return {"nothing_runs": nothing_runs, "for_you": own, **shared}

    return cached_page(request, "today.html", nothing_runs, context)


def _context(request: Request, session: Session, desk: Desk, now: datetime) -> dict[str, Any]:
    day = slot_day(now, desk.settings.outlet.zone)
    coming = list(takewhile(_is_filled, project(session, desk.settings, now)))
    pick = session.scalar(select(Pick).where(Pick.slot == day).options(joinedload(Pick.post)))
    coming_post = _next_post(session, coming)
    progress = alt_text_progress(session)
    shown = [post.id for post in (pick and pick.post, coming_post and coming_post[1]) if post is not None]
    return {
        "day": day,
        "phase": _phase(desk, day, now),
        "closes": slot_closes(day, desk.settings),
        "pick": pick,
        "channels": [_channel(session, desk, channel, now, coming) for channel in desk.settings.channels.values()],
        "next": coming_post,
        "without_alt_text": 0 if coming_post else count_without_alt_text(session, day, now, desk.settings.reserve),
        "pictures": first_pictures(session, shown),
        "cover": cover_of(coming),
        "unrepeated": unrepeated_days(coming),
        "min_cover": desk.settings.notify.days_of_cover,
        "late_changes": late_changes(session),
        "alt_texts": progress,
        "alt_text_deadline": deadline_of(desk.settings.archive.alt_texts_until, day, progress.missing),
        "problems": open_problems(request, session, desk, now),
    }


def _is_filled(day: ProjectedDay) -> bool:
    return day.post_id is not None


def _next_post(session: Session, coming: list[ProjectedDay]) -> tuple[date, Post] | None:
    if not coming:
        return None
    return coming[0].slot, session.get_one(Post, coming[0].post_id)


def _phase(desk: Desk, day: date, now: datetime) -> DayPhase:
    if now < slot_opens(day, desk.settings):
        return DayPhase.BEFORE
    return DayPhase.OPEN if now < slot_closes(day, desk.settings) else DayPhase.OVER


def _channel(
    session: Session, desk: Desk, channel: ChannelSettings, now: datetime, coming: list[ProjectedDay]
) -> ChannelToday:
    day = slot_day(now, desk.settings.outlet.zone)
    of_channel = select(Delivery).where(Delivery.channel_name == channel.name, Delivery.part == 0)
    delivery = session.scalar(of_channel.join(Pick).where(Pick.slot == day))
    latest = session.scalar(
        of_channel.where(Delivery.state == "published")
        .order_by(Delivery.id.desc())
        .limit(1)
        .options(joinedload(Delivery.pick))
    )
    late = latest.shown_since - latest.scheduled_at if latest and latest.shown_since else timedelta(0)
    row = session.get(Channel, channel.name)
    next_at = _next_instant(desk, channel, now, coming)
    return ChannelToday(
        name=channel.name,
        label=desk.targets[channel.name].profile.label,
        platform=channel.platform,
        account=channel.account,
        today=delivery,
        next_try=next_try(delivery, row) if delivery and row else None,
        latest=latest,
        unknown=unknown_delivery(session, channel.name),
        late=late if late > MIN_NOTED_LATENESS else None,
        paused=(row.pause_problem or _("by hand")) if row and row.paused_at else None,
        next_at=next_at if next_at and next_at > now else None,
        is_due=next_at is not None and next_at <= now,
    )


def unknown_delivery(session: Session, channel: str) -> Delivery | None:
    """Returns the newest delivery of a channel of which it is not known whether it is public."""
    # What is published is known to be, and those are all but a few: this condition lets an index find the others.
    is_unknown = (Delivery.remote_id.is_(None), Delivery.unknown_since.is_not(None))
    query = select(Delivery).where(Delivery.channel_name == channel, Delivery.part == 0, *is_unknown)
    return session.scalar(query.order_by(Delivery.id.desc()).limit(1))


def _next_instant(desk: Desk, channel: ChannelSettings, now: datetime, coming: list[ProjectedDay]) -> datetime | None:
    """Returns when a channel shows its next post: on the first day on which it is not too late for that there."""
    outlet, hour = desk.settings.outlet, desk.settings.channel_hour(channel)
    open_days = (day.slot for day in coming if now < expiry(day.slot, hour, outlet.lateness, outlet.zone))
    first = next(open_days, None)
    return slot_instant(first, hour, outlet.zone) if first else None
