"""Whether the desk can do its work now: one line per thing that it needs."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from sqlalchemy.orm import Session

from publisher.core.clock import monotonic
from publisher.delivery.due import Appointment, appointments
from publisher.delivery.platform_clocks import ClockDifference, clock_differences, judge_clocks
from publisher.desk import Desk
from publisher.health.failing import is_part_of_tick, tell_failure
from publisher.health.heartbeat import SCHEDULER, Seen, seen_processes
from publisher.health.reading import DatabaseDown, read
from publisher.job_failures import JobFailure, failing_jobs
from publisher.settings import Settings, SettingsError

TIMEOUT_SECONDS = 2.0
OVERDUE_AFTER = timedelta(minutes=5)
"""Work that waits for longer, on a channel that may work, is waited for in vain."""
LEAST_SPACE = 100 << 20
"""Bytes without which no picture is stored and no transaction is sure to be kept."""


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that publishing needs. `told` is a sentence or the start of one, for people."""

    name: str
    ok: bool
    told: str
    warning: bool = False
    """It does not keep the desk from its work yet, and a person should look."""


@dataclass(frozen=True, slots=True)
class _Rows:
    """What the database says."""

    scheduler: Seen | None
    waiting: list[Appointment]
    failing: list[JobFailure]
    clocks: list[ClockDifference]


def check_ready(desk: Desk, *, patience: float = TIMEOUT_SECONDS) -> list[Check]:
    """The database, the scheduler and its parts, what is due, clocks, captions, the disk: each told, good or not.

    It never raises for what it examines, and takes not much longer than `patience` seconds.
    """
    return [*_from_database(desk, patience), _captions(desk), _disk(desk)]


def _from_database(desk: Desk, patience: float) -> Iterator[Check]:
    now = desk.now()

    def question(session: Session) -> _Rows:
        return _Rows(
            seen_processes(session, now).get(SCHEDULER),
            appointments(session, now),
            failing_jobs(session),
            clock_differences(session, now),
        )

    asked = monotonic()
    try:
        rows = read(desk, question, patience)
    except DatabaseDown as error:
        yield Check("database", False, str(error))
        yield Check("scheduler", False, "Not known: the database tells it.")
        yield Check("jobs", False, "Not known: the database tells it.")
        yield Check("deliveries", False, "Not known: the database tells it.")
        return
    yield Check("database", True, f"It answered within {(monotonic() - asked) * 1000:.0f} ms.")
    yield _scheduler(rows.scheduler, now)
    yield _jobs(desk, rows.failing)
    yield _deliveries(rows.waiting, now)
    yield _clocks(rows.clocks)


def _jobs(desk: Desk, failing: list[JobFailure]) -> Check:
    if not failing:
        return Check("jobs", True, "All of them work.")
    told = " ".join(tell_failure(failure, desk.local) for failure in failing)
    urgent = any(is_part_of_tick(failure) for failure in failing)
    return Check("jobs", not urgent, told, warning=not urgent)


def _clocks(known: list[ClockDifference]) -> Check:
    judged = judge_clocks(known)
    return Check("clock", True, judged.sentence, warning=judged.is_warning)


def _captions(desk: Desk) -> Check:
    try:
        broken = [target.broken for target in desk.targets.values() if target.broken]
        why = [*broken, *([desk.people.unreadable] if desk.people.unreadable else [])]
    except SettingsError as error:
        return Check("captions", False, f"No text can be made: {str(error).rstrip('.')}.")
    if not why:
        return Check("captions", True, "Every template can be used.")
    told = " ".join(f"{each.rstrip('.?')}." for each in why)
    return Check("captions", True, f"{told} What needs it is held until that is mended.", warning=True)


def _scheduler(seen: Seen | None, now: datetime) -> Check:
    if seen is None:
        return Check("scheduler", False, "None was seen; start one with publisher run.")
    told = f"The last was seen {(now - seen.at).total_seconds():.0f} s ago"
    return Check("scheduler", seen.lives(now), f"{told}." if seen.lives(now) else f"{told}; start publisher run.")


def _deliveries(waiting: list[Appointment], now: datetime) -> Check:
    overdue = [each for each in waiting if now - each.at > OVERDUE_AFTER]
    if not overdue:
        return Check("deliveries", True, "Nothing is overdue.")
    minutes = (now - overdue[0].at).total_seconds() / 60
    channels = ", ".join(dict.fromkeys(each.channel for each in overdue))
    return Check(
        "deliveries", False, f"Work waits for up to {minutes:.0f} minutes on {channels}; look into the worker's log."
    )


def _disk(desk: Desk) -> Check:
    folders = _folders(desk.settings)
    history = desk.history.record.path
    if history.exists() and not (history.is_file() and os.access(history, os.R_OK | os.W_OK)):
        told = f"{history} can't be read and written, and nothing is published until it can; mend its permissions."
        return Check("disk", False, told)
    closed = next((folder for folder in folders if not os.access(folder, os.W_OK)), None)
    if closed is not None:
        return Check("disk", False, f"{closed} can't be written to; mend its permissions or its disk.")
    free, folder = min((shutil.disk_usage(folder).free, folder) for folder in folders)
    told = f"{free / 1e9:.1f} GB are free in {folder}"
    return Check("disk", free >= LEAST_SPACE, f"{told}." if free >= LEAST_SPACE else f"{told}; make room.")


def _folders(settings: Settings) -> list[Path]:
    """The local folders that are written to; for one that is not there yet, the one that will hold it."""
    wanted = [settings.root]
    if settings.database_file is not None:
        wanted.append(settings.database_file.parent)
    if "://" not in settings.storage.media:
        wanted.append(settings.path(settings.storage.media))
    return [next(each for each in (folder, *folder.parents) if each.exists()) for folder in wanted]
