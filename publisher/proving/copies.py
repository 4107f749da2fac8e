"""Puts a daily copy of the database back in the middle of a day: by the program, or by hand."""

from __future__ import annotations

import random
import shutil
import sqlite3
import tempfile
from abc import ABC, abstractmethod
from collections import Counter
from contextlib import closing
from datetime import timedelta
from pathlib import Path

from sqlalchemy import Connection, func, select, text

from publisher.backup.daily_copies import DUMP_PREFIX, copy_daily
from publisher.backup.files import BackupError
from publisher.backup.in_place import DATABASE_FILE_SUFFIXES, accept_present_database, restore_in_place
from publisher.backup.locking import open_transaction
from publisher.backup.manifest import read_manifest
from publisher.backup.postgres_dump import load
from publisher.backup.whole_backup import make_dump
from publisher.core.clock import monotonic, sleep
from publisher.db.models import Event
from publisher.health.heartbeat import HEARTBEAT_TIMEOUT
from publisher.proving.fleet import Fleet
from publisher.proving.outlet import ProvingOutlet
from publisher.proving.plan import LARGEST_SKEW, CopyPlan
from publisher.proving.postgres import ThrowawayPostgres
from publisher.proving.process import REFUSED
from publisher.proving.troubles import Clocks

WAIT_SECONDS = (0.3, 2.0)
"""Between the copy and its return."""
REFUSED_WITHIN_SECONDS = 60.0
SET_REVISION = text("INSERT INTO alembic_version (version_num) VALUES (:revision)")
A_MOMENT = timedelta(seconds=2 * LARGEST_SKEW)
"""Passes before a copy comes back: our clock may have been wrong when it was made."""


class KeptCopy(ABC):
    """One copy of the outlet's database, and the ways in which it comes back."""

    newest: int
    """The number of the newest event that it surely holds."""

    @abstractmethod
    def exchange(self) -> None:
        """Put it in the place of the database, as a person does by hand. Nothing runs."""

    @abstractmethod
    def restore(self) -> None:
        """Bring it back by the program. Nothing runs."""


class FileCopy(KeptCopy):
    """A copy of a SQLite file, as a scheduler makes one a day."""

    def __init__(self, outlet: ProvingOutlet, file: Path, folder: Path) -> None:
        self._outlet = outlet
        self._file = file
        # A folder of its own: beside the copy of another day it might be too soon for one.
        made = copy_daily(file, Path(tempfile.mkdtemp(dir=folder)), outlet.now())
        if made is None:
            raise BackupError(f"there is a copy of the last day below {folder} already")
        self._copy = made
        with closing(sqlite3.connect(made)) as connection:
            (newest,) = connection.execute("SELECT max(id) FROM event").fetchone()
        self.newest = newest or 0

    def exchange(self) -> None:
        for end in DATABASE_FILE_SUFFIXES:
            Path(f"{self._file}{end}").unlink(missing_ok=True)
        shutil.copy2(self._copy, self._file)

    def restore(self) -> None:
        restore_in_place(self._copy, self._outlet.settings, now=self._outlet.now(), seen_within=HEARTBEAT_TIMEOUT)


class DumpCopy(KeptCopy):
    """What pg_dump wrote of a PostgreSQL database, as a scheduler has it written once a day."""

    def __init__(self, outlet: ProvingOutlet, server: ThrowawayPostgres, folder: Path) -> None:
        self._outlet = outlet
        self._server = server
        self._url = outlet.settings.database_url
        now = outlet.now()
        with server.on_path():
            name = f"{DUMP_PREFIX}-{now:%Y%m%dT%H%M%SZ}"
            self._copy = make_dump(outlet.settings, Path(tempfile.mkdtemp(dir=folder)), name, now).path
        # After the dump, which may hold less: then it is put back a little later.
        with open_transaction(self._url) as connection:
            self.newest = _newest_event(connection)

    def exchange(self) -> None:
        manifest = read_manifest(self._copy)
        loaded = self._server.create_database()
        with self._server.on_path():
            load(loaded, self._copy / manifest.database.path, manifest.postgres_schema or "")
        with open_transaction(loaded) as connection:
            # Our own dumps leave it out; a person who knows PostgreSQL has it in theirs.
            connection.execute(SET_REVISION, {"revision": manifest.revision})
        self._server.put_in_place(loaded, self._url)

    def restore(self) -> None:
        self._server.put_in_place(self._server.create_database(), self._url)
        with self._server.on_path():
            restore_in_place(self._copy, self._outlet.settings, now=self._outlet.now(), seen_within=HEARTBEAT_TIMEOUT)


class DailyCopy:
    """Takes one copy, lets deliveries go on, and puts it back while nothing runs."""

    def __init__(
        self,
        outlet: ProvingOutlet,
        fleet: Fleet,
        clocks: Clocks,
        plan: CopyPlan,
        draw: int,
        server: ThrowawayPostgres | None = None,
    ) -> None:
        """`server`: where the outlet's database is, if it is no file."""
        self._outlet = outlet
        self._fleet = fleet
        self._clocks = clocks
        self._plan = plan
        self._server = server
        self._folder = outlet.config.parent.parent / "copies"
        self._wait_seconds = random.Random(draw).uniform(*WAIT_SECONDS)  # noqa: S311 - repeatable on purpose
        self._taken_at = 0.0
        self._copy: KeptCopy | None = None
        self.is_back = False
        self.done: Counter[str] = Counter()
        self.unguarded: list[str] = []
        """Processes that worked with a copy which nobody had accepted."""

    @property
    def is_taken(self) -> bool:
        return self._copy is not None

    @property
    def is_due(self) -> bool:
        """Whether it is time to put it back: something may have been sent since."""
        if self._copy is None or self.is_back or monotonic() < self._taken_at + self._wait_seconds:
            return False
        return self._something_went_out_since(self._copy)

    def take(self) -> None:
        """Copy the database, as a scheduler does once a day."""
        if self.is_taken:
            return
        self._folder.mkdir(exist_ok=True)
        file = self._outlet.settings.database_file
        if file is not None:
            self._copy = FileCopy(self._outlet, file, self._folder)
        elif self._server is not None:
            self._copy = DumpCopy(self._outlet, self._server, self._folder)
        self._taken_at = monotonic()

    def put_back(self) -> None:
        """Exchange the database, with every process stopped, and start them again."""
        if self._copy is None:
            return
        self._clocks.pass_by(A_MOMENT)
        newer = self._something_went_out_since(self._copy)
        self._outlet.close()
        if self._plan.by_hand and newer:
            self._copy.exchange()
            self._see_them_refuse()
            accept_present_database(self._outlet.settings, now=self._clocks.now(), seen_within=HEARTBEAT_TIMEOUT)
            self.done["copy put back by hand"] += 1
        else:
            self._copy.restore()
            self.done["daily copy restored"] += 1
        self._outlet.close()
        self.is_back = True
        self._fleet.start_missing()

    def _something_went_out_since(self, copy: KeptCopy) -> bool:
        """Whether the desk knows of more than the copy: else the copy is as good as the database."""
        known = self._outlet.history.record.read()
        return known is not None and known.id > copy.newest

    def _see_them_refuse(self) -> None:
        """Start every process; each must end by itself, and say why."""
        self._fleet.start_missing()
        waiting = {*self._fleet.workers, *self._fleet.schedulers}
        give_up = monotonic() + REFUSED_WITHIN_SECONDS
        while waiting and monotonic() < give_up:
            for end in self._fleet.ended():
                waiting.discard(end.name)
                if end.status == REFUSED:
                    self.done["refused to start on a copy"] += 1
                else:
                    self.unguarded.append(f"{end.name} ended with status {end.status} on a copy put back by hand")
            sleep(0.02)
        self.unguarded += [f"{name} worked with a copy that was put back by hand" for name in sorted(waiting)]
        self._fleet.stop()


def _newest_event(connection: Connection) -> int:
    return connection.scalar(select(func.max(Event.id))) or 0
