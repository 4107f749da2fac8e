"""Tests that Today has one card for each cause, and that a resume examines the account first."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator

import pytest

from publisher.core.problems import recorded_problem
from publisher.core.remedies import Remedy
from publisher.core.states import State
from publisher.db.models import Delivery
from publisher.db.operations import Channel
from publisher.lifecycle import Move, move
from tests.conftest import OpenOutlet
from tests.desk_site import Site, open_site, text_of
from tests.fakes import add_delivery


@pytest.fixture
def site(open_outlet: OpenOutlet) -> Iterator[Site]:
    outlet = open_outlet("tumblr", "x")
    with open_site(outlet.desk) as opened:
        opened.outlet = outlet
        yield opened


def refuse_account(site: Site, channel: str) -> int:
    """Has the platform refuse the channel's keys: its post is held, and the channel paused."""
    now = site.desk.now()
    number = add_delivery(site.desk.database, now, channel=channel, title="A held cell")
    problem = recorded_problem("The keys were refused.")
    with site.desk.database.writing() as session:
        move(session, number, Move(State.PENDING, State.PREPARING, raise_fence=True), fence=0, now=now,
             lease_owner="me", lease_until=now)  # fmt: skip
        remedied = problem.with_remedy(Remedy.RECONNECT_AND_RETRY, channel=channel, delivery=number)
        move(session, number, Move(State.PREPARING, State.HELD), fence=1, now=now, problem=remedied)
        row = session.get_one(Channel, channel)
        row.paused_at, row.pause_problem = now, problem
    return number


def cards(page: str) -> list[str]:
    listed = re.search(r'<ul class="plain-list card act-list">.*?</ul>', page, re.DOTALL)
    return re.findall(r"<strong>(.*?)</strong>", listed[0]) if listed else []


def state_of(site: Site, number: int) -> str:
    with site.desk.database.reading() as session:
        return session.get_one(Delivery, number).state


def test_a_refused_account_is_one_card_with_the_platforms_name(site: Site) -> None:
    refuse_account(site, "tumblr")
    page = site.client("operator").get("/").text
    # The delivery of this test has an hour of its own, which is told apart from the account.
    of_tumblr = [title for title in cards(page) if "umblr" in title and "its hour" not in title]
    assert of_tumblr == ["Tumblr: the channel is paused"]
    assert "1 post waits for that." in text_of(site.client("operator").get("/"))
    assert 'href="/channels#channel-tumblr"' in page


def test_a_resume_examines_the_account_and_offers_what_waited(site: Site) -> None:
    number = refuse_account(site, "tumblr")
    client = site.client("operator")
    text = text_of(client.send_form("/channels/tumblr/resume"))
    assert "The channel Tumblr publishes again" in text
    assert "1 post waits for a person; see below." in text
    assert "Let it try again" in text
    assert "1 post tries again." in text_of(client.send_form("/channels/tumblr/retry", {"delivery": str(number)}))
    assert state_of(site, number) == State.PENDING


def test_a_channel_whose_account_is_refused_stays_paused(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    number = refuse_account(site, "tumblr")
    variable = site.desk.settings.channels["tumblr"].secret_variable("oauth_token")
    monkeypatch.setenv(variable, "wrongButLongEnough000000")
    text = text_of(site.client("operator").send_form("/channels/tumblr/resume"))
    assert "Tumblr stays as it is, because its account is refused" in text
    with site.desk.database.reading() as session:
        assert session.get_one(Channel, "tumblr").paused_at is not None
    assert state_of(site, number) == State.HELD
    assert site.client("editor").send_form("/channels/tumblr/retry", {"delivery": "1"}).status_code == 403


def test_a_table_for_excel_begins_with_the_mark_that_it_needs(site: Site) -> None:
    add_delivery(site.desk.database, site.desk.now(), channel="x", title="Cèl·lula =1+1")
    answer = site.client("operator").get("/deliveries/export.csv")
    assert answer.content.startswith(b"\xef\xbb\xbf")
    [row] = csv.DictReader(io.StringIO(answer.content.decode("utf-8-sig")))
    assert row["title"] == "Cèl·lula =1+1"
