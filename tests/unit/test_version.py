"""Tests what the program says about itself."""

from __future__ import annotations

import json
import platform
import re
import subprocess
from pathlib import Path

import pytest
from click.testing import CliRunner

import publisher
from publisher.cli import version
from publisher.cli.main import cli
from publisher.cli.version import find_commit


def test_the_version_is_one_word() -> None:
    result = CliRunner().invoke(cli, ["--version"])
    assert (result.exit_code, result.output) == (0, f"{publisher.__version__}\n")


@pytest.mark.parametrize("arguments", [["--version", "--json"], ["--json", "--version"]])
def test_what_it_runs_on_is_told_as_json(arguments: list[str]) -> None:
    result = CliRunner().invoke(cli, arguments)
    told = json.loads(result.output)
    assert (told["version"], told["python"]) == (publisher.__version__, platform.python_version())
    assert re.fullmatch(r"8\.\d+\.\d+", told["libvips"])
    assert set(told) == {"version", "commit", "python", "libvips", "sqlite", "system"}


def test_json_before_a_command_is_refused() -> None:
    result = CliRunner().invoke(cli, ["--json", "queue"])
    assert result.exit_code == 2
    assert "write it after the command" in result.output


def test_a_source_tree_tells_its_commit(tmp_path: Path) -> None:
    as_somebody = ("-c", "user.name=A", "-c", "user.email=a@example.org")
    for command in (["init", "-q"], [*as_somebody, "commit", "-q", "--allow-empty", "-m", "x"]):
        subprocess.run(["git", "-C", tmp_path, *command], check=True)
    head = subprocess.run(["git", "-C", tmp_path, "rev-parse", "HEAD"], check=True, capture_output=True, text=True)
    assert find_commit(tmp_path) == head.stdout.strip()


@pytest.mark.parametrize(
    ("stored", "commit"),
    [
        ('{"url": "https://example.org/p.git", "vcs_info": {"vcs": "git", "commit_id": "0123abc"}}', "0123abc"),
        ('{"url": "file:///tree", "dir_info": {"editable": true}}', None),
        (None, None),
    ],
    ids=["from git", "from a folder", "from a wheel"],
)
def test_an_installed_program_tells_the_commit_that_pip_stored(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stored: str | None, commit: str | None
) -> None:
    class Installed:
        def read_text(self, name: str) -> str | None:
            assert name == "direct_url.json"
            return stored

    monkeypatch.setattr(version, "distribution", lambda _name: Installed())
    assert find_commit(tmp_path) == commit


def test_a_tree_without_git_tells_no_commit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / ".git").mkdir()
    monkeypatch.setenv("PATH", str(tmp_path))
    assert find_commit(tmp_path) is None
