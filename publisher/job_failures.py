"""Records which regular job of which process fails, since when and why, so that every face can tell.

A job that works again says so too. What a process said counts only while the process lives.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from sqlalchemy import select
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from publisher.core.clock import monotonic
from publisher.core.outage_log import OUTAGES, LogOnce
from publisher.db.models import Event
from publisher.db.operations import Process
from publisher.db.session import Database
from publisher.settings import SettingsError, SettingsUnreadable

FAILS, WORKS = "job fails", "job works again"
"""The names of the events."""
SETTLED_SECONDS = 5.0
"""A failure that is over sooner, such as a lock that was held a little long, is only logged."""


class TickPart(StrEnum):
    """The parts of a scheduler's tick, by the names under which their failures are kept."""

    CLOCK = "beginning look-ups anew after the clock was set"
    PICK = "picking the post of the day"
    RECOVER = "taking deliveries back from lost workers"
    MISS = "giving up what is too late"
    FIND = "looking for what is due"
    KICK = "giving work to the workers"


class FailureReason(StrEnum):
    MISTAKE = "mistake"
    """Something that a person can mend: `detail` is the sentence that names it."""
    OUTAGE = "outage"
    """Something outside the program did not answer; `detail` is what it said."""
    UNEXPECTED = "unexpected"
    """A fault of the program; the log has its trace."""


@dataclass(frozen=True, slots=True)
class JobFailure:
    """One job that fails now."""

    job: str
    owner: str
    """The process in which it fails."""
    since: datetime
    reason: FailureReason
    detail: str


def reason_of(error: Exception, plain: tuple[type[Exception], ...] = (SettingsError,)) -> tuple[FailureReason, str]:
    """The kind of an error, and what a person may read of it; empty for a fault of the program.

    `plain`: the errors whose message is a sentence for a person.
    """
    if isinstance(error, SettingsUnreadable):
        return FailureReason.OUTAGE, str(error)
    if isinstance(error, plain):
        return FailureReason.MISTAKE, str(error)
    if isinstance(error, OUTAGES):
        said = str(getattr(error, "orig", None) or error).strip()
        return FailureReason.OUTAGE, said.splitlines()[0][:300] if said else ""
    if isinstance(error, OSError) and error.strerror:
        return FailureReason.OUTAGE, f"{error.strerror}{f': {error.filename}' if error.filename else ''}"
    return FailureReason.UNEXPECTED, ""


class FailureLog:
    """Watches jobs of this process, and writes an event when one begins to fail and when it works again."""

    def __init__(
        self,
        database: Database,
        owner: str,
        now: Callable[[], datetime],
        plain: tuple[type[Exception], ...] = (SettingsError,),
    ) -> None:
        """`plain`: as for `reason_of`."""
        self.plain = plain
        self._database = database
        self._owner = owner
        self._now = now
        self._lock = threading.Lock()
        self._first_met: dict[str, tuple[float, datetime]] = {}
        self._recorded: dict[str, tuple[FailureReason, str]] = {}

    def failed(self, job: str, error: Exception, *, tried_again_in: float) -> None:
        """Note that the job failed. `tried_again_in`: seconds until its next try. Never raises."""
        cause = reason_of(error, self.plain)
        with self._lock:
            met, since = self._first_met.setdefault(job, (monotonic(), self._now()))
            if monotonic() - met + tried_again_in < SETTLED_SECONDS or self._recorded.get(job) == cause:
                return
            detail = {"job": job, "since": since.isoformat(), "reason": cause[0], "detail": cause[1]}
            if self._write(FAILS, detail):
                self._recorded[job] = cause

    def worked(self, job: str) -> None:
        """Note that the job worked. Never raises."""
        with self._lock:
            self._first_met.pop(job, None)
            if job in self._recorded and self._write(WORKS, {"job": job}):
                del self._recorded[job]

    def _write(self, name: str, detail: dict[str, str]) -> bool:
        """Whether it is on disk. What is not is tried again when the job is met next."""
        try:
            with self._database.writing() as session:
                session.add(Event(at=self._now(), name=name, detail={"owner": self._owner, **detail}))
        except SQLAlchemyError:
            return False
        return True


class WatchedJob:
    """Runs one job so that its failure stops nothing else: it is logged once and recorded."""

    def __init__(self, name: str, seconds: float, failures: FailureLog | None) -> None:
        """`seconds`: between two tries. `failures`: None where there is no database to tell."""
        self._name = name
        self._seconds = seconds
        self._failures = failures
        self._trouble = LogOnce("scheduler", name)

    def run(self, act: Callable[[], None]) -> bool:
        """Whether it worked."""
        try:
            act()
        except Exception as error:
            plain = self._failures.plain if self._failures is not None else (SettingsError,)
            self._trouble.failed(error, trace=reason_of(error, plain)[0] is FailureReason.UNEXPECTED)
            if self._failures is not None:
                self._failures.failed(self._name, error, tried_again_in=self._seconds)
            return False
        self._trouble.worked()
        if self._failures is not None:
            self._failures.worked(self._name)
        return True


def failing_jobs(session: Session) -> list[JobFailure]:
    """What fails now in a process that has not ended, the longest one first."""
    owners = set(session.scalars(select(Process.owner)))
    newest: dict[tuple[str, str], Event] = {}
    for event in session.scalars(select(Event).where(Event.name.in_((FAILS, WORKS))).order_by(Event.id)):
        newest[str(event.detail.get("owner")), str(event.detail.get("job"))] = event
    found = [
        JobFailure(
            job,
            owner,
            datetime.fromisoformat(str(event.detail["since"])),
            FailureReason(event.detail["reason"]),
            str(event.detail["detail"]),
        )
        for (owner, job), event in newest.items()
        if event.name == FAILS and owner in owners
    ]
    return sorted(found, key=lambda failure: failure.since)
