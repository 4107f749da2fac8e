"""Tests that what commands print is in the language of the outlet's desk."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
from click.testing import CliRunner

from publisher.cli import plain_console
from publisher.cli.errors import describe_error
from publisher.cli.main import cli
from publisher.cli.output import STATE_STYLES, console
from publisher.core.messages import Reader, reading_as
from publisher.desk import Desk
from tests.full_site import build_full_site
from tests.pseudo_locale import PSEUDO_LANGUAGE, pseudo_locale
from tests.untranslated import data_of, untranslated_parts

COMMANDS = (
    "queue",
    "show 9",
    "show 10",
    "move 9 --front",
    "move 9 --front --reserve",
    "move 9 --date 2999-06-01",
    "approve 10",
    "approve 9999",
    "withdraw 9",
    "edit 9 --title Another",
    "edit 9 --alt 9=nothing",
    "deliveries",
    "deliveries --state held",
    "deliveries --day 1999-01-01",
    "deliveries --channel nowhere",
    "log 1",
    "log 9999",
    "retry 1",
    "cancel 1",
    "adopt 1 https://example.org/1",
    "adopt 9999 https://example.org/1",
    "pause x because",
    "resume x",
    "resume nowhere",
    "connect nowhere",
    "alerts",
    "alerts --test",
    "preflight --day 2026-05-01",
    "doctor",
    "preview 9",
    "preview 9 --channel nowhere",
    "rehearse --days 3",
    "user list",
    "user deactivate nobody@example.org",
    "user deactivate mar@example.org",
    "user remove-second-factor mar@example.org",
    "key",
    "db history",
    "db upgrade",
    "backup nowhere/there",
    "restore nowhere/there",
    "init",
)
WORDS_OF_PROGRAM = frozenset({"HTTP", "kB", "webp", "jpeg", "png", "UTC", "BST", "GMT", "B", "GB", "MB"})


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    with pseudo_locale(), pytest.MonkeyPatch.context() as patch:
        patch.setenv("PUBLISHER__OUTLET__DESK_LANGUAGE", PSEUDO_LANGUAGE)
        desk = build_full_site(tmp_path_factory.mktemp("full"))
        yield desk
        desk.database.close()


@pytest.fixture
def wide_console(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Has tables printed without breaking their cells into lines."""

    class WideConsole(plain_console.PlainConsole):
        def __init__(self, **options: Any) -> None:
            super().__init__(**{**options, "width": 100_000})

    monkeypatch.setattr(plain_console, "PlainConsole", WideConsole)
    console.cache_clear()
    yield
    console.cache_clear()


@pytest.mark.usefixtures("wide_console")
@pytest.mark.parametrize("command", COMMANDS)
def test_no_command_prints_a_text_of_its_own(desk: Desk, monkeypatch: pytest.MonkeyPatch, command: str) -> None:
    folder = desk.config.parent.parent
    monkeypatch.chdir(folder)
    monkeypatch.setenv("PUBLISHER__OUTLET__DESK_LANGUAGE", PSEUDO_LANGUAGE)
    data = data_of(desk) | WORDS_OF_PROGRAM | {*STATE_STYLES, *desk.settings.channels, str(folder), *command.split()}
    with reading_as(Reader()):
        result = CliRunner().invoke(cli, ["--config", str(desk.config), *command.split()])
        printed = result.output
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            with reading_as(Reader(PSEUDO_LANGUAGE)):
                printed += describe_error(result.exception)
    assert printed
    hard_coded = [line for line in untranslated_parts(without_usage(printed), data) if line]
    assert not hard_coded, printed


def without_usage(printed: str) -> str:
    """Removes what the library of the command line says about a wrong option."""
    return re.sub(r"^(Usage: .*|Try '.*|Error: )", "", printed, flags=re.MULTILINE)
