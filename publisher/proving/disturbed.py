"""How a disturbed process meets its troubles: it dies at a milestone, or its database fails it.

The proving process lays files into a folder; whoever finds one suffers it. No process is told
beforehand, so that nothing in it can prepare for the trouble.
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

IMPATIENT_MS = 100
MAX_PAGES = 2**32 - 2
LEAVING_LOOKS, LEAVING_SECONDS = 6000, 0.01
"""So often, and with such a pause, a process that stands still is told to go on, until it does."""


class Traps:
    """Files `MILESTONE.NUMBER.SIGNAL`: the first worker that passes the milestone takes it and gets the signal.

    With `.DELIVERY` behind it, a trap waits for the worker that has this delivery. One that was
    taken lies in the folder `taken`, and its name tells who took it and with which delivery; whoever goes
    on after it says so in the folder `left`.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._taken = folder / "taken"
        self._left = folder / "left"
        for made in (self._taken, self._left):
            made.mkdir(parents=True, exist_ok=True)

    def lay(self, milestone: str, number: int, wanted: signal.Signals, delivery: int | None = None) -> str:
        """Lay a trap, and return its name."""
        name = f"{milestone}.{number}.{wanted.name}" + (f".{delivery}" if delivery is not None else "")
        (self._folder / name).touch()
        return name

    def waiting(self) -> list[str]:
        return sorted(path.name for path in self._folder.iterdir() if path.is_file())

    def withdraw(self, name: str) -> int | None:
        """Take a trap back; returns the process that was in it already, None when nobody was."""
        try:
            (self._folder / name).unlink()
        except FileNotFoundError:
            taker = self.taker(name)
            return taker[0] if taker else None
        return None

    def taker(self, name: str) -> tuple[int, int] | None:
        """The process that took a trap, and the delivery it had; None: nobody did."""
        for taken in self._taken.glob(f"{name}@*"):
            pid, _, delivery = taken.name.rpartition("@")[2].partition("-")
            return int(pid), int(delivery)
        return None

    def let_go(self, name: str) -> None:
        """Let the process in a trap go on that stands still, unless it was killed meanwhile.

        It may be about to stand still only now: it is told until it has gone on.
        """
        taker = self.taker(name)
        if taker is None:
            return
        for _ in range(LEAVING_LOOKS):
            try:
                os.kill(taker[0], signal.SIGCONT)
            except ProcessLookupError:
                return
            if (self._left / name).exists():
                return
            sleep(LEAVING_SECONDS)
        raise TimeoutError(f"process {taker[0]} stands still for ever")

    def pass_by(self, milestone: str, delivery: int) -> None:
        """Snap, if a trap lies here."""
        for path in sorted(self._folder.glob(f"{milestone}.*")):
            _, _, wanted, *only = path.name.split(".")
            if only and int(only[0]) != delivery:
                continue
            try:
                path.rename(self._taken / f"{path.name}@{os.getpid()}-{delivery}")
            except FileNotFoundError:
                continue
            _suffer(signal.Signals[wanted])
            (self._left / path.name).touch()


def _suffer(wanted: signal.Signals) -> None:
    if wanted == signal.SIGSTOP:
        # Another thread might take it, and this one pass its last check before the request: the one place where a
        # worker that stands still for long can't be kept from sending.
        signal.pthread_kill(threading.get_ident(), wanted)
    else:
        os.kill(os.getpid(), wanted)


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
        # All that is done over a connection begins with this, with the ORM or without.
        event.listen(database.engine, "checkout", self._suffer)

    def _suffer(self, connection: sqlite3.Connection, record: ConnectionPoolEntry, _proxy: object) -> None:
        wanted = frozenset(path.name for path in self._folder.iterdir())
        if wanted != record.info.get("troubles", frozenset()):
            record.info["troubles"] = wanted
            for pragma in self._pragmas(connection, wanted):
                connection.execute(f"PRAGMA {pragma}")

    def _pragmas(self, connection: sqlite3.Connection, wanted: frozenset[str]) -> Iterator[str]:
        pages = connection.execute("PRAGMA page_count").fetchone()[0] if "full" in wanted else MAX_PAGES
        yield f"max_page_count={pages}"
        yield f"query_only={'ON' if 'read-only' in wanted else 'OFF'}"
        yield f"busy_timeout={IMPATIENT_MS if 'impatient' in wanted else BUSY_TIMEOUT_MS}"
