"""Caches local copies of remote media, in a folder of bounded size that processes share."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import BinaryIO

from publisher.core.clock import SystemClock
from publisher.core.private_files import make_private_folder
from publisher.media.files import atomic_file, translate_disk_errors

MAX_CACHE_BYTES = 2 << 30
"""Bytes that the copies may take, besides those that are in use."""
IN_USE_TIME = timedelta(hours=1)
"""A copy that was asked for is not removed for so long: no delivery takes longer."""
_LOCK = ".lock"


class LocalCache:
    """Caches files by name. A file's time is its last use; the one that is unused for longest is removed first."""

    def __init__(self, folder: Path, *, max_bytes: int = MAX_CACHE_BYTES) -> None:
        self.folder = folder
        self._max_bytes = max_bytes

    def get(self, name: str) -> Path | None:
        """Returns the copy of this name, which now stays for an hour; None if there is none."""
        path = self.folder / name
        with translate_disk_errors(self.folder), self._locked(fcntl.LOCK_SH):
            try:
                os.utime(path)
            except FileNotFoundError:
                return None
        return path

    @contextmanager
    def adding(self, name: str) -> Iterator[BinaryIO]:
        """Opens a file to write a copy into, which is added when the block ends, and dropped when it fails."""
        with translate_disk_errors(self.folder):
            with atomic_file(self.folder / name) as file:
                yield file
            self._shrink()

    def add(self, name: str, content: bytes) -> Path:
        """Adds a copy, in place of the former one of this name."""
        with self.adding(name) as file:
            file.write(content)
        return self.folder / name

    def work_folder(self) -> Path:
        """Makes and returns the folder. Files that a process left when it died are removed like unused copies."""
        with translate_disk_errors(self.folder):
            make_private_folder(self.folder)
        return self.folder

    def _shrink(self) -> None:
        """Removes copies, the longest unused first, until the rest is small enough. Those in use stay."""
        # Whoever asks for a copy waits meanwhile: it can't go between their asking and their reading.
        with self._locked(fcntl.LOCK_EX):
            unused = SystemClock().now().timestamp() - IN_USE_TIME.total_seconds()
            copies = [(status.st_mtime, status.st_size, path) for path, status in self._files()]
            total = sum(size for _, size, _ in copies)
            for used_at, size, path in sorted(copies):
                if total <= self._max_bytes or used_at >= unused:
                    return
                path.unlink(missing_ok=True)
                total -= size

    def _files(self) -> Iterator[tuple[Path, os.stat_result]]:
        for folder, _, names in os.walk(self.folder):
            for name in names:
                path = Path(folder) / name
                try:
                    status = path.stat()
                except FileNotFoundError:
                    # Another process's unfinished file got its name, or went.
                    continue
                if name != _LOCK:
                    yield path, status

    @contextmanager
    def _locked(self, kind: int) -> Iterator[None]:
        make_private_folder(self.folder)
        with (self.folder / _LOCK).open("ab") as lock:
            fcntl.flock(lock, kind)
            yield
