"""What is due: which channels have work, what is too late, whose worker is gone."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, and_, func, or_, select
from sqlalchemy.orm import Session

from publisher.db.models import IN_FLIGHT, Channel, Delivery
from publisher.db.session import Database
from publisher.lifecycle import Fenced, lose_attempt, move
from publisher.states import State

LOST = "The worker was gone before it recorded the platform's answer; looking whether the post is there."


def may_publish(now: datetime) -> ColumnElement[bool]:
    """A channel that is neither paused nor told to wait."""
    return and_(Channel.paused_at.is_(None), or_(Channel.next_publish_at.is_(None), Channel.next_publish_at <= now))


def to_publish(now: datetime) -> ColumnElement[bool]:
    return and_(Delivery.state == State.PENDING, Delivery.due_at <= now, Delivery.expires_at > now)


def to_look_up(now: datetime) -> ColumnElement[bool]:
    return and_(Delivery.state.in_((State.UNCONFIRMED, State.PROCESSING)), Delivery.due_at <= now)


def to_verify(now: datetime) -> ColumnElement[bool]:
    return and_(Delivery.state == State.PUBLISHED, Delivery.verify_at <= now)


def due_channels(session: Session, now: datetime) -> list[str]:
    """The channels that have work now, the one that waits longest first."""
    query = (
        select(Delivery.channel_name)
        .join(Channel)
        .where(
            Channel.paused_at.is_(None),
            or_(and_(to_publish(now), may_publish(now)), to_look_up(now), to_verify(now)),
        )
        .group_by(Delivery.channel_name)
        .order_by(func.min(Delivery.due_at), Delivery.channel_name)
    )
    return list(session.scalars(query))


def miss_expired(database: Database, now: datetime) -> list[int]:
    """Move what is too late by the outlet's rule, and was not sent, to `missed`."""
    query = select(Delivery).where(Delivery.state == State.PENDING, Delivery.expires_at <= now)
    with database.reading() as session:
        late = list(session.scalars(query))
    return [delivery.id for delivery in late if _miss(database, delivery, now)]


def _miss(database: Database, delivery: Delivery, now: datetime) -> bool:
    reason = f"; the last trouble was: {delivery.problem}" if delivery.problem else ""
    problem = f"It could not go out in time{reason}. Use retry to publish it late, or cancel."
    try:
        with database.writing() as session:
            move(
                session, delivery.id, fence=delivery.fence, before=State.PENDING, to=State.MISSED, now=now,
                new_hands=True, problem=problem,
            )  # fmt: skip
    except Fenced:
        return False
    return True


def recover_lost(
    database: Database, now: datetime, first_look_up: timedelta, is_gone: Callable[[str], bool]
) -> list[int]:
    """Take deliveries back from workers that lost their lease or are gone.

    One that was only being prepared is pending again: nothing was sent. One whose intent was
    on disk may be public: it is unconfirmed, and will be looked up.
    """
    with database.reading() as session:
        leased = list(session.scalars(select(Delivery).where(IN_FLIGHT)))
    lost = [
        delivery
        for delivery in leased
        if (delivery.lease_until and delivery.lease_until <= now) or is_gone(delivery.lease_owner or "")
    ]
    return [delivery.id for delivery in lost if _take_back(database, delivery, now, first_look_up)]


def _take_back(database: Database, delivery: Delivery, now: datetime, first_look_up: timedelta) -> bool:
    try:
        with database.writing() as session:
            if delivery.state == State.PREPARING:
                move(
                    session, delivery.id, fence=delivery.fence, before=State.PREPARING, to=State.PENDING, now=now,
                    new_hands=True, due_at=now,
                )  # fmt: skip
            else:
                move(
                    session, delivery.id, fence=delivery.fence, before=State.PUBLISHING, to=State.UNCONFIRMED,
                    now=now, new_hands=True, due_at=now + first_look_up, unknown_since=now, lookups=0,
                    clean_lookups=0, problem=LOST,
                )  # fmt: skip
            lose_attempt(session, delivery.id, delivery.fence, now)
    except Fenced:
        return False
    return True
