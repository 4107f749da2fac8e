"""Mends the times of deliveries when the system's clock was set while the desk ran."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import literal, select, update
from sqlalchemy.orm import Session, load_only

from publisher.core.states import LOOKED_UP, State
from publisher.db.models import Delivery, Event
from publisher.db.operations import Alert, Channel
from publisher.db.session import Database
from publisher.lifecycle import record_event

CLOCK_SET = "clock set"
"""The event's name; its detail has `seconds`, negative where the clock was put back."""

ONE_CHANGE = timedelta(seconds=30)


def restart_look_ups(database: Database, now: datetime, change: timedelta, first_look_up: timedelta) -> int:
    """Looks up every unknown outcome as if it were unknown since now. Returns how many there are.

    That a post is absent is decided after some time. A clock that is put forward would make that
    time seem over, and the post would be sent a second time. The fence is raised, so that a look-up
    that is under way decides nothing either. Done twice, it only takes a little longer. What waits
    is moved with a clock that was put back.
    """
    instant = literal(now, Delivery.unknown_since.type)
    waiting = Delivery.state.in_(LOOKED_UP)
    with database.writing() as session:
        result = session.execute(
            update(Delivery)
            .where(Delivery.remote_id.is_(None), waiting)
            .values(
                unknown_since=instant,
                due_at=now + first_look_up,
                lookups=0,
                clean_lookups=0,
                fence=Delivery.fence + 1,
            )
            .returning(Delivery.id)
            .execution_options(synchronize_session=False)
        )
        count = len(list(result))
        # A reminder that was due at a time that is far ahead now is sent now.
        session.execute(update(Alert).where(Alert.next_try_at > now).values(next_try_at=now))
        # How far the clock was off before no longer holds; the next answers show it anew.
        session.execute(update(Channel).values(clock_ahead_seconds=None, clock_seen_at=None))
        if not _is_recorded(session, now):
            if change < timedelta(0):
                _move_waits(session, now, change)
            record_event(session, CLOCK_SET, now=now, detail={"seconds": round(change.total_seconds())})
    return count


def _move_waits(session: Session, now: datetime, change: timedelta) -> None:
    """Shortens the waits of deliveries when the clock was put back: each would last longer by as much.

    A platform that is asked too early says so, and nothing is published then.
    """
    for channel in session.scalars(select(Channel).where(Channel.next_publish_at > now)):
        channel.next_publish_at = channel.next_publish_at and channel.next_publish_at + change
    put_off = (Delivery.state == State.PENDING, Delivery.due_at > now, Delivery.due_at > Delivery.scheduled_at)
    for delivery in session.scalars(
        select(Delivery).options(load_only(Delivery.due_at, Delivery.scheduled_at)).where(*put_off)
    ):
        delivery.due_at = max(delivery.due_at + change, delivery.scheduled_at)


def _is_recorded(session: Session, now: datetime) -> bool:
    """Returns whether another process recorded it: every process of a machine notices, one event is enough."""
    last = session.scalar(select(Event.at).where(Event.name == CLOCK_SET).order_by(Event.id.desc()).limit(1))
    return last is not None and abs(now - last) < ONE_CHANGE
