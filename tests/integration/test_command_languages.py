"""Tests that what commands print is in the language of the outlet's desk."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
from click.testing import CliRunner
from sqlalchemy import select

from publisher.alerts.message import compose
from publisher.cli import plain_console
from publisher.cli.errors import describe_error
from publisher.cli.main import cli
from publisher.cli.output import STATE_STYLES, console
from publisher.core.messages import Reader, reading_as
from publisher.db.operations import Alert
from publisher.desk import Desk
from publisher.settings.alert_reader import alert_reader
from publisher.staff.roles import Role
from tests.full_site import build_full_site
from tests.pseudo_locale import PSEUDO_LANGUAGE, pseudo_locale
from tests.untranslated import data_of, untranslated_parts, untranslated_texts

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
    "key rotate",
    "db copy sqlite:///nowhere/there.db sqlite:///nowhere/other.db",
    "backup nowhere/there",
    "restore nowhere/there",
    "init",
)
KEYS = frozenset(
    {"title", "standfirst", "body", "credit", "alt_texts", "None", "False", "True", "fit", "focal_point", "crop_box",
     "protected", "gutters", "padding", "window", "credit_strip"}
)  # fmt: skip
"""Of what `publisher show` prints as it is stored."""
WORDS_OF_PROGRAM = KEYS | frozenset(
    {"HTTP", "kB", "webp", "jpeg", "png", "UTC", "BST", "GMT", "B", "GB", "MB", *(role.value for role in Role)}
)


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
    data = (
        data_of(desk)
        | WORDS_OF_PROGRAM
        | {*STATE_STYLES, *desk.settings.channels, str(folder), str(desk.config), *command.split()}
    )
    with reading_as(Reader()):
        result = CliRunner().invoke(cli, ["--config", str(desk.config), *command.split()])
        printed = result.output
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            with reading_as(Reader(PSEUDO_LANGUAGE)):
                assert isinstance(result.exception, Exception)
                printed += describe_error(result.exception)
    assert printed
    hard_coded = [line for line in untranslated_parts(without_usage(printed), data) if line]
    assert not hard_coded, f"{hard_coded} in {printed}"


def without_usage(printed: str) -> str:
    """Removes what the library of the command line says about a wrong option, and hashtags."""
    return re.sub(r"^(Usage: .*|Try '.*|Error: )|#\w+", "", printed, flags=re.MULTILINE)


def test_the_page_of_a_preview_is_in_the_language_of_the_desk(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PUBLISHER__OUTLET__DESK_LANGUAGE", PSEUDO_LANGUAGE)
    file = desk.config.parent.parent / "preview.html"
    with reading_as(Reader()):
        CliRunner().invoke(cli, ["--config", str(desk.config), "preview", "9", "--html", str(file)])
    page = re.sub(r"<style>.*?</style>|#\w+", "", file.read_text(encoding="utf-8"), flags=re.DOTALL)
    assert f'<html lang="{PSEUDO_LANGUAGE}">' in page
    assert not untranslated_texts(page, data_of(desk) | WORDS_OF_PROGRAM)
    assert "Nothing stands" in page or "below." in page or "going out." in page


def test_alerts_are_in_the_language_of_the_desk(desk: Desk) -> None:
    with desk.database.reading() as session:
        alerts = list(session.scalars(select(Alert)))
    assert alerts
    with reading_as(alert_reader(desk.settings)):
        message = compose("Cells Daily", alerts, "https://desk.example.org")
    data = data_of(desk) | {"https://desk.example.org"}
    assert not untranslated_parts(re.sub(r"https://desk[^⟧\s]+", "", f"{message.title}\n{message.body}"), data)
