"""Local copies of what lies elsewhere, in a folder of bounded size that processes share."""

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
from publisher.media.files import plain_errors, whole_file

LARGEST = 2 << 30
"""Bytes that the copies may take, besides those that are in use."""
IN_USE = timedelta(hours=1)
"""A copy that was asked for is not removed for so long: no delivery takes longer."""
_LOCK = ".lock"


class LocalCache:
    """Files by name. A file's time is when it was asked for last; the one that lies longest unused goes first."""

    def __init__(self, folder: Path, *, largest: int = LARGEST) -> None:
        self.folder = folder
        self._largest = largest

    def get(self, name: str) -> Path | None:
        """The copy of this name, which now stays for an hour; None if there is none."""
        path = self.folder / name
        with plain_errors(self.folder), self._locked(fcntl.LOCK_SH):
            try:
                os.utime(path)
            except FileNotFoundError:
                return None
        return path

    @contextmanager
    def adding(self, name: str) -> Iterator[BinaryIO]:
        """A file to write a copy into. It is there, whole, when the block ends; not at all when the block fails."""
        with plain_errors(self.folder):
            with whole_file(self.folder / name) as file:
                yield file
            self._shrink()

    def add(self, name: str, content: bytes) -> Path:
        """Keep a copy, in place of the former one of this name."""
        with self.adding(name) as file:
            file.write(content)
        return self.folder / name

    def workroom(self) -> Path:
        """The folder itself, there now: what is left in it by a process that died is removed like an unused copy."""
        with plain_errors(self.folder):
            make_private_folder(self.folder)
        return self.folder

    def _shrink(self) -> None:
        """Remove the longest unused until the rest is small enough, sparing what may be in use."""
        # Whoever asks for a copy waits meanwhile: it can't go between their asking and their reading.
        with self._locked(fcntl.LOCK_EX):
            unused = SystemClock().now().timestamp() - IN_USE.total_seconds()
            found = [(status.st_mtime, status.st_size, path) for path, status in self._files()]
            total = sum(size for _, size, _ in found)
            for used_at, size, path in sorted(found):
                if total <= self._largest or used_at >= unused:
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
