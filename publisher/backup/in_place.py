"""Restores a backup in a desk's own folder, and keeps the database that is there aside.

Whenever this is interrupted, the desk has its former database still, or refuses to begin until it
is done again; and all that there was lies in the folder that it was kept in.
"""

from __future__ import annotations

import os
import sqlite3
import tempfile
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

from sqlalchemy import create_engine
from sqlalchemy.engine import URL
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session
from sqlalchemy.pool import NullPool

from publisher.backup.database_urls import database_label
from publisher.backup.files import BackupError, as_backup_errors, clear_unfinished, link_or_copy
from publisher.backup.locking import open_transaction, refuse_running
from publisher.backup.manifest import Manifest, check_files, read_manifest
from publisher.backup.reconcile import Reconciliation, reconcile, refuse_future
from publisher.backup.restore import RestoreReport, missing_originals, put_originals, restore_server
from publisher.backup.sqlite_copy import DatabaseCopy, last_known_instant, make_copy, make_safe, upgraded_database
from publisher.core.disk_files import flush_to_disk
from publisher.core.messages import _
from publisher.db.history import History
from publisher.db.history_file import HistoryFile, KnownEvent
from publisher.media.opening import open_media_store
from publisher.settings import Settings

DATABASE_FILE_SUFFIXES = ("", "-wal", "-shm")
"""What the names of a SQLite database's files end with."""
RESTORING = ".restoring-"
NOT_DONE = KnownEvent((1 << 62), datetime(1970, 1, 1, tzinfo=UTC))
"""No database has this event: until it is replaced, no desk works with the one that is being accepted."""


def restore_in_place(
    backup: Path, settings: Settings, *, now: datetime, seen_within: timedelta, database: str | None = None
) -> RestoreReport:
    """Restores the database of a backup to where the desk of `settings` keeps its own.

    `backup`: a folder that `publisher backup` or the daily backup wrote, or a single SQLite file.
    Configuration and originals are the desk's own; originals of the backup that it lacks are added.
    `database`: the URL of an empty PostgreSQL database, for a backup of one.

    Raises:
        BackupError: the backup can't be used, it is another desk's, or the desk runs.
        DatabaseError: the backup comes from a newer version of the program.
        MediaError: the originals can't be stored.
    """
    manifest = None
    if backup.is_dir():
        manifest = read_manifest(backup)
        check_files(backup, manifest)
        refuse_future(manifest.created_at, now)
        if manifest.postgres_schema is not None:
            return _restore_server(backup, manifest, settings, now, database or settings.database_url)
    file = settings.database_file
    if file is None or database is not None:
        raise BackupError(
            _(
                "the backup holds a SQLite database, which goes into a file: set storage.database to a SQLite file, "
                "restore without naming a database, then move the desk with publisher db copy"
            )
        )
    if not file.parent.is_dir():
        raise BackupError(
            _("the folder {folder} of the database is not there; make it or mend its path", folder=file.parent)
        )
    _refuse_running(file, now, seen_within)
    clear_unfinished(file.parent, RESTORING, now)
    with (
        as_backup_errors(_("the backup can't be restored to {folder}", folder=file.parent)),
        tempfile.TemporaryDirectory(dir=file.parent, prefix=RESTORING) as part,
    ):
        source = backup / manifest.database.path if manifest else backup
        copy = make_copy(source, Path(part) / "restored.db")
        _refuse_other_desk(copy, source, settings, file)
        made_at = manifest.created_at if manifest else last_known_instant(copy)
        changed = History(settings.database_url, settings.root).record.changed_deliveries()
        reconciliation = make_safe(copy.file, settings, made_at=made_at, now=now, changed=changed)
        missing = _put_originals(backup, manifest, copy, settings)
        aside = _replace_database(copy.file, file, settings, reconciliation, now)
    return RestoreReport(
        made_at=reconciliation.since,
        config=settings.file,
        kept_aside=aside,
        missing=missing,
        looked_up=reconciliation.looked_up,
        gap=reconciliation.gap,
    )


def accept_present_database(settings: Settings, *, now: datetime, seen_within: timedelta) -> RestoreReport:
    """Goes on with the database that is there as if it came from a backup: it is reconciled first.

    Raises:
        BackupError: there is none, it is another desk's, or the desk runs.
        DatabaseError: it can't be used.
    """
    history = History(settings.database_url, settings.root)
    file = settings.database_file
    changed = history.record.changed_deliveries()
    moves = [*history.record.known_moves(), *history.former_records()]
    if file is None:
        with open_transaction(settings.database_url) as connection:
            refuse_running(connection, database_label(settings.database_url), now=now, seen_within=seen_within)
            with Session(connection, expire_on_commit=False) as session, session.begin():
                reconciliation = reconcile(session, settings, since=None, now=now, changed=changed)
    else:
        if not file.is_file() or file.stat().st_size == 0:
            raise BackupError(
                _(
                    "{file} is not there, or empty; bring a backup back with publisher restore FILE, or "
                    "begin with an empty queue by publisher restore --begin-empty",
                    file=file,
                )
            )
        _refuse_running(file, now, seen_within)
        history.record.replace(NOT_DONE)
        with upgraded_database(file, settings, now) as database, database.writing() as session:
            reconciliation = reconcile(session, settings, since=None, now=now, changed=changed)
    history.record.replace(reconciliation.newest)
    history.record.forget_deliveries()
    for path in moves:
        if path.exists():
            HistoryFile(path).note_move(history.record.path.absolute())
    return RestoreReport(
        made_at=reconciliation.since, config=settings.file, looked_up=reconciliation.looked_up, gap=reconciliation.gap
    )


def begin_with_empty_queue(settings: Settings, *, now: datetime) -> Path | None:
    """Lets the desk begin with an empty queue where its database was lost.

    Returns the folder in which what was left of the lost one is kept; None when nothing was.

    Raises:
        BackupError: there is a database.
    """
    history = History(settings.database_url, settings.root)
    file = settings.database_file
    if file is not None and file.is_file() and file.stat().st_size:
        raise BackupError(
            _(
                "{file} is there; move it away first, or go on with it by publisher restore --accept-this-database",
                file=file,
            )
        )
    aside = None
    if file is not None:
        with as_backup_errors(_("what is left of {file} can't be kept", file=file)):
            aside = _set_aside(file, now)
            _remove(file)
    with as_backup_errors(_("{path} can't be removed", path=history.record.path)):
        history.record.path.unlink(missing_ok=True)
        flush_to_disk(history.record.path.parent)
    return aside


def _restore_server(backup: Path, manifest: Manifest, settings: Settings, now: datetime, url: str) -> RestoreReport:
    history = History(url, settings.root)
    with as_backup_errors(_("the backup can't be restored")):
        changed = history.record.changed_deliveries()
        reconciliation = restore_server(backup, manifest, settings, now=now, url=url, changed=changed)
    history.record.replace(reconciliation.newest)
    history.record.forget_deliveries()
    return RestoreReport(
        made_at=reconciliation.since,
        config=settings.file,
        missing=missing_originals(url, settings),
        looked_up=reconciliation.looked_up,
        gap=reconciliation.gap,
    )


def _refuse_running(file: Path, now: datetime, seen_within: timedelta) -> None:
    """Raises BackupError while a desk works on a database. With a damaged or lost one none works."""
    if not file.is_file() or file.stat().st_size == 0:
        return
    # Not an engine of ours: that would switch a kept copy to WAL, and it would look like a desk's own.
    engine = create_engine(URL.create("sqlite", database=str(file)), poolclass=NullPool)
    try:
        with engine.connect() as connection:
            refuse_running(connection, str(file), now=now, seen_within=seen_within)
    except DBAPIError as error:
        if getattr(error.orig, "sqlite_errorcode", 0) & 0xFF in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
            raise BackupError(_("{file} is in use; stop what uses it, then try again", file=file)) from error
    finally:
        engine.dispose()


def _refuse_other_desk(copy: DatabaseCopy, source: Path, settings: Settings, file: Path) -> None:
    """Raises BackupError when a copy is plainly of another desk: another history, or none of its channels."""
    if copy.channels and not copy.channels & set(settings.channels):
        raise BackupError(
            _(
                "{source} is a copy of another desk: its channels are {channels:list}, and none of them "
                "is in {file}; name a copy of this desk",
                source=source,
                channels=sorted(copy.channels),
                file=settings.file,
            )
        )
    first = _first_event(file)
    if first is not None and copy.first_event is not None and first != copy.first_event:
        raise BackupError(
            _(
                "{source} is a copy of another desk: its history does not begin as that of {file} does; "
                "name a copy of this desk, or move that database away first",
                source=source,
                file=file,
            )
        )


def _first_event(file: Path) -> tuple[int, str] | None:
    if not file.is_file() or file.stat().st_size == 0:
        return None
    try:
        with closing(sqlite3.connect(f"{file.absolute().as_uri()}?mode=rw", uri=True)) as connection:
            event = connection.execute("SELECT id, at FROM event ORDER BY id LIMIT 1").fetchone()
    except sqlite3.Error:
        # Damaged, which is why a backup is wanted.
        return None
    return (int(event[0]), str(event[1])) if event else None


def _put_originals(backup: Path, manifest: Manifest | None, copy: DatabaseCopy, settings: Settings) -> tuple[str, ...]:
    """Stores the originals of a whole backup, and returns the names of those that the desk still lacks."""
    if manifest is not None:
        put_originals(backup, manifest, settings)
    names = set(open_media_store(settings).originals())
    return tuple(name for sha256, name in copy.originals if sha256 not in names)


def _replace_database(
    ready: Path, file: Path, settings: Settings, reconciliation: Reconciliation, now: datetime
) -> Path | None:
    """Puts a reconciled database in the place of another one, and returns where that one is kept."""
    aside = _set_aside(file, now)
    # Until the new one is there, a desk finds another history than this, or no database where there was one.
    record = History(settings.database_url, settings.root).record
    record.replace(reconciliation.newest)
    _remove(file)
    os.rename(ready, file)
    flush_to_disk(file.parent)
    record.forget_deliveries()
    return aside


def _set_aside(file: Path, now: datetime) -> Path | None:
    """Links the files of a database into a new folder beside it. Returns None when there are none."""
    present = [path for end in DATABASE_FILE_SUFFIXES if (path := Path(f"{file}{end}")).is_file()]
    if not present:
        return None
    prefix = f"{file.name}.before-restore-{now.astimezone(UTC):%Y%m%dT%H%M%SZ}-"
    aside = Path(tempfile.mkdtemp(dir=file.parent, prefix=prefix))
    for path in present:
        link_or_copy(path, aside / path.name)
    flush_to_disk(aside)
    flush_to_disk(file.parent)
    return aside


def _remove(file: Path) -> None:
    """Removes a database, the main file first: its changes must never be found beside another one."""
    for end in DATABASE_FILE_SUFFIXES:
        Path(f"{file}{end}").unlink(missing_ok=True)
        flush_to_disk(file.parent)
