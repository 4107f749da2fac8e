"""Wakes the stages: picks the day's post, recovers lost deliveries, says which channels have work.

The scheduler holds no posts and no due times. Any number of them may run: the database guards every act.
The parts of a tick are independent: when one fails, the others go on.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from apscheduler.executors.pool import ThreadPoolExecutor
from apscheduler.job import Job
from apscheduler.schedulers.background import BackgroundScheduler

from publisher.core.clock import Clock, ClockChange, SystemClock, monotonic
from publisher.core.logs import get_logger
from publisher.db.session import Database
from publisher.delivery.corrections import recover_lost_corrections
from publisher.delivery.due import Appointment, miss_expired, next_appointments, recover_lost
from publisher.delivery.lease_owner import is_surely_gone
from publisher.job_failures import FailureLog, TickPart, WatchedJob

TICK = "the tick"
TICK_SECONDS = 0.5
LEASES_CATCH_UP_SECONDS = 30.0
"""How long living workers have, after the clock was set, to renew their leases by the new time."""
THREADS_PER_JOB = 3
"""One does the job, one waits to run it again, and one is for a run that comes too early."""
ANY_NUMBER = 1 << 30
CLOCK_POLL_SECONDS = 1.0
"""How often the scheduler looks whether the system's clock was set."""


@dataclass(frozen=True, slots=True)
class RegularJob:
    """Describes a job that runs at the start and then regularly. A failure is logged once, until it works again."""

    name: str
    """What the job does, as in "NAME failed": `the daily backup`."""
    seconds: float
    act: Callable[[], None]


class _JobExecutor(ThreadPoolExecutor):  # type: ignore[misc]
    """Runs a job in a thread; says in our own words where none can be had, and lets the next run try again."""

    def _do_submit_job(self, job: Job, run_times: list[datetime]) -> None:
        try:
            super()._do_submit_job(job, run_times)
        except RuntimeError as error:
            log = get_logger("scheduler")
            log.error("a regular job could not begin; it is tried again", job=job.id, why=str(error))


class JobRunner:
    """Runs regular jobs, each in a thread of its own, so that none waits for another.

    A job that takes longer than the pause between two of its runs, as the first tick on a busy
    machine does, skips the runs that come meanwhile: each ends as soon as it begins.
    APScheduler's own limit does the same, with a warning that no operator can act on.

    APScheduler plans by the system's clock. When that is set, every job is planned again from now:
    otherwise no job would begin for hours after a clock was put back by hours.
    """

    def __init__(self, jobs: Sequence[RegularJob], failures: FailureLog | None = None) -> None:
        self._scheduler = BackgroundScheduler(
            timezone="UTC",
            executors={job.name: _JobExecutor(THREADS_PER_JOB) for job in jobs},
            job_defaults={"coalesce": True, "max_instances": ANY_NUMBER, "misfire_grace_time": None},
            daemon=True,
        )
        self._jobs = {job.name: _NonOverlappingJob(job, failures) for job in jobs}
        self._stopping = False
        self._planning = threading.Lock()
        self._stopped = threading.Event()
        self._clock_watch = threading.Thread(target=self._watch_clock, name="clock-watch", daemon=True)
        for job in jobs:
            self._scheduler.add_job(
                self._jobs[job.name].run_unless_running,
                "interval",
                seconds=job.seconds,
                executor=job.name,
                id=job.name,
                name=job.name,
                next_run_time=SystemClock().now(),
            )

    def start(self) -> None:
        """Starts every job."""
        self._scheduler.start()
        self._clock_watch.start()

    def run_again(self, name: str, seconds: float) -> None:
        """Plans one more run of a job in so many seconds, in place of one planned before. Not while it stops."""
        at = SystemClock().now() + timedelta(seconds=seconds)
        with self._planning:
            if not self._stopping:
                self._scheduler.add_job(
                    self._jobs[name].run_after_current,
                    "date",
                    run_date=at,
                    executor=name,
                    id=f"{name} again",
                    replace_existing=True,
                )

    def stop(self) -> None:
        """Waits for the running jobs; no job begins after this."""
        # APScheduler holds the lock that adding a job takes while it waits for the jobs, so a job that
        # plans one more run would wait for the end, and the end for the job.
        with self._planning:
            self._stopping = True
        self._stopped.set()
        self._scheduler.shutdown(wait=True)

    def _watch_clock(self) -> None:
        """Plans every job again whenever the system's clock was set. Waits by the monotonic clock."""
        change = ClockChange()
        while not self._stopped.wait(CLOCK_POLL_SECONDS):
            if change.detect():
                self._plan_again()

    def _plan_again(self) -> None:
        with self._planning:
            if self._stopping:
                return
            now = SystemClock().now()
            for name in self._jobs:
                self._scheduler.modify_job(name, next_run_time=now)


class _NonOverlappingJob:
    """Runs a regular job, unless it is running."""

    def __init__(self, job: RegularJob, failures: FailureLog | None) -> None:
        self._job = job
        self._watched = WatchedJob(job.name, job.seconds, failures)
        self._running = threading.Lock()

    def run_unless_running(self) -> None:
        """Runs the job; does nothing where it is running."""
        if self._running.acquire(blocking=False):
            self._run()

    def run_after_current(self) -> None:
        """Runs the job, after the current run if there is one."""
        self._running.acquire()
        self._run()

    def _run(self) -> None:
        try:
            self._watched.run(self._job.act)
        finally:
            self._running.release()


@dataclass(frozen=True, slots=True, kw_only=True)
class Callbacks:
    """Holds what the scheduler calls."""

    pick: Callable[[], None]
    """Picks the posts of slots that have opened."""
    kick: Callable[[str], None]
    """Says that a channel has work."""
    opens: Callable[[datetime], datetime] | None = None
    """Returns when the next slot after an instant opens; then an extra tick picks its post."""
    clock_was_set: Callable[[timedelta], None] | None = None
    """Called with the difference, before anything else is done by the new time."""


class Scheduler:
    """Ticks twice a second, and runs the given regular jobs."""

    def __init__(
        self,
        database: Database,
        clock: Clock,
        callbacks: Callbacks,
        *,
        first_look_up: timedelta,
        jobs: Sequence[RegularJob] = (),
        failures: FailureLog | None = None,
    ) -> None:
        self._database = database
        self._clock = clock
        self._callbacks = callbacks
        self._first_look_up = first_look_up
        self._clock_change = ClockChange()
        self._unrecorded_change: timedelta | None = None
        self._recover_from = monotonic()
        self._ticking = threading.Lock()
        self._parts = {part: WatchedJob(part, TICK_SECONDS, failures) for part in TickPart}
        tick = RegularJob(TICK, TICK_SECONDS, self._tick_and_look_ahead)
        self._timetable = JobRunner([tick, *jobs], failures)

    def start(self) -> None:
        """Ticks and runs every job now, then regularly."""
        self._timetable.start()

    def stop(self) -> None:
        """Waits for the running tick and jobs; none begins after this."""
        self._timetable.stop()

    def tick(self) -> None:
        """Does everything that has become due. A failure is logged, and stops nothing else."""
        self._tick()

    def _tick(self) -> list[Appointment]:
        with self._ticking:
            look_ups_are_sound = self._parts[TickPart.CLOCK].run(self._look_at_clock)
            self._parts[TickPart.PICK].run(self._callbacks.pick)
            self._parts[TickPart.RECOVER].run(self._recover_lost)
            self._parts[TickPart.MISS].run(self._miss_expired)
            coming: list[Appointment] = []
            is_known = self._parts[TickPart.FIND].run(lambda: coming.extend(self._appointments()))
            now = self._clock.now()
            if is_known and look_ups_are_sound:
                self._kick_all(
                    list(dict.fromkeys(appointment.channel for appointment in coming if appointment.at <= now))
                )
            return coming

    def _tick_and_look_ahead(self) -> None:
        """Ticks, and plans an extra tick for what becomes due before the next regular one."""
        upcoming = self._tick()
        now = self._clock.now()
        instants = [appointment.at for appointment in upcoming if appointment.at > now]
        if self._callbacks.opens is not None:
            instants.append(self._callbacks.opens(now))
        ahead = (min(instants) - now).total_seconds() if instants else TICK_SECONDS
        if ahead < TICK_SECONDS:
            self._timetable.run_again(TICK, ahead)

    def _look_at_clock(self) -> None:
        """Records a change of the system's clock: until that is on disk, no worker gets work by the new time."""
        if change := self._clock_change.detect():
            self._unrecorded_change = change + (self._unrecorded_change or timedelta(0))
            self._recover_from = monotonic() + LEASES_CATCH_UP_SECONDS
        if self._unrecorded_change is not None and self._callbacks.clock_was_set is not None:
            self._callbacks.clock_was_set(self._unrecorded_change)
        self._unrecorded_change = None

    def _recover_lost(self) -> None:
        if monotonic() < self._recover_from:
            return
        for delivery in recover_lost(self._database, self._clock.now(), self._first_look_up, is_surely_gone):
            get_logger("scheduler").warning("took back from a lost worker", delivery=delivery)
        for delivery in recover_lost_corrections(self._database, self._clock.now(), is_surely_gone):
            get_logger("scheduler").warning("took a correction back from a lost worker", delivery=delivery)

    def _miss_expired(self) -> None:
        for delivery in miss_expired(self._database, self._clock.now()):
            get_logger("scheduler").error("missed: too late to publish", delivery=delivery)

    def _appointments(self) -> list[Appointment]:
        with self._database.reading() as session:
            return next_appointments(session, self._clock.now())

    def _kick_all(self, channels: Sequence[str]) -> None:
        """Wakes the worker of each channel, also when that fails for another one."""
        failures: list[Exception] = []
        for channel in channels:
            try:
                self._callbacks.kick(channel)
            except Exception as error:
                failures.append(error)
        self._parts[TickPart.KICK].run(lambda: _raise_first(failures))


def _raise_first(failures: Sequence[Exception]) -> None:
    if failures:
        raise failures[0]
