"""Checks whether the desk can do its work now: one line for each thing that it needs."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from sqlalchemy.orm import Session

from publisher.core.clock import monotonic
from publisher.delivery.due import Appointment, next_appointments
from publisher.delivery.platform_clocks import ClockDifference, clock_differences, compare_clocks
from publisher.desk import Desk
from publisher.health.failing import describe_failure, is_part_of_tick
from publisher.health.heartbeat import SCHEDULER, Heartbeat, last_heartbeats
from publisher.health.reading import DatabaseDown, read_database
from publisher.job_failures import JobFailure, failing_jobs
from publisher.settings import Settings, SettingsError

TIMEOUT_SECONDS = 2.0
OVERDUE_AFTER = timedelta(minutes=5)
"""Work that waits for longer, on a channel that may work, is overdue."""
MIN_FREE_BYTES = 100 << 20
"""With less, pictures can't be stored and transactions may be lost."""


@dataclass(frozen=True, slots=True)
class Check:
    """Holds the result for one thing that publishing needs. `told` is a sentence for people."""

    name: str
    ok: bool
    told: str
    warning: bool = False
    """The desk works, but a person should look."""


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
        yield Check("database", False, str(error))
        yield Check("scheduler", False, "Not known, because the database does not answer.")
        yield Check("jobs", False, "Not known, because the database does not answer.")
        yield Check("deliveries", False, "Not known, because the database does not answer.")
        return
    yield Check("database", True, f"It answered within {(monotonic() - started) * 1000:.0f} ms.")
    yield _check_scheduler(rows.scheduler, now)
    yield _check_jobs(desk, rows.failing)
    yield _check_deliveries(rows.waiting, now)
    yield _check_clocks(rows.clocks)


def _check_jobs(desk: Desk, failing: list[JobFailure]) -> Check:
    if not failing:
        return Check("jobs", True, "All of them work.")
    text = " ".join(describe_failure(failure, desk.local) for failure in failing)
    urgent = any(is_part_of_tick(failure) for failure in failing)
    return Check("jobs", not urgent, text, warning=not urgent)


def _check_clocks(differences: list[ClockDifference]) -> Check:
    judgment = compare_clocks(differences)
    return Check("clock", True, str(judgment.sentence), warning=judgment.is_warning)


def _check_captions(desk: Desk) -> Check:
    try:
        broken = [target.broken for target in desk.targets.values() if target.broken]
        reasons = [*broken, *([desk.people.unreadable] if desk.people.unreadable else [])]
    except SettingsError as error:
        return Check("captions", False, f"No captions can be made: {str(error).rstrip('.')}.")
    if not reasons:
        return Check("captions", True, "Every template can be used.")
    text = " ".join(f"{reason.rstrip('.?')}." for reason in reasons)
    return Check("captions", True, f"{text} Posts that need it are held until you mend it.", warning=True)


def _check_scheduler(heartbeat: Heartbeat | None, now: datetime) -> Check:
    if heartbeat is None:
        return Check("scheduler", False, "No scheduler has run lately; start one with publisher run.")
    text = f"The last heartbeat was {(now - heartbeat.at).total_seconds():.0f} s ago"
    alive = heartbeat.lives(now)
    return Check("scheduler", alive, f"{text}." if alive else f"{text}; start publisher run.")


def _check_deliveries(waiting: list[Appointment], now: datetime) -> Check:
    overdue = [appointment for appointment in waiting if now - appointment.at > OVERDUE_AFTER]
    if not overdue:
        return Check("deliveries", True, "Nothing is overdue.")
    minutes = (now - overdue[0].at).total_seconds() / 60
    channels = ", ".join(dict.fromkeys(appointment.channel for appointment in overdue))
    return Check(
        "deliveries", False, f"Work waits for up to {minutes:.0f} minutes on {channels}; see the worker's log."
    )


def _check_disk(desk: Desk) -> Check:
    folders = _written_folders(desk.settings)
    history = desk.history.record.path
    if history.exists() and not (history.is_file() and os.access(history, os.R_OK | os.W_OK)):
        text = f"{history} can't be read and written, and nothing is published until it can; mend its permissions."
        return Check("disk", False, text)
    read_only = next((folder for folder in folders if not os.access(folder, os.W_OK)), None)
    if read_only is not None:
        return Check("disk", False, f"{read_only} can't be written to; mend its permissions or its disk.")
    free, folder = min((shutil.disk_usage(folder).free, folder) for folder in folders)
    text = f"{free / 1e9:.1f} GB are free in {folder}"
    enough = free >= MIN_FREE_BYTES
    return Check("disk", enough, f"{text}." if enough else f"{text}; make room.")


def _written_folders(settings: Settings) -> list[Path]:
    """Lists the local folders that are written to; for one that does not exist yet, its nearest parent."""
    folders = [settings.root]
    if settings.database_file is not None:
        folders.append(settings.database_file.parent)
    if "://" not in settings.storage.media:
        folders.append(settings.path(settings.storage.media))
    return [next(path for path in (folder, *folder.parents) if path.exists()) for folder in folders]
