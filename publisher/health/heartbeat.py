"""Records a heartbeat of each process every few seconds, and tells which processes run on any machine."""

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
from publisher.delivery.lease_owner import is_surely_gone

SCHEDULER, WORKER, WEB, SITE = "scheduler", "worker", "web", "site"
BEAT_SECONDS = 10
HEARTBEAT_TIMEOUT = timedelta(minutes=2)
"""A process without a heartbeat for longer counts as dead."""
MAX_SILENCE = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Heartbeat:
    """Holds the last heartbeat of a role, and the process that sent it."""

    owner: str
    at: datetime
    started_at: datetime
    """When this process sent its first one."""

    def lives(self, now: datetime) -> bool:
        """Decides whether the heartbeat is recent. One in the future was written by a clock that was wrong."""
        return abs(now - self.at) <= HEARTBEAT_TIMEOUT


def record_heartbeat(database: Database, owner: str, role: str, now: datetime) -> None:
    """Records a heartbeat of this process, and deletes processes that ended.

    `role`: its roles with spaces between, such as `scheduler worker`. Another process is deleted
    when it surely ended, or after a day without a heartbeat.
    """
    with database.writing() as session:
        updated = session.execute(update(Process).where(Process.owner == owner).values(role=role, seen_at=now))
        if cast("CursorResult[Any]", updated).rowcount == 0:
            session.add(Process(owner=owner, role=role, started_at=now, seen_at=now))
        others = session.execute(select(Process.owner, Process.seen_at).where(Process.owner != owner))
        ended = [name for name, at in others if abs(now - at) > MAX_SILENCE or is_surely_gone(name)]
        if ended:
            session.execute(delete(Process).where(Process.owner.in_(ended)))


def delete_heartbeat(database: Database, owner: str) -> None:
    """Deletes the heartbeat of this process, which ends. If that fails, the heartbeat becomes too old by itself."""
    try:
        with database.writing() as session:
            session.execute(delete(Process).where(Process.owner == owner))
    except DBAPIError as error:
        get_logger("health").warning("the end of this process was not recorded", why=str(error.orig))


def last_heartbeats(session: Session, now: datetime) -> dict[str, Heartbeat]:
    """Returns the last heartbeat of each role; a role without one is missing."""
    heartbeats: dict[str, Heartbeat] = {}
    processes = session.scalars(select(Process).order_by(Process.seen_at))
    for process in sorted(processes, key=lambda row: abs(now - row.seen_at), reverse=True):
        heartbeats.update(
            dict.fromkeys(process.role.split(), Heartbeat(process.owner, process.seen_at, process.started_at))
        )
    return heartbeats
