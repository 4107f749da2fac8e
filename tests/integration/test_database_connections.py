"""Tests that transactions cost few statements, and that a lost connection to a database is replaced."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from sqlalchemy import func, insert, select, text
from sqlalchemy.exc import DBAPIError, IntegrityError, OperationalError

from publisher.core.clock import FixedClock
from publisher.db.models import Event
from publisher.db.session import Database
from publisher.delivery.context import DeliveryContext
from publisher.delivery.worker import Worker
from publisher.lifecycle import EVENTS, record_event
from publisher.settings import DeliverySettings
from tests.conftest import on_every_database
from tests.fakes import FakeChannels, FakePlatform, FakeRenderer, add_delivery, fake_profile
from tests.statements import statements_watched

CUT_OTHERS_OFF = text(
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
    "WHERE datname = current_database() AND pid <> pg_backend_pid()"
)
COUNT = select(func.count(EVENTS.c.id))


@contextmanager
def statements_counted() -> Iterator[Counter[str]]:
    """Counts the statements of all engines by their first words."""
    counts: Counter[str] = Counter()

    def note(statement: str, _parameters: object) -> None:
        words = statement.split()
        counts[" ".join(words[:3] if words[0] == "INSERT" else words[:2] if words[0] == "UPDATE" else words[:1])] += 1

    with statements_watched(note):
        yield counts


@on_every_database
def test_a_text_delivery_takes_eleven_statements_in_two_transactions(database: Database, clock: FixedClock) -> None:
    deliveries = [add_delivery(database, clock.now(), day_offset=day) for day in range(3)]
    channels = FakeChannels(FakePlatform(), fake_profile())
    counts: dict[int, Counter[str]] = {}
    with statements_counted() as counted:

        def note(name: str, delivery: int) -> None:
            if name == "recorded":
                counts[delivery] = Counter(counted)
                counted.clear()

        worker = Worker(
            DeliveryContext(database, channels, FakeRenderer(), clock, DeliverySettings()), owner="me", milestone=note
        )
        worker.drain("fake")

    locks = 1 if database.engine.dialect.name == "postgresql" else 0
    steady = counts[deliveries[1]]
    transactions = {} if locks else {"BEGIN": 2, "COMMIT": 2}
    assert list(counts) == deliveries
    assert steady == {
        **transactions,
        "SELECT": 3 + locks,
        "UPDATE delivery": 3,
        "INSERT INTO event": 3,
        "INSERT INTO attempt": 1,
        "UPDATE attempt": 1,
    }


@pytest.mark.parametrize("database", ["postgresql"], indirect=True)
def test_a_connection_that_was_cut_off_while_it_lay_idle_is_replaced(
    database: Database, clock: FixedClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    passed = [0.0]
    monkeypatch.setattr("publisher.db.session.monotonic", lambda: passed[0])
    with database.writing() as session:
        record_event(session, "before", now=clock.now())
    _cut_off(database)
    passed[0] += 1.0
    with database.changing_rows() as rows:
        record_event(rows, "after", now=clock.now())

    with database.asking() as rows:
        assert rows.scalar(COUNT) == 2


@pytest.mark.parametrize("database", ["postgresql"], indirect=True)
def test_a_connection_cut_off_just_after_use_fails_once_and_is_replaced(
    database: Database, clock: FixedClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("publisher.db.session.monotonic", lambda: 0.0)
    with database.asking() as rows:
        assert rows.scalar(COUNT) == 0
    _cut_off(database)
    with pytest.raises(DBAPIError), database.changing_rows() as rows:
        record_event(rows, "lost", now=clock.now())
    with database.changing_rows() as rows:
        record_event(rows, "after", now=clock.now())

    with database.asking() as rows:
        assert list(rows.scalars(select(Event.name))) == ["after"]


def _cut_off(database: Database) -> None:
    other = Database.open(database.engine.url.render_as_string(hide_password=False))
    with other.asking() as rows:
        rows.execute(CUT_OTHERS_OFF)
    other.close()


@on_every_database
def test_rows_are_changed_whole_or_not_at_all(database: Database, clock: FixedClock) -> None:
    with pytest.raises(IntegrityError):
        _fail_after_a_change(database, clock)

    with database.asking() as rows:
        assert rows.scalar(COUNT) == 0


def _fail_after_a_change(database: Database, clock: FixedClock) -> None:
    with database.changing_rows() as rows:
        record_event(rows, "undone", now=clock.now())
        rows.execute(insert(EVENTS), {"id": 1, "name": None})


def test_rows_are_changed_behind_the_lock_from_the_first_statement_on(
    sqlite_database: Database, clock: FixedClock
) -> None:
    other = Database.open(str(sqlite_database.engine.url))
    with other.engine.connect() as connection:
        connection.exec_driver_sql("PRAGMA busy_timeout=1")
    with sqlite_database.changing_rows() as rows:
        assert rows.scalar(COUNT) == 0
        with pytest.raises(OperationalError, match="locked"), other.changing_rows():
            pytest.fail("it began")
    with other.asking() as asking_statements, sqlite_database.changing_rows() as rows:
        record_event(rows, "seen when it is committed", now=clock.now())
        assert asking_statements.scalar(COUNT) == 0
    with other.asking() as asking_statements:
        assert asking_statements.scalar(COUNT) == 1
    other.close()
