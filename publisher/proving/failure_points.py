"""Makes a process fail at chosen points: it gets a signal at a milestone, or its database fails.

The proving process puts files into a folder, and whoever finds one gets its fault. No process is told
beforehand, so that nothing in it can prepare for the fault.
"""

from __future__ import annotations

import os
import signal
import sqlite3
import threading
from collections.abc import Iterator
from pathlib import Path

from sqlalchemy import event
from sqlalchemy.pool import ConnectionPoolEntry

from publisher.core.clock import sleep
from publisher.db.session import BUSY_TIMEOUT_MS, Database

SHORT_BUSY_TIMEOUT_MS = 100
MAX_PAGES = 2**32 - 2
RESUME_TRIES, RESUME_PAUSE_SECONDS = 6000, 0.01
"""So often, and with such a pause, a stopped process gets the signal to go on, until it does."""


class FailurePoints:
    """Sends signals to workers at milestones, by files `MILESTONE.NUMBER.SIGNAL`.

    The first worker that passes the milestone takes the file and gets the signal. With `.DELIVERY` at the end
    it waits for the worker that has this delivery. A file that was taken is in the folder `taken`, and its name
    says which process took it and with which delivery; a worker that goes on after it adds a file to `left`.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._taken = folder / "taken"
        self._left = folder / "left"
        for subfolder in (self._taken, self._left):
            subfolder.mkdir(parents=True, exist_ok=True)

    def add(self, milestone: str, number: int, signal_number: signal.Signals, delivery: int | None = None) -> str:
        """Adds a failure point, and returns its name."""
        name = f"{milestone}.{number}.{signal_number.name}" + (f".{delivery}" if delivery is not None else "")
        (self._folder / name).touch()
        return name

    def waiting(self) -> list[str]:
        """Returns the names of those that no process has reached."""
        return sorted(path.name for path in self._folder.iterdir() if path.is_file())

    def remove(self, name: str) -> int | None:
        """Removes a failure point; returns the process that has reached it already, None when none has."""
        try:
            (self._folder / name).unlink()
        except FileNotFoundError:
            reached_by = self.reached_by(name)
            return reached_by[0] if reached_by else None
        return None

    def reached_by(self, name: str) -> tuple[int, int] | None:
        """Returns the process that reached a failure point, and its delivery; None: no process did."""
        for path in self._taken.glob(f"{name}@*"):
            pid, _, delivery = path.name.rpartition("@")[2].partition("-")
            return int(pid), int(delivery)
        return None

    def resume(self, name: str) -> None:
        """Lets the process go on that a failure point has stopped, unless it was killed meanwhile.

        It may be about to stop only now: it gets the signal until it has gone on.
        """
        reached_by = self.reached_by(name)
        if reached_by is None:
            return
        for _ in range(RESUME_TRIES):
            try:
                os.kill(reached_by[0], signal.SIGCONT)
            except ProcessLookupError:
                return
            if (self._left / name).exists():
                return
            sleep(RESUME_PAUSE_SECONDS)
        raise TimeoutError(f"process {reached_by[0]} did not go on")

    def reach(self, milestone: str, delivery: int) -> None:
        """Fails here, if there is a failure point for this milestone and delivery."""
        for path in sorted(self._folder.glob(f"{milestone}.*")):
            _, _, signal_name, *only = path.name.split(".")
            if only and int(only[0]) != delivery:
                continue
            try:
                path.rename(self._taken / f"{path.name}@{os.getpid()}-{delivery}")
            except FileNotFoundError:
                continue
            _signal_self(signal.Signals[signal_name])
            (self._left / path.name).touch()


def _signal_self(number: signal.Signals) -> None:
    if number == signal.SIGSTOP:
        # Another thread might take it, and this one pass its last check before the request: the one place where a
        # worker that is stopped for long can't be kept from sending.
        signal.pthread_kill(threading.get_ident(), number)
    else:
        os.kill(os.getpid(), number)


class DatabaseFaults:
    """Makes every connection fail while a file `full`, `read-only` or `impatient` is there.

    `full` sets SQLite's own limit of pages to the file's size: the next growth fails.
    `read-only` makes SQLite refuse writes with the error of such a file.
    `impatient` cuts the time that a connection waits for the lock of another one.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        folder.mkdir(parents=True, exist_ok=True)

    def begin(self, fault: str) -> None:
        """Begins a fault."""
        (self._folder / fault).touch()

    def end(self, fault: str) -> None:
        """Ends a fault."""
        (self._folder / fault).unlink(missing_ok=True)

    def watch(self, database: Database) -> None:
        """Applies the faults to a database of this process."""
        # All that is done over a connection begins with this, with the ORM or without.
        event.listen(database.engine, "checkout", self._apply)

    def _apply(self, connection: sqlite3.Connection, record: ConnectionPoolEntry, _proxy: object) -> None:
        faults = frozenset(path.name for path in self._folder.iterdir())
        if faults != record.info.get("faults", frozenset()):
            record.info["faults"] = faults
            for pragma in self._pragmas(connection, faults):
                connection.execute(f"PRAGMA {pragma}")

    def _pragmas(self, connection: sqlite3.Connection, faults: frozenset[str]) -> Iterator[str]:
        pages = connection.execute("PRAGMA page_count").fetchone()[0] if "full" in faults else MAX_PAGES
        yield f"max_page_count={pages}"
        yield f"query_only={'ON' if 'read-only' in faults else 'OFF'}"
        yield f"busy_timeout={SHORT_BUSY_TIMEOUT_MS if 'impatient' in faults else BUSY_TIMEOUT_MS}"
