"""Tests that a desk of an older version keeps what was wrong with its deliveries, attempts and channels."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest
from alembic import command
from sqlalchemy import Connection, select, text

from publisher.core.problems import StoredProblem, recorded_problem
from publisher.core.states import AttemptOutcome
from publisher.db import upgrade
from publisher.db.models import Attempt, Delivery
from publisher.db.operations import Channel
from publisher.db.session import Database, create_database_engine
from publisher.db.upgrade import prepare_database
from publisher.delivery.problem_codes import ChannelProblem
from tests.fakes import adapted_post

NOW = datetime(2026, 3, 14, 8, 30, 5, tzinfo=UTC)
BEFORE = "0012"
SENTENCE = "The “{picture}” was refused. Mend it, then: publisher retry 1."
OLD_OUTCOMES = {
    "published": "published",
    "found": "found",
    "absent": "absent",
    "possible copies": "possible-copies",
    "cannot tell": "cannot-tell",
    "as sent": "as-sent",
    "differs": "differs",
    "gone": "gone",
    "hidden": "hidden",
    "not readable": "not-readable",
    "lost": "lost",
    "RefusedOnce": "refused-once",
    "MediaExpired": "media-expired",
    "AlreadyPublic": "already-public",
    "UnsupportedContent": "content-unsupported",
    "ContentRejected": "content-rejected",
    "CredentialsRefused": "credentials-refused",
    "RateLimited": "rate-limited",
    "Unavailable": "platform-unavailable",
    "Unconfirmed": "publication-unconfirmed",
    "PlatformError": "platform-failed",
    "own machine": "own-machine",
    "BudgetReached": "budget-reached",
    "unexpected": "unexpected",
}


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'queue.db'}"
    created: str = request.getfixturevalue("postgres").create_database()
    return created


def add_delivery(connection: Connection, number: int, channel: str, problem: str) -> None:
    values = {
        "id": number, "channel": channel, "problem": problem, "at": NOW, "day": NOW.replace(day=number).date(),
        "token": f"{number:012x}", "adapted": adapted_post().model_dump_json(),
    }  # fmt: skip
    connection.execute(text("INSERT INTO pick (id, slot, reason, picked_at) VALUES (:id, :day, 'empty', :at)"), values)
    connection.execute(
        text(
            "INSERT INTO delivery (id, pick_id, channel_name, part, state, fence, due_at, scheduled_at, expires_at, "
            "token, adapted, tries, lookups, clean_lookups, lost_requests, problem) VALUES (:id, :id, :channel, 0, "
            "'held', 3, :at, :at, :at, :token, :adapted, 0, 0, 0, 0, :problem)"
        ),
        values,
    )


@pytest.fixture
def database(url: str, tmp_path: Path) -> Database:
    """Creates a database from before problems were data, and migrates it."""
    engine = create_database_engine(url)
    config = upgrade._config()
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, BEFORE)
        channels = text(
            "INSERT INTO channel (name, platform, paused_at, pause_reason, paused_by) "
            "VALUES (:name, 'x', :at, :why, :by)"
        )
        for name, why, by in (("free", "", ""), ("refused", SENTENCE, ""), ("by hand", "a {holiday}", "Ada")):
            connection.execute(channels, {"name": name, "why": why, "by": by, "at": NOW if why else None})
        add_delivery(connection, 1, "free", SENTENCE)
        add_delivery(connection, 2, "free", "")
        for outcome in (*OLD_OUTCOMES, None):
            detail = "the worker was gone before it recorded an answer" if outcome == "lost" else "Refused. {answer}"
            values = {"at": NOW, "outcome": outcome, "detail": detail}
            connection.execute(
                text(
                    "INSERT INTO attempt (delivery_id, kind, fence, worker, started_at, outcome, detail) "
                    "VALUES (1, 'send', 1, 'me', :at, :outcome, :detail)"
                ),
                values,
            )
    engine.dispose()
    prepare_database(url, backups=tmp_path / "backups", now=NOW)
    return Database.open(url)


def test_each_older_row_becomes_data_and_reads_as_before(database: Database) -> None:
    with database.reading() as session:
        deliveries = list(session.scalars(select(Delivery).order_by(Delivery.id)))
        channels = {row.name: row for row in session.scalars(select(Channel))}
        attempts = list(session.scalars(select(Attempt).order_by(Attempt.id)))
        stored = session.scalar(text("SELECT problem FROM delivery WHERE id = 1"))
    assert [row.problem for row in deliveries] == [recorded_problem(SENTENCE), None]
    assert str(deliveries[0].problem) == SENTENCE
    assert "“{picture}”" in str(stored), "a search in the database finds what it says"
    assert channels["free"].pause_problem is None
    assert channels["refused"].pause_problem == recorded_problem(SENTENCE)
    assert channels["by hand"].pause_problem == ChannelProblem.PAUSED_BY_PERSON(reason="a {holiday}")
    assert [attempt.outcome for attempt in attempts] == [*OLD_OUTCOMES.values(), None]
    assert {attempt.problem for attempt in attempts} == {None}
    assert [attempt.detail for attempt in attempts if attempt.outcome != "lost"] == ["Refused. {answer}"] * 24
    assert [attempt.detail for attempt in attempts if attempt.outcome == "lost"] == [""]
    database.close()


def test_the_migration_knows_every_end_and_the_codes_of_the_program() -> None:
    # An older desk called a text that the platform remembers a refused post.
    assert set(OLD_OUTCOMES.values()) == set(AttemptOutcome) - {AttemptOutcome.TEXT_REMEMBERED}
    assert StoredProblem.RECORDED.code == "core.recorded"
    assert ChannelProblem.PAUSED_BY_PERSON.code == "delivery.paused-by-person"


def test_a_new_row_takes_a_problem_and_none(database: Database) -> None:
    with database.writing() as session:
        for number, problem in ((1, None), (2, recorded_problem("Look."))):
            session.get_one(Delivery, number).problem = problem
    with database.reading() as session:
        assert [str(row.problem) for row in session.scalars(select(Delivery).order_by(Delivery.id))] == [
            "None",
            "Look.",
        ]
    database.close()
