"""Caches values and pages until an event is recorded or they grow old."""

from __future__ import annotations

import threading
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Generic, TypeVar

from cachetools import LRUCache
from sqlalchemy import Connection, func, select
from sqlalchemy.orm import Session

from publisher.db.models import Event
from publisher.db.session import Database

T = TypeVar("T")

MAX_AGE = timedelta(seconds=5)
"""A cached value is at most so old: some things change by the clock alone, without an event."""
MAX_PAGES = 32
"""Cached pages, of about 100 kB each."""
MAX_LATE_COMMITS = 1000
"""On PostgreSQL an event may become visible after so many others with higher numbers, and is still noticed."""

ChangeMark = tuple[int, int]
"""Differs from another mark when an event was recorded in between."""


def change_mark(connection: Session | Connection) -> ChangeMark:
    """Returns a mark of all recorded events that this transaction sees.

    Every change records an event in the same transaction. SQLite has one writer at a time, so that the newest
    event is enough. On PostgreSQL a transaction that took its number earlier may be committed later: the sum of the
    newest numbers changes with it.
    """
    bind = connection.get_bind() if isinstance(connection, Session) else connection
    newest = select(Event.id).order_by(Event.id.desc())
    newest = newest.limit(MAX_LATE_COMMITS if bind.dialect.name == "postgresql" else 1)
    numbers = newest.subquery()
    row = connection.execute(select(func.max(numbers.c.id), func.sum(numbers.c.id))).one()
    return int(row[0] or 0), int(row[1] or 0)


class CachedValue(Generic[T]):
    """Caches one value that is read from the database, until an event is recorded or it grows old.

    The value is shared by many threads, and must not be changed.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._cached: tuple[ChangeMark, datetime, T] | None = None

    def get(self, session: Session, now: datetime, read: Callable[[], T]) -> T:
        """Returns the cached value, or what `read` reads in this transaction."""
        mark = change_mark(session)
        with self._lock:
            cached = self._cached
        if cached is not None and cached[0] == mark and timedelta(0) <= now - cached[1] < MAX_AGE:
            return cached[2]
        value = read()
        with self._lock:
            self._cached = (mark, now, value)
        return value


@dataclass(slots=True)
class _CachedPage:
    """A rendered page, and the mark that it was rendered at."""

    lock: threading.Lock = field(default_factory=threading.Lock)
    """Taken while the page is rendered: other requests for it wait, instead of rendering it too."""
    mark: ChangeMark = (-1, -1)
    at: datetime | None = None
    content: Any = None

    def is_fresh(self, mark: ChangeMark, now: datetime) -> bool:
        return self.at is not None and mark == self.mark and timedelta(0) <= now - self.at < MAX_AGE


class PageCache:
    """Caches whole rendered pages until an event is recorded or they grow old."""

    def __init__(self, max_pages: int = MAX_PAGES) -> None:
        self._lock = threading.Lock()
        self._pages: LRUCache[Hashable, _CachedPage] = LRUCache(max_pages)
        self._rendering: dict[Hashable, _CachedPage] = {}
        """The pages that are not kept yet: whether one is, its content decides."""

    def __len__(self) -> int:
        return len(self._pages)

    def get(
        self,
        database: Database,
        now: datetime,
        key: Hashable,
        render: Callable[[], T],
        keeps: Callable[[T], bool] = lambda _content: True,
    ) -> T:
        """Returns the cached page, or what `render` renders.

        `key`: all that the page depends on besides the events. `keeps`: decides whether a page is worth a place; one
        that is not pushes out no other.
        """
        # Read before the page is rendered, so that an event in between makes the page too old, never too new.
        with database.asking() as connection:
            mark = change_mark(connection)
        page = self._page(key)
        with page.lock:
            if page.is_fresh(mark, now):
                content: T = page.content
                return content
            is_kept = False
            try:
                content = render()
                page.content, page.mark, page.at = content, mark, now
                is_kept = keeps(content)
            finally:
                self._settle(key, page, is_kept=is_kept)
            return content

    def _page(self, key: Hashable) -> _CachedPage:
        with self._lock:
            page: _CachedPage | None = self._pages.get(key)
            return page if page is not None else self._rendering.setdefault(key, _CachedPage())

    def _settle(self, key: Hashable, page: _CachedPage, *, is_kept: bool) -> None:
        """Gives a rendered page its place, or takes it away."""
        with self._lock:
            if self._rendering.get(key) is page:
                del self._rendering[key]
            if is_kept:
                self._pages[key] = page
            elif self._pages.get(key) is page:
                del self._pages[key]
