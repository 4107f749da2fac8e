"""Tests that failures of the desk's own machine before a request spend no try, and are named."""

from __future__ import annotations

import random
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import event, select
from sqlalchemy.exc import OperationalError

from publisher.core.clock import FixedClock
from publisher.core.states import State
from publisher.db.history import History
from publisher.db.models import Attempt, Delivery
from publisher.db.session import Database
from publisher.delivery import own_machine
from publisher.delivery.context import DeliveryContext
from publisher.delivery.due import MAX_LOST_WORKERS, recover_lost
from publisher.delivery.worker import Worker
from publisher.settings import DeliverySettings
from tests.fakes import FakeChannels, FakePlatform, FakeRenderer, add_delivery, fake_profile, the_delivery


@pytest.fixture(autouse=True)
def quickly(monkeypatch: pytest.MonkeyPatch) -> None:
    """Shortens the waits after which a worker gives up and tries again."""
    monkeypatch.setattr(own_machine, "WRITTEN_WITHIN_SECONDS", 0.0)
    monkeypatch.setattr(own_machine, "PAUSE_SECONDS", 0.0)


class Bench:
    def __init__(self, database: Database, clock: FixedClock, folder: Path) -> None:
        self.clock = clock
        self.file = Path(str(database.engine.url.database))
        self.history = History(f"sqlite:///{self.file}", folder)
        self.history.begin(database.engine, clock.now())
        self.database = Database(database.engine, self.history)
        self.platform = FakePlatform(clock)
        self.worker = Worker(
            DeliveryContext(
                self.database, FakeChannels(self.platform, fake_profile()), FakeRenderer(), clock, DeliverySettings()
            ),
            owner="me",
            jitter=random.Random(7),
        )
        self.delivery = add_delivery(database, clock.now())

    @property
    def row(self) -> Delivery:
        return the_delivery(self.database, self.delivery)

    def attempts(self) -> list[str | None]:
        with self.database.reading() as session:
            return list(session.scalars(select(Attempt.outcome).order_by(Attempt.id)))

    def recover(self) -> None:
        recover_lost(self.database, self.clock.now(), timedelta(0), lambda owner: False)

    def rounds(self, count: int) -> None:
        """Lets one lease after the other end, and has the worker try again."""
        for _ in range(count):
            self.clock.advance(hours=1)
            self.recover()
            assert self.worker.drain("fake") == 0


@pytest.fixture
def bench(database: Database, clock: FixedClock, tmp_path: Path) -> Bench:
    return Bench(database, clock, tmp_path)


@contextmanager
def locked_by_others(bench: Bench) -> Iterator[sqlite3.Connection]:
    """While a picture is uploaded, another program takes the database's lock, and keeps it."""

    def hurry(connection: sqlite3.Connection, *_: object) -> None:
        connection.execute("PRAGMA busy_timeout=10")

    event.listen(bench.database.engine, "checkout", hurry)
    with closing(sqlite3.connect(bench.file, isolation_level=None)) as other:
        yield other
    event.remove(bench.database.engine, "checkout", hurry)


def test_a_history_file_that_cant_be_written_is_reported_and_spends_no_try(bench: Bench) -> None:
    record = bench.history.record.path
    record.unlink()
    record.mkdir()
    assert bench.worker.drain("fake") == 1

    row = bench.row
    assert (row.state, row.tries, row.lost_workers, row.lost_requests) == (State.PENDING, 0, 0, 0)
    assert (row.sent_at, row.unknown_since, bench.attempts()) == (None, None, ["own-machine"])
    assert str(record) in str(row.problem)
    assert "Nothing was sent" in str(row.problem)
    assert "own machine" in str(row.problem)

    uploads = bench.platform.uploads
    bench.rounds(8)
    assert (bench.platform.publish_calls, bench.platform.uploads) == ([], uploads)
    assert (bench.row.state, bench.attempts()) == (State.PENDING, ["own-machine"])

    record.rmdir()
    bench.worker.drain("fake")
    assert (bench.row.state, len(bench.platform.public())) == (State.PUBLISHED, 1)


def test_a_database_that_stays_locked_at_commit_loses_no_worker(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    with locked_by_others(bench) as other:
        monkeypatch.setattr(FakeRenderer, "render", locking(other, FakeRenderer.render))
        with pytest.raises(OperationalError):
            bench.worker.drain("fake")
        assert bench.row.state == State.PREPARING
        for _ in range(MAX_LOST_WORKERS + 2):
            assert bench.worker.drain("fake") == 0
        other.execute("ROLLBACK")
        monkeypatch.undo()
        bench.clock.advance(hours=1)
        bench.recover()
        bench.worker.drain("fake")
    assert (bench.row.state, len(bench.platform.public())) == (State.PUBLISHED, 1)


def test_a_short_lock_at_commit_is_waited_for(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(own_machine, "WRITTEN_WITHIN_SECONDS", 60.0)
    waits = iter(range(3))
    with locked_by_others(bench) as other:

        def release(_: float) -> bool:
            if next(waits) == 2:
                other.execute("ROLLBACK")
            return False

        monkeypatch.setattr(bench.worker._machine._pause, "wait", release)
        monkeypatch.setattr(FakeRenderer, "render", locking(other, FakeRenderer.render))
        bench.worker.drain("fake")
    assert next(waits, None) is None
    row = bench.row
    assert (row.state, row.tries, row.lost_workers, bench.attempts()) == (State.PENDING, 0, 0, ["own-machine"])
    assert "kept the database locked" in str(row.problem)
    bench.clock.advance(seconds=10)
    monkeypatch.undo()
    bench.worker.drain("fake")
    assert (bench.row.state, len(bench.platform.public())) == (State.PUBLISHED, 1)


def test_a_worker_that_counted_as_lost_meanwhile_is_not_counted(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(own_machine, "WRITTEN_WITHIN_SECONDS", 60.0)
    with locked_by_others(bench) as other:

        def recover_first(_: float) -> bool:
            other.execute("ROLLBACK")
            bench.clock.advance(hours=1)
            bench.recover()
            assert bench.row.lost_workers == 1
            return False

        monkeypatch.setattr(bench.worker._machine._pause, "wait", recover_first)
        monkeypatch.setattr(FakeRenderer, "render", locking(other, FakeRenderer.render, times=1))
        bench.worker.drain("fake")
    assert "own-machine" not in bench.attempts()
    assert (bench.row.state, bench.row.lost_workers, len(bench.platform.public())) == (State.PUBLISHED, 0, 1)


def locking(other: sqlite3.Connection, render: object, times: int = 9) -> object:
    failures_left = [times]

    def act(*arguments: object) -> object:
        if not other.in_transaction and failures_left[0]:
            failures_left[0] -= 1
            other.execute("BEGIN IMMEDIATE")
        return render(*arguments)  # type: ignore[operator]

    return act
