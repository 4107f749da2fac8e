"""Finds what is due: channels with work, deliveries that are too late, and those whose worker is gone."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, cast

from sqlalchemy import ColumnElement, FromClause, ScalarSelect, Table, and_, bindparam, literal_column, or_, select
from sqlalchemy.orm import Session, load_only

from publisher.core.content import Preparation
from publisher.core.problems import Problem
from publisher.core.states import LOOKED_UP, VERIFIED_LATE, State
from publisher.db.base import UtcDateTime
from publisher.db.corrections import Correction
from publisher.db.models import IN_FLIGHT, Delivery
from publisher.db.operations import Channel
from publisher.db.session import Database
from publisher.delivery.problem_codes import DeliveryProblem, UnknownOutcomeProblem
from publisher.lifecycle import (
    DELIVERIES,
    Fenced,
    Move,
    close_lost_attempts,
    late_look_up_columns,
    may_become_public,
    move,
)

MAX_LOST_WORKERS = 6
"""So many in a row over one delivery that is being prepared: it is what they are lost over."""
MAX_LOSSES_WITHOUT_PAUSE = 2
LOSS_PAUSE = timedelta(seconds=30)
"""Doubled with each further loss."""
MISSED_BATCH_SIZE = 500
"""So many deliveries are given up in one go; the next tick goes on."""


CHANNELS = cast("Table", Channel.__table__)
CORRECTIONS = cast("Table", Correction.__table__)
NOW = bindparam("now", type_=UtcDateTime())


def in_states(table: FromClause, *states: State) -> ColumnElement[bool]:
    """Matches these states by constants: an index over some states is of no use for a bound value."""
    constants: list[ColumnElement[str]] = [literal_column(f"'{state}'") for state in states]
    return table.c.state.in_(constants) if len(states) > 1 else table.c.state == constants[0]


def _in_unpublished_states(*states: State) -> ColumnElement[bool]:
    """Matches these states so that the index over what has no remote id yet can be used."""
    return and_(DELIVERIES.c.remote_id.is_(None), in_states(DELIVERIES, *states))


AWAITS_PUBLISHING = and_(_in_unpublished_states(State.PENDING), DELIVERIES.c.expires_at > NOW)
AWAITS_LOOK_UP = _in_unpublished_states(*LOOKED_UP)
READ_BACK_STATES = (State.PUBLISHED, *VERIFIED_LATE)
AWAITS_READ_BACK = and_(in_states(DELIVERIES, *READ_BACK_STATES), DELIVERIES.c.verify_at.is_not(None))
DUE_POST = and_(AWAITS_PUBLISHING, DELIVERIES.c.due_at <= NOW)
DUE_LOOK_UP = and_(AWAITS_LOOK_UP, DELIVERIES.c.due_at <= NOW)
DUE_READ_BACK = and_(AWAITS_READ_BACK, DELIVERIES.c.verify_at <= NOW)
MAY_PUBLISH = and_(
    CHANNELS.c.paused_at.is_(None), or_(CHANNELS.c.next_publish_at.is_(None), CHANNELS.c.next_publish_at <= NOW)
)
MAY_READ = or_(CHANNELS.c.paused_at.is_(None), CHANNELS.c.paused_by != "")
"""Reading goes on where a person paused the channel: it harms nothing, and settles what is unknown. Where the desk did,
because the platform refused the account, nothing is asked until a person has mended that."""


@dataclass(frozen=True, slots=True, order=True)
class Appointment:
    """Says when a channel has work; an instant in the past: now."""

    at: datetime
    channel: str


def next_appointments(session: Session, now: datetime) -> list[Appointment]:
    """Returns the next post, correction, look-up and read-back of each channel, the earliest first.

    It asks an index a few times per channel, so that it does not matter how many deliveries
    there were or wait.
    """
    upcoming = []
    for channel, not_before, publish_at, correct_at, *readings in session.connection().execute(
        APPOINTMENTS, {"now": now}
    ):
        changes = [at for at in (publish_at, correct_at) if at is not None]
        upcoming += [Appointment(max(at, not_before or at), channel) for at in changes]
        upcoming += [Appointment(at, channel) for at in readings if at is not None]
    return sorted(upcoming)


def _first_due(when: ColumnElement[Any], condition: ColumnElement[bool]) -> ScalarSelect[Any]:
    query = select(when).where(DELIVERIES.c.channel_name == CHANNELS.c.name, condition).order_by(when).limit(1)
    return query.scalar_subquery()


def _first_correction() -> ScalarSelect[Any]:
    waits: ColumnElement[bool] = literal_column("correction.state IN ('waiting', 'unknown')")
    query = select(CORRECTIONS.c.due_at).where(
        CORRECTIONS.c.channel_name == CHANNELS.c.name, waits, CHANNELS.c.paused_at.is_(None)
    )
    return query.order_by(CORRECTIONS.c.due_at).limit(1).scalar_subquery()


APPOINTMENTS = select(
    CHANNELS.c.name,
    CHANNELS.c.next_publish_at,
    _first_due(DELIVERIES.c.due_at, and_(AWAITS_PUBLISHING, CHANNELS.c.paused_at.is_(None))),
    _first_correction(),
    *(_first_due(DELIVERIES.c.due_at, _in_unpublished_states(state)) for state in LOOKED_UP),
    *(
        _first_due(DELIVERIES.c.verify_at, and_(in_states(DELIVERIES, state), DELIVERIES.c.verify_at.is_not(None)))
        for state in READ_BACK_STATES
    ),
).where(MAY_READ)


def due_channels(session: Session, now: datetime) -> list[str]:
    """Returns the channels that have work now, the one that waits longest first."""
    return list(
        dict.fromkeys(appointment.channel for appointment in next_appointments(session, now) if appointment.at <= now)
    )


def miss_expired(database: Database, now: datetime) -> list[int]:
    """Moves unsent deliveries that are too late by the outlet's rule to `missed`, a batch at a time."""
    query = (
        select(Delivery)
        .options(
            load_only(
                Delivery.fence,
                Delivery.problem,
                Delivery.adapted,
                Delivery.preparation,
                Delivery.unknown_since,
                Delivery.lost_requests,
            )
        )
        .where(in_states(DELIVERIES, State.PENDING), Delivery.expires_at <= now)
        .order_by(Delivery.expires_at)
        .limit(MISSED_BATCH_SIZE)
    )
    with database.reading() as session:
        expired = list(session.scalars(query))
    return [delivery.id for delivery in expired if _mark_missed(database, delivery, now)]


def _mark_missed(database: Database, delivery: Delivery, now: datetime) -> bool:
    is_late = may_become_public(delivery.unknown_since, delivery.lost_requests)
    problem = _missed_problem(delivery, is_late=is_late)
    later = late_look_up_columns(now, at_once=True) if is_late else {}
    try:
        with database.writing() as session:
            move(
                session, delivery.id, Move(State.PENDING, State.MISSED, raise_fence=True), fence=delivery.fence,
                now=now, problem=problem, **later,
            )  # fmt: skip
    except Fenced:
        return False
    return True


def _missed_problem(delivery: Delivery, *, is_late: bool) -> Problem:
    if delivery.problem is None:
        code = DeliveryProblem.MISSED_OR_LATE if is_late else DeliveryProblem.MISSED
        problem = code(delivery=delivery.id)
    else:
        code = DeliveryProblem.MISSED_OR_LATE_AFTER_TROUBLE if is_late else DeliveryProblem.MISSED_AFTER_TROUBLE
        problem = code(delivery=delivery.id, trouble=delivery.problem)
    preparation = Preparation.model_validate(delivery.preparation)
    if not (preparation.is_draft and preparation.reference):
        return problem
    return DeliveryProblem.MISSED_WITH_DRAFT(
        missed=problem.with_remedy(None),
        draft=preparation.reference,
        platform=str(delivery.adapted.get("platform") or delivery.channel_name),
        delivery=delivery.id,
    )


def recover_lost(
    database: Database, now: datetime, first_look_up: timedelta, is_gone: Callable[[str], bool]
) -> list[int]:
    """Takes deliveries back from workers that lost their lease or are gone.

    One that was only being prepared is pending again: nothing was sent. When worker after worker is
    lost over it, it waits longer each time, and is held at last. One whose intent was on disk may be
    public: it is unconfirmed, and will be looked up.
    """
    with database.reading() as session:
        leased = list(session.scalars(select(Delivery).where(IN_FLIGHT)))
    deliveries = [
        delivery
        for delivery in leased
        if (delivery.lease_until and delivery.lease_until <= now) or is_gone(delivery.lease_owner or "")
    ]
    return [delivery.id for delivery in deliveries if _take_back(database, delivery, now, first_look_up)]


def _take_back(database: Database, delivery: Delivery, now: datetime, first_look_up: timedelta) -> bool:
    try:
        with database.writing() as session:
            if delivery.state == State.PREPARING:
                to, values = _after_loss(delivery, now)
                move(
                    session, delivery.id, Move(State.PREPARING, to, raise_fence=True), fence=delivery.fence, now=now,
                    **values,
                )  # fmt: skip
            else:
                move(
                    session, delivery.id, Move(State.PUBLISHING, State.UNCONFIRMED, raise_fence=True),
                    fence=delivery.fence, now=now, due_at=now + first_look_up, unknown_since=now, lookups=0,
                    clean_lookups=0, problem=UnknownOutcomeProblem.LOST_WHILE_SENDING(),
                )  # fmt: skip
            close_lost_attempts(session, delivery.id, delivery.fence, now)
    except Fenced:
        return False
    return True


def _after_loss(delivery: Delivery, now: datetime) -> tuple[State, dict[str, Any]]:
    """Decides where a delivery goes whose worker is gone before it sent anything."""
    lost_workers = delivery.lost_workers + 1
    if lost_workers >= MAX_LOST_WORKERS:
        return State.HELD, {
            "lost_workers": lost_workers,
            "problem": DeliveryProblem.LOST_REPEATEDLY(count=lost_workers, delivery=delivery.id),
        }
    pause = (
        LOSS_PAUSE * 2 ** (lost_workers - MAX_LOSSES_WITHOUT_PAUSE - 1)
        if lost_workers > MAX_LOSSES_WITHOUT_PAUSE
        else timedelta(0)
    )
    return State.PENDING, {"lost_workers": lost_workers, "due_at": now + pause}
