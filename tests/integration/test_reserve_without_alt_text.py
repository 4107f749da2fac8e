"""Tests that a day without a post names the posts of the reserve that only lack an alt text, with the way to them."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import update

from publisher.alerts.conditions import Snapshot
from publisher.alerts.outlet_alerts import days_without_post, thin_queue
from publisher.alerts.preflight import preflight
from publisher.db.models import Pick, Post, PostImage
from publisher.db.session import Database
from publisher.schedule.reserve_without_alt_text import count_without_alt_text
from publisher.schedule.slots import slot_day
from tests.conftest import WriteDesk, on_every_database
from tests.desk_site import Site, open_starter_site, text_of
from tests.queue_desk import Desk, open_desk, picture

NOW = datetime(2026, 5, 4, 10, 0, tzinfo=UTC)


def reserve_posts(database: Database, now: datetime, *titles: str) -> None:
    """Adds approved posts of the reserve with a picture each that has no alt text."""
    with database.writing() as session:
        for title in titles:
            image = picture(title, now)
            image.alt_text = ""
            values = {"state": "approved", "approved_at": now, "reserve": True, "created_at": now, "updated_at": now}
            session.add(Post(title=title, position=1.0, images=[image], **values))


@pytest.fixture
def desk(database: Database, tmp_path: Path) -> Desk:
    return open_desk(database, tmp_path).at(NOW)


@on_every_database
def test_only_what_an_alt_text_would_bring_back_is_counted(desk: Desk) -> None:
    day = NOW.date()

    def count() -> int:
        with desk.database.reading() as session:
            return count_without_alt_text(session, day, NOW, desk.settings.reserve)

    assert count() == 0
    reserve_posts(desk.database, NOW, "one", "two", "three", "four", "five")
    desk.post("described", NOW, reserve=True)
    assert count() == 5
    for title, values in (
        ("two", {"state": "in_review", "approved_at": None}),
        ("three", {"last_shown_on": day - timedelta(days=3)}),
        ("four", {"embargo_until": NOW + timedelta(days=1)}),
        ("five", {"reserve": False}),
    ):
        with desk.database.writing() as session:
            session.execute(update(Post).where(Post.title == title).values(**values))
    assert count() == 1
    with desk.database.writing() as session:
        session.execute(update(PostImage).values(alt_text="A disc.", has_alt_text=True))
    assert count() == 0


@pytest.fixture
def site(tmp_path: Path, write_desk: WriteDesk, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    monkeypatch.setenv("PUBLISHER__NOTIFY__DAYS_OF_COVER", "3")
    with open_starter_site(write_desk(tmp_path / "desk")) as opened:
        reserve_posts(opened.desk.database, opened.desk.now(), "one", "two")
        yield opened


def test_page_alert_and_preflight_name_the_reason_and_the_list(site: Site) -> None:
    desk = site.desk
    today = slot_day(desk.now(), desk.settings.outlet.zone)
    page = site.client("editor").get("/")
    assert "2 posts of the reserve are left out for pictures without an alt text" in text_of(page)
    assert 'class="button" href="/archive/alt-texts"' in page.text
    result = next(line for line in preflight(desk, today + timedelta(days=1)).red if line.what == "post")
    assert "2 posts of the reserve are left out for pictures without an alt text" in str(result.message)
    assert "publisher alt-texts" in str(result.message)


def test_the_alerts_of_an_empty_day_and_a_thin_queue_name_it(desk: Desk) -> None:
    reserve_posts(desk.database, NOW, "one")
    with desk.database.writing() as session:
        session.add(Pick(slot=NOW.date(), reason="empty", picked_at=NOW))
    notify = desk.settings.notify.model_copy(update={"days_of_cover": 3})
    settings = desk.settings.model_copy(update={"notify": notify})
    with desk.database.reading() as session:
        snapshot = Snapshot(session, settings, NOW)
        problems = [condition.problem for source in (days_without_post, thin_queue) for condition in source(snapshot)]
    assert [problem.code.short_code for problem in problems] == [
        "empty-without-alt-texts", "first-empty-day-without-alt-texts"
    ]  # fmt: skip
    for problem in problems:
        assert "A post of the reserve is left out for a picture without an alt text" in str(problem)
        assert "publisher alt-texts" in str(problem)
