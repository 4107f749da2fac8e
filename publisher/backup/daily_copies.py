"""Copies the database every day, and keeps the copies of seven days and four weeks.

Only the database is copied. The originals never change, and are part of a whole backup.
"""

from __future__ import annotations

import re
import shutil
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

from publisher.backup.files import UNFINISHED, as_backup_errors, clear_unfinished
from publisher.backup.manifest import MANIFEST
from publisher.backup.whole_backup import database_revision, make_dump
from publisher.core.disk_files import flush_to_disk
from publisher.core.messages import _
from publisher.core.private_files import make_private_folder
from publisher.db.sqlite_backup import back_up
from publisher.settings import Settings

EVERY = timedelta(hours=24)
DAYS = 7
WEEKS = 4
FOLDER = "daily"
DUMP_PREFIX = "postgresql"
"""How the names of what is kept of a PostgreSQL database begin."""

_STAMP = r"(\d{8}T\d{6}Z)"


def copy_daily(file: Path, backups: Path, now: datetime) -> Path | None:
    """Copies the SQLite database `file` into `backups/daily` if the newest copy is a day old, and rotates.

    Returns the new copy; None when it was not yet time. Any number of processes may do this.

    Raises:
        BackupError: the copy can't be written.
        DatabaseError: the database is damaged.
    """
    folder = backups / FOLDER
    # A copy from the future, by a clock that was wrong, must not keep the next ones away.
    if any(now - EVERY < made <= now for made in _copies(folder, file.stem)):
        return None
    with as_backup_errors(_("the daily backup can't be written to {folder}", folder=folder)):
        make_private_folder(folder)
        clear_unfinished(folder, UNFINISHED, now)
        with tempfile.TemporaryDirectory(dir=folder, prefix=UNFINISHED) as part:
            made = back_up(file, Path(part), revision=database_revision(file), now=now)
            copy = made.replace(folder / made.name)
        flush_to_disk(folder)
        for old in _superfluous(_copies(folder, file.stem)):
            old.unlink(missing_ok=True)
    return copy


def dump_daily(settings: Settings, now: datetime) -> Path | None:
    """Does the same as `keep_daily` on PostgreSQL: stores what pg_dump wrote, and the configuration.

    Raises:
        BackupError: there is no fitting pg_dump, it failed, or what it wrote can't be kept.
    """
    folder = settings.path(settings.storage.backups) / FOLDER
    if any(now - EVERY < made <= now for made in _dumps(folder)):
        return None
    with as_backup_errors(_("the daily backup can't be written to {folder}", folder=folder)):
        make_private_folder(folder)
        clear_unfinished(folder, UNFINISHED, now)
        made = make_dump(settings, folder, f"{DUMP_PREFIX}-{now.astimezone(UTC):%Y%m%dT%H%M%SZ}", now)
        for old in _superfluous(_dumps(folder)):
            shutil.rmtree(old)
    return made.path


def newest_backup_time(backups: Path) -> datetime | None:
    """Returns when the newest backup below the folder `backups` was made, of whatever kind."""
    instants: list[datetime] = []
    for pattern in ("*.db", f"{FOLDER}/*.db", f"*/{MANIFEST}", f"{FOLDER}/*/{MANIFEST}"):
        for path in backups.glob(pattern):
            name = path.parent.name if path.name == MANIFEST else path.stem
            if stamp := re.search(rf"-{_STAMP}(?:-\w+)?$", name):
                instants.append(_instant(stamp[1]))
    return max(instants, default=None)


def _copies(folder: Path, stem: str) -> dict[datetime, Path]:
    """Returns the daily copies by their time; files that the desk did not name are left alone."""
    pattern = re.compile(rf"{re.escape(stem)}-{_STAMP}-\w+\.db")
    return {_instant(match[1]): path for path in folder.glob("*.db") if (match := pattern.fullmatch(path.name))}


def _dumps(folder: Path) -> dict[datetime, Path]:
    """Returns the daily dumps of a desk on PostgreSQL by their time: folders with a manifest."""
    pattern = re.compile(rf"{DUMP_PREFIX}-{_STAMP}")
    return {
        _instant(match[1]): path for path in folder.glob(f"{DUMP_PREFIX}-*") if (match := pattern.fullmatch(path.name))
    }


def _superfluous(copies: dict[datetime, Path]) -> Iterator[Path]:
    """Returns all but the newest copy of each of the last seven days and four weeks that have one."""
    newest_first = sorted(copies, reverse=True)
    days: dict[object, datetime] = {}
    weeks: dict[object, datetime] = {}
    for made in newest_first:
        days.setdefault(made.date(), made)
        weeks.setdefault(made.isocalendar()[:2], made)
    keepers = {*list(days.values())[:DAYS], *list(weeks.values())[:WEEKS]}
    return (copies[made] for made in newest_first if made not in keepers)


def _instant(stamp: str) -> datetime:
    return datetime.strptime(stamp, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
