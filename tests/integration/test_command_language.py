"""Tests that commands speak the language of the outlet, and give times by its clock, to the last error."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from publisher.cli.main import main
from publisher.core import translations
from publisher.core.messages import ENGLISH_READER, current_reader
from publisher.desk import Desk
from publisher.staff import accounts
from tests.conftest import WriteDesk

CATALOGUE = """\
msgid ""
msgstr "Content-Type: text/plain; charset=utf-8\\n"

msgid "There is nobody with the address {email}."
msgstr "No hi ha ningú amb l'adreça {email}."

msgid "{person} is shut out."
msgstr "{person} ja no pot entrar."
"""


@pytest.fixture
def catalan(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Gives the program a catalogue of a few texts."""
    monkeypatch.setattr(translations, "LOCALE_FOLDER", tmp_path / "locale")
    catalogue = translations.catalogue_path("ca")
    catalogue.parent.mkdir(parents=True)
    catalogue.write_text(CATALOGUE, encoding="utf-8")
    _forget_catalogues()
    yield
    _forget_catalogues()


def _forget_catalogues() -> None:
    translations.desk_languages.cache_clear()
    translations.translations.cache_clear()


@pytest.fixture
def config(tmp_path: Path, write_desk: WriteDesk, catalan: None) -> Path:
    """Gives the outlet another language than English."""
    file = write_desk(tmp_path / "desk")
    text = file.read_text(encoding="utf-8")
    file.write_text(text.replace("[outlet]\n", '[outlet]\ndesk_language = "ca"\n', 1), encoding="utf-8")
    return file


def run(config: Path, *arguments: str, monkeypatch: pytest.MonkeyPatch) -> int:
    """Runs a command as the shell does, and returns its exit status."""
    monkeypatch.setattr(sys, "argv", ["publisher", "--config", str(config), *arguments])
    with pytest.raises(SystemExit) as ended:
        main()
    assert isinstance(ended.value.code, int)
    return ended.value.code


def test_a_command_and_its_errors_are_in_the_language_of_the_outlet(
    config: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    desk = Desk(config)
    person = accounts.NewPerson("ana@example.org", "Ana", ["editor"])
    accounts.add_person(desk.database, person, password="four words of no sense", now=desk.now(), actor="test")
    desk.database.close()
    assert run(config, "user", "deactivate", "ana@example.org", monkeypatch=monkeypatch) == 0
    assert capsys.readouterr().out == "ana@example.org ja no pot entrar.\n"
    assert run(config, "user", "deactivate", "eva@example.org", monkeypatch=monkeypatch) == 1
    assert capsys.readouterr().err == "publisher: No hi ha ningú amb l'adreça eva@example.org.\n"
    assert current_reader() == ENGLISH_READER


def test_a_command_without_configuration_speaks_english(
    tmp_path: Path, catalan: None, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(tmp_path / "none.toml", "user", "list", monkeypatch=monkeypatch) == 1
    assert "is not there; run `publisher init` to write one" in capsys.readouterr().err
