"""Tests that every face shows deliveries with the same fields, in the same order, with problems as data."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Iterator
from dataclasses import fields
from datetime import datetime, timedelta
from typing import Any

import pytest
from click.testing import CliRunner

from publisher.cli.main import cli
from publisher.core.clock import ShiftedClock
from publisher.core.states import AttemptOutcome, State
from publisher.db.models import Attempt, Delivery
from publisher.db.operations import Channel
from publisher.db.session import Database
from publisher.delivery.channel_pauses import pause_channel
from publisher.delivery.listing import DeliveryFilter, all_deliveries, find_deliveries
from publisher.delivery.problem_codes import DeliveryProblem, UnknownOutcomeProblem
from publisher.delivery.row import COLUMNS, AttemptRow, DeliveryRow, EventRow
from publisher.lifecycle import Move, NewDelivery, move, open_delivery
from tests.api_client import Program, program
from tests.conftest import WriteDesk, on_every_database
from tests.desk_site import Client, Site, open_starter_site
from tests.fakes import adapted_post, add_delivery

LOOK = UnknownOutcomeProblem.MAY_BE_PUBLIC


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory, write_desk: WriteDesk) -> Iterator[Site]:
    with open_starter_site(write_desk(tmp_path_factory.mktemp("desk")), ShiftedClock()) as opened:
        fill(opened.desk.database, opened.desk.now())
        yield opened


@pytest.fixture(scope="module")
def browser(site: Site) -> Client:
    return site.client("operator")


@pytest.fixture(scope="module")
def asking(site: Site) -> Program:
    return program(site, "operator")


def fill(database: Database, now: datetime) -> None:
    """Adds deliveries whose order by day, channel and part is not that of their numbers."""
    newest = add_delivery(database, now, channel="tumblr", title="A newer cell", day_offset=1)
    add_delivery(database, now, channel="tumblr", title="An older cell", day_offset=-1)
    held = add_delivery(database, now, channel="x", title="A held cell")
    with database.writing() as session:
        delivery = session.get_one(Delivery, held)
        for channel, before in (("x", delivery), ("instagram", None)):
            open_delivery(
                session,
                NewDelivery(
                    pick=delivery.pick,
                    channel=channel,
                    adapted=adapted_post("A held cell"),
                    due_at=now,
                    expires_at=now,
                ),
                now=now,
                after=before,
            )
        problem = LOOK(title="A held cell", platform="X", delivery=held)
        move(session, held, Move(State.PENDING, State.HELD), fence=0, now=now, unknown_since=now, problem=problem)
        session.add(
            Attempt(
                delivery_id=held, kind="send", fence=1, worker="w", started_at=now, ended_at=now, status=503,
                outcome=AttemptOutcome.PUBLICATION_UNCONFIRMED, problem=problem, detail="{}", cost_micros=15_000,
            )
        )  # fmt: skip
    assert newest < held


def run(site: Site, *arguments: str) -> str:
    command = ["--config", str(site.desk.config), *arguments]
    return CliRunner(env={"COLUMNS": "200"}).invoke(cli, command, catch_exceptions=False).output


def listed_by_command(site: Site) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = json.loads(run(site, "deliveries", "--json"))
    return rows


# The order.


def test_all_faces_list_the_newest_day_first_then_by_channel_and_part(
    site: Site, browser: Client, asking: Program
) -> None:
    rows = listed_by_command(site)
    assert [(row["title"], row["channel"], row["part"]) for row in rows] == [
        ("A newer cell", "tumblr", 1),
        ("A held cell", "instagram", 1),
        ("A held cell", "x", 1),
        ("A held cell", "x", 2),
        ("An older cell", "tumblr", 1),
    ]
    order = [row["id"] for row in rows]
    page = browser.get("/deliveries").text
    assert [int(number) for number in re.findall(r'<p><a href="/deliveries/(\d+)"><strong>', page)] == order
    assert [row["id"] for row in browser.get("/deliveries/export.json").json()] == order
    exported = csv.DictReader(io.StringIO(browser.get("/deliveries/export.csv").content.decode("utf-8-sig")))
    assert [int(row["id"]) for row in exported] == order
    assert [row["id"] for row in asking.get("/deliveries").json()["items"]] == order


def test_pages_of_a_list_follow_each_other_in_its_order(site: Site, asking: Program) -> None:
    order, seen = [row["id"] for row in listed_by_command(site)], []
    path: str | None = "/deliveries?limit=2"
    while path:
        answer = asking.get(path).json()
        seen += [row["id"] for row in answer["items"]]
        path = answer["next"] and answer["next"].removeprefix("/api/v1")
    assert seen == order


@on_every_database
def test_an_export_in_batches_leaves_nothing_out(
    database: Database, clock: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(5):
        add_delivery(database, clock.now(), day_offset=-number)
    monkeypatch.setattr("publisher.delivery.listing.EXPORTED", 2)
    with database.reading() as session:
        days = [row.day for row in all_deliveries(session, DeliveryFilter())]
    assert days == sorted(days, reverse=True)
    assert len(days) == 5


# The fields.


def test_all_faces_show_the_same_fields(site: Site, browser: Client, asking: Program) -> None:
    names = [field.name for field in fields(DeliveryRow)]
    rows = listed_by_command(site)
    assert list(rows[0]) == names
    (held,) = (row for row in rows if row["state"] == "held")
    listed = asking.get("/deliveries?state=held").json()["items"]
    exported = browser.get("/deliveries/export.json?state=held").json()
    for face in (listed, exported):
        assert [list(row) for row in face] == [names]
        assert [instants_read(row) for row in face] == [instants_read(held)]
    table = csv.DictReader(io.StringIO(browser.get("/deliveries/export.csv?state=held").content.decode("utf-8-sig")))
    (cells,) = table
    assert list(cells) == list(COLUMNS)
    assert set(COLUMNS) == {*names, "problem_code", "problem_message"} - {"problem"}
    assert cells["problem_code"] == "delivery.may-be-public"
    assert "look for “A held cell” on X" in cells["problem_message"]


def instants_read(row: dict[str, Any]) -> dict[str, Any]:
    """Returns a row without how its face writes instants, and without what a problem says to its reader."""
    problem = row["problem"] and {name: value for name, value in row["problem"].items() if name != "message"}
    instants = {name: value and datetime.fromisoformat(value) for name, value in row.items() if name.endswith("_at")}
    return {**row, **instants, "problem": problem}


def test_a_problem_is_data_and_a_text_for_its_reader(site: Site, browser: Client, asking: Program) -> None:
    (held,) = (row for row in listed_by_command(site) if row["state"] == "held")
    command = held["problem"]
    assert (command["code"], command["remedy"]) == ("delivery.may-be-public", "look-then-settle")
    assert command["parameters"] == {"title": "A held cell", "platform": "X", "delivery": held["id"]}
    assert f"publisher adopt {held['id']} LINK" in command["message"]
    (answered,) = asking.get("/deliveries?state=held").json()["items"]
    assert "repeat this with i_have_looked" in answered["problem"]["message"]
    (exported,) = browser.get("/deliveries/export.json?state=held").json()
    for text in (exported["problem"]["message"], browser.get(f"/deliveries/{held['id']}").text):
        assert "say that you have looked and try again" in text
        assert "publisher adopt" not in text


def test_all_faces_show_the_same_history(site: Site, asking: Program) -> None:
    (held,) = (row["id"] for row in listed_by_command(site) if row["state"] == "held")
    command = json.loads(run(site, "log", str(held), "--json"))
    answered = asking.get(f"/deliveries/{held}").json()
    assert list(command) == list(answered)
    assert [list(attempt) for attempt in command["attempts"]] == [[field.name for field in fields(AttemptRow)]]
    (attempt,) = answered["attempts"]
    assert list(attempt) == list(command["attempts"][0])
    assert (attempt["outcome"], attempt["cost_usd"]) == ("publication-unconfirmed", 0.015)
    assert attempt["problem"]["code"] == "delivery.may-be-public"
    assert list(answered["events"][0]) == list(command["events"][0]) == [field.name for field in fields(EventRow)]
    assert answered["events"][-1]["problem"]["code"] == "delivery.may-be-public"


# The search.


def test_a_search_finds_what_a_problem_says(site: Site, asking: Program) -> None:
    def found(text: str) -> list[str]:
        return [row["title"] for row in asking.get("/deliveries", params={"text": text}).json()["items"]]

    assert found("not known whether the post is public") == ["A held cell"]
    assert found("no problem says this") == []


@on_every_database
def test_a_search_finds_the_kind_and_the_values_of_a_problem(database: Database, clock: Any) -> None:
    delivery = add_delivery(database, clock.now())
    add_delivery(database, clock.now(), day_offset=1)
    with database.writing() as session:
        session.get_one(Delivery, delivery).problem = DeliveryProblem.MEDIA_UNREACHABLE(why="The bucket is away.")
    with database.reading() as session:
        for text in ("bucket", "nothing was SENT"):
            assert [row.id for row in find_deliveries(session, DeliveryFilter(text=text))] == [delivery]


# The pause of a channel.


def test_a_pause_is_data_and_a_text_for_its_reader(site: Site, browser: Client, asking: Program) -> None:
    with site.desk.database.writing() as session:
        pause_channel(session, "tumblr", DeliveryProblem.MEDIA_UNREACHABLE(why="The bucket is away."), site.desk.now())
    assert "is paused: Nothing was sent: The bucket is away. Once that is mended, run: publisher resume tumblr" in (
        " ".join(run(site, "deliveries").split())
    )
    paused = asking.get("/channels/tumblr").json()["pause_problem"]
    assert (paused["code"], paused["parameters"]) == ("delivery.media-unreachable", {"why": "The bucket is away."})
    assert paused["message"] == "Nothing was sent: The bucket is away."
    for path in ("/", "/channels"):
        assert "The bucket is away." in browser.get(path).text


def test_a_command_writes_times_by_the_clock_of_the_outlet(site: Site) -> None:
    until = site.desk.now() + timedelta(days=2)
    with site.desk.database.writing() as session:
        session.get_one(Channel, "instagram").next_publish_at = until
    told = run(site, "resume", "instagram")
    assert told.strip() == (
        "The channel Instagram was not paused; it would have waited until "
        f"{until.astimezone(site.desk.settings.outlet.zone):%H:%M on %Y-%m-%d}, and no longer does."
    )
