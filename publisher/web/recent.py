"""What pages are made of, kept for as long as nothing happens."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Generic, TypeVar

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from publisher.db.models import Event

T = TypeVar("T")

LASTS = timedelta(seconds=5)
"""What the clock alone brings about is seen this late."""


class Recent(Generic[T]):
    """One value, worked out from the database: anew when something happened since, and when it grew old.

    Whatever is changed leaves an event in the same transaction, so that the newest event tells.
    The value is shared by many threads, and must not be changed.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._kept: tuple[int, datetime, T] | None = None

    def get(self, session: Session, now: datetime, make: Callable[[], T]) -> T:
        """The kept value, or what `make` reads in this transaction."""
        newest = session.scalar(select(func.max(Event.id))) or 0
        with self._lock:
            kept = self._kept
        if kept is not None and kept[0] == newest and timedelta(0) <= now - kept[1] < LASTS:
            return kept[2]
        made = make()
        with self._lock:
            self._kept = (newest, now, made)
        return made
