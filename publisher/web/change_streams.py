"""Tells open pages that something has happened, by server-sent events: who listens, and for how long.

One task looks for all of them, once a second: at the newest event, and at the session of everyone who listens. A
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
from publisher.db.staff import WebSession
from publisher.desk import Desk
from publisher.staff.logins import open_sessions
from publisher.staff.roles import Permission, permissions_of
from publisher.web.event_cache import ChangeMark, change_mark

POLL_SECONDS = 1.0
KEEPALIVE_SECONDS = 15.0
"""After so long without a change a comment is sent, or a proxy would close the connection."""
MAX_SECONDS = 1800.0
MAX_PER_PERSON = 6
"""So many pages of one person listen at once; the oldest makes room for the next."""
MAX_STREAMS = 100
"""Of everybody. Far fewer than the connections that there may be: pages can always be had."""
RETRY_MS = 5_000
DISPLACED_RETRY_MS = 60_000
"""A browser whose stream made room asks again after so long, or the two would displace each other without pause."""

Permissions = Collection[Permission]


class StreamEnd(Enum):
    """Why a stream was ended by the desk."""

    DISPLACED = auto()
    SESSION_OVER = auto()
    """Its session is over, its person is not active any more, or their permissions have changed."""
    TIME_OVER = auto()
    STOPPING = auto()
    NOT_READ = auto()
    """The database could not be read."""


@dataclass(eq=False, slots=True)
class ChangeStream:
    """One page that listens."""

    person_id: int
    token_hash: str
    permissions: Permissions
    mark: ChangeMark
    """Of what had happened when the page was told the last time."""
    opened: float
    """By the monotonic clock."""
    news: asyncio.Event = field(default_factory=asyncio.Event)
    end: StreamEnd | None = None


class ChangeStreams:
    """The pages of one server that listen. To be used from its event loop alone."""

    def __init__(self, desk: Desk, stopping: threading.Event) -> None:
        self._desk = desk
        self._stopping = stopping
        self._open: dict[ChangeStream, None] = {}
        """In the order in which they came."""
        self._watch: asyncio.Task[None] | None = None

    def __len__(self) -> int:
        return len(self._open)

    async def listen(self, session: WebSession, permissions: Permissions) -> AsyncIterator[str]:
        """Yields the server-sent events of one page, until it may listen no longer."""
        mark, _ = await run_in_threadpool(self._look, ())
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
                await stream.news.wait()
        except TimeoutError:
            return ": quiet\n\n"
        stream.news.clear()
        newest = stream.mark[0]
        return ": ends\n\n" if stream.end else f"id: {newest}\nevent: change\ndata: {newest}\n\n"

    def _admit(self, stream: ChangeStream) -> None:
        of_person = [other for other in self._open if other.person_id == stream.person_id]
        if len(of_person) >= MAX_PER_PERSON:
            self._end(of_person[0], StreamEnd.DISPLACED)
        elif len(self._open) >= MAX_STREAMS:
            self._end(next(iter(self._open)), StreamEnd.DISPLACED)
        self._open[stream] = None
        if self._watch is None or self._watch.done():
            self._watch = asyncio.create_task(self._look_again_and_again())

    def _end(self, stream: ChangeStream, reason: StreamEnd) -> None:
        self._open.pop(stream, None)
        stream.end = reason
        stream.news.set()

    def _end_all(self, reason: StreamEnd) -> None:
        for stream in list(self._open):
            self._end(stream, reason)

    async def _look_again_and_again(self) -> None:
        while self._open:
            await asyncio.sleep(POLL_SECONDS)
            if self._stopping.is_set():
                self._end_all(StreamEnd.STOPPING)
                return
            try:
                hashes = tuple({stream.token_hash for stream in self._open})
                mark, permissions = await run_in_threadpool(self._look, hashes)
            except Exception as error:
                get_logger("web").warning("open pages can't be told of changes", error=type(error).__name__)
                self._end_all(StreamEnd.NOT_READ)
                return
            for stream in list(self._open):
                # One that came while the database was read is looked at the next time.
                if stream.token_hash in hashes:
                    self._tell(stream, mark, permissions.get(stream.token_hash))

    def _tell(self, stream: ChangeStream, mark: ChangeMark, permissions: Permissions | None) -> None:
        if permissions is None or set(permissions) != set(stream.permissions):
            self._end(stream, StreamEnd.SESSION_OVER)
        elif monotonic() - stream.opened > MAX_SECONDS:
            self._end(stream, StreamEnd.TIME_OVER)
        elif mark != stream.mark:
            stream.mark = mark
            stream.news.set()

    def _look(self, token_hashes: Collection[str]) -> tuple[ChangeMark, Mapping[str, Permissions]]:
        """A mark of what has happened, and the present permissions of these sessions, without those that are over."""
        desk = self._desk
        with desk.database.reading() as session:
            mark = change_mark(session)
            still_open = open_sessions(session, token_hashes, desk.now()) if token_hashes else []
            return mark, {each.token_hash: permissions_of(each.person.roles) for each in still_open}
