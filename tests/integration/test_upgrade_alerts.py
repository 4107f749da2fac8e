"""Tests that a desk of an older version keeps its open and sent alerts."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest
from alembic import command
from sqlalchemy import inspect, text

from publisher.db import upgrade
from publisher.db.operations import Alert
from publisher.db.session import Database, create_database_engine
from publisher.db.upgrade import prepare_database

NOW = datetime(2026, 3, 14, 8, 30, 5, tzinfo=UTC)
BEFORE = "0011"
INSERT = """
INSERT INTO notice (subject, kind, title, message, opened_at, told_at, closed_at, tries, next_try_at, reached, trouble)
VALUES (:subject, 'held', 'x is held', 'Mend it.', :now, :told, :closed, 2, :now, '["1 (json)"]', '')
"""


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'queue.db'}"
    created: str = request.getfixturevalue("postgres").create_database()
    return created


def make_older_database(url: str, *subjects: str) -> None:
    """Makes a database from before the table was renamed; the last of its notices is open."""
    engine = create_database_engine(url)
    config = upgrade._config()
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, BEFORE)
        for subject in subjects:
            closed = None if subject == subjects[-1] else NOW
            values = {"subject": subject, "now": NOW, "told": NOW, "closed": closed}
            connection.execute(text(INSERT), values)
    engine.dispose()


def test_every_notice_becomes_an_alert(url: str, tmp_path: Path) -> None:
    make_older_database(url, "delivery 1 2", "delivery 1 3")
    prepare_database(url, backups=tmp_path / "backups", now=NOW)
    database = Database.open(url)
    with database.reading() as session:
        alerts = session.query(Alert).order_by(Alert.id).all()
        assert not inspect(session.connection()).has_table("notice")
    database.close()
    assert [(alert.id, alert.subject, alert.closed_at) for alert in alerts] == [
        (1, "delivery 1 2", NOW),
        (2, "delivery 1 3", None),
    ]
    assert [(alert.told_at, alert.tries, alert.reached) for alert in alerts] == [(NOW, 2, ["1 (json)"])] * 2


def test_a_new_alert_follows_those_that_were_kept(url: str, tmp_path: Path) -> None:
    make_older_database(url, "paused x 1")
    prepare_database(url, backups=tmp_path / "backups", now=NOW)
    database = Database.open(url)
    with database.writing() as session:
        alert = Alert(subject="paused y 1", kind="paused", title="y", message="", opened_at=NOW, next_try_at=NOW)
        session.add(alert)
        session.flush()
        assert alert.id == 2
    database.close()


def test_a_desk_without_notices_begins_at_one(url: str, tmp_path: Path) -> None:
    make_older_database(url)
    prepare_database(url, backups=tmp_path / "backups", now=NOW)
    database = Database.open(url)
    with database.writing() as session:
        alert = Alert(subject="paused y 1", kind="paused", title="y", message="", opened_at=NOW, next_try_at=NOW)
        session.add(alert)
        session.flush()
        assert alert.id == 1
    database.close()
