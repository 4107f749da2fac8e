"""Keeps a channel's posts apart when its hour or the outlet's time zone was changed between two of them.

A day that begins earlier by the new time zone may have its hour just after the former day's post went out: followers
would get two posts at once. By an unchanged configuration each day's post has its hour, and nothing is moved.
"""

from __future__ import annotations

from datetime import date, datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from publisher.core.states import State
from publisher.db.models import Delivery, Pick
from publisher.schedule.slots import slot_instant
from publisher.settings import Settings

MIN_PAUSE = timedelta(hours=12)
"""So long after its last post a channel gets the next one, where the configuration was changed between them."""
RECENT_PICKS = 2
NEVER_SHOWN = (State.CANCELED, State.MISSED)
"""States in which a post that was never sent stays unsent."""


def earliest_after_change(session: Session, settings: Settings, channel: str, day: date) -> datetime | None:
    """Returns the instant before which a channel gets no post on `day`, since its hour was changed; None: it was not.

    `day` may be before the last day that was picked: a time zone further west takes a day back.
    """
    recent = (
        select(Pick.id)
        .where(Pick.slot != day, Pick.post_id.is_not(None))
        .order_by(Pick.slot.desc())
        .limit(RECENT_PICKS)
    )
    picks = list(session.scalars(recent))
    query = (
        select(Delivery, Pick.slot)
        .join(Pick, Delivery.pick_id == Pick.id)
        .where(Delivery.pick_id.in_(picks), Delivery.channel_name == channel, Delivery.part == 0)
    )
    hour, zone = settings.channel_hour(settings.channels[channel]), settings.outlet.zone
    ends = [
        _last_instant(delivery)
        for delivery, slot in session.execute(query)
        if delivery.scheduled_at != slot_instant(slot, hour, zone) and not _stays_unsent(delivery)
    ]
    return max(ends) + MIN_PAUSE if ends else None


def _stays_unsent(delivery: Delivery) -> bool:
    return delivery.sent_at is None and delivery.published_at is None and delivery.state in NEVER_SHOWN


def _last_instant(delivery: Delivery) -> datetime:
    """Returns until when the post went out, or may go out yet."""
    known = [at for at in (delivery.sent_at, delivery.published_at) if at is not None]
    return max(delivery.scheduled_at, *known) if known else delivery.expires_at
