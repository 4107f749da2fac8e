"""Which processes of the desk live, on whatever machine: each says so every few seconds."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, cast

from sqlalchemy import CursorResult, delete, select, update
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from publisher.core.logs import get_logger
from publisher.db.operations import Process
from publisher.db.session import Database
from publisher.delivery.owner import is_surely_gone

SCHEDULER, WORKER, WEB = "scheduler", "worker", "web"
BEAT_SECONDS = 10
SEEN_WITHIN = timedelta(minutes=2)
"""A process that was not heard of for longer is taken for dead."""
FORGOTTEN_AFTER = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Seen:
    """The process of a role that was heard of last."""

    owner: str
    at: datetime

    def lives(self, now: datetime) -> bool:
        """Whether it was heard of lately. An instant that is yet to come was written by a clock that was wrong."""
        return abs(now - self.at) <= SEEN_WITHIN


def beat(database: Database, owner: str, role: str, now: datetime) -> None:
    """Say that this process lives, and forget those that don't.

    `role`: what it does, several things with spaces between: `scheduler worker`. Another
    process is forgotten when it surely ended, or after a day of silence.
    """
    with database.writing() as session:
        known = session.execute(update(Process).where(Process.owner == owner).values(role=role, seen_at=now))
        if cast("CursorResult[Any]", known).rowcount == 0:
            session.add(Process(owner=owner, role=role, started_at=now, seen_at=now))
        others = session.execute(select(Process.owner, Process.seen_at).where(Process.owner != owner))
        gone = [name for name, at in others if abs(now - at) > FORGOTTEN_AFTER or is_surely_gone(name)]
        if gone:
            session.execute(delete(Process).where(Process.owner.in_(gone)))


def leave(database: Database, owner: str) -> None:
    """Say that this process ends. Where that can't be said, others notice by its silence."""
    try:
        with database.writing() as session:
            session.execute(delete(Process).where(Process.owner == owner))
    except DBAPIError as error:
        get_logger("health").warning("left without a word", why=str(error.orig))


def seen_processes(session: Session, now: datetime) -> dict[str, Seen]:
    """By role, the process that was heard of last; a role that nobody had lately is missing."""
    found: dict[str, Seen] = {}
    processes = session.scalars(select(Process).order_by(Process.seen_at))
    for process in sorted(processes, key=lambda each: abs(now - each.seen_at), reverse=True):
        found.update(dict.fromkeys(process.role.split(), Seen(process.owner, process.seen_at)))
    return found
