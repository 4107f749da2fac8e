"""Tests that people read the names of platforms, and programs the keys of channels."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from html import unescape
from pathlib import Path

import pytest
from click.testing import CliRunner
from PIL import Image
from sqlalchemy import select

from publisher.alerts.message import render_headline
from publisher.alerts.problem_codes import AlertHeadline
from publisher.cli.main import cli
from publisher.core.messages import reading_as
from publisher.db.models import Delivery
from publisher.db.operations import Alert
from publisher.settings.alert_reader import alert_reader, program_reader
from tests.conftest import OpenOutlet
from tests.desk_site import Site, open_site, text_of

KEYS = ("tumblr", "x")
NAMES = ("Tumblr", "X")


@pytest.fixture
def site(open_outlet: OpenOutlet) -> Iterator[Site]:
    outlet = open_outlet(*KEYS)
    with open_site(outlet.desk) as opened:
        opened.outlet = outlet
        outlet.add_post("A quiet cell")
        outlet.pick()
        outlet.run_until_idle()
        yield opened


def words_of(text: str) -> str:
    return " ".join(unescape(text).split())


def test_pages_call_channels_by_their_platforms(site: Site) -> None:
    editor, operator = site.client("editor"), site.client("operator")
    with site.desk.database.reading() as session:
        ids = {row.channel_name: row.id for row in session.scalars(select(Delivery))}
    post = re.search(r"/posts/(\d+)", editor.get("/posts").text)
    assert post
    published = editor.get(f"/posts/{post[1]}").text
    form = editor.get(f"/posts/{post[1]}?edit=1").text
    listed = operator.get("/deliveries").text
    for key, name in zip(KEYS, NAMES, strict=True):
        assert f"<h2>{name}</h2>" in published
        assert f'data-channel="{key}"' in form
        assert f"<h2>{name}</h2>" in form
        assert f'<option value="{key}">{name}</option>' in listed
        assert f'<span class="chip">{name}</span>' in listed
        page = words_of(text_of(operator.get(f"/deliveries/{ids[key]}")))
        assert f"It waits to be sent to {name}" in page
        assert f"It is public on {name}" in page
        assert f" {key} " not in page
        assert words_of(text_of(operator.get(f"/deliveries?channel={key}"))).count(f"on {name}") == 2
    audit = text_of(site.client("admin").get("/audit")).partition("Show")[2]
    assert not re.findall(r"\bdelivery (pending|preparing|publishing|published)", audit)
    assert f"It is public on {NAMES[0]}" in words_of(audit)


def test_what_is_read_aloud_on_the_page_of_channels_names_platforms(site: Site) -> None:
    text = words_of(text_of(site.client("admin").get("/channels")))
    for sentence in ("Pause Tumblr", "Rehearse the next post of Tumblr", "see it on Tumblr"):
        assert sentence in text
    assert not re.search(r"\b(?:on|of|Pause|for|to) (?:tumblr|x)\b", text)


def test_tables_of_commands_name_platforms_and_their_json_the_keys(site: Site) -> None:
    config = ["--config", str(site.outlet.config)]
    table = CliRunner().invoke(cli, [*config, "deliveries"]).output
    rows = json.loads(CliRunner().invoke(cli, [*config, "deliveries", "--json"]).stdout)
    assert {row["channel"] for row in rows} == set(KEYS)
    for key, name in zip(KEYS, NAMES, strict=True):
        assert re.search(rf"\b{name}\b", table)
        assert not re.search(rf"(?<![./]){key}\b(?![./-])", table)
    number = str(rows[0]["id"])
    name = dict(zip(KEYS, NAMES, strict=True))[rows[0]["channel"]]
    log = words_of(CliRunner().invoke(cli, [*config, "log", number]).output)
    assert f"It waits to be sent to {name}" in log
    history = json.loads(CliRunner().invoke(cli, [*config, "log", number, "--json"]).stdout)
    assert history["channel"] == rows[0]["channel"]
    assert "delivery pending" in [event["name"] for event in history["events"]]
    refused = CliRunner().invoke(cli, [*config, "deliveries", "--channel", "Tumblr"])
    assert "known are tumblr, x" in f"{refused.output}{refused.exception}"


def test_mails_name_platforms_and_messages_to_programs_the_keys(site: Site) -> None:
    settings = site.desk.settings
    alert = Alert(headline=AlertHeadline.CHANNEL_PAUSED(channel="tumblr"))
    with reading_as(alert_reader(settings)):
        assert render_headline(alert) == "Tumblr: the channel is paused"
    with reading_as(program_reader(settings)):
        assert render_headline(alert) == "tumblr: the channel is paused"


@pytest.mark.parametrize("command", ["queue", "show", "preview", "rehearse", "approve"])
def test_what_commands_say_of_a_post_names_platforms(site: Site, command: str) -> None:
    """X shows four of the pictures, and that is a remark on one channel."""
    post = site.outlet.add_post("A quiet cell, again", images=5)
    config = ["--config", str(site.outlet.config)]
    arguments = [] if command in ("queue", "rehearse") else [str(post)]
    said = CliRunner().invoke(cli, [*config, command, *arguments]).output
    assert re.search(r"\bX\b", said), said
    for key in KEYS:
        assert not re.search(rf"(?<![./\w]){key}\b(?![./-])", said), said


def run(site: Site, *arguments: str) -> str:
    return CliRunner().invoke(cli, ["--config", str(site.outlet.config), *arguments]).output


def test_added_posts_are_told_by_the_names_of_platforms(site: Site, tmp_path: Path) -> None:
    file = tmp_path / "cells.png"
    Image.new("RGB", (1200, 900), "teal").save(file)
    pictures = [option for _picture in range(5) for option in ("--image", str(file), "--alt", "Cells.")]
    said = run(site, "add", "--title", "A quiet cell", "--credit", "R. Example", *pictures)
    assert "X: " in said, said
    assert not re.search(r"(?<![./\w])(tumblr|x):", said), said
    rows = json.loads(run(site, "add", "--title", "Another cell", "--json", *pictures))
    assert any(text.startswith("x: ") for text in rows[0]["warnings"])


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("pause", "tumblr", "to look"), "The channel Tumblr is paused. Let it publish again: publisher resume tumblr"),
        (("resume", "tumblr"), "The channel Tumblr was not paused and waits for nothing."),
        (("doctor",), "channel Tumblr"),
        (("preview", "1", "--channel", "nowhere"), "there is no channel “nowhere”; known are tumblr, x"),
    ],
)
def test_acts_on_channels_name_platforms_and_what_to_type(
    site: Site, arguments: tuple[str, ...], sentence: str
) -> None:
    result = CliRunner().invoke(cli, ["--config", str(site.outlet.config), *arguments])
    assert sentence in words_of(f"{result.output} {result.exception or ''}")


def test_json_about_a_post_has_the_keys_of_channels(site: Site) -> None:
    post = site.outlet.add_post("A quiet cell, again")
    config = ["--config", str(site.outlet.config)]
    previews = json.loads(CliRunner().invoke(cli, [*config, "preview", str(post), "--json"]).stdout)
    assert {preview["channel"] for preview in previews} == set(KEYS)
    days = json.loads(CliRunner().invoke(cli, [*config, "rehearse", "--json"]).stdout)
    assert {channel["channel"] for day in days for channel in day["channels"]} <= set(KEYS)
