"""Tests that a call which hangs is given up after its time limit, and only a few may hang at once."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from publisher.core.timeouts import MAX_OPEN_CALLS, CallTimedOut, call_with_timeout
from tests.waiting import TIMEOUT


@pytest.fixture
def gate() -> Iterator[threading.Event]:
    """Makes an event; calls that wait for it hang until the test is over."""
    opened = threading.Event()
    yield opened
    opened.set()
    for question in [thread for thread in threading.enumerate() if thread.name == "health-question"]:
        question.join(TIMEOUT)


def test_an_answer_and_an_error_come_through() -> None:
    assert call_with_timeout(lambda: 42, TIMEOUT) == 42
    with pytest.raises(ZeroDivisionError):
        call_with_timeout(lambda: 1 // 0, 30)


def test_a_call_that_raises_a_timeout_itself_is_not_called_slow() -> None:
    def give_up() -> None:
        raise TimeoutError("its own")

    with pytest.raises(TimeoutError, match="its own"):
        call_with_timeout(give_up, 30)


def test_hanging_calls_are_counted_until_they_end(gate: threading.Event) -> None:
    for _ in range(MAX_OPEN_CALLS):
        with pytest.raises(CallTimedOut, match=r"it did not answer within 0\.01 s"):
            call_with_timeout(gate.wait, 0.01)
    with pytest.raises(CallTimedOut, match="4 earlier questions to it hang"):
        call_with_timeout(lambda: 42, 0.01)
    gate.set()
    assert call_with_timeout(lambda: 42, TIMEOUT) == 42
