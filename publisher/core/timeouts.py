"""Asking something that may hang, without hanging oneself."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import TypeVar

T = TypeVar("T")

AT_ONCE = 4
"""So many questions may be open: those that hang hold a connection and a thread each."""


class Patience:
    """Asks questions that may hang; so many of them at once, and no more while those hang."""

    def __init__(self, at_once: int) -> None:
        self.at_once = at_once
        self.open = threading.BoundedSemaphore(at_once)


_OF_DATABASE = Patience(AT_ONCE)


class NoAnswer(Exception):
    """Nothing came back in time; the message is a clause."""


def call_with_timeout(ask: Callable[[], T], seconds: float, patience: Patience = _OF_DATABASE) -> T:
    """What `ask` returns or raises, if it does so in time. `patience`: one per thing that is asked.

    A question that hangs is left to itself in a thread that does not keep the process alive.

    Raises:
        NoAnswer: it took longer, or too many earlier questions hang still.
    """
    if not patience.open.acquire(timeout=seconds):
        raise NoAnswer(f"{patience.at_once} earlier questions to it hang")
    answer: Future[T] = Future()
    threading.Thread(target=_ask, args=(ask, answer, patience), name="health-question", daemon=True).start()
    try:
        return answer.result(seconds)
    except TimeoutError:
        if answer.done():
            raise
        raise NoAnswer(f"it did not answer within {seconds:g} s") from None


def _ask(ask: Callable[[], T], answer: Future[T], patience: Patience) -> None:
    try:
        told = ask()
    except Exception as error:
        answer.set_exception(error)
    else:
        answer.set_result(told)
    finally:
        patience.open.release()
