"""Wakes the stages: pick the day's post, take back what was lost, say which channels have work.

The scheduler holds no posts and no due times. Any number of them may run: every act is guarded
in the database.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from apscheduler.executors.pool import ThreadPoolExecutor
from apscheduler.schedulers.background import BackgroundScheduler

from publisher.clock import Clock, SystemClock
from publisher.db.session import Database
from publisher.delivery.due import Appointment, appointments, miss_expired, recover_lost
from publisher.delivery.owner import is_surely_gone
from publisher.logs import get_logger
from publisher.trouble import Trouble

TICK = "the tick"
TICK_SECONDS = 0.5


@dataclass(frozen=True, slots=True)
class RegularJob:
    """What is done at the start, and then regularly. It may fail: that is told once, until it works again."""

    name: str
    """What it does, as in "NAME failed": `the daily backup`."""
    seconds: float
    act: Callable[[], None]


class Timetable:
    """Does regular jobs, each in a thread of its own, so that none waits for another."""

    def __init__(self, jobs: Sequence[RegularJob]) -> None:
        self._scheduler = BackgroundScheduler(
            timezone="UTC",
            executors={job.name: ThreadPoolExecutor(1) for job in jobs},
            job_defaults={"coalesce": True, "max_instances": 1, "misfire_grace_time": None},
            daemon=True,
        )
        self._acts = {job.name: _safely(job) for job in jobs}
        self._stopping = False
        self._asking = threading.Lock()
        for job in jobs:
            self._scheduler.add_job(
                self._acts[job.name],
                "interval",
                seconds=job.seconds,
                executor=job.name,
                id=job.name,
                next_run_time=SystemClock().now(),
            )

    def start(self) -> None:
        self._scheduler.start()

    def once_more(self, name: str, seconds: float) -> None:
        """Do the job `name` so many seconds from now besides; a former wish is replaced. Not once it stops."""
        at = SystemClock().now() + timedelta(seconds=seconds)
        with self._asking:
            if not self._stopping:
                self._scheduler.add_job(
                    self._acts[name], "date", run_date=at, executor=name, id=f"{name} once more", replace_existing=True
                )

    def stop(self) -> None:
        """No job begins after this; those that run are waited for."""
        # APScheduler waits for the jobs with the lock in hand that adding one takes, so a job that
        # asks for itself once more would wait for the end, and the end for the job.
        with self._asking:
            self._stopping = True
        self._scheduler.shutdown(wait=True)


def _safely(job: RegularJob) -> Callable[[], None]:
    trouble = Trouble("scheduler", job.name)

    def act() -> None:
        try:
            job.act()
        except Exception as error:
            trouble.met(error)
        else:
            trouble.over()

    return act


class Scheduler:
    """A tick twice a second, and the regular jobs that others bring."""

    def __init__(
        self,
        database: Database,
        clock: Clock,
        *,
        pick: Callable[[], None],
        kick: Callable[[str], None],
        first_look_up: timedelta,
        opens: Callable[[datetime], datetime] | None = None,
        jobs: Sequence[RegularJob] = (),
    ) -> None:
        """`opens`: when the next slot after an instant opens; a pick is then not left to the next regular tick."""
        self._database = database
        self._clock = clock
        self._pick = pick
        self._kick = kick
        self._first_look_up = first_look_up
        self._opens = opens
        self._ticking = threading.Lock()
        tick = RegularJob(TICK, TICK_SECONDS, self._tick_and_look_ahead)
        self._timetable = Timetable([tick, *jobs])

    def start(self) -> None:
        """Tick and do every job now, then regularly."""
        self._timetable.start()

    def stop(self) -> None:
        """No tick and no job begins after this; those that run are waited for."""
        self._timetable.stop()

    def tick(self) -> None:
        """Everything that the passing of time asks for."""
        self._tick()

    def _tick(self) -> list[Appointment]:
        with self._ticking:
            self._pick()
            now = self._clock.now()
            self._recover(now)
            with self._database.reading() as session:
                found = appointments(session, now)
            for channel in dict.fromkeys(each.channel for each in found if each.at <= now):
                self._kick(channel)
            return found

    def _tick_and_look_ahead(self) -> None:
        """What comes due before the next regular tick is not left waiting for it."""
        found = self._tick()
        now = self._clock.now()
        coming = [each.at for each in found if each.at > now]
        if self._opens is not None:
            coming.append(self._opens(now))
        ahead = (min(coming) - now).total_seconds() if coming else TICK_SECONDS
        if ahead < TICK_SECONDS:
            self._timetable.once_more(TICK, ahead)

    def _recover(self, now: datetime) -> None:
        for delivery in recover_lost(self._database, now, self._first_look_up, is_surely_gone):
            get_logger("scheduler").warning("took back from a lost worker", delivery=delivery)
        for delivery in miss_expired(self._database, now):
            get_logger("scheduler").error("missed: too late to publish", delivery=delivery)
