"""Shares one shifted clock between processes: the system's, plus an offset that is stored in a file."""

from __future__ import annotations

import os
from datetime import datetime, timedelta
from pathlib import Path

from publisher.core.clock import SystemClock


class SharedClock:
    """Reads the offset every time, so that every process sees a jump at once."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._system = SystemClock()

    def now(self) -> datetime:
        return self._system.now() + timedelta(seconds=float(self._file.read_text(encoding="ascii")))

    def move(self, offset: timedelta) -> None:
        """Replaces the offset atomically."""
        fresh = self._file.with_suffix(".new")
        fresh.write_text(repr(offset.total_seconds()), encoding="ascii")
        os.replace(fresh, self._file)

    def offset_to(self, instant: datetime) -> timedelta:
        """Returns the offset that makes `instant` the present."""
        return instant - self._system.now()
