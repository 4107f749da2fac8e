"""Wakes the stages: pick the day's post, take back what was lost, say which channels have work.

The scheduler holds no posts and no due times. Any number of them may run: every act is guarded
in the database. Each part of a tick stands alone: when one fails, the others go on.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from apscheduler.executors.pool import ThreadPoolExecutor
from apscheduler.schedulers.background import BackgroundScheduler

from publisher.core.clock import Clock, ClockChange, SystemClock, monotonic
from publisher.core.logs import get_logger
from publisher.db.session import Database
from publisher.delivery.due import Appointment, appointments, miss_expired, recover_lost
from publisher.delivery.owner import is_surely_gone
from publisher.job_failures import FailureLog, TickPart, WatchedJob

TICK = "the tick"
TICK_SECONDS = 0.5
LEASES_CATCH_UP_SECONDS = 30.0
"""After the clock was set, workers that live are given so long to renew their leases by the new time."""
THREADS_PER_JOB = 3
"""One that does the job, one that waits to do it once more, and one for a run that comes too early."""
ANY_NUMBER = 1 << 30
CLOCK_SECONDS = 1.0
"""So often it is looked whether the system's clock was set."""


@dataclass(frozen=True, slots=True)
class RegularJob:
    """What is done at the start, and then regularly. It may fail: that is told once, until it works again."""

    name: str
    """What it does, as in "NAME failed": `the daily backup`."""
    seconds: float
    act: Callable[[], None]


class Timetable:
    """Does regular jobs, each in a thread of its own, so that none waits for another.

    A job that takes longer than the pause between two of its runs, as the first tick on a busy
    machine does, leaves out the runs that come meanwhile: each ends as soon as it begins.
    APScheduler's own limit does the same, with a warning that no operator can act on.

    APScheduler plans by the system's clock. When that is set, every job is planned anew, from
    now: a clock that was put back by hours would let nothing begin until then.
    """

    def __init__(self, jobs: Sequence[RegularJob], failures: FailureLog | None = None) -> None:
        self._scheduler = BackgroundScheduler(
            timezone="UTC",
            executors={job.name: ThreadPoolExecutor(THREADS_PER_JOB) for job in jobs},
            job_defaults={"coalesce": True, "max_instances": ANY_NUMBER, "misfire_grace_time": None},
            daemon=True,
        )
        self._jobs = {job.name: _OneAtATime(job, failures) for job in jobs}
        self._stopping = False
        self._asking = threading.Lock()
        self._stopped = threading.Event()
        self._clock_watch = threading.Thread(target=self._watch_clock, name="clock-watch", daemon=True)
        for job in jobs:
            self._scheduler.add_job(
                self._jobs[job.name].unless_it_runs,
                "interval",
                seconds=job.seconds,
                executor=job.name,
                id=job.name,
                name=job.name,
                next_run_time=SystemClock().now(),
            )

    def start(self) -> None:
        self._scheduler.start()
        self._clock_watch.start()

    def once_more(self, name: str, seconds: float) -> None:
        """Do the job `name` so many seconds from now besides; a former wish is replaced. Not once it stops."""
        at = SystemClock().now() + timedelta(seconds=seconds)
        with self._asking:
            if not self._stopping:
                self._scheduler.add_job(
                    self._jobs[name].after_it_ran,
                    "date",
                    run_date=at,
                    executor=name,
                    id=f"{name} once more",
                    replace_existing=True,
                )

    def stop(self) -> None:
        """No job begins after this; those that run are waited for."""
        # APScheduler waits for the jobs with the lock in hand that adding one takes, so a job that
        # asks for itself once more would wait for the end, and the end for the job.
        with self._asking:
            self._stopping = True
        self._stopped.set()
        self._scheduler.shutdown(wait=True)

    def _watch_clock(self) -> None:
        """Plan every job anew whenever the system's clock was set. Waits by the monotonic clock."""
        change = ClockChange()
        while not self._stopped.wait(CLOCK_SECONDS):
            if change.seen():
                self._plan_anew()

    def _plan_anew(self) -> None:
        with self._asking:
            if self._stopping:
                return
            now = SystemClock().now()
            for name in self._jobs:
                self._scheduler.modify_job(name, next_run_time=now)


class _OneAtATime:
    """Does a regular job, unless it is being done."""

    def __init__(self, job: RegularJob, failures: FailureLog | None) -> None:
        self._job = job
        self._watched = WatchedJob(job.name, job.seconds, failures)
        self._running = threading.Lock()

    def unless_it_runs(self) -> None:
        """Do the job; nothing where it is being done just now."""
        if self._running.acquire(blocking=False):
            self._do()

    def after_it_ran(self) -> None:
        """Do the job, after the run that is under way, if one is."""
        self._running.acquire()
        self._do()

    def _do(self) -> None:
        try:
            self._watched.run(self._job.act)
        finally:
            self._running.release()


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
        failures: FailureLog | None = None,
        clock_was_set: Callable[[timedelta], None] | None = None,
    ) -> None:
        """`opens`: when the next slot after an instant opens; a pick is then not left to the next regular tick.

        `clock_was_set`: told by how much, before anything else is done by the new time.
        """
        self._database = database
        self._clock = clock
        self._pick = pick
        self._kick = kick
        self._first_look_up = first_look_up
        self._opens = opens
        self._clock_was_set = clock_was_set
        self._clock_change = ClockChange()
        self._untold_change: timedelta | None = None
        self._recover_from = monotonic()
        self._ticking = threading.Lock()
        self._parts = {part: WatchedJob(part, TICK_SECONDS, failures) for part in TickPart}
        tick = RegularJob(TICK, TICK_SECONDS, self._tick_and_look_ahead)
        self._timetable = Timetable([tick, *jobs], failures)

    def start(self) -> None:
        """Tick and do every job now, then regularly."""
        self._timetable.start()

    def stop(self) -> None:
        """No tick and no job begins after this; those that run are waited for."""
        self._timetable.stop()

    def tick(self) -> None:
        """Everything that the passing of time asks for. What fails of it is told, and stops nothing else."""
        self._tick()

    def _tick(self) -> list[Appointment]:
        with self._ticking:
            look_ups_are_sound = self._parts[TickPart.CLOCK].run(self._look_at_clock)
            self._parts[TickPart.PICK].run(self._pick)
            self._parts[TickPart.RECOVER].run(self._take_back)
            self._parts[TickPart.MISS].run(self._give_up)
            found: list[Appointment] = []
            is_known = self._parts[TickPart.FIND].run(lambda: found.extend(self._appointments()))
            now = self._clock.now()
            if is_known and look_ups_are_sound:
                self._kick_all(list(dict.fromkeys(each.channel for each in found if each.at <= now)))
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

    def _look_at_clock(self) -> None:
        """Have nothing decided by a time that did not pass: until that is on disk, no worker is given work."""
        if change := self._clock_change.seen():
            self._untold_change = change + (self._untold_change or timedelta(0))
            self._recover_from = monotonic() + LEASES_CATCH_UP_SECONDS
        if self._untold_change is not None and self._clock_was_set is not None:
            self._clock_was_set(self._untold_change)
        self._untold_change = None

    def _take_back(self) -> None:
        if monotonic() < self._recover_from:
            return
        for delivery in recover_lost(self._database, self._clock.now(), self._first_look_up, is_surely_gone):
            get_logger("scheduler").warning("took back from a lost worker", delivery=delivery)

    def _give_up(self) -> None:
        for delivery in miss_expired(self._database, self._clock.now()):
            get_logger("scheduler").error("missed: too late to publish", delivery=delivery)

    def _appointments(self) -> list[Appointment]:
        with self._database.reading() as session:
            return appointments(session, self._clock.now())

    def _kick_all(self, channels: Sequence[str]) -> None:
        """Give word of each channel, also when that fails for another one."""
        failures: list[Exception] = []
        for channel in channels:
            try:
                self._kick(channel)
            except Exception as error:
                failures.append(error)
        self._parts[TickPart.KICK].run(lambda: _raise_first(failures))


def _raise_first(failures: Sequence[Exception]) -> None:
    if failures:
        raise failures[0]
