"""Tests that every command says the same about a post, and that lists say what they leave out."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from PIL import Image
from sqlalchemy import select

from publisher.alerts import preflight
from publisher.cli.main import cli
from publisher.core.messages import Face, Reader, reading_as
from publisher.db.models import Media
from publisher.db.session import Database
from publisher.posts.problem_codes import PostContentProblem
from publisher.schedule.calendar_feed import calendar_feed
from publisher.schedule.cover import Cover
from publisher.schedule.listing import BATCH, batched
from publisher.schedule.projection import HORIZON_DAYS
from publisher.schedule.slots import slot_day
from tests.conftest import OpenOutlet
from tests.outlet import Outlet
from tests.queue_desk import open_desk

WARNING = "Transparent areas stand on white."


@pytest.fixture
def outlet(open_outlet: OpenOutlet) -> Outlet:
    return open_outlet("tumblr")


def run(outlet: Outlet, *arguments: str) -> Result:
    return CliRunner().invoke(cli, ["--config", str(outlet.config), *arguments])


def add_transparent(outlet: Outlet, tmp_path: Path, title: str) -> Result:
    """Adds a post with a picture that is transparent in part."""
    picture = Image.new("RGBA", (900, 900), (10, 120, 200, 90))
    picture.paste((200, 40, 10, 255), (100, 100, 800, 500))
    picture.save(tmp_path / "cell.png")
    return run(
        outlet, "add", "--title", title, "--credit", "R. Example", "--licence", "CC BY 4.0",
        "--image", str(tmp_path / "cell.png"), "--alt", "An orange field on a blue one, half transparent.",
    )  # fmt: skip


def test_every_command_says_the_same_about_a_post(outlet: Outlet, tmp_path: Path) -> None:
    add_transparent(outlet, tmp_path, "The first")
    added = add_transparent(outlet, tmp_path, "The second")
    assert "Post 2" in added.output
    outputs = {
        "add": added.output,
        "show": run(outlet, "show", "2").output,
        "preview": run(outlet, "preview", "2").output,
        "approve": run(outlet, "approve", "2").output,
    }
    with outlet.desk.database.reading() as session:
        assert session.scalars(select(Media.warnings)).one()
    for command, output in outputs.items():
        flat = " ".join(output.split())
        assert WARNING in flat, command
        assert "The first" in flat, f"{command} does not tell of the other post with the picture"
    assert WARNING in " ".join(run(outlet, "queue").output.split())

    today = slot_day(outlet.desk.now(), outlet.desk.settings.outlet.zone)
    remarks = [line for line in preflight(outlet.desk, today).lines if line.what == "remark"]
    assert any(WARNING in line.message for line in remarks)
    assert all(line.good and line.warning for line in remarks)


def test_programs_get_the_same(outlet: Outlet, tmp_path: Path) -> None:
    add_transparent(outlet, tmp_path, "The first")
    code = PostContentProblem.PICTURE_WARNING.code
    [channel] = json.loads(run(outlet, "preview", "1", "--json").output)
    assert code in [problem["code"] for problem in channel["problems_of_post"]]
    [approved] = json.loads(run(outlet, "approve", "1", "--json").output)
    assert code in [row["problem"]["code"] for row in approved["problems"]]
    assert code in [
        problem["code"] for problem in json.loads(run(outlet, "queue", "--json").output)["posts"][0]["problems"]
    ]


# --- lists ----------------------------------------------------------------------------------------------


def test_the_queue_says_what_it_leaves_out_and_how_to_get_it(outlet: Outlet) -> None:
    for number in range(5):
        outlet.add_post(f"Post {number}")
    short = run(outlet, "queue", "--limit", "2")
    assert "3 more are not listed here (queue): publisher queue --all" in short.output
    listed = json.loads(run(outlet, "queue", "--limit", "2", "--json").output)
    assert (len(listed["posts"]), listed["left_out"]) == (2, {"fixed date": 0, "queue": 3, "reserve": 0})
    assert listed["days_looked_at"] == HORIZON_DAYS
    everything = json.loads(run(outlet, "queue", "--all", "--json").output)
    assert (len(everything["posts"]), everything["left_out"]["queue"]) == (5, 0)
    assert "not listed" not in run(outlet, "queue", "--all").output


def test_numbers_are_asked_for_in_batches() -> None:
    numbers = range(2 * BATCH + 1)
    assert [len(batch) for batch in batched(numbers, BATCH)] == [BATCH, BATCH, 1]


def test_deliveries_say_that_there_are_more(open_outlet: OpenOutlet) -> None:
    outlet = open_outlet("tumblr", "x")
    outlet.add_post("One")
    outlet.pick()
    assert "there are more" not in run(outlet, "deliveries", "--limit", "2").output
    short = run(outlet, "deliveries", "--limit", "1")
    assert "These are the newest 1; there are more: publisher deliveries --limit NUMBER" in short.output
    answer = CliRunner().invoke(cli, ["--config", str(outlet.config), "deliveries", "--limit", "1", "--json"])
    assert (len(json.loads(answer.stdout)), "there are more" in answer.stderr) == (1, True)


@pytest.mark.parametrize(
    ("cover", "sentence"),
    [
        (Cover(1, 0), "1 day is covered."),
        (Cover(6, 0), "6 days are covered."),
        (Cover(365, 359), "365 days are covered, 359 of them by the reserve, which repeats."),
        (Cover(HORIZON_DAYS, 0), f"The coming {HORIZON_DAYS} days are covered; no further day is looked at."),
        (
            Cover(HORIZON_DAYS, 700),
            f"The coming {HORIZON_DAYS} days are covered, 700 of them by the reserve, which repeats; no further day "
            "is looked at.",
        ),
    ],
)
def test_the_end_of_what_is_looked_at_is_no_count(cover: Cover, sentence: str) -> None:
    with reading_as(Reader(face=Face.COMMAND)):
        assert str(cover.sentence) == sentence


def test_the_calendar_feed_says_which_days_it_has(sqlite_database: Database, tmp_path: Path, outlet: Outlet) -> None:
    desk = open_desk(sqlite_database, tmp_path)
    with sqlite_database.reading() as session:
        feed = calendar_feed(session, desk.settings, outlet.desk.now(), str).decode().replace("\r\n ", "")
    assert "The last 120 days and the coming 90" in feed
