"""Tests that due deliveries are found, on each kind of database, as fast among many as among few."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest

from publisher.core.clock import FixedClock
from publisher.db.models import Delivery
from publisher.db.operations import Channel
from publisher.db.session import Database
from publisher.delivery import due
from publisher.delivery.claim import claim, claim_look_up, claim_read_back
from publisher.delivery.due import due_channels, miss_expired, recover_lost
from tests.fakes import add_delivery, next_due
from tests.statements import statements_watched

Statements = list[tuple[str, Any]]


@pytest.fixture(params=["sqlite", "postgres"])
def each_database(request: pytest.FixtureRequest) -> Database:
    database: Database = request.getfixturevalue("database" if request.param == "sqlite" else "postgres_database")
    return database


def due_at(database: Database, now: datetime) -> tuple[list[str], datetime | None]:
    with database.reading() as session:
        return due_channels(session, now), next_due(session, now)


def change(database: Database, delivery: int, **values: Any) -> None:
    with database.writing() as session:
        row = session.get_one(Delivery, delivery)
        for name, value in values.items():
            setattr(row, name, value)


def test_the_channel_that_waits_longest_comes_first_whatever_it_waits_for(
    each_database: Database, now: datetime
) -> None:
    post, look_up, other, verify, later = (
        add_delivery(each_database, now, channel=name, day_offset=day, due_at=now - timedelta(seconds=60 - 10 * day))
        for day, name in enumerate(("post", "look-up", "other", "verify", "later"))
    )
    change(each_database, look_up, state="unconfirmed", idempotency_key="a", due_at=now - timedelta(seconds=61))
    change(each_database, other, state="unconfirmed", idempotency_key="b", due_at=now - timedelta(seconds=59))
    change(each_database, verify, state="published", remote_id="c", verify_at=now - timedelta(seconds=62))
    change(each_database, later, due_at=now + timedelta(seconds=5))
    assert due_at(each_database, now) == (["verify", "look-up", "post", "other"], now + timedelta(seconds=5))
    change(each_database, post, expires_at=now)
    assert due_at(each_database, now)[0] == ["verify", "look-up", "other"]


def test_a_channel_that_must_wait_has_its_next_post_then(each_database: Database, now: datetime) -> None:
    add_delivery(each_database, now, channel="a", due_at=now - timedelta(seconds=5))
    verified = add_delivery(each_database, now, channel="a", day_offset=1)
    change(each_database, verified, state="published", remote_id="c", verify_at=now + timedelta(seconds=90))
    with each_database.writing() as session:
        session.get_one(Channel, "a").next_publish_at = now + timedelta(seconds=40)
    assert due_at(each_database, now) == ([], now + timedelta(seconds=40))
    assert due_at(each_database, now + timedelta(seconds=40)) == (["a"], now + timedelta(seconds=90))
    with each_database.writing() as session:
        session.get_one(Channel, "a").paused_at = now
    assert due_at(each_database, now + timedelta(seconds=100)) == ([], None)


def test_many_that_are_too_late_are_given_up_in_several_goes(
    each_database: Database, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(due, "MISSED_BATCH_SIZE", 2)
    late = [add_delivery(each_database, now, day_offset=day, expires_in=timedelta(seconds=3 - day)) for day in range(3)]
    then = now + timedelta(seconds=3)
    assert miss_expired(each_database, then) == [late[2], late[1]]
    assert miss_expired(each_database, then) == [late[0]]
    assert miss_expired(each_database, then) == []


@pytest.fixture
def statements() -> Iterator[Statements]:
    """Records every SELECT, as it was sent."""
    selects: Statements = []

    def note(statement: str, parameters: Any) -> None:
        if statement.startswith("SELECT"):
            selects.append((statement, parameters))

    with statements_watched(note):
        yield selects


def _everything_a_tick_and_a_worker_ask(database: Database, clock: FixedClock) -> None:
    now = clock.now()
    with database.reading() as session:
        due_channels(session, now)
    miss_expired(database, now)
    recover_lost(database, now, timedelta(seconds=1), lambda _owner: False)
    claim(database, "fake", owner="me", now=now, lease=timedelta(seconds=30))
    claim_look_up(database, "fake", now)
    claim_read_back(database, "fake", now)


def test_no_question_of_a_tick_reads_all_deliveries(
    each_database: Database, statements: Statements, clock: FixedClock
) -> None:
    add_delivery(each_database, clock.now(), due_at=clock.now() + timedelta(seconds=1))
    _everything_a_tick_and_a_worker_ask(each_database, clock)
    # One delivery per channel is in flight at most, so that any index serves for those.
    due_questions = [statement for statement in statements if "IN ('preparing', 'publishing')" not in statement[0]]
    plan = PLANS[each_database.engine.dialect.name]
    used = {index for statement in due_questions for index in plan(each_database, statement)}
    # PostgreSQL may take the index of a channel's deliveries by state: few of a channel wait for their hour.
    assert used - {"ix_delivery_channel_state_slot"} == {"ix_delivery_due", "ix_delivery_expires", "ix_delivery_verify"}


def _sqlite_plan(database: Database, statement: tuple[str, Any]) -> list[str]:
    """Lists the indexes that lead to the deliveries, or the whole step where none does."""
    with database.engine.connect() as connection:
        steps = [row[-1] for row in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement[0]}", statement[1])]
    plans = []
    for step in steps:
        if re.match(r"(SCAN|SEARCH) delivery\b", step):
            index = re.search(r"INDEX (\w+)", step)
            plans.append(index[1] if index else step)
    return plans


def _postgres_plan(database: Database, statement: tuple[str, Any]) -> list[str]:
    with database.engine.connect() as connection:
        # An empty table is quickest read whole; what matters is that an index would serve.
        connection.exec_driver_sql("SET LOCAL enable_seqscan = off")
        connection.exec_driver_sql("SET LOCAL plan_cache_mode = force_generic_plan")
        plan = connection.exec_driver_sql(f"EXPLAIN (FORMAT JSON) {statement[0]}", statement[1]).scalar_one()
    return [step.get("Index Name", step["Node Type"]) for step in _steps(plan[0]["Plan"]) if _reads_deliveries(step)]


def _steps(step: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield step
    for plan in step.get("Plans", ()):
        yield from _steps(plan)


def _reads_deliveries(step: dict[str, Any]) -> bool:
    if step["Node Type"] == "Bitmap Heap Scan":
        return False  # The step below it names the index.
    return step.get("Relation Name") == "delivery" or "delivery" in step.get("Index Name", "")


PLANS: dict[str, Callable[[Database, tuple[str, Any]], list[str]]] = {
    "sqlite": _sqlite_plan,
    "postgresql": _postgres_plan,
}
