"""Tests that threads which write to one SQLite database take turns."""

from __future__ import annotations

import threading
from contextlib import suppress

import pytest
from sqlalchemy import select

from publisher.core.clock import FixedClock
from publisher.db.models import Event
from publisher.db.session import Database
from publisher.lifecycle import record_event
from tests.waiting import TIMEOUT


def test_a_threads_second_transaction_is_an_error_and_no_endless_wait(database: Database, clock: FixedClock) -> None:
    with database.writing() as session:
        record_event(session, "first", now=clock.now())
        with pytest.raises(RuntimeError, match="this thread is writing already"), database.writing():
            pytest.fail("it began")
    with database.writing() as session:
        record_event(session, "second", now=clock.now())
    with database.reading() as session:
        assert list(session.scalars(select(Event.name).order_by(Event.id))) == ["first", "second"]


def test_the_next_thread_writes_when_the_first_one_failed(database: Database, clock: FixedClock) -> None:
    began, go_on, order = threading.Event(), threading.Event(), []

    def fail() -> None:
        with suppress(ValueError), database.writing() as session:
            record_event(session, "undone", now=clock.now())
            began.set()
            assert go_on.wait(TIMEOUT)
            order.append("failed")
            raise ValueError

    def follow() -> None:
        with database.writing() as session:
            order.append("follows")
            record_event(session, "kept", now=clock.now())

    first = threading.Thread(target=fail)
    first.start()
    assert began.wait(TIMEOUT)
    second = threading.Thread(target=follow)
    second.start()
    go_on.set()
    for thread in (first, second):
        thread.join(TIMEOUT)
    assert order == ["failed", "follows"]
    with database.reading() as session:
        assert list(session.scalars(select(Event.name))) == ["kept"]
