"""Shows today's post on each channel, the next post, and what needs a person."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from itertools import islice, takewhile
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse
from sqlalchemy import select
from sqlalchemy.orm import Session, joinedload

from publisher.alerts.conditions import DELIVERY_KINDS, Condition, Snapshot
from publisher.alerts.store import CONDITION_SOURCES
from publisher.core.messages import Message, _
from publisher.core.problems import Problem
from publisher.db.models import Delivery, Pick, Post
from publisher.db.operations import AlertKind, Channel
from publisher.delivery.outcomes import next_try
from publisher.desk import Desk
from publisher.health.heartbeat import last_heartbeats
from publisher.schedule.late_changes import late_changes
from publisher.schedule.listing import HORIZON_DAYS
from publisher.schedule.projection import ProjectedDay, project
from publisher.schedule.slots import slot_day, slot_instant
from publisher.settings import ChannelSettings
from publisher.web.event_cache import CachedValue
from publisher.web.rendering import address, cached_page, desk_of

router = APIRouter()

MIN_NOTED_LATENESS = timedelta(minutes=5)
"""The page mentions no shorter delay of a post."""


@dataclass(frozen=True, slots=True)
class ChannelToday:
    """The state of one channel today."""

    name: str
    label: str
    today: Delivery | None
    """The delivery of today's slot."""
    next_try: datetime | None
    """The time of its next try; None: it isn't waiting for the clock."""
    latest: Delivery | None
    """The last published delivery."""
    late: timedelta | None
    """The delay of `latest`, where it is worth a word."""
    paused: Problem | Message | None
    """Why it is paused. None: it isn't."""
    next_at: datetime | None


@dataclass(frozen=True, slots=True)
class OpenProblem:
    """Something that needs a person, with a link to the page where it is solved."""

    title: Message
    message: Message
    href: str
    action: Message
    """The text of the link."""


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
        return {"nothing_runs": nothing_runs, **shared}

    return cached_page(request, "today.html", nothing_runs, context)


def _context(request: Request, session: Session, desk: Desk, now: datetime) -> dict[str, Any]:
    day = slot_day(now, desk.settings.outlet.zone)
    coming = list(takewhile(_is_filled, islice(project(session, desk.settings, now), HORIZON_DAYS)))
    return {
        "day": day,
        "pick": session.scalar(select(Pick).where(Pick.slot == day).options(joinedload(Pick.post))),
        "channels": [_channel(session, desk, channel, day, coming) for channel in desk.settings.channels.values()],
        "next": _next_post(session, coming),
        "cover": len(coming),
        "min_cover": desk.settings.notify.days_of_cover,
        "late_changes": late_changes(session),
        "problems": _open_problems(request, session, desk, now),
    }


def _is_filled(day: ProjectedDay) -> bool:
    return day.post_id is not None


def _next_post(session: Session, coming: list[ProjectedDay]) -> tuple[date, Post] | None:
    if not coming:
        return None
    return coming[0].slot, session.get_one(Post, coming[0].post_id)


def _channel(
    session: Session, desk: Desk, channel: ChannelSettings, day: date, coming: list[ProjectedDay]
) -> ChannelToday:
    of_channel = select(Delivery).where(Delivery.channel_name == channel.name, Delivery.part == 0)
    delivery = session.scalar(of_channel.join(Pick).where(Pick.slot == day))
    latest = session.scalar(
        of_channel.where(Delivery.state == "published")
        .order_by(Delivery.id.desc())
        .limit(1)
        .options(joinedload(Delivery.pick))
    )
    late = latest.published_at - latest.scheduled_at if latest and latest.published_at else timedelta(0)
    row = session.get(Channel, channel.name)
    hour = desk.settings.channel_hour(channel)
    return ChannelToday(
        name=channel.name,
        label=desk.targets[channel.name].profile.label,
        today=delivery,
        next_try=next_try(delivery, row) if delivery and row else None,
        latest=latest,
        late=late if late > MIN_NOTED_LATENESS else None,
        paused=(row.pause_problem or _("by hand")) if row and row.paused_at else None,
        next_at=slot_instant(coming[0].slot, hour, desk.settings.outlet.zone) if coming else None,
    )


def _open_problems(request: Request, session: Session, desk: Desk, now: datetime) -> list[OpenProblem]:
    conditions = list(_conditions(Snapshot(session, desk.settings, now)))
    # A late delivery that needs a person is one thing to do, not two.
    by_hand = {(condition.channel, condition.day) for condition in conditions if condition.kind in DELIVERY_KINDS}
    return [
        _open_problem(request, condition)
        for condition in conditions
        if condition.kind is not AlertKind.LATE or (condition.channel, condition.day) not in by_hand
    ]


def _conditions(view: Snapshot) -> Iterator[Condition]:
    for source in CONDITION_SOURCES:
        yield from source(view)


def _open_problem(request: Request, condition: Condition) -> OpenProblem:
    """Describes a condition with a link in place of a command."""
    return OpenProblem(condition.headline.message, condition.problem.message, *_page_of(request, condition))


def _page_of(request: Request, condition: Condition) -> tuple[str, Message]:
    """Returns the page where a condition is mended, and the text of the link."""
    match condition.kind:
        case AlertKind.HELD | AlertKind.FAILED | AlertKind.MISSED:
            return address(request, "delivery", delivery_id=condition.delivery_id), _("Look and decide")
        case AlertKind.COVER | AlertKind.EMPTY:
            return address(request, "queue"), _("Fill the queue")
        case AlertKind.LATE:
            return f"{address(request, 'deliveries')}?day={condition.day}", _("See its deliveries")
        case AlertKind.PAUSED | AlertKind.BUDGET | AlertKind.CAPTION | AlertKind.CHANGED:
            return address(request, "channels"), _("See the channel")
        case AlertKind.CLOCK:
            return address(request, "channels"), _("See the channels")
        case AlertKind.SILENT:
            return f"{address(request, 'deliveries')}?channel={condition.channel}", _("See its deliveries")
        case _:
            return address(request, "deliveries"), _("See the deliveries")
