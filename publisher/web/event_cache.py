"""What pages are made of, kept for as long as nothing happens."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Generic, TypeVar

from sqlalchemy import Connection, func, select
from sqlalchemy.orm import Session

from publisher.db.models import Event
from publisher.db.session import Database

T = TypeVar("T")

MAX_AGE = timedelta(seconds=5)
"""What the clock alone brings about is seen this late."""
MAX_PAGES = 32
"""So many rendered pages are kept, of about 100 kB each."""
MAX_LATE_COMMITS = 1000
"""On PostgreSQL an event may become visible after others with higher numbers; so many, and it is still noticed."""

ChangeMark = tuple[int, int]
"""Differs from another one when something happened in between."""


def change_mark(connection: Session | Connection) -> ChangeMark:
    """Returns a mark of all that has happened, as far as this transaction sees it.

    Whatever is changed leaves an event in the same transaction. SQLite has one writer at a time, so that the newest
    event tells. On PostgreSQL a transaction that took its number earlier may be committed later: the sum of the
    newest numbers changes with it.
    """
    bind = connection.get_bind() if isinstance(connection, Session) else connection
    newest = select(Event.id).order_by(Event.id.desc())
    newest = newest.limit(MAX_LATE_COMMITS if bind.dialect.name == "postgresql" else 1)
    numbers = newest.subquery()
    found = connection.execute(select(func.max(numbers.c.id), func.sum(numbers.c.id))).one()
    return int(found[0] or 0), int(found[1] or 0)


class CachedValue(Generic[T]):
    """One value, worked out from the database: anew when something happened since, and when it grew old.

    The value is shared by many threads, and must not be changed.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._kept: tuple[ChangeMark, datetime, T] | None = None

    def get(self, session: Session, now: datetime, make: Callable[[], T]) -> T:
        """The kept value, or what `make` reads in this transaction."""
        mark = change_mark(session)
        with self._lock:
            kept = self._kept
        if kept is not None and kept[0] == mark and timedelta(0) <= now - kept[1] < MAX_AGE:
            return kept[2]
        made = make()
        with self._lock:
            self._kept = (mark, now, made)
        return made


@dataclass(slots=True)
class _CachedPage:
    """A page as it was sent, and what it was made from."""

    lock: threading.Lock = field(default_factory=threading.Lock)
    """Held while it is made: whoever else asks for it waits, instead of making it too."""
    mark: ChangeMark = (-1, -1)
    at: datetime | None = None
    body: bytes = b""

    def is_of(self, mark: ChangeMark, now: datetime) -> bool:
        return self.at is not None and mark == self.mark and timedelta(0) <= now - self.at < MAX_AGE


class PageCache:
    """Keeps whole pages as they were rendered, for as long as nothing happens."""

    def __init__(self, most: int = MAX_PAGES) -> None:
        self._most = most
        self._lock = threading.Lock()
        self._pages: OrderedDict[Hashable, _CachedPage] = OrderedDict()

    def __len__(self) -> int:
        return len(self._pages)

    def get(self, database: Database, now: datetime, key: Hashable, make: Callable[[], bytes]) -> bytes:
        """Returns the kept page, or what `make` renders. `key`: all that the page depends on besides the events."""
        # Read before the page is made: what happens in between makes it too old, never too new.
        with database.asking() as connection:
            mark = change_mark(connection)
        page = self._page(key)
        with page.lock:
            if not page.is_of(mark, now):
                page.body = make()
                page.mark, page.at = mark, now
            return page.body

    def _page(self, key: Hashable) -> _CachedPage:
        with self._lock:
            page = self._pages.setdefault(key, _CachedPage())
            self._pages.move_to_end(key)
            while len(self._pages) > self._most:
                self._pages.popitem(last=False)
            return page
