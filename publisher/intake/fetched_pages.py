"""Keeps the pages that an import has fetched, so that one that was interrupted does not ask for them again."""

from __future__ import annotations

import hashlib
import os
import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path

from publisher.core.clock import Clock
from publisher.core.file_reading import read_bytes
from publisher.core.machine_errors import reading_problem
from publisher.core.messages import _
from publisher.intake.web_fetching import WebFetcher
from publisher.intake.web_request import PAGE, FileKind
from publisher.posts.errors import MachineError

MAX_AGE = timedelta(days=1)
"""An older page may have been changed at its site meanwhile."""


class FetchedPages:
    """Fetches pages, each once until they are removed or a day old."""

    def __init__(self, fetcher: WebFetcher, folder: Path, clock: Clock, *, anew: bool = False) -> None:
        """`folder`: of this source alone; it is made at need. `anew`: pages that were kept before are not used."""
        self._fetcher, self._folder, self._clock, self._anew = fetcher, folder, clock, anew
        self._written: set[Path] = set()

    def fetch(self, url: str, kind: FileKind = PAGE) -> tuple[str, bytes]:
        """Returns where a page was in the end, and its content.

        Raises:
            FetchRefused: it must not be fetched, or can't be.
            MachineError: it can't be kept.
        """
        file = self._folder / f"{hashlib.sha256(url.encode('utf-8', 'surrogatepass')).hexdigest()}.page"
        if (kept := self._read(file, kind)) is not None:
            return kept
        answer, content = self._fetcher.fetch_bytes(url, kind)
        try:
            self._folder.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._folder.mkdir(exist_ok=True)
            unfinished = file.with_suffix(f".{os.getpid()}")
            unfinished.write_bytes(answer.url.encode() + b"\n" + content)
            unfinished.replace(file)
            self._written.add(file)
        except OSError as error:
            why = reading_problem(error) or error.strerror or str(error)
            raise MachineError(
                _("{folder} can't be written: {why:clause}; the import goes on when that is mended",
                  folder=str(self._folder), why=why)
            ) from error  # fmt: skip
        return answer.url, content

    def remove(self) -> None:
        """Removes the pages: the import that needed them is finished."""
        shutil.rmtree(self._folder, ignore_errors=True)

    def _read(self, file: Path, kind: FileKind) -> tuple[str, bytes] | None:
        if self._anew and file not in self._written:
            return None
        try:
            made = datetime.fromtimestamp(file.stat().st_mtime, UTC)
            if self._clock.now() - made > MAX_AGE:
                return None
            url, _line, content = read_bytes(file, kind.max_bytes + 10_000).partition(b"\n")
            address = url.decode()
        except (OSError, UnicodeDecodeError):
            return None  # It is fetched again.
        return (address, content) if address.startswith(("http://", "https://")) else None


def sweep_pages(folder: Path, now: datetime) -> int:
    """Removes what sources have kept in a folder for more than a day, and returns how many sources those were."""
    removed = 0
    for kept in folder.iterdir() if folder.is_dir() else ():
        try:
            is_old = now - datetime.fromtimestamp(kept.stat().st_mtime, UTC) > MAX_AGE
        except FileNotFoundError:
            continue  # Its import has removed it meanwhile.
        if is_old and kept.is_dir():
            shutil.rmtree(kept, ignore_errors=True)
            removed += 1
    return removed
