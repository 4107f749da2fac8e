"""Restores a backup into an empty folder, assuming that the lost desk went on publishing after it was made.

The restored database is made safe before it comes to lie where `publisher run` would find it.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

from sqlalchemy import select, text
from sqlalchemy.engine import URL
from sqlalchemy.orm import Session

from publisher.backup.database_urls import database_label
from publisher.backup.files import UNFINISHED, BackupError, as_backup_errors, copy_file
from publisher.backup.locking import open_transaction
from publisher.backup.manifest import BackedUpFile, Manifest, check_files, read_manifest
from publisher.backup.postgres_dump import load, refuse_unfit
from publisher.backup.reconcile import Reconciliation, reconcile, refuse_future
from publisher.backup.sqlite_copy import make_copy, make_safe
from publisher.backup.whole_backup import complete_backup
from publisher.core.disk_files import flush_to_disk
from publisher.core.messages import Message, _
from publisher.core.private_files import make_private_folder
from publisher.db.history import History
from publisher.db.models import Media
from publisher.db.revisions import knows_revision
from publisher.db.upgrade import migrate
from publisher.media.opening import open_media_store
from publisher.schedule.restore_gap import Gap
from publisher.settings import Settings, load_settings


@dataclass(frozen=True, slots=True, kw_only=True)
class RestoreReport:
    made_at: datetime
    """Until when the backup knows everything."""
    config: Path
    """The configuration file of the restored desk."""
    kept_aside: Path | None = None
    """The folder in which the database lies that was there before; None where there was none."""
    missing: tuple[Message | str, ...] = ()
    """File names of originals that the desk does not have."""
    looked_up: int
    """How many deliveries may have gone out since the backup, and are looked up first."""
    gap: Gap
    """The days since the backup of which nothing is known."""


def restore(backup: Path, folder: Path, now: datetime, database: str | None = None) -> RestoreReport:
    """Restores a backup into a folder that is empty or not there, after reading every file of it.

    `database`: the URL of an empty PostgreSQL database, for a backup of one. None: the one that
    the environment, or the configuration in the backup, names.

    Raises:
        BackupError: the backup is damaged, the folder or the PostgreSQL database is not empty, or
            they can't be written to.
        DatabaseError: the backup comes from a newer version of the program.
        MediaError: the originals can't be stored.
        SettingsError: the configuration in it can't be used.
    """
    manifest = read_manifest(backup)
    check_files(backup, manifest)
    refuse_future(manifest.created_at, now)
    if database is not None and manifest.postgres_schema is None:
        raise BackupError(
            _(
                "the backup holds a SQLite database, which goes into a file: restore it without naming a "
                "database, then move it with publisher db copy"
            )
        )
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise BackupError(_("{folder} is not empty; name a folder that is empty or not there yet", folder=folder))
    with as_backup_errors(_("the backup can't be restored to {folder}", folder=folder)), _empty_folder(folder):
        part = Path(tempfile.mkdtemp(dir=folder, prefix=".restoring-"))
        report = _Restore(backup, manifest, part, folder, now).run(database)
        flush_to_disk(folder)
    return report


def restore_copy(copy: Path, settings: Settings, folder: Path, now: datetime) -> RestoreReport:
    """Restores a single SQLite database into an empty folder, with a desk's configuration and originals.

    Raises:
        BackupError: the copy is no sound database of a desk, or the folder is not empty.
        DatabaseError, MediaError, SettingsError: as for `restore`.
    """
    if settings.database_file is None:
        raise BackupError(
            _(
                "{copy} is a SQLite database, and the configuration {file} names another kind: set "
                "storage.database to a SQLite file, restore, then move the desk with publisher db copy",
                copy=copy,
                file=settings.file,
            )
        )
    # Not beside the copy: the disk that keeps it may be read-only.
    beside = next(parent for parent in folder.absolute().parents if parent.is_dir())
    with (
        as_backup_errors(_("{copy} can't be restored to {folder}", copy=copy, folder=folder)),
        tempfile.TemporaryDirectory(dir=beside, prefix=UNFINISHED) as part,
    ):
        report = complete_backup(make_copy(copy, Path(part) / "taken.db"), settings, Path(part), now)
        restored = restore(Path(part), folder, now)
    return replace(restored, missing=report)


@contextmanager
def _empty_folder(folder: Path) -> Iterator[None]:
    """Yields an empty folder; on an error it is empty again, or gone if it was not there."""
    existed = folder.exists()
    make_private_folder(folder)
    try:
        yield
    except BaseException:
        for path in folder.iterdir():
            if path.is_dir():
                shutil.rmtree(path, ignore_errors=True)
            else:
                path.unlink(missing_ok=True)
        if not existed:
            folder.rmdir()
        raise


class _Restore:
    """Restores once: prepares everything in `part`, then moves it to `folder`, the database last."""

    def __init__(self, backup: Path, manifest: Manifest, part: Path, folder: Path, now: datetime) -> None:
        self._backup = backup
        self._manifest = manifest
        self._part = part.absolute()
        self._folder = folder
        self._now = now
        self._missing: tuple[str, ...] = ()

    def run(self, database: str | None) -> RestoreReport:
        for file in self._manifest.config:
            self._copy(file, self._part / file.path)
        settings = load_settings(self._part / self._manifest.config_file)
        if self._manifest.postgres_schema is None:
            reconciliation = self._into_file(settings)
        else:
            reconciliation = self._into_server(settings, database or settings.database_url)
        return RestoreReport(
            made_at=reconciliation.since,
            missing=self._missing,
            config=self._folder / self._manifest.config_file,
            looked_up=reconciliation.looked_up,
            gap=reconciliation.gap,
        )

    def _copy(self, file: BackedUpFile, target: Path) -> None:
        copy_file(self._backup / file.path, target)

    def _into_file(self, settings: Settings) -> Reconciliation:
        target = settings.database_file
        if target is None:
            raise BackupError(
                _(
                    "the backup holds a SQLite database, and PUBLISHER__STORAGE__DATABASE names another "
                    "kind: unset it, restore, then move the desk with publisher db copy"
                )
            )
        if target.exists():
            raise BackupError(
                _("{target}, where the configuration keeps the database, is there; move it away first", target=target)
            )
        ready = self._part / "restored.db"
        self._copy(self._manifest.database, ready)
        reconciliation = make_safe(ready, settings, made_at=self._manifest.created_at, now=self._now)
        put_originals(self._backup, self._manifest, settings)
        inside = target.is_relative_to(self._part)
        final = self._folder / target.relative_to(self._part) if inside else target
        self._move_in(but=ready)
        make_private_folder(final.parent)
        # From here on, no desk begins anew where the database is still lacking.
        self._know(URL.create("sqlite", database=str(final)).render_as_string(), reconciliation)
        copy_file(ready, final)
        flush_to_disk(final.parent)
        shutil.rmtree(self._part)
        return reconciliation

    def _know(self, url: str, reconciliation: Reconciliation) -> None:
        History(url, self._folder).record.replace(reconciliation.newest)

    def _into_server(self, settings: Settings, url: str) -> Reconciliation:
        reconciliation = restore_server(self._backup, self._manifest, settings, now=self._now, url=url)
        self._move_in()
        self._know(url, reconciliation)
        self._missing = missing_originals(url, load_settings(self._folder / self._manifest.config_file))
        self._part.rmdir()
        return reconciliation

    def _move_in(self, but: Path | None = None) -> None:
        for path in [path for path in self._part.iterdir() if path != but]:
            path.rename(self._folder / path.name)


def restore_server(
    backup: Path, manifest: Manifest, settings: Settings, *, now: datetime, url: str, changed: Collection[int] = ()
) -> Reconciliation:
    """Restores the PostgreSQL database of a checked backup into an empty one, and its originals.

    `changed`: as for `reconcile`.

    Raises:
        BackupError: it comes from a newer version, or the database is not empty or can't be used.
    """
    schema = manifest.postgres_schema or ""
    if not knows_revision(manifest.revision):
        raise BackupError(
            _("the backup comes from a newer publisher ({version}); install that version", version=manifest.version)
        )
    refuse_unfit(url, schema)
    put_originals(backup, manifest, settings)
    load(url, backup / manifest.database.path, schema)
    try:
        return _reconcile_server(manifest, settings, now=now, url=url, changed=changed)
    except Exception as error:
        raise BackupError(
            _(
                "{error}; {database} was left half restored, as nobody's desk: drop it, and make it anew",
                error=error,
                database=database_label(url),
            )
        ) from error


def _reconcile_server(
    manifest: Manifest, settings: Settings, *, now: datetime, url: str, changed: Collection[int]
) -> Reconciliation:
    """Reconciles the deliveries in the transaction that sets the revision: until then no desk has the tables."""
    with open_transaction(url) as connection:
        revision = {"revision": manifest.revision}
        connection.execute(text("INSERT INTO alembic_version (version_num) VALUES (:revision)"), revision)
        migrate(connection)
        with Session(connection, expire_on_commit=False) as session, session.begin():
            return reconcile(session, settings, since=manifest.created_at, now=now, changed=changed)


def missing_originals(url: str, settings: Settings) -> tuple[str, ...]:
    """Returns the file names of the originals that a database names and the desk's store does not have."""
    with open_transaction(url) as connection:
        originals = connection.execute(select(Media.sha256, Media.file_name).order_by(Media.sha256)).all()
    present = set(open_media_store(settings).originals()) if originals else set()
    return tuple(name for sha256, name in originals if sha256 not in present)


def put_originals(backup: Path, manifest: Manifest, settings: Settings) -> None:
    """Stores every original of a backup where the desk keeps its own."""
    store = open_media_store(settings)
    for file in manifest.originals:
        store.put((backup / file.path).read_bytes())
