"""What pages are made of, kept for as long as nothing happens."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Generic, TypeVar

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from publisher.db.models import Event
from publisher.db.session import Database

T = TypeVar("T")

LASTS = timedelta(seconds=5)
"""What the clock alone brings about is seen this late."""
MAX_PAGES = 32
"""So many rendered pages are kept, of about 100 kB each."""


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


@dataclass(slots=True)
class _Rendered:
    """A page as it was sent, and what it was made from."""

    lock: threading.Lock = field(default_factory=threading.Lock)
    """Held while it is made: whoever else asks for it waits, instead of making it too."""
    event: int = -1
    at: datetime | None = None
    body: bytes = b""

    def is_of(self, event: int, now: datetime) -> bool:
        return self.at is not None and event == self.event and timedelta(0) <= now - self.at < LASTS


class RenderedPages:
    """Keeps whole pages as they were rendered, for as long as nothing happens."""

    def __init__(self, most: int = MAX_PAGES) -> None:
        self._most = most
        self._lock = threading.Lock()
        self._pages: OrderedDict[Hashable, _Rendered] = OrderedDict()

    def __len__(self) -> int:
        return len(self._pages)

    def get(self, database: Database, now: datetime, key: Hashable, make: Callable[[], bytes]) -> bytes:
        """Returns the kept page, or what `make` renders. `key`: all that the page depends on besides the events."""
        # Read before the page is made: what happens in between makes it too old, never too new.
        with database.asking() as connection:
            newest = connection.scalar(select(func.max(Event.id))) or 0
        page = self._page(key)
        with page.lock:
            if not page.is_of(newest, now):
                page.body = make()
                page.event, page.at = newest, now
            return page.body

    def _page(self, key: Hashable) -> _Rendered:
        with self._lock:
            page = self._pages.setdefault(key, _Rendered())
            self._pages.move_to_end(key)
            while len(self._pages) > self._most:
                self._pages.popitem(last=False)
            return page
