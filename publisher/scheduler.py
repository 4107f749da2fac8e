"""Wakes the stages: pick the day's post, take back what was lost, say which channels have work.

The scheduler holds no posts and no due times. Any number of them may run: every act is guarded
in the database.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import datetime, timedelta

from apscheduler.executors.pool import ThreadPoolExecutor
from apscheduler.schedulers.background import BackgroundScheduler

from publisher.clock import Clock, SystemClock
from publisher.db.session import Database
from publisher.delivery.due import due_channels, miss_expired, recover_lost
from publisher.delivery.owner import is_surely_gone
from publisher.logs import get_logger

TICK_SECONDS = 0.5
PREPARE_SECONDS = 60
BACK_UP_SECONDS = 3600


class Scheduler:
    """A tick twice a second, a look ahead every minute, a backup if it is time every hour: each in its own thread."""

    def __init__(
        self,
        database: Database,
        clock: Clock,
        *,
        pick: Callable[[], None],
        kick: Callable[[str], None],
        prepare: Callable[[], None],
        first_look_up: timedelta,
        back_up: Callable[[], None] | None = None,
    ) -> None:
        self._database = database
        self._clock = clock
        self._pick = pick
        self._kick = kick
        self._first_look_up = first_look_up
        self._failing = False
        self._ticking = threading.Lock()
        self._scheduler = BackgroundScheduler(
            timezone="UTC",
            executors={name: ThreadPoolExecutor(1) for name in ("default", "preparing", "keeping")},
            job_defaults={"coalesce": True, "max_instances": 1, "misfire_grace_time": None},
            daemon=True,
        )
        self._scheduler.add_job(self._safe_tick, "interval", seconds=TICK_SECONDS)
        self._add_job(self._safe_prepare, PREPARE_SECONDS, "preparing")
        self._prepare = prepare
        if back_up is not None:
            self._add_job(lambda: _safe_back_up(back_up), BACK_UP_SECONDS, "keeping")

    def _add_job(self, act: Callable[[], None], seconds: int, executor: str) -> None:
        """Do it once at the start, then regularly."""
        self._scheduler.add_job(act, "interval", seconds=seconds, executor=executor, next_run_time=SystemClock().now())

    def start(self) -> None:
        """Tick once now, then regularly."""
        self._safe_tick()
        self._scheduler.start()

    def stop(self) -> None:
        """No tick begins after this; one that runs is waited for."""
        self._scheduler.shutdown(wait=True)

    def tick(self) -> None:
        """Everything that the passing of time asks for."""
        with self._ticking:
            self._pick()
            now = self._clock.now()
            self._recover(now)
            with self._database.reading() as session:
                channels = due_channels(session, now)
            for channel in channels:
                self._kick(channel)

    def _recover(self, now: datetime) -> None:
        for delivery in recover_lost(self._database, now, self._first_look_up, is_surely_gone):
            get_logger("scheduler").warning("took back from a lost worker", delivery=delivery)
        for delivery in miss_expired(self._database, now):
            get_logger("scheduler").error("missed: too late to publish", delivery=delivery)

    def _safe_prepare(self) -> None:
        """Making pictures ahead is a kindness: when it fails, they are made at their time, or it fails there."""
        try:
            self._prepare()
        except Exception:
            get_logger("scheduler").exception("the next post could not be prepared")

    def _safe_tick(self) -> None:
        """A tick whose failure is told once, not twice a second."""
        try:
            self.tick()
        except Exception:
            log = get_logger("scheduler")
            if not self._failing:
                log.exception("a tick failed; trying again until it works")
            self._failing = True
        else:
            if self._failing:
                get_logger("scheduler").info("ticking again")
            self._failing = False


def _safe_back_up(back_up: Callable[[], None]) -> None:
    """Without a backup the desk still publishes: the failure is told, and an hour later it is tried again."""
    try:
        back_up()
    except Exception as error:
        get_logger("scheduler").error("no daily backup was made", why=str(error), exc_info=error)
