"""Waits for the signal that tells a process to stop."""

from __future__ import annotations

import queue
import signal
from types import FrameType

STOP_SIGNALS = (signal.SIGTERM, signal.SIGINT)


class StopSignal:
    """Notes the signals that tell this process to stop, from when it is made; only the main thread may make one.

    A `threading.Event` can't do this: its lock is not reentrant, so a signal that arrives while the main thread is
    about to wait, or a second one while the first is being noted, would wait for the very thread that it interrupted,
    and the process would never end. A `SimpleQueue` may be interrupted by itself.
    """

    def __init__(self, *numbers: signal.Signals) -> None:
        """`numbers`: the signals; without any, SIGTERM and SIGINT."""
        self._received = False
        self._wake: queue.SimpleQueue[None] = queue.SimpleQueue()
        for number in numbers or STOP_SIGNALS:
            signal.signal(number, self._note)

    def _note(self, _number: int, _frame: FrameType | None) -> None:
        self._received = True
        self._wake.put(None)

    def is_set(self) -> bool:
        """Whether such a signal has come."""
        return self._received

    def wait(self, seconds: float | None = None) -> bool:
        """Return when a signal comes, at the latest after so many seconds, and whether one has come."""
        if not self._received:
            try:
                self._wake.get(timeout=seconds)
            except queue.Empty:
                return self._received
        return True
