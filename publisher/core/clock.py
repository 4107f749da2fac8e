"""The only reading of the time. Everything else is told what time it is, or asks a `Clock`."""

from __future__ import annotations

import threading
import time
from datetime import UTC, datetime, timedelta
from typing import Protocol


class Clock(Protocol):
    def now(self) -> datetime:
        """The present instant, aware, in UTC."""
        ...


class SystemClock:
    def now(self) -> datetime:
        return datetime.now(UTC)


class ShiftedClock:
    """The system clock moved by an offset that can be changed.

    Days may be jumped over while leases, timeouts and pauses keep their true length; a
    clock that merely ran faster would shrink them to nothing.
    """

    def __init__(self, offset: timedelta = timedelta(0)) -> None:
        self._lock = threading.Lock()
        self._offset = offset

    @property
    def offset(self) -> timedelta:
        with self._lock:
            return self._offset

    def now(self) -> datetime:
        return datetime.now(UTC) + self.offset

    def shift_to(self, instant: datetime) -> timedelta:
        """Make `instant` the present, and return the new offset from the system clock."""
        with self._lock:
            self._offset = instant - datetime.now(UTC)
            return self._offset


class FixedClock:
    """A clock that stands still until it is set. For rehearsals and tests."""

    def __init__(self, instant: datetime) -> None:
        self.instant = instant

    def now(self) -> datetime:
        return self.instant

    def advance(self, **duration: float) -> None:
        self.instant += timedelta(**duration)


_STEADY = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)


def monotonic() -> float:
    """Seconds that never run backwards; where the system can tell, time spent suspended counts too.

    A lease is measured by it, and a machine that slept has lost its lease.
    """
    return time.clock_gettime(_STEADY)


SET_SECONDS = 1.0
"""A clock that is kept right moves by far less between two looks; more means that somebody set it."""
_AT_ONCE_SECONDS = 0.1


class ClockChange:
    """Notices that the system's clock was set, by comparing it with the one that never runs backwards."""

    def __init__(self) -> None:
        self._difference = _difference()

    def seen(self) -> timedelta | None:
        """By how much the clock was set since the last look; negative: back. None: it was not."""
        before, self._difference = self._difference, _difference()
        change = self._difference - before
        return timedelta(seconds=change) if abs(change) > SET_SECONDS else None


def _difference() -> float:
    """The system's clock less the monotonic one, both read at the same moment."""
    while True:
        before = monotonic()
        now = datetime.now(UTC).timestamp()
        if monotonic() - before < _AT_ONCE_SECONDS:
            return now - before


def sleep(seconds: float) -> None:
    """The only pause that code outside the tests may take."""
    time.sleep(seconds)
