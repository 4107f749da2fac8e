"""Puts a daily copy of the database back in the middle of a day: by the program, or by hand."""

from __future__ import annotations

import random
import shutil
import sqlite3
import tempfile
from collections import Counter
from contextlib import closing
from datetime import timedelta
from pathlib import Path

from publisher.clock import monotonic, sleep
from publisher.health.heartbeat import SEEN_WITHIN
from publisher.keeping.daily import keep_daily
from publisher.keeping.in_place import BESIDE, accept_present, restore_in_place
from publisher.proving.fleet import Fleet
from publisher.proving.outlet import ProvingOutlet
from publisher.proving.plan import LARGEST_SKEW, CopyPlan
from publisher.proving.process import REFUSED
from publisher.proving.troubles import Clocks

WAIT_SECONDS = (0.3, 2.0)
"""Between the copy and its return."""
REFUSED_WITHIN_SECONDS = 60.0
A_MOMENT = timedelta(seconds=2 * LARGEST_SKEW)
"""Passes before a copy comes back: our clock may have been wrong when it was made."""


class DailyCopy:
    """Takes one copy, lets deliveries go on, and puts it back while nothing runs."""

    def __init__(self, outlet: ProvingOutlet, fleet: Fleet, clocks: Clocks, plan: CopyPlan, draw: int) -> None:
        self._outlet = outlet
        self._fleet = fleet
        self._clocks = clocks
        self._plan = plan
        self._file = outlet.settings.database_file
        self._folder = outlet.config.parent.parent / "copies"
        self._wait_seconds = random.Random(draw).uniform(*WAIT_SECONDS)  # noqa: S311 - repeatable on purpose
        self._taken_at = 0.0
        self._copy: Path | None = None
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
        if self._file is not None and not self.is_taken:
            self._folder.mkdir(exist_ok=True)
            # A folder of its own: beside the copy of another day it might be too soon for one.
            self._copy = keep_daily(self._file, Path(tempfile.mkdtemp(dir=self._folder)), self._clocks.now())
            self._taken_at = monotonic()

    def put_back(self) -> None:
        """Exchange the database, with every process stopped, and start them again."""
        if self._file is None or self._copy is None:
            return
        self._clocks.pass_by(A_MOMENT)
        newer = self._something_went_out_since(self._copy)
        self._outlet.close()
        settings = self._outlet.settings
        if self._plan.by_hand and newer:
            for end in BESIDE:
                Path(f"{self._file}{end}").unlink(missing_ok=True)
            shutil.copy2(self._copy, self._file)
            self._see_them_refuse()
            accept_present(settings, now=self._clocks.now(), seen_within=SEEN_WITHIN)
            self.done["copy put back by hand"] += 1
        else:
            restore_in_place(self._copy, settings, now=self._clocks.now(), seen_within=SEEN_WITHIN)
            self.done["daily copy restored"] += 1
        self._outlet.close()
        self.is_back = True
        self._fleet.start_missing()

    def _something_went_out_since(self, copy: Path) -> bool:
        """Whether the desk knows of more than the copy: else the copy is as good as the database."""
        known = self._outlet.history.record.read()
        with closing(sqlite3.connect(copy)) as connection:
            (newest,) = connection.execute("SELECT max(id) FROM event").fetchone()
        return known is not None and known.id > (newest or 0)

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
