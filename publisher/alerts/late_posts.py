"""Finds posts that are not public at their deadline. It reads only the database, so it works without a worker."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from publisher.alerts.conditions import SILENT_ENDING, Condition, Ending, Snapshot, ending_of_delivery
from publisher.alerts.delivery_alerts import problem_by_hand
from publisher.alerts.problem_codes import AlertHeadline, AlertProblem
from publisher.core.messages import _
from publisher.core.problems import Problem
from publisher.core.remedies import Remedy
from publisher.core.states import BY_HAND, State
from publisher.db.models import Delivery, Pick
from publisher.db.operations import Alert, AlertKind, Process
from publisher.health import SCHEDULER, last_heartbeats
from publisher.health.failing import describe_failure
from publisher.job_failures import TickPart, failing_jobs
from publisher.schedule.first_day import has_picked
from publisher.schedule.slots import slot_closes, slot_instant, slot_opens
from publisher.settings import ChannelSettings, Settings

DAY = timedelta(days=1)
STATE_SENTENCES = {
    State.PENDING: _("It is pending."),
    State.PREPARING: _("It is being prepared."),
    State.PUBLISHING: _("It is being published."),
    State.UNCONFIRMED: _("Nobody knows yet whether it is public."),
    State.HELD: _("It is held."),
    State.FAILED: _("It failed."),
    State.MISSED: _("It was missed."),
}
"""Of the deliveries that may be late."""
ENDED_STATES = (State.PUBLISHED, State.CANCELED)


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
            problem = _problem_without_pick(snapshot, late)
        elif late.delivery is None:
            continue
        else:
            problem = _problem_of_state(late.delivery, late.deadline)
        yield Condition(
            AlertKind.LATE,
            AlertHeadline.POST_LATE(channel=late.channel, day=late.slot),
            problem,
            channel=late.channel,
            day=late.slot,
        )


def _problem_without_pick(snapshot: Snapshot, late: LateChannel) -> Problem:
    deadline = late.deadline
    failing = [failure for failure in failing_jobs(snapshot.session) if failure.job == TickPart.PICK]
    if failing:
        return AlertProblem.PICK_FAILS(deadline=deadline, reason=describe_failure(failing[0]).message)
    heartbeat = last_heartbeats(snapshot.session, snapshot.now).get(SCHEDULER)
    if heartbeat is not None and heartbeat.lives(snapshot.now):
        opened_at = slot_opens(late.slot, snapshot.settings)
        if heartbeat.started_at > opened_at and not has_picked(snapshot.session):
            return AlertProblem.FIRST_DAY_WAITS(deadline=deadline)
        return AlertProblem.NOT_PICKED(deadline=deadline)
    return AlertProblem.NO_SCHEDULER(deadline=deadline)


def _problem_of_state(delivery: Delivery, deadline: datetime) -> Problem:
    state = STATE_SENTENCES[State(delivery.state)]
    if delivery.state not in BY_HAND and not delivery.problem:
        return AlertProblem.NOT_OUT(deadline=deadline, state=state, delivery=delivery.id)
    by_hand = problem_by_hand(delivery)
    remedy = by_hand.remedy if delivery.state in BY_HAND else Remedy.SHOW_DELIVERY
    parameters = {**by_hand.parameters, "deadline": deadline, "state": state, "reason": by_hand.message}
    return Problem(AlertProblem.NOT_OUT_FOR_A_REASON, parameters, remedy)


def end_of_lateness(snapshot: Snapshot, alert: Alert) -> Ending | None:
    pick = snapshot.session.scalar(select(Pick).where(Pick.slot == alert.day))
    delivery = _delivery(snapshot.session, pick.id, alert.channel) if pick is not None else None
    return (ending_of_delivery(delivery) if delivery is not None else None) or SILENT_ENDING
