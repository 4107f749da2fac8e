"""Regular jobs: each in its own thread, none held up by another, trouble told once; and what a tick does."""

from __future__ import annotations

import threading
from datetime import timedelta

import psycopg
import pytest
from sqlalchemy.exc import OperationalError

from publisher.clock import FixedClock, SystemClock
from publisher.db.session import Database
from publisher.scheduler import RegularJob, Scheduler, Timetable
from tests.conftest import on_every_database
from tests.fakes import add_delivery
from tests.patience import wait_until

PATIENCE = 30.0
OFTEN = 0.02


class Often:
    """A job that is done again and again, and fails as it is told."""

    def __init__(self, *ends: Exception | None) -> None:
        self._ends = list(ends)
        self._done = threading.Semaphore(0)

    def __call__(self) -> None:
        self._done.release()
        if self._ends and (error := self._ends.pop(0)):
            raise error

    def wait(self, times: int) -> None:
        for _ in range(times):
            assert self._done.acquire(timeout=PATIENCE)


class Held:
    """What stands still in the midst of a job until it may go on."""

    def __init__(self) -> None:
        self.begun, self.go_on = threading.Event(), threading.Event()

    def __call__(self) -> None:
        self.begun.set()
        assert self.go_on.wait(PATIENCE)


def assert_it_ends_in_the_midst_of(held: Held, regular: Timetable | Scheduler) -> None:
    """Start it, tell it to stop while a job is held, and let that go on only when the end waits for it."""
    timetable = regular._timetable if isinstance(regular, Scheduler) else regular
    regular.start()
    assert held.begun.wait(PATIENCE)
    stopping = threading.Thread(target=regular.stop, daemon=True)
    stopping.start()
    wait_until(lambda: not timetable._scheduler.running, "the end begins")
    held.go_on.set()
    stopping.join(PATIENCE)
    assert not stopping.is_alive()


def test_every_job_is_done_at_once_and_then_regularly() -> None:
    hourly, often = Often(), Often()
    timetable = Timetable([RegularJob("the hourly one", 3600, hourly), RegularJob("the other", OFTEN, often)])
    timetable.start()
    hourly.wait(1)
    often.wait(5)
    timetable.stop()
    assert not hourly._done.acquire(blocking=False)


def test_a_job_that_hangs_holds_up_no_other_and_is_waited_for() -> None:
    held, ended = Held(), threading.Event()

    def hang() -> None:
        held()
        ended.set()

    often = Often()
    timetable = Timetable([RegularJob("the slow one", 3600, hang), RegularJob("the other", OFTEN, often)])
    timetable.start()
    assert held.begun.wait(PATIENCE)
    often.wait(5)
    threading.Timer(0.1, held.go_on.set).start()
    timetable.stop()
    assert ended.is_set()


def test_a_job_that_asks_for_once_more_while_the_end_waits_for_it_is_not_done_again() -> None:
    held = Held()
    done: list[str] = []

    def look_ahead() -> None:
        held()
        timetable.once_more("the tick", 0.0)
        done.append("once")

    timetable = Timetable([RegularJob("the tick", 3600, look_ahead)])
    assert_it_ends_in_the_midst_of(held, timetable)
    assert done == ["once"]


def test_trouble_is_told_once_until_it_works_again(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO", "publisher")
    broken = KeyError("surprise")
    often = Often(broken, broken, None, broken, broken)
    timetable = Timetable([RegularJob("the round", OFTEN, often)])
    timetable.start()
    often.wait(8)
    timetable.stop()
    told = [record.getMessage() for record in caplog.records if "the round" in record.getMessage()]
    assert ["works again" in line for line in told] == [False, True, False, True]
    assert "KeyError" in told[0]


def test_an_outage_is_told_without_a_trace_and_without_the_statement(caplog: pytest.LogCaptureFixture) -> None:
    gone = OperationalError(
        "SELECT secret FROM desk", {}, psycopg.OperationalError("server closed the connection\nmore")
    )
    often = Often(gone)
    timetable = Timetable([RegularJob("the round", OFTEN, often)])
    timetable.start()
    often.wait(2)
    timetable.stop()
    [told] = [record.getMessage() for record in caplog.records if "the round failed" in record.getMessage()]
    assert "server closed the connection" in told
    assert "SELECT secret" not in told
    assert "Traceback" not in told


@on_every_database
def test_a_tick_gives_word_of_what_is_due(database: Database, clock: FixedClock) -> None:
    add_delivery(database, clock.now())
    add_delivery(database, clock.now(), channel="later", due_at=clock.now() + timedelta(hours=1), day_offset=1)
    kicked: list[str] = []
    scheduler = Scheduler(database, clock, pick=lambda: None, kick=kicked.append, first_look_up=timedelta(seconds=1))
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
        pick=picked.release,
        kick=lambda channel: kicked.set(),
        first_look_up=timedelta(seconds=1),
        opens=lambda now: opening if now < opening else opening + timedelta(days=1),
    )
    scheduler.start()
    assert kicked.wait(PATIENCE)
    # At the start, for the delivery, and when the slot opens.
    assert all(picked.acquire(timeout=PATIENCE) for _ in range(3))
    scheduler.stop()


def test_a_tick_that_sees_something_coming_while_it_is_told_to_stop_ends(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("publisher.scheduler.TICK_SECONDS", 3600.0)
    held = Held()
    scheduler = Scheduler(
        database,
        SystemClock(),
        pick=held,
        kick=lambda channel: None,
        first_look_up=timedelta(seconds=1),
        opens=lambda now: now + timedelta(seconds=1),
    )
    assert_it_ends_in_the_midst_of(held, scheduler)
