"""Taking a delivery into one's hands, so that no other worker has it at the same time."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, cast

from sqlalchemy import ColumnElement, CursorResult, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from publisher.clock import monotonic
from publisher.content import AdaptedPost, Preparation
from publisher.db.models import IN_FLIGHT, Delivery
from publisher.db.operations import Channel
from publisher.db.session import Database
from publisher.delivery import quotas
from publisher.delivery.due import may_publish, to_look_up, to_publish, to_verify
from publisher.lifecycle import Fenced, move
from publisher.platforms.base import KeySeed
from publisher.states import State

LOOK_UP_SECONDS = 60.0
"""A look-up that is not recorded within this time is begun again by somebody."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """A delivery in a worker's hands, as it was when it was taken."""

    id: int
    channel: str
    fence: int
    state: State
    adapted: AdaptedPost
    seed: KeySeed
    idempotency_key: str | None
    preparation: Preparation
    """What was prepared for the last publishing request; nothing before the first one."""
    tries: int
    lookups: int
    clean_lookups: int
    lost_requests: int
    unknown_since: datetime | None
    sent_at: datetime | None
    remote_id: str | None
    processing_id: str | None
    lease_ends: float
    """By the monotonic clock."""


def claim(database: Database, channel: str, *, owner: str, now: datetime, lease: timedelta) -> Held | None:
    """Take the channel's longest waiting delivery, if it has one that is due.

    Two guards: the conditional update, and a unique index that allows one delivery in flight
    per channel, whatever the code believes.
    """
    if not _is_any(database, channel, to_publish(now)):
        return None
    lease_ends = monotonic() + lease.total_seconds()
    try:
        with database.writing() as session:
            if _waits_or_is_busy(session, channel, now):
                return None
            delivery = _first(session, channel, to_publish(now))
            if delivery is None:
                return None
            fence = move(
                session, delivery.id, fence=delivery.fence, before=State.PENDING, to=State.PREPARING, now=now,
                actor=owner, new_hands=True, lease_owner=owner, lease_until=now + lease,
            )  # fmt: skip
            return _held(delivery, fence=fence, state=State.PREPARING, lease_ends=lease_ends)
    except (Fenced, IntegrityError):
        return None


def _is_any(database: Database, channel: str, wanted: ColumnElement[bool]) -> bool:
    """Whether it is worth a transaction that may write: on SQLite there is one at a time."""
    query = select(Delivery.id).where(Delivery.channel_name == channel, wanted).limit(1)
    with database.reading() as session:
        return session.scalar(query) is not None


def _waits_or_is_busy(session: Session, channel: str, now: datetime) -> bool:
    open_channel = session.scalar(
        select(Channel.name).where(Channel.name == channel, may_publish(now)).with_for_update(skip_locked=True)
    )
    if open_channel is None:
        return True
    busy = select(Delivery.id).where(Delivery.channel_name == channel, IN_FLIGHT).limit(1)
    return session.scalar(busy) is not None


def take_look_up(database: Database, channel: str, now: datetime) -> Held | None:
    """Take the look-up that is due next. Its time moves on at once, so that only one worker has it."""
    return _take_reading(database, channel, to_look_up(now), "due_at", now)


def take_verification(database: Database, channel: str, now: datetime) -> Held | None:
    """Take the published post that is to be read back next."""
    return _take_reading(database, channel, to_verify(now), "verify_at", now)


def _take_reading(
    database: Database, channel: str, wanted: ColumnElement[bool], looked_at: str, now: datetime
) -> Held | None:
    """`looked_at`: the column that tells when."""
    if not _is_any(database, channel, wanted):
        return None
    with database.writing() as session:
        if wait := quotas.used_up(session, channel, quotas.TO_READ, now):
            late = update(Delivery).where(Delivery.channel_name == channel, wanted).values({looked_at: wait.until})
            session.execute(late.execution_options(synchronize_session=False))
            return None
        paused = select(Channel.name).where(Channel.name == channel, Channel.paused_at.is_not(None))
        delivery = None if session.scalar(paused) else _first(session, channel, wanted)
        if delivery is None:
            return None
        state, fence = State(delivery.state), delivery.fence + 1
        done = session.execute(
            update(Delivery)
            .where(Delivery.id == delivery.id, Delivery.fence == delivery.fence, Delivery.state == state)
            .values({"fence": fence, looked_at: now + timedelta(seconds=LOOK_UP_SECONDS)})
            .execution_options(synchronize_session=False)
        )
        if cast("CursorResult[Any]", done).rowcount != 1:
            return None
        return _held(delivery, fence=fence, state=state, lease_ends=monotonic() + LOOK_UP_SECONDS)


def _first(session: Session, channel: str, wanted: ColumnElement[bool]) -> Delivery | None:
    query = (
        select(Delivery)
        .where(Delivery.channel_name == channel, wanted)
        .order_by(Delivery.due_at, Delivery.id)
        .limit(1)
        .with_for_update(skip_locked=True)
    )
    return session.scalars(query).one_or_none()


def renew(database: Database, held: Held, *, now: datetime, lease: timedelta) -> bool:
    """Lengthen the lease of a delivery that is still in our hands."""
    with database.writing() as session:
        done = session.execute(
            update(Delivery)
            .where(Delivery.id == held.id, Delivery.fence == held.fence, IN_FLIGHT, Delivery.lease_until < now + lease)
            .values(lease_until=now + lease)
            .execution_options(synchronize_session=False)
        )
        return cast("CursorResult[Any]", done).rowcount == 1


def _held(delivery: Delivery, *, fence: int, state: State, lease_ends: float) -> Held:
    adapted = AdaptedPost.model_validate(delivery.adapted)
    return Held(
        id=delivery.id,
        channel=delivery.channel_name,
        fence=fence,
        state=state,
        adapted=adapted,
        seed=KeySeed(token=delivery.token, title=adapted.title, created_at=delivery.scheduled_at),
        idempotency_key=delivery.idempotency_key,
        preparation=Preparation.model_validate(delivery.preparation),
        tries=delivery.tries,
        lookups=delivery.lookups,
        clean_lookups=delivery.clean_lookups,
        lost_requests=delivery.lost_requests,
        unknown_since=delivery.unknown_since,
        sent_at=delivery.sent_at,
        remote_id=delivery.remote_id,
        processing_id=delivery.processing_id,
        lease_ends=lease_ends,
    )
