"""Tests that cached pages are never out of date, in whatever order transactions are committed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta

import pytest
from sqlalchemy.orm import Session

from publisher.db import event_cache
from publisher.db.event_cache import CachedValue, PageCache
from publisher.db.session import Database
from publisher.lifecycle import record_event
from tests.conftest import on_every_database

Page = Callable[[], bytes]


class Counted:
    """Makes a new value each time."""

    def __init__(self) -> None:
        self.times = 0

    def __call__(self) -> bytes:
        self.times += 1
        return str(self.times).encode()


@contextmanager
def open_event(database: Database, now: datetime) -> Iterator[None]:
    """Opens an event that has its number, and commits it at the end of the block."""
    with database.writing() as session:
        record_event(session, "early", now=now)
        session.flush()
        yield


def commit_event(database: Database, now: datetime) -> None:
    with database.writing() as session:
        record_event(session, "something", now=now)


@pytest.fixture(params=["values", "pages"])
def page(request: pytest.FixtureRequest, now: datetime, monkeypatch: pytest.MonkeyPatch) -> Callable[[Database], Page]:
    """Returns a reader of a cached value or a cached page."""
    monkeypatch.setattr(event_cache, "MAX_AGE", timedelta(hours=1))

    def of(database: Database) -> Page:
        values: CachedValue[bytes] = CachedValue()
        pages, make = PageCache(), Counted()

        def value() -> bytes:
            with database.reading() as session:
                return values.get(session, now, make)

        return value if request.param == "values" else lambda: pages.get(database, now, "key", make)

    return of


@on_every_database
def test_a_cached_page_is_rendered_again_after_an_event(
    database: Database, now: datetime, page: Callable[[Database], Page]
) -> None:
    ask = page(database)
    assert [ask(), ask()] == [b"1", b"1"]
    commit_event(database, now)
    assert [ask(), ask()] == [b"2", b"2"]


def test_an_event_that_is_committed_late_is_noticed(
    postgres_database: Database, now: datetime, page: Callable[[Database], Page]
) -> None:
    ask = page(postgres_database)
    with open_event(postgres_database, now):
        for _ in range(3):
            commit_event(postgres_database, now)
        assert [ask(), ask()] == [b"1", b"1"]
    assert [ask(), ask()] == [b"2", b"2"]


def test_a_very_late_event_is_noticed_when_the_page_grows_old(
    postgres_database: Database, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(event_cache, "MAX_LATE_COMMITS", 2)
    pages, make = PageCache(), Counted()
    with open_event(postgres_database, now):
        for _ in range(3):
            commit_event(postgres_database, now)
        assert pages.get(postgres_database, now, "key", make) == b"1"
    assert pages.get(postgres_database, now, "key", make) == b"1"
    assert pages.get(postgres_database, now + event_cache.MAX_AGE, "key", make) == b"2"


@on_every_database
def test_the_mark_is_the_same_while_nothing_happens(database: Database, now: datetime) -> None:
    commit_event(database, now)
    with database.reading() as session, database.asking() as connection:
        assert isinstance(session, Session)
        assert event_cache.change_mark(session) == event_cache.change_mark(connection)
