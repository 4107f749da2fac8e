"""Tests that every face draws on one list of what staff should know about a post."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import timedelta
from html import unescape
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from PIL import Image

from publisher.alerts import preflight
from publisher.cli.main import cli
from publisher.core.messages import Face, Reader, reading_as
from publisher.core.problems import Problem
from publisher.posts.possibly_shown import ShownBetween, note_possibly_shown
from publisher.posts.post_store import load_post
from publisher.posts.problem_codes import PostContentProblem
from publisher.posts.problems import PostProblem
from publisher.schedule.approval import every_problem
from publisher.schedule.post_queue import PostQueue
from publisher.schedule.problem_codes import DateProblem
from publisher.schedule.slots import slot_day
from tests.api_client import Program, program
from tests.conftest import OpenOutlet
from tests.desk_site import Site, open_site, text_of
from tests.outlet import Outlet

POST = """\
---
title: {title}
credit: R. Example
{more}
images:
  - file: cell.png
    alt: An orange field on a blue one, half transparent.
    {choices}
---
An orange field lies on a blue one, and neither of them moves.
"""
Found = set[tuple[str, str, bool, tuple[str, ...]]]
"""Code, field, whether it blocks, and channels of each problem."""


@pytest.fixture
def outlet(open_outlet: OpenOutlet) -> Outlet:
    return open_outlet("tumblr", "x")


@pytest.fixture
def site(outlet: Outlet) -> Iterator[Site]:
    with open_site(outlet.desk) as opened:
        yield opened


@pytest.fixture
def api(site: Site) -> Program:
    return program(site, "editor")


def run(outlet: Outlet, *arguments: str) -> Result:
    return CliRunner().invoke(cli, ["--config", str(outlet.config), *arguments])


def add(outlet: Outlet, folder: Path, title: str, more: str = "", choices: str = "") -> dict[str, Any]:
    picture = Image.new("RGBA", (900, 900), (10, 120, 200, 90))
    picture.paste((200, 40, 10, 255), (100, 100, 800, 500))
    picture.save(folder / "cell.png")
    file = folder / f"{title}.md"
    file.write_text(POST.format(title=title, more=more, choices=choices), encoding="utf-8")
    [row] = json.loads(run(outlet, "add", str(file), "--json").stdout)
    return dict(row)


def known(outlet: Outlet, post: int) -> tuple[PostProblem, ...]:
    with outlet.desk.database.reading() as session:
        return every_problem(session, load_post(session, post), outlet.desk)


def found(problems: tuple[PostProblem, ...]) -> Found:
    return {
        (problem.problem.problem.code.code, problem.problem.field, problem.problem.blocking, problem.channels)
        for problem in problems
    }


def read(rows: list[dict[str, Any]]) -> Found:
    """Reads the problems of a program's answer, whichever way it nests them."""
    plain = [{**row, **row.get("problem", {})} for row in rows]
    return {(row["code"], row["field"], row["blocking"], tuple(row.get("channels", ()))) for row in plain}


def of_preview(channels: list[dict[str, Any]]) -> Found:
    """Joins what the preview says of each channel and of the post."""
    shared: dict[tuple[str, str, bool], list[str]] = {}
    for channel in channels:
        for code, field, blocking, _none in read(channel["problems"]):
            shared.setdefault((code, field, blocking), []).append(channel["channel"])
    of_channels = {(*key, tuple(names)) for key, names in shared.items()}
    return of_channels | read(channels[0]["problems_of_post"])


def assert_every_face_says(outlet: Outlet, site: Site, api: Program, post: int, expected: Found) -> None:
    assert read(json.loads(run(outlet, "show", str(post), "--json").stdout)["problems"]) == expected
    listed = json.loads(run(outlet, "queue", "--json").stdout)["posts"]
    assert read(next(row for row in listed if row["id"] == post)["problems"]) == expected
    assert of_preview(json.loads(run(outlet, "preview", str(post), "--json").stdout)) == expected
    assert read(api.get(f"/posts/{post}/problems").json()) == expected
    entries = api.get("/queue").json()["items"]
    assert read(next(row for row in entries if row["id"] == post)["problems"]) == expected
    page, queue = (
        " ".join(unescape(text_of(site.client("editor").get(path))).split()) for path in (f"/posts/{post}", "/queue")
    )
    with reading_as(Reader(face=Face.PAGE)):
        for problem in known(outlet, post):
            assert str(problem.problem.problem) in page, "the form"
            assert problem.problem.problem.message.source.partition("{")[0] in queue, "the queue's page"
    sheet = outlet.folder / "preview.html"
    run(outlet, "preview", str(post), "--html", str(sheet))
    written = " ".join(unescape(re.sub(r"<[^>]+>", " ", sheet.read_text(encoding="utf-8"))).split())
    for problem in known(outlet, post):
        assert str(problem.problem.problem) in written, "the written page"
    for command in ("show", "preview"):
        flat = " ".join(run(outlet, command, str(post)).output.split())
        for problem in known(outlet, post):
            assert str(problem.problem.problem) in flat, command


def test_every_face_says_the_same_of_a_post_that_can_not_be_approved(
    outlet: Outlet, site: Site, api: Program, tmp_path: Path
) -> None:
    desk = outlet.desk
    tomorrow = slot_day(desk.now(), desk.settings.outlet.zone) + timedelta(days=1)
    first = add(outlet, tmp_path, "First", f"fixed_date: {tomorrow}")["id"]
    PostQueue(desk).approve(first)
    embargo = f"{tomorrow + timedelta(days=3)}T10:00:00Z"
    more = f"fixed_date: {tomorrow}\nembargo_until: {embargo}\ncaptions:\n  tumbler: By hand"
    added = add(outlet, tmp_path, "Second", more, "channels: {nowhere: {fit: crop}}")
    post = added["id"]
    assert read(added["problems"]) == found(known(outlet, post))
    with desk.database.writing() as session:
        days = ShownBetween(tomorrow - timedelta(days=5), tomorrow - timedelta(days=4), was_approved=False)
        note_possibly_shown(session, post, days, desk.now())

    expected = found(known(outlet, post))
    codes = {code for code, *_more in expected}
    assert {
        PostContentProblem.CAPTION_FOR_MISSPELT_CHANNEL.code,
        PostContentProblem.FRAMING_FOR_UNKNOWN_CHANNEL.code,
        PostContentProblem.PICTURE_WARNING.code,
        PostContentProblem.SAME_PICTURE_WAITING.code,
        PostContentProblem.SAME_TEXT_WAITING.code,
        PostContentProblem.SHOWN_BEFORE_RESTORE_BETWEEN.code,
        DateProblem.FIXED_DATE_TAKEN.code,
        DateProblem.EMBARGO_AFTER_FIXED_DATE.code,
    } < codes
    assert any(channels for *_more, channels in expected), "one of a channel"
    assert_every_face_says(outlet, site, api, post, expected)
    [refused] = json.loads(run(outlet, "approve", str(post), "--json").stdout)
    assert (refused["approved"], read(refused["problems"])) == (False, expected)
    answer = api.change("POST", f"/posts/{post}/approval").json()
    blocking = [problem for problem in known(outlet, post) if problem.problem.blocking]
    assert len(answer["errors"]) == len(blocking)


def test_every_face_says_the_same_of_a_post_that_goes_out(
    outlet: Outlet, site: Site, api: Program, tmp_path: Path
) -> None:
    desk = outlet.desk
    add(outlet, tmp_path, "Draft")
    post = add(outlet, tmp_path, "Goes out")["id"]
    expected = found(known(outlet, post))
    [approved] = json.loads(run(outlet, "approve", str(post), "--json").stdout)
    assert (approved["approved"], read(approved["problems"])) == (True, expected)
    assert_every_face_says(outlet, site, api, post, expected)

    today = slot_day(desk.now(), desk.settings.outlet.zone)
    lines = preflight(desk, today).lines
    told = {line.result.code.code for line in lines if line.warning and isinstance(line.result, Problem)}
    assert {code for code, *_more in expected} <= told
    changed = api.change("PATCH", f"/posts/{post}", json={"licence": "CC BY 4.0"}).json()
    with reading_as(Reader(face=Face.PROGRAM)):
        assert changed["warnings"] == [str(problem) for problem in known(outlet, post)]
