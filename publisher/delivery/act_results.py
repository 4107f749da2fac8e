"""Says what an act of a person led to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select

from publisher.core.content import AdaptedPost
from publisher.core.messages import Message, _
from publisher.core.problems import Problem
from publisher.core.states import State
from publisher.db.models import Delivery
from publisher.db.operations import Channel
from publisher.db.session import Database
from publisher.delivery.adopt import Adoption
from publisher.delivery.operate import ResumeResult
from publisher.delivery.problem_codes import RetriedProblem
from publisher.delivery.quotas import find_used_up_quota, publishing_needs
from publisher.delivery.row import next_try


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


def describe_retry(waiting: RetryWait) -> Message | Problem:
    """Returns what a retry led to."""
    if waiting.paused:
        return RetriedProblem.RETRIED_ON_PAUSED_CHANNEL(delivery=waiting.delivery, channel=waiting.channel)
    if waiting.until is not None:
        return RetriedProblem.RETRIED_ON_WAITING_CHANNEL(
            delivery=waiting.delivery, channel=waiting.channel, until=waiting.until
        )
    return _("Delivery {delivery} goes out as soon as a worker takes it.", delivery=waiting.delivery)


def describe_resume(channel: str, end: ResumeResult) -> Message:
    """Returns what a resume has ended."""
    match end:
        case ResumeResult(was_paused=True, waited_until=None):
            return _("The channel {channel} publishes again.", channel=channel)
        case ResumeResult(was_paused=True):
            return _(
                "The channel {channel} publishes again; it would have waited until {until:moment}.",
                channel=channel,
                until=end.waited_until,
            )
        case ResumeResult(waited_until=None):
            return _("The channel {channel} was not paused and waits for nothing.", channel=channel)
        case _:
            return _(
                "The channel {channel} was not paused; it would have waited until {until:moment}, and no longer does.",
                channel=channel,
                until=end.waited_until,
            )


def held_deliveries(database: Database, channel: str) -> Sequence[int]:
    """Returns the deliveries of a channel that stay held after a resume: each waits for a person."""
    query = select(Delivery.id).where(Delivery.channel_name == channel, Delivery.state == State.HELD)
    with database.reading() as session:
        return session.scalars(query.order_by(Delivery.id)).all()


def describe_adoption(adoption: Adoption) -> Message:
    """Returns what an adoption recorded, and how the post differs from what would have been sent."""
    if not adoption.was_read:
        return _(
            "Delivery {delivery} is recorded as published at {url}; it is not posted again. "
            "The post could not be read; it is compared with what was to be sent once it can be.",
            delivery=adoption.delivery,
            url=adoption.url,
        )
    if adoption.differences:
        return _(
            "Delivery {delivery} is recorded as published at {url}; it is not posted again. "
            "It is not what was to be sent: {differences:clauses}.",
            delivery=adoption.delivery,
            url=adoption.url,
            differences=adoption.differences,
        )
    return _(
        "Delivery {delivery} is recorded as published at {url}; it is not posted again. It is what was to be sent.",
        delivery=adoption.delivery,
        url=adoption.url,
    )


def describe_cancel(delivery: int, *, may_be_public: bool, platform: str) -> Message:
    """Returns what a cancel led to."""
    if may_be_public:
        return _(
            "Delivery {delivery} is canceled: it does not go out. "
            "It may be public nevertheless; look on {platform}, and remove it there if it is.",
            delivery=delivery,
            platform=platform,
        )
    return _("Delivery {delivery} is canceled: it does not go out.", delivery=delivery)
