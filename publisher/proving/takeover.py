"""Lets two workers have one delivery at the same time, to test the fence."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator

from publisher.core.clock import monotonic
from publisher.proving.failure_points import FailurePoints

TAKEOVER_TIMEOUT_SECONDS = 30.0
"""Enough for a lease, the look-ups after it and the next claim, and for PostgreSQL to undo a transaction before.

A worker that nobody has overtaken by then goes on.
"""
IDLE_TIMEOUT_SECONDS = 5.0
"""So long after the last delivery is at rest, or waits for later, no worker will come that could be overtaken."""
SECOND_WORKER_PAUSE_SECONDS = 3.0
"""So long the second worker stands still beside the first one, which goes on: less than a request's lease covers."""


class Takeover:
    """Stops a worker until another one has its delivery too, then lets each go on in turn.

    Both stop at the same milestone, the first one without knowing that its lease is over.
    """

    def __init__(
        self,
        points: FailurePoints,
        milestone: str,
        numbers: Iterator[int],
        *,
        is_at_rest: Callable[[int], bool],
        is_busy: Callable[[], bool],
    ) -> None:
        self._points = points
        self._milestone = milestone
        self._numbers = numbers
        self._is_at_rest = is_at_rest
        self._is_busy = is_busy
        self._first = points.add(milestone, next(numbers), signal.SIGSTOP)
        self._second = ""
        self._until = monotonic() + TAKEOVER_TIMEOUT_SECONDS
        self._overtaken = False
        self.over = False

    @property
    def happened(self) -> bool:
        """Tells whether two workers had the delivery."""
        return self._overtaken

    def step(self) -> None:
        """Takes the next step, if it is time."""
        first = self._points.reached_by(self._first)
        if not first:
            self._wait_for_first_worker()
            return
        if not self._second:
            self._second = self._points.add(self._milestone, next(self._numbers), signal.SIGSTOP, first[1])
            self._until = monotonic() + TAKEOVER_TIMEOUT_SECONDS
        if not self._overtaken:
            if self._points.reached_by(self._second):
                self._overtaken = True
                self._until = monotonic() + SECOND_WORKER_PAUSE_SECONDS
                self._points.resume(self._first)
            elif self._is_at_rest(first[1]):
                self.end()  # It was found on the platform: nobody else will have it.
        if monotonic() >= self._until:
            self.end()

    def _wait_for_first_worker(self) -> None:
        """Waits for a first worker as long as deliveries are in hand, however slow the machine."""
        if self._is_busy():
            self._until = monotonic() + IDLE_TIMEOUT_SECONDS
        elif monotonic() >= self._until:
            self.end()

    def end(self) -> None:
        """Lets both workers go on."""
        for name in filter(None, (self._first, self._second)):
            if self._points.remove(name):
                self._points.resume(name)
        self.over = True
