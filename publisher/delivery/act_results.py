"""Says what an act of a person led to, in one sentence for each face."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select

from publisher.core.content import AdaptedPost
from publisher.core.states import State
from publisher.db.models import Delivery
from publisher.db.operations import Channel
from publisher.db.session import Database
from publisher.delivery.act_refusals import Face
from publisher.delivery.adopt import Adoption
from publisher.delivery.operate import ResumeResult
from publisher.delivery.outcomes import next_try
from publisher.delivery.quotas import find_used_up_quota, publishing_needs

LocalTime = Callable[[datetime], str]
"""Writes an instant as the outlet's clocks show it."""

RESUME: Mapping[Face, str] = {
    Face.COMMAND: "publisher resume {channel} ends that",
    Face.PAGE: "resume it on the page Channels",
    Face.PROGRAM: "a person can end that",
}


@dataclass(frozen=True, slots=True)
class RetryWait:
    """Says what a delivery waits for after a person retried it."""

    delivery: int
    channel: str
    paused: bool
    until: datetime | None
    """The channel lets nothing out before. None: it goes out at once."""


def find_retry_wait(database: Database, delivery_id: int, now: datetime) -> RetryWait:
    """Returns what a pending delivery waits for."""
    with database.reading() as session:
        delivery = session.get_one(Delivery, delivery_id)
        channel = session.get_one(Channel, delivery.channel_name)
        needs = publishing_needs(AdaptedPost.model_validate(delivery.adapted))
        quota = find_used_up_quota(session, channel.name, needs, now)
        instants = (next_try(delivery, channel), quota.until if quota else None)
        waits = [at for at in instants if at is not None and at > now]
        return RetryWait(delivery_id, channel.name, channel.paused_at is not None, max(waits, default=None))


def describe_retry(waiting: RetryWait, face: Face, local: LocalTime) -> str:
    """Returns what a retry led to."""
    if waiting.paused:
        way_out = RESUME[face].format(channel=waiting.channel)
        return f"Delivery {waiting.delivery} waits, because the channel {waiting.channel} is paused; {way_out}."
    if waiting.until is not None:
        way_out = RESUME[face].format(channel=waiting.channel)
        return (
            f"Delivery {waiting.delivery} goes out at {local(waiting.until)}: until then {waiting.channel} waits; "
            f"{way_out}."
        )
    return f"Delivery {waiting.delivery} goes out as soon as a worker takes it."


def describe_resume(channel: str, end: ResumeResult, local: LocalTime) -> str:
    """Returns what a resume has ended."""
    wait = f"it would have waited until {local(end.waited_until)}" if end.waited_until else ""
    if end.was_paused:
        return f"The channel {channel} publishes again{f'; {wait}' if wait else ''}."
    if wait:
        return f"The channel {channel} was not paused; {wait}, and no longer does."
    return f"The channel {channel} was not paused and waits for nothing."


def held_deliveries(database: Database, channel: str) -> Sequence[int]:
    """Returns the deliveries of a channel that stay held after a resume: each waits for a person."""
    query = select(Delivery.id).where(Delivery.channel_name == channel, Delivery.state == State.HELD)
    with database.reading() as session:
        return session.scalars(query.order_by(Delivery.id)).all()


def describe_adoption(adoption: Adoption) -> str:
    """Returns what an adoption recorded, and how the post differs from what would have been sent."""
    sentence = f"Delivery {adoption.delivery} is recorded as published at {adoption.url}; it is not posted again."
    if not adoption.was_read:
        return f"{sentence} The post could not be read; it is compared with what was to be sent once it can be."
    if adoption.differences:
        return f"{sentence} It is not what was to be sent: {'; '.join(map(str, adoption.differences))}."
    return f"{sentence} It is what was to be sent."


def describe_cancel(delivery: int, *, may_be_public: bool, platform: str) -> str:
    """Returns what a cancel led to."""
    sentence = f"Delivery {delivery} is canceled: it does not go out."
    if may_be_public:
        return f"{sentence} It may be public nevertheless; look on {platform}, and remove it there if it is."
    return sentence
