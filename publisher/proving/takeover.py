"""Two workers that have one delivery at the same time: what a fence is for."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator

from publisher.core.clock import monotonic
from publisher.proving.disturbed import Traps

OVERTAKEN_WITHIN = 30.0
"""Enough for a lease, the look-ups after it and the next claim, and for PostgreSQL to undo what is left lying before.

Whom nobody has overtaken by then is let go.
"""
NOBODY_WITHIN = 5.0
"""So long after the last delivery is at rest, or waits for later, nobody will come who could be overtaken."""
OVERTAKER_SECONDS = 3.0
"""How long the second worker stands still beside the first one, who goes on: less than a request's lease covers."""


class Takeover:
    """Two workers on one delivery: one stands still until another one has it too, then each goes on in turn.

    Both stand at the same milestone, the first one without knowing that its lease is over.
    """

    def __init__(
        self,
        traps: Traps,
        milestone: str,
        numbers: Iterator[int],
        *,
        is_at_rest: Callable[[int], bool],
        is_busy: Callable[[], bool],
    ) -> None:
        self._traps = traps
        self._milestone = milestone
        self._numbers = numbers
        self._is_at_rest = is_at_rest
        self._is_busy = is_busy
        self._first = traps.lay(milestone, next(numbers), signal.SIGSTOP)
        self._second = ""
        self._until = monotonic() + OVERTAKEN_WITHIN
        self._overtaken = False
        self.over = False

    @property
    def happened(self) -> bool:
        """Whether two had it."""
        return self._overtaken

    def step(self) -> None:
        """Go on, if it is time."""
        first = self._traps.taker(self._first)
        if not first:
            self._wait_for_somebody()
            return
        if not self._second:
            self._second = self._traps.lay(self._milestone, next(self._numbers), signal.SIGSTOP, first[1])
            self._until = monotonic() + OVERTAKEN_WITHIN
        if not self._overtaken:
            if self._traps.taker(self._second):
                self._overtaken = True
                self._until = monotonic() + OVERTAKER_SECONDS
                self._traps.let_go(self._first)
            elif self._is_at_rest(first[1]):
                self.end()  # It was found on the platform: nobody else will have it.
        if monotonic() >= self._until:
            self.end()

    def _wait_for_somebody(self) -> None:
        """As long as deliveries are in hand, somebody may come, however slow the machine."""
        if self._is_busy():
            self._until = monotonic() + NOBODY_WITHIN
        elif monotonic() >= self._until:
            self.end()

    def end(self) -> None:
        """Let everybody go who stands still."""
        for name in filter(None, (self._first, self._second)):
            if self._traps.withdraw(name):
                self._traps.let_go(name)
        self.over = True
