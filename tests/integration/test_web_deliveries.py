"""Tests that the pages of deliveries have search, details, acts, export and live changes."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import requests

from publisher.core.clock import ShiftedClock
from publisher.core.problems import recorded_problem
from publisher.core.states import State
from publisher.db.models import Media
from publisher.db.operations import Channel
from publisher.delivery import operate
from publisher.delivery.claim import claim
from publisher.lifecycle import Fenced, Move, move
from tests.conftest import WriteDesk
from tests.desk_site import Site, open_starter_site, text_of
from tests.fakes import SPEC, add_delivery, the_delivery
from tests.waiting import TIMEOUT

LINK = "https://picture-of-the-day.tumblr.com/post/4711"


@pytest.fixture
def site(tmp_path: Path, write_desk: WriteDesk) -> Iterator[Site]:
    with open_starter_site(write_desk(tmp_path), ShiftedClock()) as opened:
        yield opened


def add_held_delivery(site: Site, *, unknown: bool = False, title: str = "A held cell", day_offset: int = 0) -> int:
    """Adds a delivery that waits for a person."""
    now = site.desk.now()
    delivery = add_delivery(site.desk.database, now, channel="tumblr", title=title, day_offset=day_offset)
    with site.desk.database.writing() as session:
        values: dict[str, Any] = {"unknown_since": now} if unknown else {}
        move(
            session,
            delivery,
            Move(State.PENDING, State.HELD),
            fence=0,
            now=now,
            problem=recorded_problem("Look <b>here</b>."),
            **values,
        )
    return delivery


def test_deliveries_are_found_by_day_channel_state_and_text(site: Site) -> None:
    waiting = add_delivery(site.desk.database, site.desk.now(), channel="tumblr", title="A waiting neuron")
    add_held_delivery(site, day_offset=1)
    client = site.client("operator")
    assert "A waiting neuron" in client.get("/deliveries").text
    assert "A held cell" not in client.get("/deliveries?state=pending").text
    assert "A waiting neuron" not in client.get("/deliveries?text=held").text
    assert "No delivery matches" in client.get("/deliveries?channel=x").text
    day = the_delivery(site.desk.database, waiting).scheduled_at.date()
    assert "A held cell" not in client.get(f"/deliveries?day={day}").text
    assert client.get("/deliveries?day=someday").status_code == 404
    assert "Look &lt;b&gt;here" in client.get("/deliveries").text


def test_what_waits_on_a_paused_channel_is_not_promised_for_an_hour(site: Site) -> None:
    delivery = add_delivery(site.desk.database, site.desk.now(), channel="tumblr", title="A waiting neuron")
    client, desk = site.client("operator"), site.desk
    pages = ("/", "/deliveries", f"/deliveries/{delivery}")
    for path, words in zip(pages, ("next look", "next look", "Next try"), strict=True):
        assert words in text_of(client.get(path))
    operate.pause(desk.database, "tumblr", "The account is being renamed", now=desk.now(), actor="me")
    for path, words in zip(
        pages, ("waits until the channel is resumed", "waits: Tumblr is paused", "once Tumblr is resumed"), strict=True
    ):
        text = text_of(client.get(path))
        assert words in text
        assert "next look" not in text
    assert json.loads(client.get("/deliveries/export.json").text)[0]["next_try_at"] is None
    operate.resume(desk.database, "tumblr", now=desk.now(), actor="me")
    with desk.database.writing() as session:
        session.get_one(Channel, "tumblr").next_publish_at = desk.now() + timedelta(days=1)
    assert (desk.now() + timedelta(days=1)).strftime("next look %a") in text_of(client.get("/deliveries"))


def test_today_says_nothing_untrue_of_a_post_that_may_be_public(site: Site) -> None:
    add_held_delivery(site, unknown=True)
    text = text_of(site.client("operator").get("/"))
    assert "Today's post waits for a person; it may be public already." in text


def test_the_page_of_a_delivery_shows_its_whole_history(site: Site) -> None:
    delivery = add_held_delivery(site, unknown=True)
    with site.desk.database.writing() as session:
        original = {"file_name": "a.png", "format": "png", "width": 100, "height": 80, "bytes": 900}
        session.add(Media(sha256=SPEC.source, created_at=site.desk.now(), **original))
    page = site.client("operator").get(f"/deliveries/{delivery}")
    text = text_of(page)
    for part in ("A held cell", "It waits to be sent to Tumblr", "held", "could post it twice", "ALT alt"):
        assert part in text
    assert site.client("operator").get("/deliveries/4711").status_code == 404


def test_what_may_be_public_goes_out_again_only_after_somebody_looked(site: Site) -> None:
    delivery = add_held_delivery(site, unknown=True)
    client = site.client("operator")
    refused = client.send_form(f"/deliveries/{delivery}/retry")
    assert refused.status_code == 409
    assert "could post it twice" in refused.text
    assert the_delivery(site.desk.database, delivery).state == State.HELD
    client.send_form(f"/deliveries/{delivery}/retry", {"looked": "true"})
    assert the_delivery(site.desk.database, delivery).state == State.PENDING


def test_what_was_posted_by_hand_becomes_the_record_and_no_worker_sends_it(site: Site) -> None:
    delivery = add_delivery(site.desk.database, site.desk.now(), channel="tumblr")
    client = site.client("operator")
    refused = client.send_form(f"/deliveries/{delivery}/adopt", {"link": "tumblr"})
    assert (refused.status_code, "is no link to a post" in text_of(refused)) == (409, True)
    unreadable = client.send_form(f"/deliveries/{delivery}/adopt", {"link": LINK})
    assert "say so below and adopt it again" in text_of(unreadable)
    assert f'value="{LINK}"' in unreadable.text, "what was typed stays"
    adopted = client.send_form(f"/deliveries/{delivery}/adopt", {"link": f"{LINK}/slug?a=b", "unread": "true"})
    assert f"is recorded as published at {LINK}; it is not posted again" in text_of(adopted)
    row = the_delivery(site.desk.database, delivery)
    assert (row.state, row.remote_url, row.remote_id) == (State.PUBLISHED, LINK, "4711")
    now = site.desk.now()
    assert claim(site.desk.database, "tumblr", owner="w", now=now, lease=now - now) is None
    with site.desk.database.writing() as session, pytest.raises(Fenced):
        move(session, delivery, Move(State.PENDING, State.PREPARING), fence=0, now=now)


def test_a_delivery_in_a_workers_hands_can_not_be_adopted(site: Site) -> None:
    delivery = add_delivery(site.desk.database, site.desk.now(), channel="tumblr")
    with site.desk.database.writing() as session:
        move(
            session, delivery, Move(State.PENDING, State.PREPARING, raise_fence=True), fence=0, now=site.desk.now(),
            lease_owner="w", lease_until=site.desk.now(),
        )  # fmt: skip
    refused = site.client("operator").send_form(f"/deliveries/{delivery}/adopt", {"link": LINK})
    assert "is being sent just now" in refused.text
    assert the_delivery(site.desk.database, delivery).state == State.PREPARING


def test_a_delivery_is_given_up(site: Site) -> None:
    delivery = add_held_delivery(site)
    site.client("operator").send_form(f"/deliveries/{delivery}/cancel")
    assert the_delivery(site.desk.database, delivery).state == State.CANCELED
    assert site.client("editor").send_form(f"/deliveries/{delivery}/retry").status_code == 403


def test_deliveries_are_downloaded_whole_and_run_nothing(site: Site) -> None:
    for number in range(3):
        add_held_delivery(site, title=f"=cell+{number}", day_offset=number)
    client = site.client("operator")
    rows = list(csv.DictReader(client.get("/deliveries/export.csv").content.decode("utf-8-sig").splitlines()))
    assert [row["title"] for row in rows] == ["'=cell+2", "'=cell+1", "'=cell+0"]
    rows = client.get("/deliveries/export.json?text=cell%2B1").json()
    assert [(row["title"], row["state"]) for row in rows] == [("=cell+1", "held")]
    assert json.loads(client.get("/deliveries/export.json?text=none").text) == []
    assert client.get("/deliveries/export.xml").status_code == 422


def test_a_page_hears_of_changes(site: Site) -> None:
    client = site.client("operator")
    with requests.get(
        f"{site.url}/deliveries/changes", cookies=client.cookies.get_dict(), stream=True, timeout=TIMEOUT
    ) as stream:
        lines = stream.iter_lines(decode_unicode=True)
        assert next(lines) == "retry: 5000"
        add_held_delivery(site)
        assert any(line == "event: change" for line in lines)
