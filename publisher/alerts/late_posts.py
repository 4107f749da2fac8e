"""Whether today is out: read from the rows alone, so that it is known also when nobody works."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from publisher.alerts.conditions import QUIET, Condition, Ending, Remedies, View, with_remedy
from publisher.core.states import BY_HAND
from publisher.db.models import Delivery, Pick
from publisher.db.operations import Notice, Process
from publisher.health import SCHEDULER, seen_processes
from publisher.health.failing import tell_failure
from publisher.job_failures import TickPart, failing_jobs
from publisher.schedule.slots import slot_closes, slot_instant
from publisher.settings import ChannelSettings, Settings

DAY = timedelta(days=1)
DONE = ("published", "canceled")


@dataclass(frozen=True, slots=True)
class Late:
    """A channel whose post of a day is not public although its deadline is over."""

    slot: date
    channel: str
    deadline: datetime
    pick: Pick | None
    """None: nobody has picked a post for the day."""
    delivery: Delivery | None


def began(session: Session) -> datetime | None:
    """Since when the desk works: nothing is expected of it before. None: it never did."""
    first = session.scalar(select(Pick.picked_at).order_by(Pick.slot).limit(1))
    return first or session.scalar(select(func.min(Process.started_at)))


def late_channels(view: View) -> list[Late]:
    """Everything that is past its deadline, for a day after it."""
    begun = began(view.session)
    if begun is None:
        return []
    return [
        late
        for day in (view.today - DAY, view.today)
        # A day that was over before the desk began to work is nobody's fault.
        if slot_closes(day, view.settings) > begun
        for channel in view.settings.channels.values()
        if view.now - DAY < (deadline := _deadline(view.settings, channel, day, begun)) <= view.now
        if (late := _late(view.session, channel.name, day, deadline)) is not None
    ]


def _deadline(settings: Settings, channel: ChannelSettings, day: date, begun: datetime) -> datetime:
    hour = slot_instant(day, settings.channel_hour(channel), settings.outlet.zone)
    return max(hour, begun) + timedelta(minutes=settings.notify.deadline_minutes)


def _late(session: Session, channel: str, day: date, deadline: datetime) -> Late | None:
    pick = session.scalar(select(Pick).where(Pick.slot == day))
    if pick is None or pick.post_id is None:
        return Late(day, channel, deadline, pick, None)
    delivery = _delivery(session, pick.id, channel)
    # A channel without a delivery leaves this post out, or is newer than the pick.
    return Late(day, channel, deadline, pick, delivery) if delivery and delivery.state not in DONE else None


def _delivery(session: Session, pick: int, channel: str) -> Delivery | None:
    query = select(Delivery).where(Delivery.pick_id == pick, Delivery.channel_name == channel, Delivery.part == 0)
    return session.scalar(query)


def not_out(view: View) -> Iterator[Condition]:
    """One per channel. A day that is known to have no post is told as such, and not here once more."""
    for late in late_channels(view):
        if late.pick is None:
            told = _why_not_picked(view)
        elif late.delivery is None:
            continue
        else:
            told = _state_told(late.delivery, view.remedies)
        yield Condition(
            subject=f"late {late.slot.isoformat()} {late.channel}",
            kind="late",
            title=f"{late.channel}: the post of {late.slot:%A %Y-%m-%d} is not out",
            message=f"It should have been by {view.local(late.deadline)}. {told}",
        )


def _why_not_picked(view: View) -> str:
    failing = [each for each in failing_jobs(view.session) if each.job == TickPart.PICK]
    if failing:
        return with_remedy(tell_failure(failing[0], view.local), "publisher doctor")
    seen = seen_processes(view.session, view.now).get(SCHEDULER)
    if seen is not None and seen.lives(view.now):
        return with_remedy("Nobody has picked a post for the day, although a scheduler runs", "publisher doctor")
    return with_remedy("Nobody has picked a post for the day: no scheduler runs", "publisher run")


def _state_told(delivery: Delivery, remedies: Remedies) -> str:
    problem = f"It is {delivery.state}{f': {delivery.problem}' if delivery.problem else ''}"
    by_hand = delivery.state in BY_HAND
    return with_remedy(problem, remedies.delivery(delivery) if by_hand else remedies.history(delivery))


def end_of_lateness(view: View, notice: Notice) -> Ending | None:
    _, day, channel = notice.subject.split()
    pick = view.session.scalar(select(Pick).where(Pick.slot == date.fromisoformat(day)))
    delivery = _delivery(view.session, pick.id, channel) if pick is not None else None
    return (view.end_of(delivery) if delivery is not None else None) or QUIET
