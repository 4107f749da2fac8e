"""Pauses channels, and postpones what waits on them."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Connection, bindparam, or_, update
from sqlalchemy.orm import Session

from publisher.core.problems import Problem
from publisher.core.states import State
from publisher.db.base import UtcDateTime
from publisher.db.operations import Channel
from publisher.delivery.due import CHANNELS, in_states
from publisher.lifecycle import (
    DELIVERIES,
    connection_of,
    record_event,
)

UNTIL = bindparam("until", type_=UtcDateTime())
SET_WAIT = (
    update(CHANNELS)
    .where(
        CHANNELS.c.name == bindparam("of_name"),
        or_(CHANNELS.c.next_publish_at.is_(None), CHANNELS.c.next_publish_at < UNTIL),
    )
    .values(next_publish_at=UNTIL)
)
POSTPONE_PENDING = (
    update(DELIVERIES)
    .where(
        DELIVERIES.c.channel_name == bindparam("of_channel"),
        in_states(DELIVERIES, State.PENDING),
        DELIVERIES.c.due_at < UNTIL,
    )
    .values(due_at=UNTIL)
)


def pause_channel(session: Session, channel: str, problem: Problem, now: datetime) -> None:
    """Pauses a channel until a person has mended it. Records one event per pause."""
    row = session.get_one(Channel, channel)
    if row.paused_at is None:
        row.paused_at = now
        row.pause_problem = problem
        detail = {"channel": channel, "problem": problem.to_json()}
        record_event(session, "channel paused", now=now, detail=detail)


def wait_channel(rows: Session | Connection, channel: str, until: datetime) -> None:
    """Lets a channel publish nothing before `until`; a later time that is set already stays."""
    connection_of(rows).execute(SET_WAIT, {"of_name": channel, "until": until})


def postpone_pending(session: Session, channel: str, until: datetime) -> None:
    """Lets no pending delivery of a channel go out before `until`."""
    session.connection().execute(POSTPONE_PENDING, {"of_channel": channel, "until": until})
