"""Tests that the embedded dispatcher has one thread per channel, loses no kick, and reports trouble once."""

from __future__ import annotations

import threading

import pytest

from publisher.delivery.dispatch import ThreadDispatcher
from tests.waiting import TIMEOUT


def test_a_kick_during_the_work_is_worked_off_afterwards() -> None:
    begun, go_on, work_done = threading.Event(), threading.Event(), threading.Semaphore(0)

    def drain(channel: str, stop: threading.Event) -> int:
        begun.set()
        assert go_on.wait(TIMEOUT)
        work_done.release()
        return 1

    dispatcher = ThreadDispatcher(drain, threads=2)
    dispatcher.kick("a")
    assert begun.wait(TIMEOUT)
    dispatcher.kick("a")
    dispatcher.kick("a")
    go_on.set()
    assert work_done.acquire(timeout=TIMEOUT)
    assert work_done.acquire(timeout=TIMEOUT)
    dispatcher.stop()
    assert not work_done.acquire(blocking=False)
    assert dispatcher.idle


def test_two_threads_never_drain_one_channel() -> None:
    inside, most = 0, 0
    lock = threading.Lock()

    def drain(channel: str, stop: threading.Event) -> int:
        nonlocal inside, most
        with lock:
            inside += 1
            most = max(most, inside)
        with lock:
            inside -= 1
        return 0

    dispatcher = ThreadDispatcher(drain, threads=4)
    for _ in range(200):
        dispatcher.kick("a")
    dispatcher.stop()
    assert most == 1


def test_nothing_begins_after_the_stop() -> None:
    drained: list[str] = []

    def drain(channel: str, stop: threading.Event) -> int:
        drained.append(channel)
        return 0

    dispatcher = ThreadDispatcher(drain, threads=1)
    dispatcher.stop()
    dispatcher.kick("a")
    assert drained == []


def test_trouble_is_logged_once_and_its_end_too(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    trouble = [OSError("disk full"), OSError("disk full"), None]
    drained = threading.Semaphore(0)

    def drain(channel: str, stop: threading.Event) -> int:
        error = trouble.pop(0)
        drained.release()
        if error:
            raise error
        return 0

    dispatcher = ThreadDispatcher(drain, threads=1)
    while trouble:
        dispatcher.kick("a")
        assert drained.acquire(timeout=TIMEOUT)
    dispatcher.stop()
    messages = [record.message for record in caplog.records if record.name.startswith("publisher")]
    assert sum("trying again until it works" in line for line in messages) == 1
    assert sum("works again" in line for line in messages) == 1
