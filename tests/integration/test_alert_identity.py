"""Tests on each kind of database that a condition has one open alert, whichever columns say what it is about."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta

import pytest
from sqlalchemy import select, update
from sqlalchemy.exc import IntegrityError

from publisher.alerts import store
from publisher.alerts.conditions import Condition, identity_of
from publisher.alerts.problem_codes import AlertEnding, AlertHeadline, AlertProblem
from publisher.core.clock import FixedClock
from publisher.core.problems import recorded_problem
from publisher.db.operations import Alert, AlertKind
from publisher.db.session import Database
from tests.conftest import on_every_database

TODAY = date(2026, 5, 4)
COVER = Condition(AlertKind.COVER, AlertHeadline.NO_DAY_COVERED(), AlertProblem.FIRST_EMPTY_DAY(day=TODAY))
CONDITIONS = {
    "neither day nor channel": COVER,
    "a channel": replace(COVER, kind=AlertKind.CAPTION, channel="x"),
    "an occurrence": replace(COVER, kind=AlertKind.CLOCK_SET, occurrence="7"),
    "a day": replace(COVER, kind=AlertKind.EMPTY, day=TODAY),
    "a delivery": replace(COVER, kind=AlertKind.HELD, channel="x", delivery_id=1, day=TODAY, occurrence="7"),
}


@on_every_database
@pytest.mark.parametrize("about", CONDITIONS)
def test_a_second_open_alert_for_one_condition_is_refused(database: Database, clock: FixedClock, about: str) -> None:
    condition, now = CONDITIONS[about], clock.now()
    with database.writing() as session:
        assert store.open_alert(session, condition, now)
        assert not store.open_alert(session, condition, now)
    with pytest.raises(IntegrityError), database.writing() as session:
        session.add(
            Alert(
                kind=condition.kind,
                channel=condition.channel,
                delivery_id=condition.delivery_id,
                day=condition.day,
                occurrence=condition.occurrence,
                opened_at=now,
                next_try_at=now,
            )
        )
    with database.writing() as session:
        session.execute(update(Alert).values(closed_at=now))
    with database.writing() as session:
        assert store.open_alert(session, condition, now + timedelta(hours=1)), "the first one is over"


@on_every_database
def test_what_differs_in_one_thing_is_another_alert(database: Database, clock: FixedClock) -> None:
    first = CONDITIONS["a delivery"]
    others = [
        replace(first, kind=AlertKind.FAILED),
        replace(first, channel="tumblr"),
        replace(first, delivery_id=2),
        replace(first, day=TODAY + timedelta(days=1)),
        replace(first, day=None),
        replace(first, occurrence="8"),
    ]
    with database.writing() as session:
        assert all(store.open_alert(session, condition, clock.now()) for condition in (first, *others))
    with database.reading() as session:
        alerts = session.scalars(select(Alert).order_by(Alert.id)).all()
        assert [identity_of(alert) for alert in alerts] == [condition.identity for condition in (first, *others)]


@on_every_database
def test_what_an_alert_says_is_stored_as_data(database: Database, clock: FixedClock) -> None:
    now = clock.now()
    problem = recorded_problem("“Refused” \n 'x'; --")
    with database.writing() as session:
        store.open_alert(session, replace(COVER, problem=problem), now)
        session.execute(update(Alert).values(ending=AlertEnding.PUBLISHED(at=now, url="https://x.example/1")))
    with database.reading() as session:
        alert = session.scalars(select(Alert)).one()
        assert (alert.headline, alert.problem) == (AlertHeadline.NO_DAY_COVERED(), problem)
        assert alert.ending is not None
        assert alert.ending.code is AlertEnding.PUBLISHED
        assert str(alert.ending) == f"Published at {now:%H:%M on %Y-%m-%d}: https://x.example/1"
