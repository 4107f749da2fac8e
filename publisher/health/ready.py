"""Checks whether the desk can do its work now: one line for each thing that it needs."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy.orm import Session

from publisher.core.clock import monotonic
from publisher.core.messages import Message, _, as_sentence, reading_as
from publisher.core.problems import Problem
from publisher.delivery.due import Appointment, next_appointments
from publisher.delivery.platform_clocks import ClockDifference, clock_differences, compare_clocks
from publisher.desk import Desk
from publisher.health.failing import describe_failure, is_part_of_tick
from publisher.health.heartbeat import SCHEDULER, Heartbeat, last_heartbeats
from publisher.health.problem_codes import ReadinessProblem
from publisher.health.reading import DatabaseDown, read_database
from publisher.job_failures import JobFailure, failing_jobs
from publisher.settings import Settings, SettingsError
from publisher.settings.alert_reader import operator_reader

TIMEOUT_SECONDS = 2.0
OVERDUE_AFTER = timedelta(minutes=5)
"""Work that waits for longer, on a channel that may work, is overdue."""
MIN_FREE_BYTES = 100 << 20
"""With less, pictures can't be stored and transactions may be lost."""


@dataclass(frozen=True, slots=True)
class Check:
    """Holds the result for one thing that publishing needs."""

    name: str
    ok: bool
    results: tuple[Message | Problem, ...]
    """Sentences for people: what is wrong, or that all is well."""
    warning: bool = False
    """The desk works, but a person should look."""

    @property
    def message(self) -> str:
        """Renders the results for the present reader."""
        return " ".join(_as_sentence(result) for result in self.results)

    def to_json(self) -> dict[str, Any]:
        """Returns the check as programs get it, with the sentences for the present reader."""
        problems = [result.to_json() for result in self.results if isinstance(result, Problem)]
        return {
            "name": self.name,
            "ok": self.ok,
            "message": self.message,
            "warning": self.warning,
            "problems": problems,
        }


@dataclass(frozen=True, slots=True)
class _Rows:
    """Holds the rows that the checks need."""

    scheduler: Heartbeat | None
    waiting: list[Appointment]
    failing: list[JobFailure]
    clocks: list[ClockDifference]


def check_ready(desk: Desk, *, timeout: float = TIMEOUT_SECONDS) -> list[Check]:
    """Checks the database, the scheduler, its jobs, due work, clocks, captions and the disk.

    It never raises for what it checks, and takes little longer than `timeout` seconds.
    """
    return [*_check_database(desk, timeout), _check_captions(desk), _check_disk(desk)]


def _as_sentence(result: Message | Problem) -> str:
    # A remedy ends with a command, which a full stop would spoil.
    return str(result) if isinstance(result, Problem) and result.remedy else as_sentence(str(result))


def describe_readiness(settings: Settings, checks: Sequence[Check]) -> dict[str, Any]:
    """Returns the checks as `/readyz` answers them, with sentences for operators."""
    with reading_as(operator_reader(settings)):
        return {"ready": all(check.ok for check in checks), "checks": [check.to_json() for check in checks]}


def _check_database(desk: Desk, timeout: float) -> Iterator[Check]:
    now = desk.now()

    def query(session: Session) -> _Rows:
        return _Rows(
            last_heartbeats(session, now).get(SCHEDULER),
            next_appointments(session, now),
            failing_jobs(session),
            clock_differences(session, now),
        )

    started = monotonic()
    try:
        rows = read_database(desk, query, timeout)
    except DatabaseDown as error:
        yield Check("database", False, (error.problem,))
        for name in ("scheduler", "jobs", "deliveries"):
            yield Check(name, False, (ReadinessProblem.NOT_KNOWN(),))
        return
    milliseconds = round((monotonic() - started) * 1000)
    yield Check("database", True, (_("It answered within {milliseconds} ms.", milliseconds=milliseconds),))
    yield _check_scheduler(rows.scheduler, now)
    yield _check_jobs(rows.failing)
    yield _check_deliveries(rows.waiting, now)
    yield _check_clocks(rows.clocks)


def _check_jobs(failing: list[JobFailure]) -> Check:
    if not failing:
        return Check("jobs", True, (_("All of them work."),))
    urgent = any(is_part_of_tick(failure) for failure in failing)
    return Check("jobs", not urgent, tuple(map(describe_failure, failing)), warning=not urgent)


def _check_clocks(differences: list[ClockDifference]) -> Check:
    report = compare_clocks(differences)
    if report.is_warning:
        return Check("clock", True, (ReadinessProblem.CLOCKS_DIFFER(report=report.sentence),), warning=True)
    return Check("clock", True, (_("{report}", report=report.sentence),))


def _check_captions(desk: Desk) -> Check:
    try:
        broken = [target.broken for target in desk.targets.values() if target.broken]
        reasons = [*broken, *([desk.people.unreadable] if desk.people.unreadable else [])]
    except SettingsError as error:
        return Check("captions", False, (ReadinessProblem.NO_CAPTIONS(reason=error.text),))
    if not reasons:
        return Check("captions", True, (_("Every template can be used."),))
    problems = [ReadinessProblem.CAPTION_UNUSABLE(reason=reason) for reason in reasons]
    meaning = _("Posts that need it are held until you mend it.")
    return Check("captions", True, (*problems, meaning), warning=True)


def _check_scheduler(heartbeat: Heartbeat | None, now: datetime) -> Check:
    if heartbeat is None:
        return Check("scheduler", False, (ReadinessProblem.NO_SCHEDULER(),))
    seconds = round((now - heartbeat.at).total_seconds())
    if not heartbeat.lives(now):
        return Check("scheduler", False, (ReadinessProblem.SCHEDULER_STOPPED(seconds=seconds),))
    return Check("scheduler", True, (_("The last heartbeat was {seconds} s ago.", seconds=seconds),))


def _check_deliveries(waiting: list[Appointment], now: datetime) -> Check:
    overdue = [appointment for appointment in waiting if now - appointment.at > OVERDUE_AFTER]
    if not overdue:
        return Check("deliveries", True, (_("Nothing is overdue."),))
    minutes = round((now - overdue[0].at).total_seconds() / 60)
    channels = list(dict.fromkeys(appointment.channel for appointment in overdue))
    return Check("deliveries", False, (ReadinessProblem.WORK_OVERDUE(count=minutes, channels=channels),))


def _check_disk(desk: Desk) -> Check:
    folders = _written_folders(desk.settings)
    history = desk.history.record.path
    if history.exists() and not (history.is_file() and os.access(history, os.R_OK | os.W_OK)):
        return Check("disk", False, (ReadinessProblem.HISTORY_UNUSABLE(path=str(history)),))
    read_only = next((folder for folder in folders if not os.access(folder, os.W_OK)), None)
    if read_only is not None:
        return Check("disk", False, (ReadinessProblem.FOLDER_READ_ONLY(path=str(read_only)),))
    free, folder = min((shutil.disk_usage(folder).free, folder) for folder in folders)
    gigabytes, path = round(free / 1e9, 1), str(folder)
    if free < MIN_FREE_BYTES:
        return Check("disk", False, (ReadinessProblem.DISK_FULL(gigabytes=gigabytes, path=path),))
    return Check("disk", True, (_("{gigabytes:number} GB are free in {path}.", gigabytes=gigabytes, path=path),))


def _written_folders(settings: Settings) -> list[Path]:
    """Lists the local folders that are written to; for one that does not exist yet, its nearest parent."""
    folders = [settings.root]
    if settings.database_file is not None:
        folders.append(settings.database_file.parent)
    if "://" not in settings.storage.media:
        folders.append(settings.path(settings.storage.media))
    return [next(path for path in (folder, *folder.parents) if path.exists()) for folder in folders]
