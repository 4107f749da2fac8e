"""Tests that regular jobs run each in a thread of its own and log a failure once, and that the tick does its parts."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta, tzinfo
from typing import Any

import psycopg
import pytest
from sqlalchemy import func, select
from sqlalchemy.exc import OperationalError

from publisher.core.clock import ClockChange, FixedClock, SystemClock
from publisher.core.messages import Message
from publisher.db.models import Delivery, Event
from publisher.db.operations import Channel
from publisher.db.session import Database
from publisher.delivery.claim import claim
from publisher.delivery.clock_changes import CLOCK_SET, restart_look_ups
from publisher.delivery.lease_owner import owner_name
from publisher.health import record_heartbeat
from publisher.health.heartbeat import delete_heartbeat
from publisher.job_failures import FailureLog, FailureReason, TickPart, failing_jobs
from publisher.scheduler import Callbacks, JobRunner, RegularJob, Scheduler
from publisher.settings import SettingsError
from tests.conftest import on_every_database
from tests.fakes import add_delivery
from tests.waiting import TIMEOUT, wait_until

OFTEN = 0.02


class Often:
    """Counts its runs, and fails on request."""

    def __init__(self, *ends: Exception | None) -> None:
        self._ends = list(ends)
        self._runs = threading.Semaphore(0)

    def __call__(self) -> None:
        self._runs.release()
        if self._ends and (error := self._ends.pop(0)):
            raise error

    def wait(self, times: int) -> None:
        for _ in range(times):
            assert self._runs.acquire(timeout=TIMEOUT)


class WaitingJob:
    """Stops in the middle of a job until it may go on."""

    def __init__(self) -> None:
        self.begun, self.go_on = threading.Event(), threading.Event()

    def __call__(self) -> None:
        self.begun.set()
        assert self.go_on.wait(TIMEOUT)


def assert_it_ends_in_the_midst_of(job: WaitingJob, regular: JobRunner | Scheduler) -> None:
    """Starts it, stops it while a job waits, and lets the job go on only when the stop waits for it."""
    timetable = regular._timetable if isinstance(regular, Scheduler) else regular
    regular.start()
    assert job.begun.wait(TIMEOUT)
    stopping = threading.Thread(target=regular.stop, daemon=True)
    stopping.start()
    wait_until(lambda: not timetable._scheduler.running, "the end begins")
    job.go_on.set()
    stopping.join(TIMEOUT)
    assert not stopping.is_alive()


def test_every_job_is_done_at_once_and_then_regularly() -> None:
    hourly, often = Often(), Often()
    timetable = JobRunner([RegularJob("the hourly one", 3600, hourly), RegularJob("the other", OFTEN, often)])
    timetable.start()
    hourly.wait(1)
    often.wait(5)
    timetable.stop()
    assert not hourly._runs.acquire(blocking=False)


def test_a_job_that_hangs_holds_up_no_other_and_is_waited_for() -> None:
    slow_job, ended = WaitingJob(), threading.Event()

    def hang() -> None:
        slow_job()
        ended.set()

    often = Often()
    timetable = JobRunner([RegularJob("the slow one", 3600, hang), RegularJob("the other", OFTEN, often)])
    timetable.start()
    assert slow_job.begun.wait(TIMEOUT)
    often.wait(5)
    threading.Timer(0.1, slow_job.go_on.set).start()
    timetable.stop()
    assert ended.is_set()


def test_a_job_that_takes_longer_than_its_pause_skips_runs_silently(
    caplog: pytest.LogCaptureFixture,
) -> None:
    slow_job, runs, others = WaitingJob(), Often(), Often()

    def slow() -> None:
        runs()
        slow_job()

    timetable = JobRunner([RegularJob("the slow one", OFTEN, slow), RegularJob("the other", OFTEN, others)])
    timetable.start()
    runs.wait(1)
    # So many runs of the slow one were due, too.
    others.wait(10)
    assert not runs._runs.acquire(blocking=False)
    slow_job.go_on.set()
    runs.wait(2)
    timetable.stop()
    assert [record for record in caplog.records if record.name.startswith("apscheduler")] == []


def test_a_thread_that_cant_be_had_is_told_in_our_words_and_tried_again(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    runs = Often()
    failures = iter(range(2))

    def submit(pool: ThreadPoolExecutor, *arguments: Any) -> Any:
        if next(failures, None) is not None:
            raise RuntimeError("can't start new thread")
        return original(pool, *arguments)

    original = ThreadPoolExecutor.submit
    monkeypatch.setattr(ThreadPoolExecutor, "submit", submit)
    timetable = JobRunner([RegularJob("the job", OFTEN, runs)])
    timetable.start()
    runs.wait(1)
    timetable.stop()
    assert [record for record in caplog.records if record.name.startswith("apscheduler")] == []
    assert "a regular job could not begin" in caplog.text


def test_a_job_that_plans_another_run_during_the_stop_does_not_run_again() -> None:
    job = WaitingJob()
    runs: list[str] = []

    def look_ahead() -> None:
        job()
        timetable.run_again("the tick", 0.0)
        runs.append("once")

    timetable = JobRunner([RegularJob("the tick", 3600, look_ahead)])
    assert_it_ends_in_the_midst_of(job, timetable)
    assert runs == ["once"]


def test_trouble_is_logged_once_until_it_works_again(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO", "publisher")
    broken = KeyError("surprise")
    often = Often(broken, broken, None, broken, broken)
    timetable = JobRunner([RegularJob("the round", OFTEN, often)])
    timetable.start()
    often.wait(8)
    timetable.stop()
    messages = [record.getMessage() for record in caplog.records if "the round" in record.getMessage()]
    assert ["works again" in line for line in messages] == [False, True, False, True]
    assert "KeyError" in messages[0]


def test_an_outage_is_logged_without_a_traceback_or_the_statement(caplog: pytest.LogCaptureFixture) -> None:
    outage = OperationalError(
        "SELECT secret FROM desk", {}, psycopg.OperationalError("server closed the connection\nmore")
    )
    often = Often(outage)
    timetable = JobRunner([RegularJob("the round", OFTEN, often)])
    timetable.start()
    often.wait(2)
    timetable.stop()
    [message] = [record.getMessage() for record in caplog.records if "the round failed" in record.getMessage()]
    assert "server closed the connection" in message
    assert "SELECT secret" not in message
    assert "Traceback" not in message


@on_every_database
def test_a_tick_gives_word_of_what_is_due(database: Database, clock: FixedClock) -> None:
    add_delivery(database, clock.now())
    add_delivery(database, clock.now(), channel="later", due_at=clock.now() + timedelta(hours=1), day_offset=1)
    kicked: list[str] = []
    scheduler = Scheduler(
        database, clock, Callbacks(pick=lambda: None, kick=kicked.append), first_look_up=timedelta(seconds=1)
    )
    scheduler.tick()
    assert kicked == ["fake"]


def test_what_comes_due_between_two_ticks_waits_for_neither(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("publisher.scheduler.TICK_SECONDS", 3600.0)
    clock = SystemClock()
    add_delivery(database, clock.now(), due_at=clock.now() + timedelta(seconds=0.5))
    picked, kicked = threading.Semaphore(0), threading.Event()
    opening = clock.now() + timedelta(seconds=1)
    scheduler = Scheduler(
        database,
        clock,
        Callbacks(
            pick=picked.release,
            kick=lambda channel: kicked.set(),
            opens=lambda now: opening if now < opening else opening + timedelta(days=1),
        ),
        first_look_up=timedelta(seconds=1),
    )
    scheduler.start()
    assert kicked.wait(TIMEOUT)
    # At the start, for the delivery, and when the slot opens.
    assert all(picked.acquire(timeout=TIMEOUT) for _ in range(3))
    scheduler.stop()


def test_a_tick_that_finds_coming_work_during_the_stop_ends(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("publisher.scheduler.TICK_SECONDS", 3600.0)
    job = WaitingJob()
    scheduler = Scheduler(
        database,
        SystemClock(),
        Callbacks(pick=job, kick=lambda channel: None, opens=lambda now: now + timedelta(seconds=1)),
        first_look_up=timedelta(seconds=1),
    )
    assert_it_ends_in_the_midst_of(job, scheduler)


# --- each part of a tick stands alone ----------------------------------------------------------


class Broken:
    """Fails with an error for as long as it has one."""

    def __init__(self, error: Exception | None) -> None:
        self.error = error
        self.calls = 0

    def __call__(self, *_: object) -> None:
        self.calls += 1
        if self.error is not None:
            raise self.error


def watched_scheduler(
    database: Database, clock: FixedClock, pick: Broken, kick: Callable[[str], None] = lambda channel: None
) -> Scheduler:
    """Adds a worker whose process was seen at this moment."""
    record_heartbeat(database, "me:1", "scheduler", clock.now())
    return Scheduler(
        database,
        clock,
        Callbacks(pick=pick, kick=kick),
        first_look_up=timedelta(seconds=1),
        failures=FailureLog(database, "me:1", clock.now),
    )


@on_every_database
@pytest.mark.parametrize(
    "error", [SettingsError(Message("people.toml: line 3 is no TOML")), KeyError("a fault of ours")]
)
def test_a_pick_that_fails_stops_neither_recovery_nor_misses_nor_work(
    database: Database, clock: FixedClock, error: Exception
) -> None:
    due = add_delivery(database, clock.now())
    late = add_delivery(database, clock.now(), channel="late", day_offset=1)
    with database.writing() as session:
        session.get_one(Delivery, late).expires_at = clock.now() + timedelta(seconds=1)
    overdue = add_delivery(database, clock.now(), channel="lost", day_offset=2)
    claim(database, "lost", owner="other:9", now=clock.now(), lease=timedelta(seconds=10))
    clock.advance(seconds=11)
    kicked: list[str] = []
    watched_scheduler(database, clock, Broken(error), kicked.append).tick()
    with database.reading() as session:
        states = {number: session.get_one(Delivery, number).state for number in (due, late, overdue)}
    assert states == {due: "pending", late: "missed", overdue: "pending"}
    assert kicked == ["fake", "lost"]


@pytest.mark.parametrize("part", ["recover_lost", "miss_expired", "next_appointments"])
def test_no_part_stops_another(
    database: Database, clock: FixedClock, monkeypatch: pytest.MonkeyPatch, part: str
) -> None:
    broken, pick, others = Broken(KeyError("a fault of ours")), Broken(None), {}
    for name in ("recover_lost", "miss_expired", "next_appointments"):
        others[name] = broken if name == part else Broken(None)

        def act(*_: object, step: Broken = others[name]) -> list[object]:
            step()
            return []

        monkeypatch.setattr(f"publisher.scheduler.{name}", act)
    watched_scheduler(database, clock, pick).tick()
    assert pick.calls == 1
    assert all(job.calls == 1 for job in others.values())


def test_a_channel_that_can_not_be_kicked_keeps_no_other_from_its_work(database: Database, clock: FixedClock) -> None:
    add_delivery(database, clock.now())
    add_delivery(database, clock.now(), channel="other", day_offset=1)
    kicked: list[str] = []

    def kick(channel: str) -> None:
        kicked.append(channel)
        raise KeyError(channel)

    watched_scheduler(database, clock, Broken(None), kick).tick()
    assert sorted(kicked) == ["fake", "other"]


@on_every_database
def test_what_fails_is_written_down_with_its_reason_until_it_works(
    database: Database, clock: FixedClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("publisher.job_failures.MIN_FAILURE_SECONDS", 0.0)
    pick = Broken(SettingsError(Message("people.toml: line 3 is no TOML")))
    scheduler = watched_scheduler(database, clock, pick)
    began = clock.now()
    scheduler.tick()
    clock.advance(minutes=1)
    scheduler.tick()
    with database.reading() as session:
        [failure] = failing_jobs(session)
    assert (failure.job, failure.owner, failure.since) == (TickPart.PICK, "me:1", began)
    assert (failure.reason, str(failure.detail)) == (FailureReason.MISTAKE, "people.toml: line 3 is no TOML")
    pick.error = KeyError("a fault of ours")
    scheduler.tick()
    with database.reading() as session:
        assert [(failing.since, failing.reason) for failing in failing_jobs(session)] == [
            (began, FailureReason.UNEXPECTED)
        ]
    pick.error = None
    scheduler.tick()
    with database.reading() as session:
        assert failing_jobs(session) == []


def test_a_failure_that_is_over_at_once_is_nobodys_news(database: Database, clock: FixedClock) -> None:
    pick = Broken(KeyError("a lock"))
    scheduler = watched_scheduler(database, clock, pick)
    scheduler.tick()
    pick.error = None
    scheduler.tick()
    with database.reading() as session:
        assert session.scalar(select(func.count()).select_from(Event).where(Event.name.like("job%"))) == 0


def test_what_a_process_said_ends_with_it(
    database: Database, clock: FixedClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("publisher.job_failures.MIN_FAILURE_SECONDS", 0.0)
    watched_scheduler(database, clock, Broken(KeyError("a fault of ours"))).tick()
    delete_heartbeat(database, "me:1")
    with database.reading() as session:
        assert failing_jobs(session) == []


# --- a clock that is set -----------------------------------------------------------------------


class SystemTime:
    """Moves the system's clock, as every module here reads it, by some hours."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.moved = timedelta(0)
        outer = self

        class Moved(datetime):
            @classmethod
            def now(cls, tz: tzinfo | None = None) -> Moved:
                return cls.fromtimestamp(time.time() + outer.moved.total_seconds(), tz)

        monkeypatch.setattr("publisher.core.clock.datetime", Moved)
        monkeypatch.setattr("apscheduler.schedulers.base.datetime", Moved)


@pytest.mark.parametrize("hours", [-3, 3])
def test_a_clock_that_is_set_stops_no_job(monkeypatch: pytest.MonkeyPatch, hours: int) -> None:
    monkeypatch.setattr("publisher.scheduler.CLOCK_POLL_SECONDS", OFTEN)
    system = SystemTime(monkeypatch)
    often, hourly = Often(), Often()
    timetable = JobRunner([RegularJob("the round", OFTEN, often), RegularJob("the hourly one", 3600, hourly)])
    timetable.start()
    often.wait(3)
    hourly.wait(1)
    system.moved = timedelta(hours=hours)
    # Everything is done at once by the new time, and then as regularly as before.
    hourly.wait(1)
    often.wait(20)
    timetable.stop()


def test_a_clock_that_is_kept_right_does_not_count_as_set(monkeypatch: pytest.MonkeyPatch) -> None:
    system = SystemTime(monkeypatch)
    change = ClockChange()
    system.moved = timedelta(seconds=0.4)
    assert change.detect() is None
    system.moved += timedelta(hours=-2)
    jump = change.detect()
    assert jump is not None
    assert round(jump.total_seconds()) == -7200
    assert change.detect() is None


@on_every_database
def test_a_clock_put_forward_sends_nothing_twice(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """Tests that time that did not pass neither settles an unknown outcome nor ends a living worker's lease."""
    system = SystemTime(monkeypatch)
    clock = SystemClock()
    first_look_up = timedelta(seconds=10)
    publishing = add_delivery(database, clock.now())
    unknown = add_delivery(database, clock.now(), channel="other", day_offset=1)
    claim(database, "fake", owner=owner_name(), now=clock.now(), lease=timedelta(seconds=30))
    with database.writing() as session:
        row = session.get_one(Delivery, unknown)
        row.state, row.idempotency_key = "unconfirmed", "key"
        row.unknown_since, row.due_at, row.lookups, row.clean_lookups = clock.now(), clock.now(), 2, 1
    kicked: list[str] = []

    def clock_was_set(change: timedelta) -> None:
        restart_look_ups(database, clock.now(), change, first_look_up)

    scheduler = Scheduler(
        database,
        clock,
        Callbacks(pick=lambda: None, kick=kicked.append, clock_was_set=clock_was_set),
        first_look_up=first_look_up,
    )
    system.moved = timedelta(hours=3)
    scheduler.tick()
    now = clock.now()
    with database.reading() as session:
        publishing_row, row = session.get_one(Delivery, publishing), session.get_one(Delivery, unknown)
        assert publishing_row.state == "preparing"
        assert (row.lookups, row.clean_lookups, row.fence) == (0, 0, 1)
        assert row.unknown_since is not None
        assert now - row.unknown_since < timedelta(minutes=1)
        assert row.due_at > now
        [event] = session.scalars(select(Event).where(Event.name == CLOCK_SET))
        assert event.detail == {"seconds": 10800}
    assert kicked == []


@on_every_database
def test_nothing_waits_longer_because_the_clock_was_put_back(database: Database, clock: FixedClock) -> None:
    now, hours = clock.now(), timedelta(hours=3)
    put_off = add_delivery(database, now - timedelta(minutes=5))
    later = add_delivery(database, now, day_offset=1, due_at=now + timedelta(minutes=10))
    with database.writing() as session:
        session.get_one(Delivery, put_off).due_at = now + hours + timedelta(minutes=1)
        session.get_one(Channel, "fake").next_publish_at = now + hours + timedelta(minutes=2)
    for _ in range(2):
        # Every process of a machine notices it.
        restart_look_ups(database, now, -hours, timedelta(seconds=10))
    with database.reading() as session:
        assert session.get_one(Delivery, put_off).due_at == now + timedelta(minutes=1)
        assert session.get_one(Delivery, later).due_at == now + timedelta(minutes=10)
        assert session.get_one(Channel, "fake").next_publish_at == now + timedelta(minutes=2)


def test_no_work_is_given_until_a_change_of_the_clock_is_recorded(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    system = SystemTime(monkeypatch)
    clock = SystemClock()
    add_delivery(database, clock.now())
    changes: list[timedelta] = []
    ends: list[Exception | None] = [OperationalError("", {}, Exception("database is locked")), None]

    def write_down(change: timedelta) -> None:
        changes.append(change)
        if error := ends.pop(0):
            raise error

    kicked: list[str] = []
    scheduler = Scheduler(
        database,
        clock,
        Callbacks(pick=lambda: None, kick=kicked.append, clock_was_set=write_down),
        first_look_up=timedelta(1),
    )
    system.moved = timedelta(minutes=5)
    scheduler.tick()
    assert kicked == []
    scheduler.tick()
    assert [round(change.total_seconds()) for change in changes] == [300, 300]
    assert kicked == ["fake"]
