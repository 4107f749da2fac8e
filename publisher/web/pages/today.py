"""What is out, what is next, and whatever needs a person: one look tells whether all is well."""

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

from publisher.alerts.conditions import Condition, View
from publisher.alerts.store import SOURCES
from publisher.db.models import Delivery, Pick, Post
from publisher.db.operations import Channel
from publisher.delivery.outcomes import next_try
from publisher.desk import Desk
from publisher.health.heartbeat import seen_processes
from publisher.schedule.late_changes import late_changes
from publisher.schedule.listing import HORIZON_DAYS
from publisher.schedule.projection import ProjectedDay, project
from publisher.schedule.slots import slot_day, slot_instant
from publisher.settings import ChannelSettings
from publisher.web.event_cache import CachedValue
from publisher.web.rendering import address, cached_page, desk_of

router = APIRouter()

MIN_NOTED_LATENESS = timedelta(minutes=5)
"""A post that is out so soon after its hour needs no word about lateness."""


@dataclass(frozen=True, slots=True)
class ChannelToday:
    """One channel at a glance."""

    name: str
    label: str
    today: Delivery | None
    """Its delivery of today's slot."""
    next_try: datetime | None
    """When that is looked at next; None: it isn't waiting for the clock."""
    latest: Delivery | None
    """What followers saw last."""
    late: timedelta | None
    """How late that was, where it is worth a word."""
    paused: str
    next_at: datetime | None


@dataclass(frozen=True, slots=True)
class OpenProblem:
    title: str
    message: str
    href: str
    act: str
    """What the button says."""


@router.get("/")
def today(request: Request) -> HTMLResponse:
    desk = desk_of(request)
    now = desk.now()
    recent: CachedValue[dict[str, Any]] = request.app.state.today
    with desk.database.reading() as session:
        asleep = not any(seen.lives(now) for seen in seen_processes(session, now).values())

    def context() -> dict[str, Any]:
        with desk.database.reading() as session:
            shared = recent.get(session, now, lambda: _context(request, session, desk, now))
        return {"asleep": asleep, **shared}

    return cached_page(request, "today.html", asleep, context)


def _context(request: Request, session: Session, desk: Desk, now: datetime) -> dict[str, Any]:
    day = slot_day(now, desk.settings.outlet.zone)
    coming = list(takewhile(_is_filled, islice(project(session, desk.settings, now), HORIZON_DAYS)))
    return {
        "day": day,
        "pick": session.scalar(select(Pick).where(Pick.slot == day).options(joinedload(Pick.post))),
        "channels": [_channel(session, desk, each, day, coming) for each in desk.settings.channels.values()],
        "next": _next_post(session, coming),
        "cover": len(coming),
        "enough": desk.settings.notify.days_of_cover,
        "late_changes": late_changes(session),
        "troubles": _open_problems(request, session, desk, now),
    }


def _is_filled(each: ProjectedDay) -> bool:
    return each.post_id is not None


def _next_post(session: Session, coming: list[ProjectedDay]) -> tuple[date, Post] | None:
    if not coming:
        return None
    return coming[0].slot, session.get_one(Post, coming[0].post_id)


def _channel(
    session: Session, desk: Desk, channel: ChannelSettings, day: date, coming: list[ProjectedDay]
) -> ChannelToday:
    of_channel = select(Delivery).where(Delivery.channel_name == channel.name, Delivery.part == 0)
    todays = session.scalar(of_channel.join(Pick).where(Pick.slot == day))
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
        today=todays,
        next_try=next_try(todays, row) if todays and row else None,
        latest=latest,
        late=late if late > MIN_NOTED_LATENESS else None,
        paused=(row.pause_reason or "by hand") if row and row.paused_at else "",
        next_at=slot_instant(coming[0].slot, hour, desk.settings.outlet.zone) if coming else None,
    )


def _open_problems(request: Request, session: Session, desk: Desk, now: datetime) -> list[OpenProblem]:
    conditions = list(_conditions(View(session, desk.settings, now)))
    told = _covered_subjects(session, conditions)
    return [_open_problem(request, each) for each in conditions if each.subject not in told]


def _conditions(view: View) -> Iterator[Condition]:
    for source in SOURCES:
        yield from source(view)


def _covered_subjects(session: Session, conditions: list[Condition]) -> set[str]:
    """A post that is late because its delivery needs a person is one thing to do, not two."""
    deliveries = [int(each.subject.split()[1]) for each in conditions if each.subject.startswith("delivery ")]
    query = select(Pick.slot, Delivery.channel_name).join(Delivery.pick).where(Delivery.id.in_(deliveries))
    return {f"late {slot.isoformat()} {channel}" for slot, channel in session.execute(query)}


def _open_problem(request: Request, condition: Condition) -> OpenProblem:
    """The condition with a button in place of a command."""
    about, _, rest = condition.subject.partition(" ")
    if about == "delivery":
        href, act = address(request, "delivery", delivery_id=int(rest.split()[0])), "Look and decide"
    elif about in ("cover", "empty"):
        href, act = address(request, "queue"), "Fill the queue"
    elif about == "late":
        href, act = f"{address(request, 'deliveries')}?day={rest.split()[0]}", "See its deliveries"
    elif about in ("paused", "budget", "caption", "changed"):
        href, act = address(request, "channels"), "See the channel"
    elif about == "clock":
        href, act = address(request, "channels"), "See the channels"
    elif about == "silent":
        href, act = f"{address(request, 'deliveries')}?channel={rest.split()[0]}", "See its deliveries"
    else:
        href, act = address(request, "deliveries"), "See the deliveries"
    return OpenProblem(condition.title, condition.message.partition("\n→")[0], href, act)
