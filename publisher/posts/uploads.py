"""Receives pictures from a browser in pieces; inspects and stores them when they are complete.

The row of an upload says how much of it has come; its file, in a folder that is never served, holds at least that
much. Both are on one machine: where several serve the pages, they share this folder, or a browser stays with one.
"""

from __future__ import annotations

import fcntl
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import BinaryIO

from sqlalchemy import delete, select, update

from publisher.core.clock import monotonic, sleep
from publisher.core.machine_errors import reading_problem
from publisher.core.messages import _
from publisher.core.private_files import make_private_folder
from publisher.db.models import Media
from publisher.db.session import Database
from publisher.db.staff import Upload
from publisher.media import MediaStore
from publisher.posts.errors import MachineError, PostError
from publisher.posts.pictures import PictureRefused, refuse_size, store_picture

MAX_UNFINISHED = 10
"""Of one person. The oldest is deleted for the next."""
MAX_AGE = timedelta(days=1)
LOCK_TIMEOUT_SECONDS = 0.5
"""How long a request waits for another one on the same upload: long enough to write a piece, not for an inspection."""
LOCK_POLL_SECONDS = 0.02


class UploadNotFound(PostError):
    """Says that this person has no such upload."""

    code = "upload-not-found"

    def __init__(self) -> None:
        super().__init__(_("this upload is not here any more; choose the file again"))


class UploadBusy(PostError):
    """Says that another request works on this upload at the moment."""

    code = "upload-busy"

    def __init__(self) -> None:
        super().__init__(_("this picture is being examined; wait a moment"))


class WrongOffset(PostError):
    """Says that a piece does not begin where the last one ended. `received`: where the next one has to begin."""

    code = "upload-offset-wrong"

    def __init__(self, received: int) -> None:
        super().__init__(_("this piece does not follow the last one; go on with byte {received}", received=received))
        self.received = received


class Uploads:
    """Manages the unfinished uploads of one desk. Any number of threads and processes may use it."""

    def __init__(self, database: Database, store: MediaStore, folder: Path) -> None:
        self._database = database
        self._store = store
        self._folder = folder

    def begin(self, person_id: int, file_name: str, size: int, now: datetime) -> Upload:
        """Begins the upload of a file. Raises PictureRefused where no picture may have that size."""
        refuse_size(_("“{name}”", name=file_name), size)
        if size < 1:
            raise PictureRefused(_("“{name}” is empty; choose another file", name=file_name))
        upload = Upload(
            id=secrets.token_hex(16),
            person_id=person_id,
            file_name=file_name[:255],
            size=size,
            received=0,
            created_at=now,
        )
        with self._database.writing() as session:
            newest = (
                select(Upload.id)
                .where(Upload.person_id == person_id, Upload.media_sha256.is_(None))
                .order_by(Upload.created_at.desc(), Upload.id)
            )
            oldest = list(session.scalars(newest))[MAX_UNFINISHED - 1 :]
            session.execute(delete(Upload).where(Upload.id.in_(oldest)))
            session.add(upload)
        for upload_id in oldest:
            self._file(upload_id).unlink(missing_ok=True)
        return upload

    def find(self, person_id: int, upload_id: str) -> Upload:
        """Returns an upload of a person. Raises NoUpload."""
        with self._database.reading() as session:
            upload = session.get(Upload, upload_id)
        if upload is None or upload.person_id != person_id:
            raise UploadNotFound
        return upload

    def add(self, person_id: int, upload_id: str, offset: int, piece: bytes) -> Upload:
        """Adds the piece that begins at this byte.

        Raises:
            NoUpload: it is not there, or somebody else's.
            UploadBusy: another request works on it.
            WrongOffset: another piece has to come first; nothing was added.
            PostError: more came than was announced.
        """
        self.find(person_id, upload_id)
        with self._opened(upload_id) as file:
            upload = self.find(person_id, upload_id)
            # Another machine may have the other pieces; only those here can be continued.
            upload.received = min(upload.received, file.seek(0, os.SEEK_END))
            if upload.media_sha256 is not None or offset != upload.received:
                raise WrongOffset(upload.size if upload.media_sha256 else upload.received)
            if offset + len(piece) > upload.size:
                raise PostError(
                    _("“{name}” is larger than it was announced; choose the file again", name=upload.file_name)
                )
            # A process that died in the middle of a piece may have left a part of it.
            file.seek(offset)
            file.truncate()
            file.write(piece)
            file.flush()
            upload.received += len(piece)
            self._set(upload_id, received=upload.received)
            return upload

    def finish(self, person_id: int, upload_id: str, now: datetime) -> Media:
        """Inspects the whole picture, stores it and deletes the pieces. A second call changes nothing.

        Raises:
            NoUpload: it is not there, or somebody else's.
            UploadBusy: another request works on it.
            WrongOffset: it is not complete yet.
            PictureRefused: it can't be used; nothing of it is stored.
            MediaUnreachable: it can't be stored now; the pieces stay, to be finished later.
        """
        self.find(person_id, upload_id)
        with self._opened(upload_id) as file:
            upload = self.find(person_id, upload_id)
            if upload.media_sha256 is None:
                received = min(upload.received, file.seek(0, os.SEEK_END))
                if received < upload.size:
                    raise WrongOffset(received)
                return self._store_picture(upload, now)
        with self._database.reading() as session:
            return session.get_one(Media, upload.media_sha256)

    def _store_picture(self, upload: Upload, now: datetime) -> Media:
        file = self._file(upload.id)
        try:
            media = store_picture(self._database, self._store, file, upload.file_name, now)
        except PictureRefused:
            self.forget(upload.person_id, upload.id)
            raise
        self._set(upload.id, media_sha256=media.sha256)
        file.unlink(missing_ok=True)
        return media

    def forget(self, person_id: int, upload_id: str) -> None:
        """Deletes an upload and its pieces; a picture that is stored stays. Raises NoUpload."""
        self.find(person_id, upload_id)
        with self._database.writing() as session:
            session.execute(delete(Upload).where(Upload.id == upload_id))
        self._file(upload_id).unlink(missing_ok=True)

    def sweep(self, now: datetime) -> int:
        """Deletes uploads older than a day, and files without an upload. Returns the number of deleted files."""
        # The files are listed first: an upload that begins meanwhile has a row before it has a file.
        files = list(self._folder.glob("*"))
        with self._database.writing() as session:
            session.execute(delete(Upload).where(Upload.created_at < now - MAX_AGE))
            known = set(session.scalars(select(Upload.id)))
        orphans = [file for file in files if file.name not in known]
        for file in orphans:
            file.unlink(missing_ok=True)
        return len(orphans)

    def _set(self, upload_id: str, **values: object) -> None:
        with self._database.writing() as session:
            session.execute(update(Upload).where(Upload.id == upload_id).values(**values))

    def _file(self, upload_id: str) -> Path:
        return self._folder / upload_id

    @contextmanager
    def _opened(self, upload_id: str) -> Iterator[BinaryIO]:
        """Opens and locks the file of an upload: a piece may come twice, when its first answer was lost.

        Raises:
            UploadBusy: another works on it for longer than a piece takes.
        """
        try:
            make_private_folder(self._folder)
            with os.fdopen(os.open(self._file(upload_id), os.O_RDWR | os.O_CREAT, 0o600), "r+b") as file:
                _lock(file)
                yield file
        except OSError as error:
            why = reading_problem(error) or error.strerror or str(error)
            raise MachineError(
                _(
                    "the folder {folder} can't be used, because {why}; the upload can go on when that is mended",
                    folder=str(self._folder),
                    why=why,
                )
            ) from error


def _lock(file: BinaryIO) -> None:
    """Locks a file until it is closed. Raises UploadBusy."""
    deadline = monotonic() + LOCK_TIMEOUT_SECONDS
    while True:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if monotonic() >= deadline:
                raise UploadBusy from None
            sleep(LOCK_POLL_SECONDS)
        else:
            return
