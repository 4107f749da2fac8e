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

from sqlalchemy.engine import URL
from sqlalchemy.orm import Session

from publisher.content import AdaptedPost
from publisher.db.models import Channel, Delivery
from publisher.db.session import Database
from publisher.db.upgrade import prepare_database
from publisher.keeping.backup import sqlite_file
from publisher.keeping.files import BackupError, copy_file, flush_folder, make_private, plain_errors
from publisher.keeping.manifest import KeptFile, Manifest, check_files, read_manifest
from publisher.lifecycle import restore_deliveries
from publisher.media import MediaStore
from publisher.platforms.base import KeySeed
from publisher.platforms.registry import adapter_class
from publisher.post_queue.gap import Gap, close_gap
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


def restore(backup: Path, folder: Path, now: datetime) -> RestoreReport:
    """Bring a backup back into a folder that is empty or not there, after reading every file of it.

    Raises:
        BackupError: the backup is damaged, the folder is not empty, or it can't be written to.
        DatabaseError: the backup comes from a newer version of the program.
        SettingsError: the configuration in it can't be used.
    """
    manifest = read_manifest(backup)
    check_files(backup, manifest)
    if manifest.created_at > now:
        raise BackupError(
            f"the backup was made at {manifest.created_at:%Y-%m-%d %H:%M} UTC, and this machine's clock shows "
            f"{now:%Y-%m-%d %H:%M} UTC; set the clock right, or what went out would look as if it were still to come"
        )
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise BackupError(f"{folder} is not empty; name a folder that is empty or not there yet")
    with plain_errors(f"the backup can't be restored to {folder}"), _new_folder(folder):
        part = Path(tempfile.mkdtemp(dir=folder, prefix=".restoring-"))
        report = _Restoring(backup, manifest, part, folder, now).run()
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

    def run(self) -> RestoreReport:
        for kept in self._manifest.config:
            self._copy(kept, self._part / kept.path)
        settings = load_settings(self._part / self._manifest.config_file)
        target = sqlite_file(settings)
        if target.exists():
            raise BackupError(f"{target}, where the configuration keeps the database, is there; move it away first")
        ready = self._part / "restored.db"
        self._copy(self._manifest.database, ready)
        looked_up, gap = self._make_safe(ready, settings)
        store = MediaStore(settings.path(settings.storage.media))
        for kept in self._manifest.originals:
            if not store.path(kept.sha256).exists():
                self._copy(kept, store.path(kept.sha256))
        self._move_in(ready, target)
        config = self._folder / self._manifest.config_file
        return RestoreReport(manifest=self._manifest, config=config, looked_up=looked_up, gap=gap)

    def _copy(self, kept: KeptFile, target: Path) -> None:
        copy_file(self._backup / kept.path, target)

    def _make_safe(self, file: Path, settings: Settings) -> tuple[int, Gap]:
        url = URL.create("sqlite", database=str(file)).render_as_string()
        prepare_database(url, backups=settings.path(settings.storage.backups), now=self._now)
        database = Database.open(url)
        try:
            with database.writing() as session:
                looked_up = restore_deliveries(session, self._now, lambda delivery: _key_of(session, delivery))
                gap = close_gap(session, settings, since=self._manifest.created_at, now=self._now)
        finally:
            database.close()
        with closing(sqlite3.connect(file)) as connection:
            # One file, that can be moved.
            connection.execute("PRAGMA journal_mode=DELETE")
        return len(looked_up), gap

    def _move_in(self, ready: Path, target: Path) -> None:
        inside = target.is_relative_to(self._part)
        final = self._folder / target.relative_to(self._part) if inside else target
        for path in [path for path in self._part.iterdir() if path != ready]:
            path.rename(self._folder / path.name)
        copy_file(ready, final)
        flush_folder(final.parent)
        shutil.rmtree(self._part)


def _key_of(session: Session, delivery: Delivery) -> str:
    """The idempotency key that the lost desk used, if it sent this delivery."""
    platform = session.get_one(Channel, delivery.channel_name).platform
    try:
        adapter = adapter_class(platform)
    except LookupError as error:
        raise BackupError(
            f"the channel {delivery.channel_name!r} can't be restored: {error}; install a version that knows it"
        ) from None
    title = AdaptedPost.model_validate(delivery.adapted).title
    return adapter.idempotency_key(KeySeed(token=delivery.token, title=title, created_at=delivery.scheduled_at))
