"""Restores a daily copy of the database in the middle of a day: by the program, or by hand."""

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
from typing import TYPE_CHECKING

from sqlalchemy import func, select, text

from publisher.backup.daily_copies import DUMP_PREFIX, copy_daily
from publisher.backup.files import BackupError
from publisher.backup.in_place import DATABASE_FILE_SUFFIXES, accept_present_database, restore_in_place
from publisher.backup.locking import open_transaction
from publisher.backup.manifest import read_manifest
from publisher.backup.postgres_dump import load
from publisher.backup.whole_backup import make_dump
from publisher.core.clock import monotonic, sleep
from publisher.core.messages import _
from publisher.db.models import Event
from publisher.health.heartbeat import HEARTBEAT_TIMEOUT
from publisher.proving.fault_injection import Clocks
from publisher.proving.fleet import Fleet
from publisher.proving.outlet import ProvingOutlet
from publisher.proving.plan import MAX_SKEW_SECONDS, CopyPlan
from publisher.proving.process import REFUSED_STATUS

if TYPE_CHECKING:
    from publisher.proving.postgres import ThrowawayPostgres

WAIT_SECONDS = (0.3, 2.0)
"""Between the copy and its restore."""
REFUSED_WITHIN_SECONDS = 60.0
SET_REVISION = text("INSERT INTO alembic_version (version_num) VALUES (:revision)")
CLOCK_ALLOWANCE = timedelta(seconds=2 * MAX_SKEW_SECONDS)
"""Passes before a copy is restored: our clock may have been wrong when it was made."""


class DatabaseCopy(ABC):
    """Holds one copy of the outlet's database, and restores it by hand or by the program."""

    newest: int
    """The number of the newest event that the copy holds."""

    @abstractmethod
    def replace_database(self) -> None:
        """Replaces the database with it, as a person does by hand. No process runs."""

    @abstractmethod
    def restore(self) -> None:
        """Restores it by the program. No process runs."""


class FileCopy(DatabaseCopy):
    """Holds a copy of a SQLite file, as a scheduler makes one a day."""

    def __init__(self, outlet: ProvingOutlet, file: Path, folder: Path) -> None:
        self._outlet = outlet
        self._file = file
        # A folder of its own: beside the copy of another day it might be too soon for one.
        made = copy_daily(file, Path(tempfile.mkdtemp(dir=folder)), outlet.now())
        if made is None:
            raise BackupError(_("there is a copy of the last day below {folder} already", folder=folder))
        self._copy = made
        with closing(sqlite3.connect(made)) as connection:
            (newest,) = connection.execute("SELECT max(id) FROM event").fetchone()
        self.newest = newest or 0

    def replace_database(self) -> None:
        for end in DATABASE_FILE_SUFFIXES:
            Path(f"{self._file}{end}").unlink(missing_ok=True)
        shutil.copy2(self._copy, self._file)

    def restore(self) -> None:
        restore_in_place(self._copy, self._outlet.settings, now=self._outlet.now(), seen_within=HEARTBEAT_TIMEOUT)


class DumpCopy(DatabaseCopy):
    """Holds a dump of a PostgreSQL database, as a scheduler makes one a day."""

    def __init__(self, outlet: ProvingOutlet, server: ThrowawayPostgres, folder: Path) -> None:
        self._outlet = outlet
        self._server = server
        self._url = outlet.settings.database_url
        now = outlet.now()
        with server.on_path():
            name = f"{DUMP_PREFIX}-{now:%Y%m%dT%H%M%SZ}"
            self._copy = make_dump(outlet.settings, Path(tempfile.mkdtemp(dir=folder)), name, now).path
        # Deliveries go on while a dump is written, so only the dump itself tells what it holds.
        self._loaded = self._load()
        with open_transaction(self._loaded) as connection:
            self.newest = connection.scalar(select(func.max(Event.id))) or 0

    def _load(self) -> str:
        """Loads the dump into a database of its own, as a person does by hand. Returns its URL."""
        manifest = read_manifest(self._copy)
        loaded = self._server.create_database()
        with self._server.on_path():
            load(loaded, self._copy / manifest.database.path, manifest.postgres_schema or "")
        with open_transaction(loaded) as connection:
            # Our own dumps leave it out; a person who knows PostgreSQL has it in theirs.
            connection.execute(SET_REVISION, {"revision": manifest.revision})
        return loaded

    def replace_database(self) -> None:
        self._server.put_in_place(self._loaded, self._url)

    def restore(self) -> None:
        self._server.put_in_place(self._server.create_database(), self._url)
        with self._server.on_path():
            restore_in_place(self._copy, self._outlet.settings, now=self._outlet.now(), seen_within=HEARTBEAT_TIMEOUT)


class DailyCopy:
    """Makes one copy, lets deliveries go on, and restores it while no process runs."""

    def __init__(
        self,
        outlet: ProvingOutlet,
        fleet: Fleet,
        clocks: Clocks,
        plan: CopyPlan,
        draw: int,
        server: ThrowawayPostgres | None = None,
    ) -> None:
        """`server`: the PostgreSQL server of the outlet's database; None where it is a file."""
        self._outlet = outlet
        self._fleet = fleet
        self._clocks = clocks
        self._plan = plan
        self._server = server
        self._folder = outlet.config.parent.parent / "copies"
        self._wait_seconds = random.Random(draw).uniform(*WAIT_SECONDS)  # noqa: S311 - repeatable on purpose
        self._made_at = 0.0
        self._copy: DatabaseCopy | None = None
        self.is_restored = False
        self.done: Counter[str] = Counter()
        self.missing_guards: list[str] = []
        """Sentences about processes that worked with a copy which nobody had accepted."""

    @property
    def is_made(self) -> bool:
        return self._copy is not None

    @property
    def is_due(self) -> bool:
        """Tells whether it is time to restore it: something may have been sent since."""
        if self._copy is None or self.is_restored or monotonic() < self._made_at + self._wait_seconds:
            return False
        return self._has_newer_events(self._copy)

    def make(self) -> None:
        """Copies the database, as a scheduler does once a day."""
        if self.is_made:
            return
        self._folder.mkdir(exist_ok=True)
        file = self._outlet.settings.database_file
        if file is not None:
            self._copy = FileCopy(self._outlet, file, self._folder)
        elif self._server is not None:
            self._copy = DumpCopy(self._outlet, self._server, self._folder)
        self._made_at = monotonic()

    def restore(self) -> None:
        """Restores the copy, with every process stopped, and starts them again."""
        if self._copy is None:
            return
        self._clocks.advance(CLOCK_ALLOWANCE)
        newer = self._has_newer_events(self._copy)
        self._outlet.close()
        if self._plan.by_hand and newer:
            self._copy.replace_database()
            self._check_that_processes_refuse()
            accept_present_database(self._outlet.settings, now=self._clocks.now(), seen_within=HEARTBEAT_TIMEOUT)
            self.done["copy put back by hand"] += 1
        else:
            self._copy.restore()
            self.done["daily copy restored"] += 1
        self._outlet.close()
        self.is_restored = True
        self._fleet.start_missing()

    def _has_newer_events(self, copy: DatabaseCopy) -> bool:
        """Tells whether the desk has recorded more than the copy holds: else the copy equals the database."""
        recorded = self._outlet.history.record.read()
        return recorded is not None and recorded.id > copy.newest

    def _check_that_processes_refuse(self) -> None:
        """Starts every process; each must end by itself, with the status of a refusal."""
        self._fleet.start_missing()
        waiting = {*self._fleet.workers, *self._fleet.schedulers}
        deadline = monotonic() + REFUSED_WITHIN_SECONDS
        while waiting and monotonic() < deadline:
            for end in self._fleet.ended():
                waiting.discard(end.name)
                if end.status == REFUSED_STATUS:
                    self.done["refused to start on a copy"] += 1
                else:
                    self.missing_guards.append(f"{end.name} ended with status {end.status} on a copy put back by hand")
            sleep(0.02)
        self.missing_guards += [f"{name} worked with a copy that was put back by hand" for name in sorted(waiting)]
        self._fleet.stop()
