"""Finds channels whose configuration was changed after today's deliveries were made."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum

from sqlalchemy import select
from sqlalchemy.orm import Session

from publisher.core.states import State
from publisher.db.models import Delivery, Event, Pick
from publisher.schedule.slots import slot_day, slot_instant
from publisher.settings import Settings

UNFINISHED_STATES = (State.PENDING, State.PREPARING, State.PUBLISHING, State.UNCONFIRMED, State.HELD, State.FAILED)


class ChannelChange(StrEnum):
    """Names what was changed about a channel."""

    HOUR = "hour"
    """Another hour was set after the pick: today's post keeps the hour that it had."""
    ADDED = "added"
    """The channel was added after the pick: it has no post today."""
    REMOVED = "removed"
    """The channel was removed after the pick, and its delivery waits."""


@dataclass(frozen=True, slots=True)
class ChangedChannel:
    """Holds a channel that was changed after today's pick, and when its posts are due."""

    channel: str
    change: ChannelChange
    day: date
    today: datetime | None
    """When today's post is due on the channel; None: it gets none."""
    from_tomorrow: datetime | None
    """When it would be due by the configuration; None: not at all."""


def changed_channels(session: Session, settings: Settings, now: datetime) -> Iterator[ChangedChannel]:
    """Yields the channels that were changed after today's pick."""
    day = slot_day(now, settings.outlet.zone)
    pick = session.scalar(select(Pick).where(Pick.slot == day, Pick.post_id.is_not(None)))
    if pick is None:
        return
    first_parts = select(Delivery).where(Delivery.pick_id == pick.id, Delivery.part == 0)
    deliveries = {row.channel_name: row for row in session.scalars(first_parts)}
    channels_at_pick = _channels_at_pick(session, pick)
    for name, channel in settings.channels.items():
        hour = slot_instant(day, settings.channel_hour(channel), settings.outlet.zone)
        delivery = deliveries.get(name)
        if delivery is None and channels_at_pick and name not in channels_at_pick:
            yield ChangedChannel(name, ChannelChange.ADDED, day, None, hour)
        elif delivery and delivery.scheduled_at != hour and delivery.state in UNFINISHED_STATES:
            yield ChangedChannel(name, ChannelChange.HOUR, day, delivery.scheduled_at, hour)
    for name, delivery in deliveries.items():
        if name not in settings.channels and delivery.state in UNFINISHED_STATES:
            yield ChangedChannel(name, ChannelChange.REMOVED, day, None, None)


def _channels_at_pick(session: Session, pick: Pick) -> set[str]:
    """Returns the channels that the configuration had at the pick; empty for a pick by an older program."""
    query = select(Event).where(Event.name == "post picked", Event.post_id == pick.post_id).order_by(Event.id.desc())
    for event in session.scalars(query.limit(10)):
        if event.detail.get("slot") == pick.slot.isoformat():
            return {*event.detail.get("channels", ())}
    return set()
