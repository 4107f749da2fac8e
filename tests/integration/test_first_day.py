"""Tests that a new desk asks before it publishes for a day whose hour is past."""

from __future__ import annotations

import sys
from datetime import timedelta

import click
import pytest
from click.testing import CliRunner

from publisher.alerts.problem_codes import AlertProblem
from publisher.cli import run as run_module
from publisher.cli.main import cli
from publisher.cli.run import _held_day
from publisher.cli.service import Service
from publisher.schedule.slots import slot_day
from tests.conftest import OpenOutlet
from tests.outlet import Outlet


class Terminal:
    """Answers the question of a command as a person at a terminal."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *, answer: bool) -> None:
        self.questions: list[str] = []
        self._answer = answer
        for stream in (sys.stdin, sys.stderr):
            monkeypatch.setattr(stream, "isatty", lambda: True)
        monkeypatch.setattr(click, "confirm", self._confirm)

    def _confirm(self, question: str, **_options: object) -> bool:
        self.questions.append(question)
        return self._answer


@pytest.fixture
def outlet(open_outlet: OpenOutlet) -> Outlet:
    outlet = open_outlet("tumblr")
    outlet.add_post("A quiet cell")
    return outlet


def picked(outlet: Outlet, service: Service) -> int:
    service._pick()
    return len(outlet.deliveries())


def test_without_a_terminal_nothing_goes_out_on_the_first_day_unless_told(
    outlet: Outlet, capsys: pytest.CaptureFixture[str]
) -> None:
    today = slot_day(outlet.desk.now(), outlet.desk.settings.outlet.zone)
    held = _held_day(outlet.desk)
    assert held == today
    assert picked(outlet, Service(outlet.desk, held_day=held)) == 0
    assert picked(outlet, Service(outlet.desk)) == 1
    assert _held_day(outlet.desk) is None


def test_the_next_day_goes_out_by_itself(outlet: Outlet) -> None:
    service = Service(outlet.desk, held_day=_held_day(outlet.desk))
    outlet.clock.shift_to(outlet.clock.now() + timedelta(days=1))
    assert picked(outlet, service) == 1


@pytest.mark.parametrize("answer", [True, False])
def test_a_person_at_a_terminal_decides(outlet: Outlet, monkeypatch: pytest.MonkeyPatch, answer: bool) -> None:
    terminal = Terminal(monkeypatch, answer=answer)
    assert (_held_day(outlet.desk) is None) == answer
    [question] = terminal.questions
    assert "Shall “A quiet cell” go out at once?" in question


def test_the_flag_asks_nothing(outlet: Outlet, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[object] = []
    monkeypatch.setattr(run_module, "_held_day", asked.append)

    class Stopped(Exception):
        pass

    class NoService:
        def __init__(self, _desk: object, _roles: object, *, held_day: object) -> None:
            assert held_day is None
            raise Stopped

    monkeypatch.setattr(run_module, "Service", NoService)
    result = CliRunner().invoke(cli, ["--config", str(outlet.config), "run", "--publish-today"])
    assert isinstance(result.exception, Stopped)
    assert asked == []


def test_the_alert_says_why_nothing_went_out(outlet: Outlet) -> None:
    assert "publisher run --publish-today" in str(AlertProblem.FIRST_DAY_WAITS(deadline=outlet.desk.now()))
