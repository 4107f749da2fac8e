"""Tests that the command line does the whole job: real processes, real clients, the sandbox platforms."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from publisher.cli.main import main
from publisher.schedule.restore_gap import close_gap
from tests.outlet import PLATFORMS, Outlet, draw
from tests.waiting import TIMEOUT

ROOT = Path(__file__).parents[2]

POST = """\
+++
title = "A river of cells"
standfirst = "They go where the others went"
written_by = "A. Tester"
credit = "Image by the test bench"
licence = "CC BY 4.0"
link = "https://example.org/river"
tags = ["cell biology", "migration"]

[[images]]
file = "river.png"
alt = "A pale disc on black"
+++
Cells of *Danio rerio* follow each other. Nobody leads.
"""


class Shell:
    """Runs `publisher` in an outlet's folder."""

    def __init__(self, outlet: Outlet) -> None:
        self.outlet = outlet

    def run(self, *arguments: str, code: int | None = 0) -> subprocess.CompletedProcess[str]:
        result = subprocess.run(
            [sys.executable, "-m", "publisher", *arguments],
            cwd=self.outlet.folder,
            env={**os.environ, "PYTHONPATH": str(ROOT), "COLUMNS": "200"},
            capture_output=True,
            text=True,
            timeout=TIMEOUT,
            check=False,
        )
        assert "Traceback" not in result.stderr, result.stderr
        if code is not None:
            assert result.returncode == code, result.stdout + result.stderr
        return result

    def json(self, *arguments: str) -> Any:
        return json.loads(self.run(*arguments, "--json").stdout)


@pytest.fixture
def shell(outlet: Outlet) -> Shell:
    (outlet.folder / "posts").mkdir()
    draw(outlet.folder / "posts" / "river.png")
    (outlet.folder / "posts" / "river.md").write_text(POST, encoding="utf-8")
    # The program goes by the machine's time, and its platforms' clocks agree with it.
    outlet.sandbox_servers.ledger.shift(timedelta(0))
    return Shell(outlet)


Ask = Callable[..., tuple[object, str]]


@pytest.fixture
def ask(shell: Shell, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Ask:
    """Runs a command in this process, which is faster than in a new one. Returns its exit code and its output."""
    monkeypatch.chdir(shell.outlet.folder)

    def run(*arguments: str) -> tuple[object, str]:
        monkeypatch.setattr(sys, "argv", ["publisher", *arguments])
        with pytest.raises(SystemExit) as ended:
            main()
        output = capsys.readouterr()
        return ended.value.code, output.out + output.err

    return run


def publish_until_done(shell: Shell) -> None:
    """Runs `publisher run` until every delivery is published, then sends SIGTERM."""
    process = subprocess.Popen(
        [sys.executable, "-m", "publisher", "run", "--publish-today"],
        cwd=shell.outlet.folder,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stderr is not None
    published = 0
    for line in process.stderr:
        published += json.loads(line).get("event") == "published"
        if published == len(PLATFORMS):
            break
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=TIMEOUT)
    assert process.returncode == 0


def test_an_approval_after_a_restore_names_the_unknown_days(shell: Shell, ask: Ask) -> None:
    desk, post = shell.outlet.desk, shell.outlet.add_post()
    with desk.database.writing() as session:
        days = close_gap(session, desk.settings, since=desk.now() - timedelta(days=1), now=desk.now()).days
    code, output = ask("approve", str(post))
    assert (code, f"Post {post} is approved." in output) == (0, True)
    assert f"This post may have been shown between {days[0]} and {days[-1]}" in " ".join(output.split())


def test_the_whole_main_job(shell: Shell) -> None:
    assert shell.json("add", "posts")[0]["title"] == "A river of cells"
    assert shell.json("queue")["posts"][0]["state"] == "draft"
    assert "is approved" in shell.run("approve", "1").stdout
    looks = {preview["channel"]: preview for preview in shell.json("preview", "1")}
    assert set(looks) == set(PLATFORMS)
    assert looks["x"]["adapted"]["count"] <= 280
    assert all(Path(preview["renditions"][0]["path"]).is_file() for preview in looks.values())
    rehearsed = shell.json("rehearse", "--days", "2")
    assert [day["post"] for day in rehearsed] == [1, None]

    publish_until_done(shell)

    rows = shell.json("deliveries")
    assert {row["channel"]: row["state"] for row in rows} == dict.fromkeys(PLATFORMS, "published")
    for name in PLATFORMS:
        (copy,) = shell.outlet.copies(name)
        assert copy.caption.split() == looks[name]["adapted"]["caption"].split()
        assert [image.sha256 for image in copy.images] == [looks[name]["renditions"][0]["sha256"]]
        assert [image.alt_text for image in copy.images] == ["A pale disc on black"]
    life = shell.json("log", str(rows[0]["id"]))
    assert life["attempts"][0]["kind"] == "send"
    assert [event["name"] for event in life["events"]][:4] == [
        "delivery pending",
        "delivery preparing",
        "delivery publishing",
        "delivery published",
    ]


def test_doctor_is_green_when_all_is_well_and_red_when_not(shell: Shell) -> None:
    for number in range(3):
        text = POST.replace("A river", f"River {number}")
        (shell.outlet.folder / "posts" / f"{number}.md").write_text(text, encoding="utf-8")
    shell.run("add", "posts", "--approve", "--repeat-meant")
    lines = json.loads(shell.run("doctor", "--json", code=None).stdout)
    bad = [line for line in lines if not line["good"] and line["what"] not in ("clock", "disk")]
    assert bad == []
    assert {line["what"] for line in lines} >= {"configuration", "database", "channel x", "channel tumblr", "queue"}
    secret = shell.outlet.desk.settings.channels["x"].secret_variable("consumer_secret")
    wrong = os.environ[secret]
    os.environ[secret] = "wrong-secret-value"
    try:
        answer = shell.run("doctor", "--json", code=1)
    finally:
        os.environ[secret] = wrong
    line = next(line for line in json.loads(answer.stdout) if line["what"] == "channel x")
    assert not line["good"]
    assert "wrong-secret-value" not in answer.stdout + answer.stderr


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("show", "99"), "there is no post 99"),
        (("log", "99"), "There is no delivery 99"),
        (("retry", "99"), "There is no delivery 99"),
        (("preview", "1", "--channel", "nowhere"), "there is no channel “nowhere”"),
        (("deliveries", "--channel", "nowhere"), "there is no channel “nowhere”"),
        (("connect", "nowhere"), "there is no channel “nowhere”"),
        (("rehearse", "--from", "2001-01-01"), "2001-01-01 is over"),
        (("add", "--title", ""), "title"),
        (("add", "nothing.md"), "does not exist"),
        (("move", "1"), "name one place"),
        (("--config", "nowhere.toml", "queue"), "publisher init"),
    ],
)
def test_nonsense_gets_one_sentence(ask: Ask, arguments: tuple[str, ...], sentence: str) -> None:
    code, output = ask(*arguments)
    assert code in (1, 2)
    assert sentence in output
    assert "Traceback" not in output


def test_a_paused_channel_publishes_nothing_and_says_why(ask: Ask) -> None:
    code, output = ask("pause", "x", " ")
    assert (code, "Say why" in output) == (1, True)
    assert "publisher resume x" in ask("pause", "x", "the account is being renamed")[1]
    code, output = ask("pause", "x", "again")
    assert (code, "is paused already" in output) == (1, True)
    assert "is paused: the account is being renamed. Once that is mended" in ask("deliveries")[1]
    line = next(line for line in json.loads(ask("doctor", "--json")[1]) if line["what"] == "channel x")
    assert not line["good"]
    assert "is paused: the account is being renamed; publisher resume x" in line["message"]
    assert "publishes again" in ask("resume", "x")[1]


def test_a_mistake_in_the_configuration_names_its_line(shell: Shell) -> None:
    config = shell.outlet.config
    config.write_text(config.read_text(encoding="utf-8").replace('hour = "00:00"', 'huor = "00:00"'), encoding="utf-8")
    result = shell.run("queue", code=1)
    assert "publisher.toml:4: unknown key “outlet.huor”; did you mean “hour”?" in result.stderr


def test_a_missing_secret_names_its_variable(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PUBLISHER_TUMBLR_CONSUMER_KEY")
    lines = json.loads(shell.run("doctor", "--json", code=1).stdout)
    text = next(line["message"] for line in lines if line["what"] == "channel tumblr")
    assert "PUBLISHER_TUMBLR_CONSUMER_KEY" in text


def test_init_writes_a_desk_that_works_and_keeps_what_is_there(tmp_path: Path, shell: Shell) -> None:
    result = shell.run("init", str(tmp_path / "new"))
    assert (tmp_path / "new" / "queue.db").is_file()
    assert result.stdout.count("wrote") >= 5
    again = shell.run("init", str(tmp_path / "new"))
    assert "wrote" not in again.stdout
    assert shell.run("--config", str(tmp_path / "new" / "config" / "publisher.toml"), "queue").stdout


def test_help_names_every_command(shell: Shell) -> None:
    output = shell.run("--help").stdout
    assert all(command in output for command in ("add", "approve", "deliveries", "adopt", "rehearse", "doctor"))
