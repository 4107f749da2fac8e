"""Tests that the secrets of `.env` beside the configuration are read as `.env.example` says."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from publisher.core.errors import SettingsError
from publisher.settings.env_file import load_env_file

LINES = [
    ("PUBLISHER_TEST_A=plain", "plain"),
    ("  export PUBLISHER_TEST_A = spaced  ", "spaced"),
    ("PUBLISHER_TEST_A='a # b'", "a # b"),
    ('PUBLISHER_TEST_A="two words" # why', "two words"),
    ('PUBLISHER_TEST_A="secret" # the "new" one, see "docs"', "secret"),
    ("PUBLISHER_TEST_A='secret'  # Mar's, not Anna's'", "secret"),
    ("PUBLISHER_TEST_A='it's'#1'", "it's'#1"),
    ("PUBLISHER_TEST_A=slack://T/#pictures", "slack://T/#pictures"),
    ("PUBLISHER_TEST_A=value # why", "value"),
    ("PUBLISHER_TEST_A=pa$$word${HOME}", "pa$$word${HOME}"),
    ("PUBLISHER_TEST_A=it's", "it's"),
    ("PUBLISHER_TEST_A=a=b==", "a=b=="),
    ("PUBLISHER_TEST_A=", None),
    ("# PUBLISHER_TEST_A=no", None),
]


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    # What is set by the file is taken back after the test.
    monkeypatch.setenv("PUBLISHER_TEST_A", "")
    return tmp_path / "publisher.toml"


@pytest.mark.parametrize(("line", "value"), LINES, ids=[line for line, _value in LINES])
def test_a_line_sets_its_variable(config: Path, line: str, value: str | None) -> None:
    (config.parent / ".env").write_text(f"# Secrets\n\n{line}\n", encoding="utf-8")
    load_env_file(config)
    assert (os.environ.get("PUBLISHER_TEST_A") or None) == value


def test_a_file_of_windows_is_read(config: Path) -> None:
    (config.parent / ".env").write_bytes(b'\xef\xbb\xbfPUBLISHER_TEST_A="secret"\r\n')
    load_env_file(config)
    assert os.environ["PUBLISHER_TEST_A"] == "secret"


def test_the_environment_comes_first(config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PUBLISHER_TEST_A", "set before")
    (config.parent / ".env").write_text("PUBLISHER_TEST_A=other")
    load_env_file(config)
    assert os.environ["PUBLISHER_TEST_A"] == "set before"


def test_a_line_that_is_none_is_named_by_its_number_and_never_shown(config: Path) -> None:
    load_env_file(config)
    (config.parent / ".env").write_text("# first\nhunter2\n")
    with pytest.raises(SettingsError, match=r"\.env, line 2: write NAME=VALUE") as caught:
        load_env_file(config)
    assert "hunter2" not in str(caught.value)


def test_the_starters_example_is_read_as_it_is(config: Path) -> None:
    from publisher.starter import starter_files

    example = next(text for path, text in starter_files().items() if path.name == ".env.example")
    (config.parent / ".env").write_text(example, encoding="utf-8")
    before = dict(os.environ)
    load_env_file(config)
    changed = {name for name in os.environ if os.environ[name] != before.get(name)}
    try:
        assert changed <= {"PUBLISHER_LOG_LEVEL"}
    finally:
        for name in changed - set(before):
            del os.environ[name]
