"""How a proof lets two workers have one delivery."""

from __future__ import annotations

import itertools
import os
import signal
from pathlib import Path
from signal import SIGCONT, SIGSTOP

import pytest

from publisher.proving.disturbed import Traps
from publisher.proving.takeover import NOBODY_WITHIN, OVERTAKEN_WITHIN, OVERTAKER_SECONDS, Takeover


class Meeting:
    """An overtaking at `committed`, with the moments and the deliveries in the test's hand."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.traps = Traps(folder)
        self.now = 100.0
        self.busy = False
        self.rested = False
        monkeypatch.setattr("publisher.proving.takeover.monotonic", lambda: self.now)
        self.signals: list[int] = []
        monkeypatch.setattr(os, "kill", lambda _pid, number: self.signals.append(number))
        monkeypatch.setattr(signal, "pthread_kill", lambda _thread, number: self.signals.append(number))
        numbers = itertools.count(1)
        self.overtaking = Takeover(
            self.traps, "committed", numbers, is_at_rest=lambda _: self.rested, is_busy=lambda: self.busy
        )

    def is_over(self) -> bool:
        return self.overtaking.over

    def has_happened(self) -> bool:
        return self.overtaking.happened

    def ends_without_a_second_one(self) -> None:
        assert (self.is_over(), self.has_happened()) == (True, False)
        assert self.signals == [SIGSTOP, SIGCONT]
        assert self.traps.waiting() == []

    def step(self, seconds: float = 0.0) -> None:
        self.now += seconds
        self.overtaking.step()


@pytest.fixture
def meeting(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Meeting:
    return Meeting(tmp_path, monkeypatch)


def test_an_overtaking_waits_for_its_first_worker_as_long_as_one_may_come(meeting: Meeting) -> None:
    meeting.busy = True
    meeting.step(500)
    assert not meeting.is_over()
    meeting.busy = False
    meeting.step(NOBODY_WITHIN - 1)
    assert not meeting.is_over()
    meeting.step(1)
    assert meeting.is_over()
    assert meeting.traps.waiting() == []


def test_an_overtaking_on_a_day_without_deliveries_ends(meeting: Meeting) -> None:
    meeting.step(OVERTAKEN_WITHIN - 1)
    assert not meeting.is_over()
    meeting.step(1)
    assert meeting.is_over()


def test_two_workers_meet_on_one_delivery_and_both_go_on(meeting: Meeting) -> None:
    meeting.busy = True
    meeting.step()
    meeting.traps.pass_by("committed", 7)
    meeting.step(1)
    assert [name.endswith(".7") for name in meeting.traps.waiting()] == [True]
    meeting.traps.pass_by("committed", 8)
    meeting.step(1)
    assert not meeting.has_happened()
    meeting.traps.pass_by("committed", 7)
    meeting.step(1)
    assert meeting.has_happened()
    assert meeting.signals == [SIGSTOP, SIGSTOP, SIGCONT]
    meeting.step(OVERTAKER_SECONDS)
    assert meeting.is_over()
    assert meeting.signals[3:] == [SIGCONT, SIGCONT]


def test_whom_nobody_overtakes_is_let_go_in_time(meeting: Meeting) -> None:
    meeting.traps.pass_by("committed", 7)
    meeting.step()
    meeting.step(OVERTAKEN_WITHIN - 1)
    assert meeting.signals == [SIGSTOP]
    meeting.step(1)
    meeting.ends_without_a_second_one()


def test_whose_delivery_was_found_on_the_platform_is_let_go_at_once(meeting: Meeting) -> None:
    meeting.traps.pass_by("committed", 7)
    meeting.rested = True
    meeting.step()
    meeting.ends_without_a_second_one()
