"""Tests that `publisher preview POST --html FILE` writes one page with every channel, whole or not at all."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from publisher.starter import write_starter
from tests.outlet import draw
from tests.waiting import TIMEOUT

ROOT = Path(__file__).parents[2]
POST = """\
+++
title = "A river of cells & <more>"
credit = "Image by the test bench"
licence = "CC BY 4.0"

[[images]]
file = "river.png"
alt = "A pale disc on black"

[captions]
"lang:en" = "By hand. Image by the test bench"
+++
Cells follow each other.
"""

Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """Runs `publisher` in a new desk with one post."""
    write_starter(tmp_path)
    draw(tmp_path / "river.png")
    (tmp_path / "river.md").write_text(POST, encoding="utf-8")

    def run_it(*arguments: str) -> subprocess.CompletedProcess[str]:
        result = subprocess.run(
            [sys.executable, "-m", "publisher", *arguments],
            cwd=tmp_path,
            env={"PYTHONPATH": str(ROOT), "PATH": "/usr/bin:/bin"},
            capture_output=True,
            text=True,
            timeout=TIMEOUT,
            check=False,
        )
        assert "Traceback" not in result.stderr, result.stderr
        return result

    assert run_it("add", "river.md").returncode == 0
    return run_it


def test_the_page_holds_every_channel_and_is_written_whole(run: Run, tmp_path: Path) -> None:
    result = run("preview", "1", "--html", "pages/look.html")
    assert (result.returncode, result.stdout) == (0, "Wrote pages/look.html.\n")
    page = (tmp_path / "pages" / "look.html").read_text(encoding="utf-8")
    assert page.count("<article>") == page.count("data:image/") == page.count("By hand. Image by the test bench") == 3
    assert "<h1>A river of cells &amp; &lt;more&gt;</h1>" in page
    assert "Picture of the Day · post 1, draft · made " in page
    assert [path.name for path in (tmp_path / "pages").iterdir()] == ["look.html"]

    again = run("preview", "1", "--html", "pages/look.html", "--channel", "x", "--json")
    assert [channel_preview["channel"] for channel_preview in json.loads(again.stdout)] == ["x"]
    assert (tmp_path / "pages" / "look.html").read_text(encoding="utf-8").count("<article>") == 1


def test_a_place_that_can_not_be_written_is_one_sentence(run: Run, tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    folder = run("preview", "1", "--html", "folder")
    assert folder.returncode == 2
    assert "'folder' is a directory" in folder.stderr
    inside_a_file = run("preview", "1", "--html", "river.md/look.html")
    assert inside_a_file.returncode == 1
    assert inside_a_file.stderr.splitlines()[-1].startswith("publisher: ")
    assert (tmp_path / "river.md").read_text(encoding="utf-8") == POST
    assert list((tmp_path / "folder").iterdir()) == []
