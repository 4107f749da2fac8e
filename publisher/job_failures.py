"""Records which regular jobs of which process fail, since when and why, for all faces to show.

A job that works again is recorded, too. A failure counts only while its process lives.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import select
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from publisher.core.clock import monotonic
from publisher.core.errors import SettingsUnreadable, UserError
from publisher.core.messages import Message
from publisher.core.outage_log import OUTAGE_ERRORS, LogOnce
from publisher.core.problems import Problem, value_from_json, value_to_json
from publisher.db.models import Event
from publisher.db.operations import Process
from publisher.db.session import Database

JOB_FAILS, JOB_WORKS = "job fails", "job works again"
"""The names of the events."""
Text = Message | Problem | str
"""What people may read of an error. Errors from outside the program have words of their own."""
MIN_FAILURE_SECONDS = 5.0
"""A shorter failure, such as a lock that was held a little long, is only logged."""


class TickPart(StrEnum):
    """Lists the parts of a scheduler's tick, with the names that their failures are recorded under."""

    CLOCK = "beginning look-ups anew after the clock was set"
    PICK = "picking the post of the day"
    RECOVER = "taking deliveries back from lost workers"
    MISS = "giving up what is too late"
    FIND = "looking for what is due"
    KICK = "giving work to the workers"


class FailureReason(StrEnum):
    MISTAKE = "mistake"
    """A mistake that a person can mend: `detail` names it."""
    OUTAGE = "outage"
    """Something outside the program failed; `detail` is its error."""
    UNEXPECTED = "unexpected"
    """A fault of the program; its trace is in the log."""


@dataclass(frozen=True, slots=True)
class JobFailure:
    """Holds one job that fails now."""

    job: str
    owner: str
    """The process in which it fails."""
    since: datetime
    reason: FailureReason
    detail: Text


def classify_error(error: Exception) -> tuple[FailureReason, Text]:
    """Classifies an error, and returns the text of it that people may read; empty for a fault of the program."""
    if isinstance(error, SettingsUnreadable):
        return FailureReason.OUTAGE, error.text
    if isinstance(error, UserError):
        return FailureReason.MISTAKE, error.text
    if isinstance(error, OUTAGE_ERRORS):
        text = str(getattr(error, "orig", None) or error).strip()
        return FailureReason.OUTAGE, text.splitlines()[0][:300] if text else ""
    if isinstance(error, OSError) and error.strerror:
        return FailureReason.OUTAGE, f"{error.strerror}{f': {error.filename}' if error.filename else ''}"
    return FailureReason.UNEXPECTED, ""


class FailureLog:
    """Records an event when a job of this process begins to fail and when it works again."""

    def __init__(self, database: Database, owner: str, now: Callable[[], datetime]) -> None:
        self._database = database
        self._owner = owner
        self._now = now
        self._lock = threading.Lock()
        self._first_failures: dict[str, tuple[float, datetime]] = {}
        self._recorded: dict[str, tuple[FailureReason, Text]] = {}

    def failed(self, job: str, error: Exception, *, tried_again_in: float) -> None:
        """Records that the job failed. `tried_again_in`: seconds until its next try. Never raises."""
        cause = classify_error(error)
        with self._lock:
            first_failed, since = self._first_failures.setdefault(job, (monotonic(), self._now()))
            if monotonic() - first_failed + tried_again_in < MIN_FAILURE_SECONDS or self._recorded.get(job) == cause:
                return
            detail = {"job": job, "since": since.isoformat(), "reason": cause[0], "detail": value_to_json(cause[1])}
            if self._write(JOB_FAILS, detail):
                self._recorded[job] = cause

    def worked(self, job: str) -> None:
        """Records that the job worked. Never raises."""
        with self._lock:
            self._first_failures.pop(job, None)
            if job in self._recorded and self._write(JOB_WORKS, {"job": job}):
                del self._recorded[job]

    def _write(self, name: str, detail: dict[str, Any]) -> bool:
        """Writes an event, and returns whether that worked; if not, the next run of the job tries again."""
        try:
            with self._database.writing() as session:
                session.add(Event(at=self._now(), name=name, detail={"owner": self._owner, **detail}))
        except SQLAlchemyError:
            return False
        return True


class WatchedJob:
    """Runs one job. A failure is logged once and recorded, and stops nothing else."""

    def __init__(self, name: str, seconds: float, failures: FailureLog | None) -> None:
        """`seconds`: between two tries. `failures`: None where there is no database."""
        self._name = name
        self._seconds = seconds
        self._failures = failures
        self._log = LogOnce("scheduler", name)

    def run(self, act: Callable[[], None]) -> bool:
        """Runs the job, and returns whether it worked."""
        try:
            act()
        except Exception as error:
            self._log.failed(error, trace=classify_error(error)[0] is FailureReason.UNEXPECTED)
            if self._failures is not None:
                self._failures.failed(self._name, error, tried_again_in=self._seconds)
            return False
        self._log.worked()
        if self._failures is not None:
            self._failures.worked(self._name)
        return True


def failing_jobs(session: Session) -> list[JobFailure]:
    """Lists the jobs that fail now in processes that have not ended, the longest failure first."""
    owners = set(session.scalars(select(Process.owner)))
    newest: dict[tuple[str, str], Event] = {}
    for event in session.scalars(select(Event).where(Event.name.in_((JOB_FAILS, JOB_WORKS))).order_by(Event.id)):
        newest[str(event.detail.get("owner")), str(event.detail.get("job"))] = event
    failures = [
        JobFailure(
            job,
            owner,
            datetime.fromisoformat(str(event.detail["since"])),
            FailureReason(event.detail["reason"]),
            value_from_json(event.detail["detail"]),
        )
        for (owner, job), event in newest.items()
        if event.name == JOB_FAILS and owner in owners
    ]
    return sorted(failures, key=lambda failure: failure.since)
