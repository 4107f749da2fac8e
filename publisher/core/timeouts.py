"""Calls functions that may hang, each with a timeout."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import TypeVar

from publisher.core.messages import Message, _

T = TypeVar("T")

MAX_OPEN_CALLS = 4
"""So many calls may be open at once: each one that hangs holds a connection and a thread."""


class CallLimit:
    """Bounds how many calls are open at once, those that hang included."""

    def __init__(self, max_calls: int) -> None:
        self.max_calls = max_calls
        self.open = threading.BoundedSemaphore(max_calls)


_DATABASE_CALLS = CallLimit(MAX_OPEN_CALLS)


class CallTimedOut(Exception):
    """A call did not return in time; `text` is a clause."""

    def __init__(self, text: Message) -> None:
        super().__init__(text)
        self.text = text


def call_with_timeout(ask: Callable[[], T], seconds: float, limit: CallLimit = _DATABASE_CALLS) -> T:
    """Calls `ask` and returns or raises what it does. `limit`: bounds the calls of one thing that is asked.

    A call that hangs is left in a thread that does not keep the process alive.

    Raises:
        NoAnswer: it took longer, or too many earlier calls hang still.
    """
    if not limit.open.acquire(timeout=seconds):
        raise CallTimedOut(_("{number} earlier questions to it hang", number=limit.max_calls))
    answer: Future[T] = Future()
    threading.Thread(target=_run_call, args=(ask, answer, limit), name="health-question", daemon=True).start()
    try:
        return answer.result(seconds)
    except TimeoutError:
        if answer.done():
            raise
        raise CallTimedOut(_("it did not answer within {seconds} s", seconds=f"{seconds:g}")) from None


def _run_call(ask: Callable[[], T], answer: Future[T], limit: CallLimit) -> None:
    try:
        result = ask()
    except Exception as error:
        answer.set_exception(error)
    else:
        answer.set_result(result)
    finally:
        limit.open.release()
