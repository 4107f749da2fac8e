"""Reads the time, in this module alone. Other code gets the time as an argument, or asks a `Clock`."""

from __future__ import annotations

import threading
import time
from datetime import UTC, datetime, timedelta
from typing import Protocol


class Clock(Protocol):
    """Tells the present time."""

    def now(self) -> datetime:
        """Returns the present instant, aware, in UTC."""
        ...


class SystemClock:
    """Tells the time of this machine."""

    def now(self) -> datetime:
        return datetime.now(UTC)


class ShiftedClock:
    """Shifts the system clock by an offset that can be changed.

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
        """Makes `instant` the present, and returns the new offset from the system clock."""
        with self._lock:
            self._offset = instant - datetime.now(UTC)
            return self._offset


class FixedClock:
    """Stands still until it is set. For rehearsals and tests."""

    def __init__(self, instant: datetime) -> None:
        self.instant = instant

    def now(self) -> datetime:
        return self.instant

    def advance(self, **duration: float) -> None:
        self.instant += timedelta(**duration)


_MONOTONIC_CLOCK = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)


def monotonic() -> float:
    """Returns seconds that never run backwards; where the system can tell, time spent suspended counts too.

    A lease is measured by it, and a machine that slept has lost its lease.
    """
    return time.clock_gettime(_MONOTONIC_CLOCK)


MIN_CHANGE_SECONDS = 1.0
"""A clock that is kept right moves by far less between two readings; more means that somebody set it."""
_MAX_READING_SECONDS = 0.1


class ClockChange:
    """Notices that the system's clock was set, by comparing it with the one that never runs backwards."""

    def __init__(self) -> None:
        self._difference = _clock_difference()

    def detect(self) -> timedelta | None:
        """Returns by how much the clock was set since the last call; negative: back. None: it was not set."""
        before, self._difference = self._difference, _clock_difference()
        change = self._difference - before
        return timedelta(seconds=change) if abs(change) > MIN_CHANGE_SECONDS else None


def _clock_difference() -> float:
    """Returns the system's clock less the monotonic one, both read at the same moment."""
    while True:
        before = monotonic()
        now = datetime.now(UTC).timestamp()
        if monotonic() - before < _MAX_READING_SECONDS:
            return now - before


def sleep(seconds: float) -> None:
    """Pauses. Code outside the tests pauses in no other way."""
    time.sleep(seconds)
