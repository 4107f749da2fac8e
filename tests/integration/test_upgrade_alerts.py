"""Tests that a desk of an older version keeps its open and sent alerts, and finds them again as what they are about."""

from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
from alembic import command
from sqlalchemy import inspect, text

from publisher.alerts.conditions import AlertIdentity, identity_of
from publisher.alerts.outlet_alerts import is_good_news
from publisher.core.problems import StoredProblem
from publisher.db import upgrade
from publisher.db.operations import Alert, AlertKind
from publisher.db.session import Database, create_database_engine
from publisher.db.upgrade import prepare_database

NOW = datetime(2026, 3, 14, 8, 30, 5, tzinfo=UTC)
DAY = date(2026, 3, 14)
BEFORE_ALERTS, BEFORE_DATA = "0011", "0012"
INSERT = """
INSERT INTO {table} (subject, kind, title, message, opened_at, told_at, closed_at, recovery_told_at, tries, next_try_at,
                     reached, trouble)
VALUES (:subject, :kind, 'x is held', :message, :now, :now, :closed, :end_told, :tries, :now, '["1 (json)"]', 'no')
"""
DELIVERY = """
INSERT INTO delivery (id, pick_id, channel_name, state, fence, due_at, scheduled_at, expires_at, token, part, adapted,
                      problem, tries, lookups, clean_lookups, lost_requests)
VALUES (1, 1, 'x', 'held', 0, :now, :now, :now, 'token', 0, '{}', '', 0, 0, 0, 0)
"""

DRAFT_EVENT = """
INSERT INTO event (at, name, actor, detail) VALUES (:now, 'stray draft', '', '{"channel"\\: "tumblr"}')
"""


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'queue.db'}"
    created: str = request.getfixturevalue("postgres").create_database()
    return created


def make_older_database(url: str, revision: str, *rows: dict[str, Any], before: tuple[str, ...] = ()) -> None:
    """Makes a database of an older version with these alerts. `before`: statements that are run first."""
    engine = create_database_engine(url)
    config = upgrade._config()
    table = "notice" if revision == BEFORE_ALERTS else "alert"
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, revision)
        for statement in before:
            connection.execute(text(statement), {"now": NOW} if ":now" in statement else {})
        for row in rows:
            usual = {"kind": "held", "message": "Mend it.", "closed": None, "end_told": None, "tries": 2, "now": NOW}
            connection.execute(text(INSERT.format(table=table)), usual | row)
    engine.dispose()


def upgraded(url: str, tmp_path: Path) -> list[Alert]:
    prepare_database(url, backups=tmp_path / "backups", now=NOW)
    database = Database.open(url)
    with database.reading() as session:
        alerts = session.query(Alert).order_by(Alert.id).all()
        assert not inspect(session.connection()).has_table("notice")
    database.close()
    return alerts


def test_every_notice_becomes_an_alert(url: str, tmp_path: Path) -> None:
    make_older_database(url, BEFORE_ALERTS, {"subject": "delivery 1 2", "closed": NOW}, {"subject": "delivery 1 3"})
    alerts = upgraded(url, tmp_path)
    assert [(alert.id, alert.delivery_id, alert.occurrence, alert.closed_at) for alert in alerts] == [
        (1, 1, "2", NOW),
        (2, 1, "3", None),
    ]
    assert [(alert.sent_at, alert.tries, alert.reached) for alert in alerts] == [(NOW, 2, ["1 (json)"])] * 2
    assert [str(alert.send_error) for alert in alerts] == ["no"] * 2


SUBJECTS = {
    "delivery 1 7": ("held", AlertIdentity("held", "x", 1, DAY, "7")),
    "delivery 99 8": ("failed", AlertIdentity("failed", "", 99, None, "8")),
    "event 1": ("second copy", AlertIdentity("second-copy", "x", 1, DAY, "1")),
    "event 2": ("draft", AlertIdentity("draft", "tumblr", 0, None, "2")),
    "event 3": ("differs", AlertIdentity("differs", "", 0, None, "3")),
    "late 2026-03-14 x": ("late", AlertIdentity("late", "x", 0, DAY, "")),
    "paused x 1773477005.000000": ("paused", AlertIdentity("paused", "x", 0, None, "1773477005.000000")),
    "silent x 12": ("silent", AlertIdentity("silent", "x", 0, None, "12")),
    "budget x 2026-03": ("budget", AlertIdentity("budget", "x", 0, date(2026, 3, 1), "")),
    "missed 2026-03-14": ("missed", AlertIdentity("missed-day", "", 0, DAY, "")),
    "empty 2026-03-14": ("empty", AlertIdentity("empty", "", 0, DAY, "")),
    "restored-queue 5": ("restored-queue", AlertIdentity("restored-queue", "", 0, None, "5")),
    "cover": ("cover", AlertIdentity("cover", "", 0, None, "")),
    "preflight 2026-03-15": ("safe", AlertIdentity("preflight", "", 0, date(2026, 3, 15), "")),
    "job 1773477005 picking the post of the day": (
        "job",
        AlertIdentity("job", "", 0, None, "1773477005 picking the post of the day"),
    ),
    "caption x": ("caption", AlertIdentity("caption", "x", 0, None, "")),
    "caption": ("caption", AlertIdentity("caption", "", 0, None, "")),
    "clock": ("clock", AlertIdentity("clock", "", 0, None, "")),
    "clockset 31": ("clock", AlertIdentity("clock-set", "", 0, None, "31")),
    "changed 2026-03-14 x hour": ("changed", AlertIdentity("changed", "x", 0, DAY, "hour")),
    "codes 4 2026-03-14": ("codes", AlertIdentity("codes", "", 0, DAY, "4")),
    "something else": ("odd", AlertIdentity("odd", "", 0, None, "something else")),
    "late never x": ("late", AlertIdentity("late", "", 0, None, "late never x")),
}


def test_an_open_alert_is_found_again_as_what_it_is_about(url: str, tmp_path: Path) -> None:
    make_older_database(
        url,
        BEFORE_DATA,
        *({"subject": subject, "kind": kind} for subject, (kind, _identity) in SUBJECTS.items()),
        before=(
            "INSERT INTO channel (name, platform, pause_reason) VALUES ('x', 'x', '')",
            "INSERT INTO pick (id, slot, reason, picked_at) VALUES (1, '2026-03-14', 'empty', :now)",
            DELIVERY,
            "INSERT INTO event (at, name, actor, delivery_id, detail) VALUES (:now, 'second copy', '', 1, '{}')",
            DRAFT_EVENT,
        ),
    )
    alerts = upgraded(url, tmp_path)
    assert [identity_of(alert) for alert in alerts] == [identity for _kind, identity in SUBJECTS.values()]
    assert {str(alert.problem) for alert in alerts} == {"Mend it."}
    assert [is_good_news(alert) for alert in alerts] == [alert.kind == AlertKind.PREFLIGHT for alert in alerts]
    assert {alert.headline.code for alert in alerts if alert.headline and not is_good_news(alert)} == {
        StoredProblem.RECORDED
    }


def test_the_sentence_of_an_alert_that_ended_is_how_it_ended(url: str, tmp_path: Path) -> None:
    rows = [
        {"subject": "paused x 1", "closed": NOW, "message": "It publishes again.", "tries": 0},
        {"subject": "paused x 2", "closed": NOW, "end_told": NOW, "message": "It publishes again.", "tries": 1},
        {"subject": "paused x 3", "closed": NOW, "end_told": NOW, "tries": 0},
        {"subject": "preflight 2026-03-15", "kind": "safe", "message": "", "tries": 0},
    ]
    make_older_database(url, BEFORE_DATA, *rows)
    alerts = upgraded(url, tmp_path)
    assert [(str(alert.problem or ""), str(alert.ending or "")) for alert in alerts] == [
        ("", "It publishes again."),
        ("", "It publishes again."),
        ("Mend it.", ""),
        ("", ""),
    ]
    assert [alert.end_sent_at for alert in alerts] == [None, NOW, NOW, None]


@pytest.mark.parametrize("subjects", [("paused x 1",), ()])
def test_a_new_alert_follows_those_that_were_kept(url: str, tmp_path: Path, subjects: tuple[str, ...]) -> None:
    make_older_database(url, BEFORE_ALERTS, *({"subject": subject} for subject in subjects))
    prepare_database(url, backups=tmp_path / "backups", now=NOW)
    database = Database.open(url)
    with database.writing() as session:
        alert = Alert(kind="paused", channel="y", occurrence="1", opened_at=NOW, next_try_at=NOW)
        session.add(alert)
        session.flush()
        assert alert.id == len(subjects) + 1
    database.close()
