"""Makes a whole backup: the database, the originals, the configuration, and a manifest of all of it.

Renditions are left out, because they can be made again; secrets and sessions, because a backup
travels further than they should.
"""

from __future__ import annotations

import os
import shutil
import sqlite3
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from publisher import __version__
from publisher.backup.files import UNFINISHED, BackupError, as_backup_errors, copy_file, link_or_copy
from publisher.backup.manifest import BackedUpFile, Manifest
from publisher.backup.postgres_dump import dump
from publisher.backup.sqlite_copy import DatabaseCopy, last_known_instant
from publisher.core.disk_files import flush_to_disk
from publisher.core.messages import Message, _
from publisher.db.sqlite_backup import back_up
from publisher.media import FolderStore, MediaDamaged, MediaMissing, MediaStore
from publisher.media.opening import open_media_store
from publisher.settings import Settings

KEPT_SUFFIXES = frozenset({".toml", ".j2", ".md", ".example"})
"""What is kept of the configuration folder. Anything else in it may be a secret."""
MEDIA = "media"
DUMP = "publisher.dump"


@dataclass(frozen=True, slots=True, kw_only=True)
class BackupReport:
    path: Path
    manifest: Manifest
    left_out: tuple[Message, ...]
    """File names of originals that are missing or damaged, and therefore not in the backup."""


def make_backup(settings: Settings, folder: Path, now: datetime) -> BackupReport:
    """Writes `folder/backup-YYYYMMDDTHHMMSSZ`, whole or not at all, readable only by its owner.

    The publisher may be running. Originals are linked where `folder` is on their file system.

    Raises:
        BackupError: the backup can't be written, or PostgreSQL's tools are lacking.
        DatabaseError: the database is damaged.
        MediaError: the originals can't be reached.
    """
    return _make(settings, folder, f"backup-{now.astimezone(UTC):%Y%m%dT%H%M%SZ}", now, with_originals=True)


def make_dump(settings: Settings, folder: Path, name: str, now: datetime) -> BackupReport:
    """Does the same as `make_backup` for the database and the configuration, into `folder` / `name`."""
    return _make(settings, folder, name, now, with_originals=False)


def _make(settings: Settings, folder: Path, name: str, now: datetime, *, with_originals: bool) -> BackupReport:
    if not folder.is_dir():
        raise BackupError(_("the folder {folder} is not there; make it or mend its path", folder=folder))
    target = folder / name
    if target.exists():
        raise BackupError(_("{target} is there already; wait a second, or name another folder", target=target))
    with as_backup_errors(_("the backup can't be written to {folder}", folder=folder)):
        part = Path(tempfile.mkdtemp(dir=folder, prefix=UNFINISHED))
        try:
            # The database first: an original is stored before any row names it, so none can be lacking afterwards.
            database = _keep_database(part, settings, now)
            manifest, left_out = _finish(part, settings, database, now, with_originals=with_originals)
            flush_to_disk(part)
            part.rename(target)
            flush_to_disk(folder)
        except BaseException:
            shutil.rmtree(part, ignore_errors=True)
            raise
    return BackupReport(path=target, manifest=manifest, left_out=left_out)


def database_revision(file: Path) -> str:
    """Returns the revision of a SQLite database. Raises BackupError when it has none."""
    with closing(sqlite3.connect(f"{file.absolute().as_uri()}?mode=rw", uri=True)) as connection:
        row = connection.execute("SELECT version_num FROM alembic_version").fetchone()
    if row is None:
        raise BackupError(_("{file} has no revision; run publisher doctor", file=file))
    return str(row[0])


def complete_backup(copy: DatabaseCopy, settings: Settings, part: Path, now: datetime) -> tuple[Message, ...]:
    """Makes a whole backup of a checked copy in the folder `part`, with a desk's configuration and originals.

    Returns the file names of the originals that the desk does not have.
    """
    database = _KeptDatabase(copy.file, copy.revision, None, copy.originals)
    return _finish(part, settings, database, last_known_instant(copy) or now)[1]


def _finish(
    part: Path, settings: Settings, database: _KeptDatabase, made_at: datetime, *, with_originals: bool = True
) -> tuple[Manifest, tuple[Message, ...]]:
    needed_originals = database.originals if with_originals else ()
    originals, left_out = (
        _store_originals(part, needed_originals, open_media_store(settings)) if needed_originals else ((), ())
    )
    manifest = Manifest(
        version=__version__,
        revision=database.revision,
        created_at=made_at,
        config_file=settings.file.relative_to(settings.root).as_posix(),
        database=BackedUpFile.of(part, database.file),
        postgres_schema=database.schema,
        originals=originals,
        originals_left_out=not with_originals,
        config=tuple(_keep_config(part, settings)),
    )
    manifest.write(part)
    return manifest, left_out


@dataclass(frozen=True, slots=True)
class _KeptDatabase:
    file: Path
    revision: str
    schema: str | None
    originals: Sequence[tuple[str, str]]
    """SHA-256 and file name of each."""


def _keep_database(part: Path, settings: Settings, now: datetime) -> _KeptDatabase:
    file = settings.database_file
    if file is None:
        snapshot = dump(settings.database_url, part / DUMP)
        return _KeptDatabase(part / DUMP, snapshot.revision, snapshot.schema, snapshot.originals)
    revision = database_revision(file)
    copy = back_up(file, part, revision=revision, now=now)
    with closing(sqlite3.connect(f"{copy.absolute().as_uri()}?mode=ro", uri=True)) as connection:
        originals = connection.execute("SELECT sha256, file_name FROM media ORDER BY sha256").fetchall()
    return _KeptDatabase(copy, revision, None, originals)


def _store_originals(
    part: Path, originals: Iterable[tuple[str, str]], store: MediaStore
) -> tuple[tuple[BackedUpFile, ...], tuple[Message, ...]]:
    """Stores the originals that the database names. Returns them, and the names of those that are missing."""
    files, left_out = [], []
    target = FolderStore(part / MEDIA)
    for sha256, name in originals:
        try:
            source = store.fetch(sha256)
        except MediaMissing:
            left_out.append(_("{file} (missing)", file=name))
        except MediaDamaged:
            left_out.append(_("{file} (damaged)", file=name))
        else:
            link_or_copy(source, target.path(sha256))
            files.append(BackedUpFile.of(part, target.path(sha256)))
    return tuple(files), tuple(left_out)


def _keep_config(part: Path, settings: Settings) -> Iterator[BackedUpFile]:
    for source in sorted(set(_config_files(settings))):
        copy = part / source.relative_to(settings.root)
        copy_file(source, copy)
        yield BackedUpFile.of(part, copy)


def _config_files(settings: Settings) -> Iterator[Path]:
    """Returns the configuration file, and what lies beside it or beside a caption template; nothing secret."""
    own = settings.file.parent
    yield settings.file
    # A configuration file outside a folder `config` lies beside the media and the posts: not all of that is its own.
    captions = [Path(os.path.normpath(own / channel.caption)) for channel in settings.channels.values()]
    folders = {own, *(caption.parent for caption in captions)}
    if own.name == "config":
        folders |= {path for path in own.rglob("*") if path.is_dir()}
    for folder in folders:
        if folder.is_relative_to(settings.root) and folder.is_dir():
            yield from (file for file in folder.iterdir() if file.suffix in KEPT_SUFFIXES and file.is_file())
