"""Tests that a platform is two folders: a toy one, outside the package, is found, previewed, delivered and proved."""

from __future__ import annotations

import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from publisher.sandbox_client import SandboxClient, running_sandbox
from tests.acceptance.test_cli import POST
from tests.outlet import PLATFORMS, draw
from tests.waiting import SETUP_TIMEOUT, wait_until

ROOT = Path(__file__).parents[2]
TOY = ROOT / "tests" / "toy"
ROOMS = ("platforms", "sandbox")
EXTENSION = """\
import publisher.platforms, publisher.sandbox
publisher.platforms.__path__.append({platforms!r})
publisher.sandbox.__path__.append({sandbox!r})
"""
"""Python runs it at the start of every process that has it on its path."""


@pytest.fixture
def toy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Puts the toy's two folders where processes that are started from now on look for platforms, and nowhere else."""
    folder = tmp_path / "elsewhere"
    for room in ROOMS:
        shutil.copytree(TOY / room, folder / room)
    paths = {room: str(folder / room) for room in ROOMS}
    (folder / "sitecustomize.py").write_text(EXTENSION.format(**paths), encoding="utf-8")
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join((str(folder), str(ROOT))))
    return folder


@pytest.fixture
def sandbox(toy: Path) -> Iterator[SandboxClient]:
    with running_sandbox() as client:
        yield client


def run(folder: Path, *arguments: str, code: int = 0) -> str:
    result = subprocess.run(
        [sys.executable, "-m", "publisher", *arguments],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=SETUP_TIMEOUT,
        check=False,
    )
    assert result.returncode == code, result.stdout + result.stderr
    return result.stdout


def write_desk(folder: Path, account: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    """Writes a desk with a post for its one channel, which leads to the sandbox's toy."""
    folder.mkdir()
    run(folder, "init")
    config = folder / "config" / "publisher.toml"
    head = config.read_text(encoding="utf-8").partition("\n[channels.")[0]
    settings = "".join(f'{key} = "{value}"\n' for key, value in account["settings"].items())
    channel = (
        f'\n[channels.toy]\nplatform = "toy"\naccount = "{account["account"]}"\ncaption = "captions/toy.j2"\n{settings}'
    )
    # It is always slot time.
    head = head.replace('hour = "09:00"', 'hour = "00:00"\nlateness = "until 23:59"')
    config.write_text(head + channel, encoding="utf-8")
    for secret, value in account["secrets"].items():
        monkeypatch.setenv(f"PUBLISHER_TOY_{secret.upper()}", value)
    (folder / "posts").mkdir()
    draw(folder / "posts" / "river.png")
    (folder / "posts" / "river.md").write_text(POST, encoding="utf-8")


def publish_and_read_back(folder: Path) -> None:
    """Has `publisher run` publish the post and read it back."""

    def is_read_back() -> bool:
        with closing(sqlite3.connect(folder / "queue.db")) as database:
            return bool(database.execute("SELECT 1 FROM attempt WHERE kind = 'verify'").fetchone())

    command = [sys.executable, "-m", "publisher", "run", "--publish-today"]
    with subprocess.Popen(command, cwd=folder, stderr=subprocess.DEVNULL) as process:
        try:
            wait_until(is_read_back, "the post is published and read back")
        finally:
            process.send_signal(signal.SIGTERM)
    assert process.returncode == 0


def test_a_platform_in_two_folders_is_found_and_posts_are_read_back(
    sandbox: SandboxClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert set(sandbox.get("/accounts")) == {*PLATFORMS, "toy"}
    desk = tmp_path / "desk"
    write_desk(desk, sandbox.get("/accounts")["toy"], monkeypatch)
    started = (desk / "config" / "captions" / "toy.j2").read_text(encoding="utf-8")
    assert started == (TOY / "platforms" / "toy" / "caption.j2").read_text(encoding="utf-8")
    # The queue of a new desk is empty, and the doctor says so.
    assert "✓ channel Toy answers as toy-account" in run(desk, "doctor", code=1)

    run(desk, "add", "posts")
    run(desk, "approve", "1")
    (look,) = json.loads(run(desk, "preview", "1", "--json"))
    assert (look["adapted"]["unit"], look["adapted"]["limit"]) == ("words", 200)
    assert look["adapted"]["count"] == len(look["adapted"]["caption"].split())

    publish_and_read_back(desk)
    (copy,) = sandbox.ledger()
    assert copy["platform"] == "toy"
    assert copy["caption"] == look["adapted"]["caption"]
    assert [image["sha256"] for image in copy["images"]] == [look["renditions"][0]["sha256"]]
    assert [image["alt_text"] for image in copy["images"]] == ["A pale disc on black"]
    (delivery,) = json.loads(run(desk, "deliveries", "--json"))
    assert delivery["state"] == "published"
    life = json.loads(run(desk, "log", str(delivery["id"]), "--json"))
    (reading,) = (attempt for attempt in life["attempts"] if attempt["kind"] == "verify")
    assert reading["outcome"] == "as-sent"


def test_a_stored_problem_of_the_platform_is_read_by_another_process(toy: Path) -> None:
    reading = (
        "from publisher.core.problems import Problem\n"
        "print(Problem.from_json({'code': 'toy.post-refused', 'parameters': {}, 'remedy': None}))"
    )
    result = subprocess.run(
        [sys.executable, "-c", reading], cwd=toy, capture_output=True, text=True, timeout=SETUP_TIMEOUT, check=True
    )
    assert result.stdout == "The toy platform refused this post; change it.\n"


def test_a_platform_in_two_folders_keeps_the_promise(toy: Path, tmp_path: Path) -> None:
    """Beside all others, while faults strike each of them."""
    command = ["prove", "--days", "1", "--channels", "1", "--kills", "1", "--seed", "450", "--json"]
    report = json.loads(run(tmp_path, *command))
    assert report["faults"]["toy"]
    findings = report["findings"]
    assert (findings["published_twice"], findings["lost"], findings["never_settled"], findings["wrong_states"]) == (
        [],
        [],
        [],
        [],
    )
