"""Holds deliveries whose channel was removed from the configuration, or renamed."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

from sqlalchemy import select, update

from publisher.core.states import WAITING, State
from publisher.db.models import Delivery
from publisher.db.session import Database
from publisher.delivery.corrections import fail_corrections
from publisher.delivery.problem_codes import DeliveryProblem, UnknownOutcomeProblem
from publisher.lifecycle import Fenced, Move, late_look_up_columns, move


def hold_removed(database: Database, configured: Collection[str], now: datetime) -> list[Delivery]:
    """Holds what waits for a channel that nobody can publish on, and returns it.

    What is public there is neither corrected nor read back any more. What a worker has in hand is left to it.
    """
    removed = Delivery.channel_name.not_in(configured)
    fail_corrections(database, configured, now)
    waits = select(Delivery).where(removed, Delivery.remote_id.is_(None), Delivery.state.in_(WAITING))
    to_read = select(Delivery.id).where(removed, Delivery.state == State.PUBLISHED, Delivery.verify_at.is_not(None))
    with database.reading() as session:
        waiting = list(session.scalars(waits))
        if not waiting and session.scalar(to_read.limit(1)) is None:
            return []
    with database.writing() as session:
        session.execute(
            update(Delivery)
            .where(removed, Delivery.state == State.PUBLISHED, Delivery.verify_at.is_not(None))
            .values(verify_at=None)
        )
    return [delivery for delivery in waiting if _hold(database, delivery, now)]


def _hold(database: Database, delivery: Delivery, now: datetime) -> bool:
    unsent = delivery.state == State.PENDING and delivery.unknown_since is None
    problem = (
        DeliveryProblem.CHANNEL_REMOVED(channel=delivery.channel_name, delivery=delivery.id)
        if unsent
        else UnknownOutcomeProblem.CANNOT_BE_LOOKED_UP(channel=delivery.channel_name)
    )
    unknown_since = delivery.unknown_since if unsent else delivery.unknown_since or now
    # For whoever writes the channel there again.
    later = {} if unsent and not delivery.lost_requests else late_look_up_columns(now)
    try:
        with database.writing() as session:
            move(
                session, delivery.id, Move(State(delivery.state), State.HELD, raise_fence=True), fence=delivery.fence,
                now=now, problem=problem, unknown_since=unknown_since, **later,
            )  # fmt: skip
    except Fenced:
        return False
    return True
