"""How a disturbed process meets its troubles: it dies at a milestone, or its database fails it.

The proving process lays files into a folder; whoever finds one suffers it. No process is told
beforehand, so that nothing in it can prepare for the trouble.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

from sqlalchemy import Connection, event

from publisher.db.session import BUSY_TIMEOUT_MS, Database

IMPATIENT_MS = 100
MOST_PAGES = 2**32 - 2


class Traps:
    """Files `MILESTONE.NUMBER.SIGNAL`: the first worker that passes the milestone takes it and gets the signal."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        folder.mkdir(parents=True, exist_ok=True)

    def lay(self, milestone: str, number: int, wanted: signal.Signals) -> str:
        """Lay a trap, and return its name."""
        name = f"{milestone}.{number}.{wanted.name}"
        (self._folder / name).touch()
        return name

    def waiting(self) -> list[str]:
        return sorted(path.name for path in self._folder.iterdir())

    def remove(self, name: str) -> None:
        (self._folder / name).unlink(missing_ok=True)

    def pass_by(self, milestone: str) -> None:
        """Snap, if a trap lies here."""
        for path in sorted(self._folder.glob(f"{milestone}.*")):
            try:
                path.unlink()
            except FileNotFoundError:
                continue
            os.kill(os.getpid(), signal.Signals[path.suffix.removeprefix(".")])


class Disk:
    """Files `full`, `read-only`, `impatient`: while one lies there, every connection suffers it.

    A full disk is SQLite's own limit of pages, set to what the file has: the next growth fails.
    A read-only file is told to SQLite, which then refuses writes with the error of such a file.
    Impatience cuts the time that a connection waits for the lock of another one.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        folder.mkdir(parents=True, exist_ok=True)

    def spoil(self, trouble: str) -> None:
        (self._folder / trouble).touch()

    def mend(self, trouble: str) -> None:
        (self._folder / trouble).unlink(missing_ok=True)

    def watch(self, database: Database) -> None:
        event.listen(database.engine, "begin", self._suffer, insert=True)

    def _suffer(self, connection: Connection) -> None:
        wanted = frozenset(path.name for path in self._folder.iterdir())
        if wanted != connection.info.get("troubles", frozenset()):
            connection.info["troubles"] = wanted
            for pragma in self._pragmas(connection, wanted):
                connection.exec_driver_sql(f"PRAGMA {pragma}")

    def _pragmas(self, connection: Connection, wanted: frozenset[str]) -> Iterator[str]:
        pages = connection.exec_driver_sql("PRAGMA page_count").scalar_one() if "full" in wanted else MOST_PAGES
        yield f"max_page_count={pages}"
        yield f"query_only={'ON' if 'read-only' in wanted else 'OFF'}"
        yield f"busy_timeout={IMPATIENT_MS if 'impatient' in wanted else BUSY_TIMEOUT_MS}"
