"""Tests that the next post is claimed in the transaction that records the end of this one, where that is allowed."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import update
from sqlalchemy.exc import DatabaseError, DataError, OperationalError

from publisher.core.clock import FixedClock
from publisher.core.states import State
from publisher.db.models import Attempt, Delivery, Event
from publisher.db.session import Database
from publisher.delivery import worker as worker_module
from publisher.delivery.claim import ClaimedDelivery, claim_within
from publisher.delivery.due import recover_lost
from publisher.lifecycle import Fenced
from publisher.platforms.profiles import Prices
from tests.conftest import on_every_database
from tests.fakes import add_delivery, fake_profile
from tests.integration.test_delivery import LOST_ANSWER, SETTINGS, Bench


def _states(database: Database) -> list[str]:
    with database.reading() as session:
        return [row.state for row in session.query(Delivery).order_by(Delivery.id)]


def _two(bench: Bench) -> tuple[int, int]:
    now = bench.clock.now()
    return add_delivery(bench.database, now), add_delivery(bench.database, now, day_offset=1)


def _at(acts: Mapping[str, Callable[[], object]]) -> Callable[[str, int], None]:
    """Acts at the first milestone of each name."""
    waiting = dict(acts)

    def milestone(name: str, _delivery: int) -> None:
        if act := waiting.pop(name, None):
            act()

    return milestone


@on_every_database
def test_the_next_post_is_ours_as_soon_as_this_one_is_recorded(database: Database, clock: FixedClock) -> None:
    bench, states = Bench(database, clock), []
    _two(bench)
    worker = bench.worker(milestone=_at({"recorded": lambda: states.extend(_states(database))}))
    assert worker.drain("fake") == 2
    assert states == [State.PUBLISHED, State.PREPARING]
    assert _states(database) == [State.PUBLISHED, State.PUBLISHED]
    with database.reading() as session:
        names = [event.name for event in session.query(Event).order_by(Event.id)]
    assert [name for name in names if name != "delivery pending"] == [
        *("delivery preparing", "delivery publishing", "delivery published"),
        *("delivery preparing", "delivery publishing", "delivery published"),
    ]


@on_every_database
def test_nothing_is_taken_any_more_after_the_stop(database: Database, clock: FixedClock) -> None:
    bench, stop = Bench(database, clock), threading.Event()
    _two(bench)
    assert bench.worker(milestone=_at({"answered": stop.set})).drain("fake", stop) == 1
    assert _states(database) == [State.PUBLISHED, State.PENDING]


@on_every_database
def test_what_was_taken_before_the_stop_is_finished(database: Database, clock: FixedClock) -> None:
    bench, stop = Bench(database, clock), threading.Event()
    _two(bench)
    assert bench.worker(milestone=_at({"recorded": stop.set})).drain("fake", stop) == 2
    assert _states(database) == [State.PUBLISHED, State.PUBLISHED]


@on_every_database
@pytest.mark.parametrize("unreadable", [0, 1])
def test_a_post_that_cannot_be_read_harms_only_itself(database: Database, clock: FixedClock, unreadable: int) -> None:
    """As where an older version of the program was installed: the channel's other posts and look-ups go on."""
    bench = Bench(database, clock)
    bench.platform.after.append(LOST_ANSWER)
    add_delivery(database, clock.now(), day_offset=2)
    bench.drain()
    two = _two(bench)
    with database.writing() as session:
        damaged = update(Delivery).where(Delivery.id == two[unreadable])
        session.execute(damaged.values(adapted={"title": 7}))
    for _ in range(3):
        clock.advance(seconds=60)
        bench.drain()
    ends = [State.PUBLISHED, State.PUBLISHED]
    ends[unreadable] = State.HELD
    assert _states(database) == [State.PUBLISHED, *ends]
    assert len(bench.platform.posts) == 2
    with database.reading() as session:
        assert "Nothing was sent" in str(session.get_one(Delivery, two[unreadable]).problem)


@on_every_database
@pytest.mark.parametrize("kind", [DatabaseError, DataError])
def test_a_next_post_that_the_database_cannot_read_harms_only_itself(
    database: Database, clock: FixedClock, monkeypatch: pytest.MonkeyPatch, kind: type[DatabaseError]
) -> None:
    """No later attempt of ours would succeed, and the platform has the post: its record must not depend on the next."""
    bench, seen = Bench(database, clock), []
    _two(bench)
    damaged = sqlite3.DatabaseError("database disk image is malformed")

    def fail(*_: object, **__: object) -> None:
        raise kind("SELECT", None, damaged)

    monkeypatch.setattr(worker_module, "claim_within", fail)
    bench.worker(milestone=_at({"recorded": lambda: seen.extend(_states(database))})).drain("fake")
    assert seen == [State.PUBLISHED, State.PENDING]


@on_every_database
def test_a_post_that_another_worker_claims_does_not_undo_the_record(
    database: Database, clock: FixedClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench = Bench(database, clock)
    _two(bench)

    def refuse(*_: object, **__: object) -> None:
        raise Fenced("somebody was faster")

    monkeypatch.setattr(worker_module, "claim_within", refuse)
    assert bench.drain() == 2
    assert _states(database) == [State.PUBLISHED, State.PUBLISHED]
    with database.reading() as session:
        assert [attempt.outcome for attempt in session.query(Attempt)] == ["published", "published"]


@on_every_database
def test_a_worker_that_lost_its_lease_takes_nothing_with_the_late_success(
    database: Database, clock: FixedClock
) -> None:
    bench = Bench(database, clock)
    _two(bench)
    states: list[str] = []

    def lose() -> None:
        clock.advance(seconds=SETTINGS.lease_seconds + 10)
        recover_lost(database, clock.now(), timedelta(seconds=10), lambda _: False)

    bench.worker(milestone=_at({"answered": lose, "recorded": lambda: states.extend(_states(database))})).drain("fake")
    assert states[:2] == [State.PUBLISHED, State.PENDING]
    assert len(bench.platform.posts) == 2


@on_every_database
def test_after_a_lost_answer_the_next_post_is_taken_on_its_own(database: Database, clock: FixedClock) -> None:
    bench = Bench(database, clock)
    _two(bench)
    bench.platform.after.append(LOST_ANSWER)
    states: list[str] = []
    bench.worker(milestone=_at({"recorded": lambda: states.extend(_states(database))})).drain("fake")
    assert states == [State.UNCONFIRMED, State.PENDING]
    assert _states(database) == [State.UNCONFIRMED, State.PUBLISHED]


@on_every_database
@pytest.mark.parametrize("waits", ["gap", "prices"])
def test_where_the_pace_or_money_is_to_be_weighed_first_nothing_is_taken(
    database: Database, clock: FixedClock, waits: str
) -> None:
    bench = Bench(database, clock)
    profile = fake_profile(gap=60.0 if waits == "gap" else 0.0)
    if waits == "prices":
        profile = profile.model_copy(update={"prices": Prices(post=0.01, post_with_link=0.01)})
    bench.channels = type(bench.channels)(bench.platform, profile)
    _two(bench)
    states: list[str] = []
    bench.worker(milestone=_at({"recorded": lambda: states.extend(_states(database))})).drain("fake")
    assert states == [State.PUBLISHED, State.PENDING]


@on_every_database
def test_nothing_is_claimed_after_a_failed_write_until_one_succeeds(
    database: Database, clock: FixedClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench, states = Bench(database, clock), []
    _two(bench)
    full = sqlite3.OperationalError("database or disk is full")
    full.sqlite_errorcode = sqlite3.SQLITE_FULL
    failures = [OperationalError("COMMIT", None, full)]

    def fail_once(*arguments: Any, **values: Any) -> ClaimedDelivery | None:
        if failures:
            raise failures.pop()
        return claim_within(*arguments, **values)

    monkeypatch.setattr(worker_module, "claim_within", fail_once)
    worker = bench.worker(milestone=_at({"recorded": lambda: states.extend(_states(database))}))
    monkeypatch.setattr(worker._machine._pause, "wait", lambda _seconds: True)
    assert worker.drain("fake") == 2
    assert states == [State.PUBLISHED, State.PENDING]
    assert _states(database) == [State.PUBLISHED, State.PUBLISHED]
