"""Tests that `publisher doctor` says whether mail is set, and who would be told by it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from publisher.alerts.personal_addresses import MAIL_VARIABLE
from publisher.cli.doctor_mail import check_mail
from publisher.db.staff import NotificationKind, Person
from publisher.desk import Desk
from tests.conftest import WriteDesk

# One of Apprise's services brings a module along that later versions of Python don't have.
pytestmark = pytest.mark.filterwarnings("ignore:.imghdr. is deprecated:DeprecationWarning")


@pytest.fixture
def desk(tmp_path: Path, write_desk: WriteDesk) -> Iterator[Desk]:
    opened = Desk(write_desk(tmp_path))
    yield opened
    opened.database.close()


def add_people(desk: Desk, number: int, **values: object) -> None:
    ways = {NotificationKind.REVIEW.value: ["mail"]}
    with desk.database.writing() as session:
        session.add_all(
            Person(
                email=f"p{person}@example.org", name=f"P{person}", roles=["editor"], created_at=desk.now(),
                **{"password_hash": "x", "notification_ways": ways, **values},
            )
            for person in range(number)
        )  # fmt: skip


def test_without_a_server_it_says_what_that_means(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(MAIL_VARIABLE, raising=False)
    line = check_mail(desk)
    assert (line.good, line.warning) == (True, False)
    assert "no mail server is set, so invitations are links to hand on; set PUBLISHER_MAIL_URL" in str(line.message)
    add_people(desk, 1)
    line = check_mail(desk)
    assert (line.good, line.warning) == (True, True)
    assert "1 person wants their news by mail and gets none (p0@example.org)" in str(line.message)


def test_with_a_server_it_names_who_would_be_told(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(MAIL_VARIABLE, "mailtos://desk:secret@example.org")
    assert "nobody has chosen to get their news by it" in str(check_mail(desk).message)
    add_people(desk, 7)
    line = check_mail(desk)
    assert (line.good, line.warning) == (True, False)
    assert "p4@example.org, 2 more" in str(line.message)
    assert "secret" not in str(line.message)


def test_who_left_or_wants_none_is_not_named(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(MAIL_VARIABLE, "mailtos://desk:secret@example.org")
    add_people(desk, 1, active=False)
    assert "nobody has chosen" in str(check_mail(desk).message)


def test_a_server_that_is_set_wrong_is_red(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(MAIL_VARIABLE, "https://example.org/secret")
    line = check_mail(desk)
    assert not line.good
    assert "is no mail server" in str(line.message)
    assert "secret" not in str(line.message)
