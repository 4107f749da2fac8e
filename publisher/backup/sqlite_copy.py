"""Copies a SQLite database into one file, checks the copy, and makes it safe to work with."""

from __future__ import annotations

import re
import sqlite3
import stat
from collections.abc import Collection, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy.engine import URL

from publisher.backup.files import BackupError, as_backup_errors, copy_file
from publisher.backup.reconcile import Reconciliation, reconcile
from publisher.core.messages import _
from publisher.db.post_words import ON_SQLITE
from publisher.db.revisions import knows_revision
from publisher.db.session import Database
from publisher.db.upgrade import prepare_database
from publisher.settings import Settings

MAX_BYTES = 16 << 30
"""A desk's database grows by some ten megabytes a year: what is larger than this is something else."""
MAGIC = b"SQLite format 3\0"
REQUIRED = frozenset({"alembic_version", "channel", "delivery", "event", "pick", "post"})
STAMP = re.compile(r"-(\d{8}T\d{6}Z)(?:-\w+)?$")
"""How the name of a backup ends that we made, before what comes after the last dot."""


@dataclass(frozen=True, slots=True)
class DatabaseCopy:
    """Holds what a sound copy contains."""

    file: Path
    """A private copy of what was named, in which anything may be changed."""
    revision: str
    made_at: datetime | None
    """As its name says; None where the name does not say it."""
    last_moment: datetime | None
    """The latest instant at which a desk wrote to it; None when nothing happened yet."""
    channels: frozenset[str]
    originals: tuple[tuple[str, str], ...]
    """SHA-256 and file name of each."""
    first_event: tuple[int, str] | None
    """Its number and its time: two copies of one desk have the same."""


def make_copy(source: Path, target: Path) -> DatabaseCopy:
    """Copies `source` to the new file `target`, and checks that it is a sound database of a desk.

    `source` itself is only read. Changes that lie beside it, in a file with -wal at the end of its
    name, are taken as well.

    Raises:
        BackupError: it is no file, too large, damaged, of another program, or of a newer version.
    """
    _refuse_no_file(source)
    with as_backup_errors(_("{source} can't be read", source=source)):
        copy_file(source, target)
        if (changes := Path(f"{source}-wal")).is_file():
            copy_file(changes, Path(f"{target}-wal"))
    try:
        with closing(sqlite3.connect(target)) as connection:
            return _examine(connection, source, target)
    except sqlite3.Error as error:
        raise BackupError(_("{source} is damaged ({error}); use another backup", source=source, error=error)) from error


def backup_time(file: Path) -> datetime | None:
    """Returns when a backup was made, by the name that the desk gave it."""
    match = STAMP.search(file.stem)
    return datetime.strptime(match[1], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC) if match else None


def make_safe(
    file: Path, settings: Settings, *, made_at: datetime | None, now: datetime, changed: Collection[int] = ()
) -> Reconciliation:
    """Upgrades a private copy to this version's revision, reconciles it, and leaves it one file.

    `made_at`: as far as it is known. None: only its content shows until when it knows everything.
    `changed`: as for `reconcile`.
    """
    with upgraded_database(file, settings, now) as database, database.writing() as session:
        reconciliation = reconcile(session, settings, since=made_at, now=now, changed=changed)
    with closing(sqlite3.connect(file)) as connection:
        connection.execute("PRAGMA journal_mode=DELETE")
    return reconciliation


def last_known_instant(copy: DatabaseCopy) -> datetime | None:
    """Returns until when a copy knows everything. A file's name may be untrue, or not given by a desk."""
    made, last = copy.made_at, copy.last_moment
    return made if made is not None and (last is None or last <= made) else last


@contextmanager
def upgraded_database(file: Path, settings: Settings, now: datetime) -> Iterator[Database]:
    """Opens a SQLite database that is upgraded to this version's revision, whatever a desk knew of it."""
    url = URL.create("sqlite", database=str(file)).render_as_string()
    prepare_database(url, backups=settings.path(settings.storage.backups), now=now)
    database = Database.open(url)
    try:
        yield database
    finally:
        database.close()


def _refuse_no_file(source: Path) -> None:
    with as_backup_errors(_("{source} can't be read", source=source)):
        if not source.exists():
            raise BackupError(_("{source} is not there; name a backup, such as a file in backups/daily", source=source))
        status = source.stat()
        if not stat.S_ISREG(status.st_mode):
            raise BackupError(_("{source} is no file; name a backup, such as a file in backups/daily", source=source))
        if status.st_size > MAX_BYTES:
            raise BackupError(
                _(
                    "{source} is {gigabytes:number} GB large, and no desk's database is; name a backup, such as a file "
                    "in backups/daily",
                    source=source,
                    gigabytes=round(status.st_size / 1e9),
                )
            )
        with source.open("rb") as content:
            magic = content.read(len(MAGIC))
    if magic != MAGIC:
        raise BackupError(
            _(
                "{source} is no SQLite database; name a file that the daily backup wrote, or a folder "
                "that publisher backup wrote",
                source=source,
            )
        )


def _examine(connection: sqlite3.Connection, source: Path, target: Path) -> DatabaseCopy:
    # What a strange file defines is not to be run while it is looked at.
    connection.execute("PRAGMA trusted_schema=OFF")
    defined = connection.execute("SELECT type, name, sql FROM sqlite_master").fetchall()
    tables = {name for kind, name, _sql in defined if kind == "table"}
    # The triggers of the search index are known to the letter. No other trigger and no view is of ours.
    strange = [name for kind, name, sql in defined if kind not in ("table", "index") and sql not in ON_SQLITE]
    if not tables >= REQUIRED or strange:
        raise BackupError(_("{source} is no desk's database; name a file that the daily backup wrote", source=source))
    result = connection.execute("PRAGMA integrity_check(1)").fetchone()[0]
    if result != "ok":
        raise BackupError(
            _("{source} is damaged ({problem}); use another backup", source=source, problem=" ".join(result.split()))
        )
    if connection.execute("PRAGMA foreign_key_check").fetchone() is not None:
        raise BackupError(_("{source} is damaged (rows lack what they belong to); use another backup", source=source))
    revision = connection.execute("SELECT version_num FROM alembic_version").fetchone()
    if revision is None:
        raise BackupError(
            _("{source} has no revision, so it can't be told what is in it; use another backup", source=source)
        )
    if not knows_revision(str(revision[0])):
        raise BackupError(
            _(
                "{source} comes from a newer publisher (revision {revision}); install that version",
                source=source,
                revision=revision[0],
            )
        )
    first = connection.execute("SELECT id, at FROM event ORDER BY id LIMIT 1").fetchone()
    return DatabaseCopy(
        file=target,
        revision=str(revision[0]),
        last_moment=_last_written_at(connection),
        made_at=backup_time(source),
        channels=frozenset(name for (name,) in connection.execute("SELECT name FROM channel")),
        originals=tuple(connection.execute("SELECT sha256, file_name FROM media ORDER BY sha256")),
        first_event=(int(first[0]), str(first[1])) if first else None,
    )


def _last_written_at(connection: sqlite3.Connection) -> datetime | None:
    """Does the same as `reconcile.last_written_at` for a file whose revision may be older."""
    columns = (("event", "at"), ("attempt", "started_at"), ("process", "seen_at"))
    instants = []
    for table, column in columns:
        if connection.execute("SELECT 1 FROM sqlite_master WHERE name = ?", (table,)).fetchone():
            instants.append(connection.execute(f"SELECT max({column}) FROM {table}").fetchone()[0])  # noqa: S608
    return max((datetime.fromisoformat(at).replace(tzinfo=UTC) for at in instants if at), default=None)
