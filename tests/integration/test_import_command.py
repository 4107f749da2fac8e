"""Tests `publisher import`: its preview, its lines, its undo, and that nothing complains of what it brings in."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from publisher.cli.main import cli
from tests.conftest import OpenOutlet
from tests.outlet import Outlet, draw

POST = """\
---
title: A cell
date: {day}
credit: Jane Doe
licence: CC BY 4.0
images:
  - {{file: cell.png, alt: A pale disc on black}}
links_on: {{tumblr: "https://t.example/1"}}
---
It does not move.
"""


@pytest.fixture
def outlet(open_outlet: OpenOutlet) -> Outlet:
    return open_outlet("tumblr")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "old"
    made.mkdir()
    draw(made / "cell.png")
    (made / "cell.md").write_text(POST.format(day="2020-05-12"), encoding="utf-8")
    return made


def run(outlet: Outlet, *arguments: str) -> Result:
    return CliRunner().invoke(cli, ["--config", str(outlet.config), *arguments])


def test_the_way_of_an_import(outlet: Outlet, folder: Path) -> None:
    preview = run(outlet, "import", str(folder), "--dry-run")
    assert preview.exit_code == 0
    assert "would be made: cell.md “A cell”, 2020-05-12" in preview.output
    assert "Preview: would be made 1. Nothing was written." in preview.output
    made = run(outlet, "import", str(folder))
    assert "Import 1: made 1. To take it back: publisher import --undo 1" in made.output
    shown = json.loads(run(outlet, "show", "1", "--json").output)
    assert (shown["published_elsewhere_on"], shown["last_shown_on"]) == ("2020-05-12", "2020-05-12")
    assert shown["published_links"] == {"tumblr": "https://t.example/1"}
    assert "unchanged 1" in run(outlet, "import", str(folder)).output
    listed = json.loads(run(outlet, "import", "--list", "--json").output)
    assert [(row["id"], row["state"], row["counts"]) for row in listed] == [
        (2, "finished", {"unchanged": 1}),
        (1, "finished", {"made": 1}),
    ]
    assert "posts removed 1, given their former text 0, kept 0" in run(outlet, "import", "--undo", "1").output
    assert "import 1 was taken back already" in str(run(outlet, "import", "--undo", "1").exception)
    assert "there is no import 9" in str(run(outlet, "import", "--undo", "9").exception)


def test_wrong_items_are_told_and_end_it_with_1(outlet: Outlet, folder: Path) -> None:
    (folder / "bad.md").write_text(POST.format(day="2020-99-12"), encoding="utf-8")
    result = run(outlet, "import", str(folder))
    assert result.exit_code == 1
    assert "wrong: bad.md" in result.output
    assert f"{folder / 'bad.md'}:3: this is no valid YAML" in result.output
    assert "write a day like 2026-05-12" in result.output
    assert "made 1, wrong 1" in result.output
    rows = json.loads(run(outlet, "import", str(folder), "--json").stdout)["items"]
    assert {row["place"]: (row["outcome"], row["post"]) for row in rows} == {
        "cell.md": ("unchanged", 1),
        "bad.md": ("wrong", None),
    }


def test_nothing_complains_of_a_post_from_elsewhere(outlet: Outlet, folder: Path) -> None:
    before = json.loads(run(outlet, "doctor", "--json").output)
    run(outlet, "import", str(folder))
    after = json.loads(run(outlet, "doctor", "--json").output)
    assert [row for row in after if not row["good"]] == [row for row in before if not row["good"]]
    assert json.loads(run(outlet, "deliveries", "--json").output) == []
    assert json.loads(run(outlet, "alerts", "--json").output) == []
    correction = run(outlet, "correct", "1", "--title", "Another")
    assert correction.exit_code == 1
    assert "Traceback" not in correction.output


@pytest.mark.parametrize("arguments", [(), ("--undo", "1", "--list"), (".", "--list"), (".", "--as", "a b")])
def test_an_order_that_says_two_things_is_refused(outlet: Outlet, arguments: tuple[str, ...]) -> None:
    assert run(outlet, "import", *arguments).exit_code == 2
