"""Tests the files that `publisher init --system` writes for systemd."""

from __future__ import annotations

import configparser
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from click.testing import CliRunner

from publisher.cli.main import cli
from publisher.core.secret_reading import read_secret
from publisher.settings import SettingsError
from publisher.starter.system_files import PLACES, system_files
from tests.waiting import SETUP_TIMEOUT

UNITS = ("publisher.service", "publisher@.service", "publisher-backup.service")
MAX_EXPOSURE = 2.0


@pytest.fixture
def root(tmp_path: Path) -> Path:
    outcome = CliRunner().invoke(cli, ["init", "--system", str(tmp_path)])
    assert outcome.exit_code == 0, outcome.output
    return tmp_path


def unit(root: Path, name: str) -> configparser.RawConfigParser:
    """Reads a unit; of a key that stands there more than once, the last."""
    parser = configparser.RawConfigParser(strict=False, delimiters=("=",))
    parser.optionxform = str  # type: ignore[method-assign,assignment]
    parser.read(root / PLACES[name], encoding="utf-8")
    return parser


def test_each_file_is_written_once_and_never_overwritten(root: Path) -> None:
    changed = root / PLACES["publisher.service"]
    changed.write_text("mine", encoding="utf-8")
    again = CliRunner().invoke(cli, ["init", "--system", str(root)])
    assert again.output.count("kept  ") == len(PLACES)
    assert changed.read_text(encoding="utf-8") == "mine"


def test_no_placeholder_is_left(root: Path) -> None:
    for path in PLACES.values():
        text = (root / path).read_text(encoding="utf-8")
        assert not re.search(r"\b(PROGRAM|FOLDER|HARDENING|RESTART|CREDENTIALS)\b(?!_)", text), path


@pytest.mark.parametrize("name", UNITS)
def test_a_unit_runs_the_installed_command_unprivileged(root: Path, name: str) -> None:
    service = unit(root, name)["Service"]
    assert service["ExecStart"].split()[0].endswith("/publisher")
    assert service["User"] == "publisher"
    assert service["CapabilityBoundingSet"] == ""
    # A process ends two minutes after the signal at the latest; it is not killed before.
    assert int(service["TimeoutStopSec"]) > 120


def test_a_backup_is_not_started_again_when_it_fails(root: Path) -> None:
    assert "Restart" not in unit(root, "publisher-backup.service")["Service"]
    assert unit(root, "publisher.service")["Service"]["Restart"] == "on-failure"


def test_a_program_in_an_odd_folder_is_quoted() -> None:
    text = system_files(Path("/opt/my desk/100%/publisher"))[PLACES["publisher.service"]]
    assert 'ExecStart="/opt/my desk/100%%/publisher" run' in text


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="this machine has no systemd-analyze")
def test_the_units_are_sound_and_little_exposed(tmp_path: Path) -> None:
    program = tmp_path / "bin" / "publisher"
    program.parent.mkdir()
    program.write_text("#!/bin/sh\n", encoding="utf-8")
    program.chmod(0o755)
    for path, text in system_files(program).items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(text, encoding="utf-8")
    for name in UNITS:
        file = str(tmp_path / PLACES[name])
        sound = analyze("verify", "--man=no", file)
        # Nothing about our units; what the machine itself lacks is named by other files.
        assert not [line for line in sound.stderr.splitlines() if "publisher" in line], sound.stderr
        exposure = analyze("security", "--offline=yes", "--no-pager", file)
        (level,) = re.findall(r"Overall exposure level for \S+: ([\d.]+)", exposure.stdout)
        assert float(level) < MAX_EXPOSURE, exposure.stdout


def analyze(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["systemd-analyze", *arguments], capture_output=True, text=True, timeout=SETUP_TIMEOUT, check=False
    )


def test_a_secret_is_read_from_systemd_s_credentials(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))
    monkeypatch.delenv("PUBLISHER_KEY", raising=False)
    assert read_secret("PUBLISHER_KEY") is None
    (tmp_path / "publisher_PUBLISHER_KEY").write_text("a secret in a file\n", encoding="utf-8")
    assert read_secret("PUBLISHER_KEY") == "a secret in a file"
    monkeypatch.setenv("PUBLISHER_KEY", "another")
    assert read_secret("PUBLISHER_KEY") == "another"


def test_an_odd_credential_is_named_without_its_content(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))
    monkeypatch.delenv("PUBLISHER_KEY", raising=False)
    (tmp_path / "publisher_PUBLISHER_KEY").write_text("hidden\u200bword", encoding="utf-8")
    with pytest.raises(SettingsError, match="the credential of PUBLISHER_KEY") as refusal:
        read_secret("PUBLISHER_KEY")
    assert "hidden" not in str(refusal.value)
