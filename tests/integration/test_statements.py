"""Tests that statements carried out by the driver give and take what SQLAlchemy's own would, errors included."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from sqlalchemy import bindparam, column, insert, select, table
from sqlalchemy.exc import IntegrityError, OperationalError, ProgrammingError

from publisher.core.clock import FixedClock
from publisher.db.driver_statements import DriverStatement
from publisher.db.session import Database
from publisher.lifecycle import ADD_EVENT, EVENTS
from tests.conftest import on_every_database

ADD = DriverStatement(insert(EVENTS).returning(EVENTS.c.id))
FIND = DriverStatement(select(EVENTS.c.at, EVENTS.c.detail).where(EVENTS.c.at >= bindparam("since")).limit(2))


def _event(at: datetime, **values: object) -> dict[str, object]:
    return {"at": at, "name": "told", "actor": "", "detail": {"what": ["a", 1, None]}, **values}


@on_every_database
def test_values_come_back_as_they_were_given(database: Database, clock: FixedClock) -> None:
    elsewhere = clock.now().astimezone(timezone(timedelta(hours=5)))
    with database.changing_rows() as rows:
        added = ADD.first(rows, _event(elsewhere))
        assert ADD_EVENT.change(rows, _event(clock.now() - timedelta(days=1))) == 1
    assert added is not None

    with database.asking() as rows:
        rows_read = FIND.all(rows, {"since": clock.now()})
        assert FIND.first(rows, {"since": clock.now() + timedelta(days=1)}) is None

    assert rows_read == [{"at": clock.now(), "detail": {"what": ["a", 1, None]}}]
    assert rows_read[0]["at"].tzinfo is UTC


@on_every_database
def test_the_columns_are_those_that_are_given(database: Database, clock: FixedClock) -> None:
    with database.changing_rows() as rows:
        ADD_EVENT.change(rows, _event(clock.now()))
        ADD_EVENT.change(rows, _event(clock.now(), delivery_id=None))
        reordered = dict(reversed(_event(clock.now()).items()))
        ADD_EVENT.change(rows, reordered)

    with database.asking() as rows:
        assert list(rows.execute(select(EVENTS.c.name, EVENTS.c.actor))) == [("told", "")] * 3


@on_every_database
def test_errors_are_those_of_sqlalchemy(database: Database, clock: FixedClock) -> None:
    with pytest.raises(IntegrityError), database.changing_rows() as rows:
        ADD_EVENT.change(rows, _event(clock.now(), delivery_id=7_000_000))
    with pytest.raises(ValueError, match="aware"), database.changing_rows() as rows:
        ADD_EVENT.change(rows, _event(datetime(2026, 1, 1)))  # noqa: DTZ001 - that is what is refused
    nowhere = DriverStatement(select(column("id")).select_from(table("nowhere")))
    with pytest.raises((OperationalError, ProgrammingError)), database.asking() as rows:
        nowhere.all(rows, {})

    with database.asking() as rows:
        assert FIND.all(rows, {"since": clock.now() - timedelta(days=9)}) == []
