"""Tests that the page of today promises nothing that can't come, and denies nothing that may be so."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from publisher.core.clock import FixedClock
from publisher.core.states import State
from publisher.db.models import Delivery
from publisher.health.heartbeat import record_heartbeat
from publisher.lifecycle import Move, move
from tests import queue_desk
from tests.conftest import WriteDesk
from tests.desk_site import Site, open_starter_site, text_of
from tests.fakes import add_delivery, the_delivery

MORNING = datetime(2026, 5, 4, 7, 0, tzinfo=UTC)
"""Before the outlet's hour, 9:00 in its zone."""
NOON = MORNING + timedelta(hours=5)
NIGHT = MORNING + timedelta(hours=14)
"""Too late for a post of the day."""
SANDBOX_PAGE = "http://127.0.0.1:9/tumblr"
PROMISE = "Today's post is picked at"

OpenAt = Callable[[datetime], str]


@pytest.fixture
def clock() -> FixedClock:
    return FixedClock(NOON)


@pytest.fixture
def site(tmp_path: Path, write_desk: WriteDesk, clock: FixedClock) -> Iterator[Site]:
    config = write_desk(tmp_path)
    page = f'post_page = "{SANDBOX_PAGE}#post-{{id}}"'
    text = config.read_text(encoding="utf-8").replace("[channels.tumblr]", f"[channels.tumblr]\n{page}")
    config.write_text(text, encoding="utf-8")
    with open_starter_site(config, clock) as opened:
        yield opened


@pytest.fixture
def today_at(site: Site, clock: FixedClock) -> OpenAt:
    """Returns the text of the page as it is at an instant."""

    def open_at(instant: datetime) -> str:
        clock.instant = instant
        record_heartbeat(site.desk.database, "reef:1:1:1", "scheduler", instant)
        return text_of(site.client("operator").get("/"))

    return open_at


def add_in_state(site: Site, state: State) -> int:
    """Adds a delivery of today on Tumblr."""
    now = site.desk.now()
    delivery = add_delivery(site.desk.database, now, channel="tumblr")
    values: dict[State, dict[str, Any]] = {
        State.PREPARING: {"lease_owner": "reef", "lease_until": now},
        State.PUBLISHING: {"lease_owner": "reef", "lease_until": now, "idempotency_key": "key"},
        State.UNCONFIRMED: {"unknown_since": now, "due_at": now},
    }
    way = [State.PREPARING, State.PUBLISHING, State.UNCONFIRMED] if state is State.UNCONFIRMED else [state]
    before = State.PENDING
    for step in way:
        with site.desk.database.writing() as session:
            fence = session.get_one(Delivery, delivery).fence
            move(session, delivery, Move(before, step), fence=fence, now=now, **values.get(step, {}))
        before = step
    return delivery


def test_after_the_lateness_hour_nothing_is_promised_for_today(today_at: OpenAt) -> None:
    text = today_at(NIGHT)
    assert "There is no post today, and it is too late for one now." in text
    assert PROMISE not in text
    assert "All is well" not in text


def test_before_the_hour_a_post_is_promised_only_if_one_is_ready(today_at: OpenAt) -> None:
    text = today_at(MORNING)
    assert "Nothing is ready for today. What is approved before 09:00" in text
    assert PROMISE not in text


def test_between_the_hour_and_the_end_it_says_what_can_still_come(today_at: OpenAt) -> None:
    assert "Nothing is out yet today. What is ready before 20:00 still goes out." in today_at(NOON)


def test_a_post_of_which_nobody_knows_is_not_denied(site: Site, today_at: OpenAt) -> None:
    add_in_state(site, State.UNCONFIRMED)
    text = today_at(NOON)
    assert "It may be out on Tumblr: the platform is being asked." in text
    assert "All is well" not in text
    later = today_at(NOON + timedelta(days=1))
    assert "A title may be out here: nobody knows yet." in later
    assert "tumblr Nothing is out here" not in later
    channels = text_of(site.client("operator").get("/channels"))
    assert "not known: one may be out" in channels


def test_a_canceled_delivery_is_not_on_its_way(site: Site, today_at: OpenAt) -> None:
    add_in_state(site, State.CANCELED)
    text = today_at(NOON)
    assert "It was canceled for Tumblr." in text
    assert "the rest is on its way" not in text


def test_a_platform_says_when_its_post_came_out(site: Site, today_at: OpenAt) -> None:
    delivery = add_delivery(site.desk.database, site.desk.now(), channel="tumblr")
    with site.desk.database.writing() as session:
        row = session.get_one(Delivery, delivery)
        row.state, row.remote_id = "published", "4711"
        row.published_at = NOON + timedelta(minutes=14)
    assert "14 minutes late" in today_at(NOON + timedelta(minutes=15))
    with site.desk.database.writing() as session:
        session.get_one(Delivery, delivery).public_since = NOON + timedelta(seconds=2)
    text = today_at(NOON + timedelta(minutes=16))
    assert "late" not in text
    assert the_delivery(site.desk.database, delivery).shown_since == NOON + timedelta(seconds=2)


def test_a_post_on_a_sandbox_is_seen_on_the_page_of_the_sandbox(site: Site, today_at: OpenAt) -> None:
    delivery = add_delivery(site.desk.database, site.desk.now(), channel="tumblr")
    with site.desk.database.writing() as session:
        row = session.get_one(Delivery, delivery)
        row.state, row.remote_id, row.published_at = "published", "4711", NOON
        row.remote_url = "https://picture.tumblr.com/post/4711"
    today_at(NOON)
    operator = site.client("operator")
    for page in ("/", "/channels", "/deliveries", f"/deliveries/{delivery}", f"/posts/{delivery}"):
        html = operator.get(page).text
        assert f'href="{SANDBOX_PAGE}#post-4711"' in html, page
        assert 'href="https://picture.tumblr.com' not in html, page


def test_days_of_the_reserve_are_told_as_in_the_queue(site: Site, today_at: OpenAt) -> None:
    desk = site.desk
    posts = queue_desk.Desk(desk.database, desk.settings, desk.targets, desk.store, desk.people)  # type: ignore[arg-type]
    posts.posts(("One for any day", "Another for any day"), MORNING, reserve=True)
    text = " ".join(today_at(MORNING).split())
    assert "2 days of cover" in text
    assert "of them by the reserve" not in text
