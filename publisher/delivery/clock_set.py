"""What is done about deliveries when the system's clock was set while the desk ran."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import case, literal, update

from publisher.db.models import Delivery
from publisher.db.session import Database
from publisher.lifecycle import record_event
from publisher.states import State

CLOCK_SET = "clock set"
"""The event's name; its detail has `seconds`, negative where the clock was put back."""


def begin_look_ups_anew(database: Database, now: datetime, change: timedelta, first_look_up: timedelta) -> int:
    """Have every unknown outcome looked up as if it were unknown since now. Returns how many there are.

    That a post is absent is decided after some time. A clock that is put forward would make that
    time seem over, and the post would be sent a second time. The fence is raised, so that a look-up
    that is under way decides nothing either. Done twice, it only takes a little longer.
    """
    instant = literal(now, Delivery.unknown_since.type)
    waiting = Delivery.state.in_((State.UNCONFIRMED, State.PROCESSING))
    with database.writing() as session:
        begun = session.execute(
            update(Delivery)
            .where(Delivery.remote_id.is_(None), waiting)
            .values(
                unknown_since=case((Delivery.state == State.UNCONFIRMED, instant), else_=Delivery.unknown_since),
                due_at=now + first_look_up,
                lookups=0,
                clean_lookups=0,
                fence=Delivery.fence + 1,
            )
            .returning(Delivery.id)
            .execution_options(synchronize_session=False)
        )
        count = len(list(begun))
        record_event(session, CLOCK_SET, now=now, detail={"seconds": round(change.total_seconds())})
    return count
