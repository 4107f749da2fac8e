"""Tests that staff are told how large followers see strips and tiny pictures, on each channel."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from publisher.cli.main import cli
from publisher.desk import Desk
from publisher.posts.drafts import ImageDraft, NewChoices, PostDraft
from publisher.posts.post_store import load_post
from publisher.schedule.approval import every_problem
from publisher.schedule.post_queue import PostQueue
from tests import image_samples as samples


def add(desk: Desk, folder: Path, width: int, height: int, **choices: Any) -> int:
    file = samples.save(samples.tissue(width, height), folder / "picture.png")
    image = ImageDraft(file=file, alt_text="Pink tissue", choices=NewChoices(**choices))
    return PostQueue(desk).add(PostDraft(title="Tissue", credit="Ada", licence="CC0", images=(image,))).id


def told(desk: Desk, post_id: int) -> dict[str, tuple[int, int]]:
    """Returns the size that is told for each channel."""
    with desk.database.reading() as session:
        found = every_problem(session, load_post(session, post_id), desk)
    small = [problem for problem in found if problem.problem.problem.code.short_code == "seen-small"]
    assert not any(problem.problem.blocking for problem in small)
    sizes = [problem.problem.problem.parameters for problem in small]
    return {
        channel: (size["width"], size["height"])
        for problem, size in zip(small, sizes, strict=True)
        for channel in problem.channels
    }


@pytest.mark.parametrize(
    ("width", "height", "expected"),
    [
        (4000, 200, {"x": (600, 30), "tumblr": (540, 27), "instagram": (470, 24)}),
        (200, 4000, {"x": (40, 800), "instagram": (29, 588)}),
        (180, 120, {"x": (180, 120), "tumblr": (180, 120), "instagram": (180, 120)}),
        (2000, 1500, {}),
        (480, 320, {}),
        (1800, 600, {}),
    ],
)
def test_the_size_is_told_for_each_channel(
    width: int, height: int, expected: dict[str, tuple[int, int]], desk: Desk, tmp_path: Path
) -> None:
    found = told(desk, add(desk, tmp_path, width, height))
    assert found.keys() == expected.keys()
    for channel, size in expected.items():
        assert found[channel] == pytest.approx(size, abs=1)


def test_a_crop_is_seen_larger(desk: Desk, tmp_path: Path) -> None:
    box = {"left": 0.4, "top": 0.0, "width": 0.1, "height": 1.0}
    assert told(desk, add(desk, tmp_path, 4000, 200, fit="crop", crop_box=box)) == {}


def test_every_command_tells(desk: Desk, tmp_path: Path) -> None:
    def words(result: Result) -> str:
        return " ".join(result.output.split())

    file = samples.save(samples.tissue(4000, 200), tmp_path / "strip.png")
    runner = CliRunner()

    def run(*arguments: str) -> Result:
        return runner.invoke(cli, ["--config", str(desk.config), *arguments], env={"COLUMNS": "400"})

    sentence = "On X picture 1 is seen 600 × 30 pixels large"
    arguments = ("--title", "T", "--credit", "Ada", "--licence", "CC0", "--image", str(file), "--alt", "Pink tissue")
    assert sentence in words(run("add", *arguments))
    for command in (("preview", "1"), ("show", "1"), ("approve", "1"), ("queue",)):
        assert sentence in words(run(*command)), command
    rows = json.loads(run("show", "1", "--json").stdout)
    assert "seen-small" in json.dumps(rows)
