"""Notifies open pages of changes by server-sent events.

One task reads the newest event and the session of every listening page once a second. A
stream ends with its session, with the permissions that it was opened with, or after half an hour; a browser that
may still listen asks again by itself.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Collection, Mapping
from dataclasses import dataclass, field
from enum import Enum, auto

from fastapi.concurrency import run_in_threadpool

from publisher.core.clock import monotonic
from publisher.core.logs import get_logger
from publisher.db.event_cache import ChangeMark, change_mark
from publisher.db.staff import WebSession
from publisher.desk import Desk
from publisher.staff.logins import open_sessions
from publisher.staff.roles import Permission, permissions_of

POLL_SECONDS = 1.0
KEEPALIVE_SECONDS = 15.0
"""After so long without a change a comment is sent, so that no proxy closes the connection."""
MAX_SECONDS = 1800.0
MAX_PER_PERSON = 6
"""Pages of one person that listen at once; the oldest is ended for the next."""
MAX_STREAMS = 100
"""Pages of everybody that listen at once: far fewer than the connections, so that pages can always be loaded."""
RETRY_MS = 5_000
DISPLACED_RETRY_MS = 60_000
"""A browser whose stream was displaced asks again after so long, or two would displace each other all the time."""

Permissions = Collection[Permission]


class StreamEnd(Enum):
    """Says why the desk ended a stream."""

    DISPLACED = auto()
    SESSION_OVER = auto()
    """Its session is over, its person is not active any more, or their permissions have changed."""
    TIME_OVER = auto()
    STOPPING = auto()
    NOT_READ = auto()
    """The database could not be read."""


@dataclass(eq=False, slots=True)
class ChangeStream:
    """Holds the state of one page that listens."""

    person_id: int
    token_hash: str
    permissions: Permissions
    mark: ChangeMark
    """The mark of the last change that the page was notified of."""
    opened: float
    """The time at which it was opened, by the monotonic clock."""
    changed: asyncio.Event = field(default_factory=asyncio.Event)
    end: StreamEnd | None = None


class ChangeStreams:
    """Notifies the listening pages of one server. To be used from its event loop alone."""

    def __init__(self, desk: Desk, stopping: threading.Event) -> None:
        self._desk = desk
        self._stopping = stopping
        self._open: dict[ChangeStream, None] = {}
        """In the order in which they came."""
        self._poll_task: asyncio.Task[None] | None = None

    def __len__(self) -> int:
        return len(self._open)

    async def listen(self, session: WebSession, permissions: Permissions) -> AsyncIterator[str]:
        """Yields the server-sent events of one page, until it may listen no longer."""
        mark, _ = await run_in_threadpool(self._read_changes, ())
        stream = ChangeStream(session.person_id, session.token_hash, permissions, mark, monotonic())
        self._admit(stream)
        try:
            yield f"retry: {RETRY_MS}\nid: {mark[0]}\n\n"
            while stream.end is None:
                yield await self._next_message(stream)
            if stream.end is StreamEnd.DISPLACED:
                yield f"retry: {DISPLACED_RETRY_MS}\n\n"
        finally:
            self._open.pop(stream, None)

    async def _next_message(self, stream: ChangeStream) -> str:
        try:
            async with asyncio.timeout(KEEPALIVE_SECONDS):
                await stream.changed.wait()
        except TimeoutError:
            return ": quiet\n\n"
        stream.changed.clear()
        newest = stream.mark[0]
        return ": ends\n\n" if stream.end else f"id: {newest}\nevent: change\ndata: {newest}\n\n"

    def _admit(self, stream: ChangeStream) -> None:
        of_person = [other for other in self._open if other.person_id == stream.person_id]
        if len(of_person) >= MAX_PER_PERSON:
            self._end(of_person[0], StreamEnd.DISPLACED)
        elif len(self._open) >= MAX_STREAMS:
            self._end(next(iter(self._open)), StreamEnd.DISPLACED)
        self._open[stream] = None
        if self._poll_task is None or self._poll_task.done():
            self._poll_task = asyncio.create_task(self._poll())

    def _end(self, stream: ChangeStream, reason: StreamEnd) -> None:
        self._open.pop(stream, None)
        stream.end = reason
        stream.changed.set()

    def _end_all(self, reason: StreamEnd) -> None:
        for stream in list(self._open):
            self._end(stream, reason)

    async def _poll(self) -> None:
        while self._open:
            await asyncio.sleep(POLL_SECONDS)
            if self._stopping.is_set():
                self._end_all(StreamEnd.STOPPING)
                return
            try:
                hashes = tuple({stream.token_hash for stream in self._open})
                mark, permissions = await run_in_threadpool(self._read_changes, hashes)
            except Exception as error:
                get_logger("web").warning("open pages can't be notified of changes", error=type(error).__name__)
                self._end_all(StreamEnd.NOT_READ)
                return
            for stream in list(self._open):
                # A stream that was opened while the database was read is handled the next time.
                if stream.token_hash in hashes:
                    self._notify(stream, mark, permissions.get(stream.token_hash))

    def _notify(self, stream: ChangeStream, mark: ChangeMark, permissions: Permissions | None) -> None:
        if permissions is None or set(permissions) != set(stream.permissions):
            self._end(stream, StreamEnd.SESSION_OVER)
        elif monotonic() - stream.opened > MAX_SECONDS:
            self._end(stream, StreamEnd.TIME_OVER)
        elif mark != stream.mark:
            stream.mark = mark
            stream.changed.set()

    def _read_changes(self, token_hashes: Collection[str]) -> tuple[ChangeMark, Mapping[str, Permissions]]:
        """Reads the newest change mark, and the present permissions of these sessions that are not over."""
        desk = self._desk
        with desk.database.reading() as session:
            mark = change_mark(session)
            still_open = open_sessions(session, token_hashes, desk.now()) if token_hashes else []
            return mark, {web.token_hash: permissions_of(web.person.roles) for web in still_open}
