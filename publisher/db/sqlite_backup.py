"""Copies a SQLite database that may be in use, and checks the copy."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

from publisher.core.disk_files import flush_to_disk
from publisher.core.messages import _
from publisher.core.private_files import make_private_file, make_private_folder
from publisher.db.errors import RESTORE_HINT, DatabaseError


def back_up(file: Path, backups: Path, *, revision: str, now: datetime) -> Path:
    """Copies a SQLite database that may be in use, checks the copy, and returns where it lies.

    Raises:
        DatabaseError: the copy is damaged.
        OSError, sqlite3.Error: it can't be made.
    """
    make_private_folder(backups)
    target = backups / f"{file.stem}-{now.astimezone(UTC):%Y%m%dT%H%M%SZ}-{revision}.db"
    unfinished = target.with_suffix(".part")
    unfinished.unlink(missing_ok=True)
    make_private_file(unfinished)
    try:
        with closing(sqlite3.connect(file)) as source, closing(sqlite3.connect(unfinished)) as copy:
            source.backup(copy)
            # A copy in WAL mode would be three files as soon as somebody opens it.
            copy.execute("PRAGMA journal_mode=DELETE")
            result = copy.execute("PRAGMA integrity_check(1)").fetchone()[0]
        if result != "ok":
            raise DatabaseError(
                _(
                    "{file} is damaged ({problem}); {remedy}",
                    file=file,
                    problem=" ".join(result.split()),
                    remedy=RESTORE_HINT,
                )
            )
        flush_to_disk(unfinished)
        unfinished.replace(target)
        flush_to_disk(backups)
    finally:
        unfinished.unlink(missing_ok=True)
    return target
