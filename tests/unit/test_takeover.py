"""Tests that a proof lets two workers have one delivery."""

from __future__ import annotations

import itertools
import os
import signal
from pathlib import Path
from signal import SIGCONT, SIGSTOP

import pytest

from publisher.proving.failure_points import FailurePoints
from publisher.proving.takeover import (
    IDLE_TIMEOUT_SECONDS,
    SECOND_WORKER_PAUSE_SECONDS,
    TAKEOVER_TIMEOUT_SECONDS,
    Takeover,
)


class Meeting:
    """Runs a takeover at `committed`, with the time and the deliveries under control of the test."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.points = FailurePoints(folder)
        self.now = 100.0
        self.busy = False
        self.rested = False
        monkeypatch.setattr("publisher.proving.takeover.monotonic", lambda: self.now)
        self.signals: list[int] = []
        monkeypatch.setattr(os, "kill", lambda _pid, number: self.signals.append(number))
        monkeypatch.setattr(signal, "pthread_kill", lambda _thread, number: self.signals.append(number))
        numbers = itertools.count(1)
        self.takeover = Takeover(
            self.points, "committed", numbers, is_at_rest=lambda _: self.rested, is_busy=lambda: self.busy
        )

    def is_over(self) -> bool:
        return self.takeover.over

    def has_happened(self) -> bool:
        return self.takeover.happened

    def ends_without_a_second_one(self) -> None:
        assert (self.is_over(), self.has_happened()) == (True, False)
        assert self.signals == [SIGSTOP, SIGCONT]
        assert self.points.waiting() == []

    def step(self, seconds: float = 0.0) -> None:
        self.now += seconds
        self.takeover.step()


@pytest.fixture
def meeting(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Meeting:
    return Meeting(tmp_path, monkeypatch)


def test_a_takeover_waits_for_its_first_worker_as_long_as_one_may_come(meeting: Meeting) -> None:
    meeting.busy = True
    meeting.step(500)
    assert not meeting.is_over()
    meeting.busy = False
    meeting.step(IDLE_TIMEOUT_SECONDS - 1)
    assert not meeting.is_over()
    meeting.step(1)
    assert meeting.is_over()
    assert meeting.points.waiting() == []


def test_a_takeover_on_a_day_without_deliveries_ends(meeting: Meeting) -> None:
    meeting.step(TAKEOVER_TIMEOUT_SECONDS - 1)
    assert not meeting.is_over()
    meeting.step(1)
    assert meeting.is_over()


def test_two_workers_meet_on_one_delivery_and_both_go_on(meeting: Meeting) -> None:
    meeting.busy = True
    meeting.step()
    meeting.points.reach("committed", 7)
    meeting.step(1)
    assert [name.endswith(".7") for name in meeting.points.waiting()] == [True]
    meeting.points.reach("committed", 8)
    meeting.step(1)
    assert not meeting.has_happened()
    meeting.points.reach("committed", 7)
    meeting.step(1)
    assert meeting.has_happened()
    assert meeting.signals == [SIGSTOP, SIGSTOP, SIGCONT]
    meeting.step(SECOND_WORKER_PAUSE_SECONDS)
    assert meeting.is_over()
    assert meeting.signals[3:] == [SIGCONT, SIGCONT]


def test_a_worker_that_nobody_overtakes_is_resumed_in_time(meeting: Meeting) -> None:
    meeting.points.reach("committed", 7)
    meeting.step()
    meeting.step(TAKEOVER_TIMEOUT_SECONDS - 1)
    assert meeting.signals == [SIGSTOP]
    meeting.step(1)
    meeting.ends_without_a_second_one()


def test_a_worker_whose_delivery_was_found_is_resumed_at_once(meeting: Meeting) -> None:
    meeting.points.reach("committed", 7)
    meeting.rested = True
    meeting.step()
    meeting.ends_without_a_second_one()
