"""Tests that databases from before posts had one record each, and from before a state was dropped, are migrated."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from alembic import command
from sqlalchemy import Connection, text

from publisher.db import upgrade
from publisher.db.models import Delivery, Event
from publisher.db.session import Database, create_database_engine
from publisher.db.upgrade import prepare_database
from tests.fakes import adapted_post

NOW = datetime(2026, 3, 14, 8, 30, 5, tzinfo=UTC)


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'queue.db'}"
    created: str = request.getfixturevalue("postgres").create_database()
    return created


@pytest.fixture
def connection(url: str) -> Iterator[Connection]:
    """Creates a database of revision 0010 with one channel."""
    engine = create_database_engine(url)
    config = upgrade._config()
    with engine.begin() as opened:
        config.attributes["connection"] = opened
        command.upgrade(config, "0010")
        opened.execute(text("INSERT INTO channel (name, platform, pause_reason, paused_by) VALUES ('x', 'x', '', '')"))
    with engine.connect() as opened:
        yield opened
    engine.dispose()


def add(connection: Connection, number: int, state: str, remote_id: str | None = None) -> None:
    at = NOW - timedelta(days=9 - number)
    values = {
        "id": number, "state": state, "remote": remote_id, "url": remote_id, "at": at, "day": at.date(),
        "key": f"key-{number}", "token": f"{number:012x}", "adapted": adapted_post().model_dump_json(),
        "processing": "7" if state == "processing" else None,
    }  # fmt: skip
    connection.execute(text("INSERT INTO pick (id, slot, reason, picked_at) VALUES (:id, :day, 'empty', :at)"), values)
    connection.execute(
        text(
            "INSERT INTO delivery (id, pick_id, channel_name, part, state, fence, due_at, scheduled_at, expires_at, "
            "token, idempotency_key, adapted, tries, lookups, clean_lookups, lost_requests, sent_at, remote_id, "
            "remote_url, processing_id, problem) VALUES (:id, :id, 'x', 0, :state, 3, :at, :at, :at, :token, :key, "
            ":adapted, 0, 9, 9, 0, :at, :remote, :url, :processing, '')"
        ),
        values,
    )


def upgraded(connection: Connection, url: str, tmp_path: Path) -> list[Delivery]:
    connection.commit()
    connection.close()
    prepare_database(url, backups=tmp_path / "backups", now=NOW)
    database = Database.open(url)
    with database.reading() as session:
        rows = list(session.query(Delivery).order_by(Delivery.id))
        assert [event.delivery_id for event in session.query(Event)] == [row.id for row in rows if row.state == "held"]
    database.close()
    return rows


def test_what_a_platform_was_working_on_is_looked_up(connection: Connection, url: str, tmp_path: Path) -> None:
    add(connection, 1, "processing")
    (row,) = upgraded(connection, url, tmp_path)
    assert (row.state, row.unknown_since, row.lookups, row.clean_lookups) == ("unconfirmed", row.sent_at, 0, 0)
    assert (row.fence, row.idempotency_key) == (4, "key-1")


def test_a_post_that_two_deliveries_have_stays_with_the_first(connection: Connection, url: str, tmp_path: Path) -> None:
    for number, remote_id in enumerate(("a", "b", "a", "a"), 1):
        add(connection, number, "published", remote_id)
    rows = upgraded(connection, url, tmp_path)
    assert [(row.state, row.remote_id) for row in rows] == [
        ("published", "a"), ("published", "b"), ("held", None), ("held", None),
    ]  # fmt: skip
    assert rows[2].unknown_since == rows[2].sent_at
    assert "The post a was recorded for this delivery and for delivery 1" in str(rows[2].problem)
    assert "publisher adopt 3 LINK if it is, publisher retry 3 --i-have-looked" in str(rows[2].problem)
