"""The way back from a backup, on the belief that the lost desk went on publishing after it was made.

The restored database is made safe before it comes to lie where `publisher run` would find it.
"""

from __future__ import annotations

import shutil
import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from sqlalchemy import text
from sqlalchemy.engine import URL
from sqlalchemy.orm import Session

from publisher.db.session import Database
from publisher.db.upgrade import knows, migrate, prepare_database
from publisher.keeping.doubting import Doubts, doubt
from publisher.keeping.files import BackupError, copy_file, flush_folder, make_private, plain_errors
from publisher.keeping.holding import connected
from publisher.keeping.manifest import KeptFile, Manifest, check_files, read_manifest
from publisher.keeping.naming import label
from publisher.keeping.postgres import load, refuse_unfit
from publisher.media.opening import media_store
from publisher.post_queue.gap import Gap
from publisher.settings import Settings, load_settings


@dataclass(frozen=True, slots=True, kw_only=True)
class RestoreReport:
    manifest: Manifest
    config: Path
    """The configuration file of the restored desk."""
    looked_up: int
    """How many deliveries may have gone out since the backup, and are looked up first."""
    gap: Gap
    """The days since the backup of which nothing is known."""


def restore(backup: Path, folder: Path, now: datetime, database: str | None = None) -> RestoreReport:
    """Bring a backup back into a folder that is empty or not there, after reading every file of it.

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
    if manifest.created_at > now:
        raise BackupError(
            f"the backup was made at {manifest.created_at:%Y-%m-%d %H:%M} UTC, and this machine's clock shows "
            f"{now:%Y-%m-%d %H:%M} UTC; set the clock right, or what went out would look as if it were still to come"
        )
    if database is not None and manifest.postgres_schema is None:
        raise BackupError(
            "the backup holds a SQLite database, which goes into a file: restore it without naming a database, then "
            "move it with publisher db copy"
        )
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise BackupError(f"{folder} is not empty; name a folder that is empty or not there yet")
    with plain_errors(f"the backup can't be restored to {folder}"), _new_folder(folder):
        part = Path(tempfile.mkdtemp(dir=folder, prefix=".restoring-"))
        report = _Restoring(backup, manifest, part, folder, now).run(database)
        flush_folder(folder)
    return report


@contextmanager
def _new_folder(folder: Path) -> Iterator[None]:
    """The folder, which is empty; on an error it is so again, or gone if it was not there."""
    existed = folder.exists()
    make_private(folder)
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


class _Restoring:
    """One way back: everything is made ready in `part`, then moved to `folder`, the database last."""

    def __init__(self, backup: Path, manifest: Manifest, part: Path, folder: Path, now: datetime) -> None:
        self._backup = backup
        self._manifest = manifest
        self._part = part.absolute()
        self._folder = folder
        self._now = now

    def run(self, database: str | None) -> RestoreReport:
        for kept in self._manifest.config:
            self._copy(kept, self._part / kept.path)
        settings = load_settings(self._part / self._manifest.config_file)
        schema = self._manifest.postgres_schema
        if schema is None:
            doubts = self._into_file(settings)
        else:
            doubts = self._into_server(settings, database or settings.database_url, schema)
        return RestoreReport(
            manifest=self._manifest,
            config=self._folder / self._manifest.config_file,
            looked_up=doubts.looked_up,
            gap=doubts.gap,
        )

    def _copy(self, kept: KeptFile, target: Path) -> None:
        copy_file(self._backup / kept.path, target)

    def _into_file(self, settings: Settings) -> Doubts:
        target = settings.database_file
        if target is None:
            raise BackupError(
                "the backup holds a SQLite database, and PUBLISHER__STORAGE__DATABASE names another kind: unset it, "
                "restore, then move the desk with publisher db copy"
            )
        if target.exists():
            raise BackupError(f"{target}, where the configuration keeps the database, is there; move it away first")
        ready = self._part / "restored.db"
        self._copy(self._manifest.database, ready)
        doubts = self._doubt_file(ready, settings)
        self._put_originals(settings)
        inside = target.is_relative_to(self._part)
        final = self._folder / target.relative_to(self._part) if inside else target
        self._move_in(but=ready)
        copy_file(ready, final)
        flush_folder(final.parent)
        shutil.rmtree(self._part)
        return doubts

    def _doubt_file(self, file: Path, settings: Settings) -> Doubts:
        url = URL.create("sqlite", database=str(file)).render_as_string()
        prepare_database(url, backups=settings.path(settings.storage.backups), now=self._now)
        database = Database.open(url)
        try:
            with database.writing() as session:
                doubts = doubt(session, settings, since=self._manifest.created_at, now=self._now)
        finally:
            database.close()
        with closing(sqlite3.connect(file)) as connection:
            # One file, that can be moved.
            connection.execute("PRAGMA journal_mode=DELETE")
        return doubts

    def _into_server(self, settings: Settings, url: str, schema: str) -> Doubts:
        if not knows(self._manifest.revision):
            raise BackupError(
                f"the backup comes from a newer publisher ({self._manifest.version}); install that version"
            )
        refuse_unfit(url, schema)
        self._put_originals(settings)
        load(url, self._backup / self._manifest.database.path, schema)
        try:
            doubts = self._doubt_server(url, settings)
        except Exception as error:
            raise BackupError(
                f"{error}; {label(url)} was left half restored, as nobody's desk: drop it, and make it anew"
            ) from error
        self._move_in()
        self._part.rmdir()
        return doubts

    def _doubt_server(self, url: str, settings: Settings) -> Doubts:
        """Doubt the deliveries in the transaction that gives the tables their revision: until then no desk has them."""
        with connected(url) as connection:
            revision = {"revision": self._manifest.revision}
            connection.execute(text("INSERT INTO alembic_version (version_num) VALUES (:revision)"), revision)
            migrate(connection)
            with Session(connection, expire_on_commit=False) as session, session.begin():
                return doubt(session, settings, since=self._manifest.created_at, now=self._now)

    def _put_originals(self, settings: Settings) -> None:
        store = media_store(settings)
        for kept in self._manifest.originals:
            store.put((self._backup / kept.path).read_bytes())

    def _move_in(self, but: Path | None = None) -> None:
        for path in [path for path in self._part.iterdir() if path != but]:
            path.rename(self._folder / path.name)
