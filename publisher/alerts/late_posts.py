"""Finds posts that are not public at their deadline. It reads only the database, so it works without a worker."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from publisher.alerts.conditions import SILENT_ENDING, Condition, Ending, Remedies, Snapshot, with_remedy
from publisher.core.states import BY_HAND
from publisher.db.models import Delivery, Pick
from publisher.db.operations import Alert, Process
from publisher.health import SCHEDULER, last_heartbeats
from publisher.health.failing import describe_failure
from publisher.job_failures import TickPart, failing_jobs
from publisher.schedule.slots import slot_closes, slot_instant
from publisher.settings import ChannelSettings, Settings

DAY = timedelta(days=1)
ENDED_STATES = ("published", "canceled")


@dataclass(frozen=True, slots=True)
class LateChannel:
    """Holds a channel whose post of a day is not public although its deadline is over."""

    slot: date
    channel: str
    deadline: datetime
    pick: Pick | None
    """None: nobody has picked a post for the day."""
    delivery: Delivery | None


def first_work_at(session: Session) -> datetime | None:
    """Returns when the desk began to work: days before are not late. None: it has not begun."""
    first = session.scalar(select(Pick.picked_at).order_by(Pick.slot).limit(1))
    return first or session.scalar(select(func.min(Process.started_at)))


def late_channels(snapshot: Snapshot) -> list[LateChannel]:
    """Lists the channels whose post is past its deadline, for a day after it."""
    first_work = first_work_at(snapshot.session)
    if first_work is None:
        return []
    return [
        late
        for day in (snapshot.today - DAY, snapshot.today)
        # A day that was over before the desk began to work is not late.
        if slot_closes(day, snapshot.settings) > first_work
        for channel in snapshot.settings.channels.values()
        if snapshot.now - DAY < (deadline := _deadline(snapshot.settings, channel, day, first_work)) <= snapshot.now
        if (late := _late_channel(snapshot.session, channel.name, day, deadline)) is not None
    ]


def _deadline(settings: Settings, channel: ChannelSettings, day: date, first_work: datetime) -> datetime:
    hour = slot_instant(day, settings.channel_hour(channel), settings.outlet.zone)
    return max(hour, first_work) + timedelta(minutes=settings.notify.deadline_minutes)


def _late_channel(session: Session, channel: str, day: date, deadline: datetime) -> LateChannel | None:
    pick = session.scalar(select(Pick).where(Pick.slot == day))
    if pick is None or pick.post_id is None:
        return LateChannel(day, channel, deadline, pick, None)
    delivery = _delivery(session, pick.id, channel)
    # A channel without a delivery leaves this post out, or was added after the pick.
    return (
        LateChannel(day, channel, deadline, pick, delivery) if delivery and delivery.state not in ENDED_STATES else None
    )


def _delivery(session: Session, pick: int, channel: str) -> Delivery | None:
    query = select(Delivery).where(Delivery.pick_id == pick, Delivery.channel_name == channel, Delivery.part == 0)
    return session.scalar(query)


def late_post_alerts(snapshot: Snapshot) -> Iterator[Condition]:
    """Yields one condition per late channel. A day without a post has a condition of its own instead."""
    for late in late_channels(snapshot):
        if late.pick is None:
            message = _no_pick_message(snapshot)
        elif late.delivery is None:
            continue
        else:
            message = _state_message(late.delivery, snapshot.remedies)
        yield Condition(
            subject=f"late {late.slot.isoformat()} {late.channel}",
            kind="late",
            title=f"{late.channel}: the post of {late.slot:%A %Y-%m-%d} is not out",
            message=f"It should have been by {snapshot.local(late.deadline)}. {message}",
        )


def _no_pick_message(snapshot: Snapshot) -> str:
    failing = [failure for failure in failing_jobs(snapshot.session) if failure.job == TickPart.PICK]
    if failing:
        return with_remedy(describe_failure(failing[0], snapshot.local), "publisher doctor")
    heartbeat = last_heartbeats(snapshot.session, snapshot.now).get(SCHEDULER)
    if heartbeat is not None and heartbeat.lives(snapshot.now):
        return with_remedy("Nobody has picked a post for the day, although a scheduler runs", "publisher doctor")
    return with_remedy("Nobody has picked a post for the day: no scheduler runs", "publisher run")


def _state_message(delivery: Delivery, remedies: Remedies) -> str:
    problem = f"It is {delivery.state}{f': {delivery.problem}' if delivery.problem else ''}"
    by_hand = delivery.state in BY_HAND
    return with_remedy(problem, remedies.delivery(delivery) if by_hand else remedies.history(delivery))


def end_of_lateness(snapshot: Snapshot, alert: Alert) -> Ending | None:
    _, day, channel = alert.subject.split()
    pick = snapshot.session.scalar(select(Pick).where(Pick.slot == date.fromisoformat(day)))
    delivery = _delivery(snapshot.session, pick.id, channel) if pick is not None else None
    return (snapshot.delivery_ending(delivery) if delivery is not None else None) or SILENT_ENDING
