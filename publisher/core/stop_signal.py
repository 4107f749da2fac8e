"""Waits for the signal that tells a process to stop."""

from __future__ import annotations

import functools
import os
import select
import signal
from types import FrameType

from publisher.core.clock import monotonic

STOP_SIGNALS = (signal.SIGTERM, signal.SIGINT)
_READ_BYTES = 4096


class StopSignal:
    """Waits for the signals that stop this process, from when it is made; only the main thread may make one.

    The operating system may hand a signal to any thread. Python runs the handler in the main thread, but doesn't wake
    that thread: one that waits for a lock, an event or a queue would go on waiting, and the process would never end.
    So the main thread waits for a pipe, into which the interpreter writes each signal's number at the moment that it
    comes, in whichever thread.
    """

    def __init__(self, *numbers: signal.Signals) -> None:
        """`numbers`: the signals; without any, SIGTERM and SIGINT."""
        self._numbers = frozenset(numbers or STOP_SIGNALS)
        self._received = False
        self._pipe, written = _signal_pipe()
        self._read_pipe()
        signal.set_wakeup_fd(written, warn_on_full_buffer=False)
        for number in self._numbers:
            signal.signal(number, self._note)

    def _note(self, _number: int, _frame: FrameType | None) -> None:
        self._received = True

    def is_set(self) -> bool:
        """Tells whether such a signal has come."""
        return self._received

    def wait(self, seconds: float | None = None) -> bool:
        """Waits until a signal comes, at most so many seconds, and returns whether one has come."""
        until = None if seconds is None else monotonic() + seconds
        poll = select.poll()
        poll.register(self._pipe, select.POLLIN)
        while not self._received:
            left = None if until is None else until - monotonic()
            if left is not None and left <= 0:
                break
            if poll.poll(None if left is None else left * 1000) and self._numbers & self._read_pipe():
                self._received = True
        return self._received

    def _read_pipe(self) -> set[int]:
        """Returns the numbers of the signals that have come since the pipe was read last."""
        numbers: set[int] = set()
        try:
            while read := os.read(self._pipe, _READ_BYTES):
                numbers.update(read)
        except BlockingIOError:
            pass
        return numbers


@functools.cache
def _signal_pipe() -> tuple[int, int]:
    """Makes the one pipe of this process that signals are written to; neither end ever blocks."""
    read, written = os.pipe()
    os.set_blocking(read, False)
    os.set_blocking(written, False)
    return read, written
