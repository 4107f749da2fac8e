"""Refuses requests with 503 when too many wait already, and gives memory back after busy times."""

from __future__ import annotations

import asyncio
import hashlib
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from anyio import to_thread
from cachetools import LRUCache
from fastapi import FastAPI, Request, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from publisher.core.logs import get_logger
from publisher.core.memory import give_back_memory
from publisher.web.api.problems import RequestRefused, answer_of, problem_response
from publisher.web.problem_codes import RequestProblem

MAX_WORKERS = 8
"""Threads that work on requests at once, each with memory of its own; other requests wait."""
MAX_WAITING = 64
"""Requests that may wait for a thread. Later ones are refused at once, so that nobody waits for long."""
RETRY_SECONDS = 2
TRIM_SECONDS = 10.0
MIN_BUSY_REQUESTS = 100
"""After so many requests within `TRIM_SECONDS`, memory is given back."""
ALWAYS_ANSWERED = ("/healthz",)
MAX_WAITING_UNKNOWN = MAX_WAITING // 2
"""When so many wait already, only requests with known credentials are taken, and few of each."""
MAX_PER_CREDENTIALS = 16
MAX_REMEMBERED = 500
CREDENTIALS = (b"cookie", b"authorization")


class KnownCredentials:
    """Remembers hashes of the cookies and tokens that were valid of late. They give no access.

    To be used from the event loop of the server alone. The oldest are forgotten.
    """

    def __init__(self) -> None:
        self._hashes: LRUCache[bytes, None] = LRUCache(MAX_REMEMBERED)

    def __contains__(self, credentials: bytes) -> bool:
        return credentials in self._hashes

    def remember(self, credentials: bytes) -> None:
        self._hashes[credentials] = None


def credentials_of(scope: Scope) -> bytes:
    """Returns a hash of the cookies and tokens of a request; empty: it has none."""
    values = [value for name, value in scope["headers"] if name in CREDENTIALS]
    return hashlib.sha256(b"\n".join(values)).digest() if values else b""


def is_authenticated(scope: Scope) -> bool:
    """Decides whether a guard found the person of a request."""
    state = scope.get("state", {})
    return state.get("session") is not None or state.get("holder") is not None


class LoadLimit:
    """Refuses requests while too many wait for a thread. A request whose body is still coming waits for none.

    Half of the places are for known credentials, so that strangers, however many, shut nobody out.
    """

    def __init__(self, app: ASGIApp, *, api_path: str) -> None:
        self._app = app
        self._api = f"{api_path}/"
        self._known = KnownCredentials()
        self._under_way: Counter[bytes] = Counter()
        """Unanswered requests by known credentials."""
        self._arriving = 0
        """Requests that were accepted, and do not wait for a thread yet."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        scope["app"].state.requests += 1
        path: str = scope["path"].removeprefix(scope.get("root_path", ""))
        waiting = self._arriving + to_thread.current_default_thread_limiter().statistics().tasks_waiting
        credentials = credentials_of(scope)
        if path in ALWAYS_ANSWERED or waiting < self._max_waiting(credentials):
            await self._answer(scope, receive, send, credentials)
            return
        get_logger("web").warning("too many requests at once: some are refused")
        response = self._refusal(Request(scope), path)
        response.headers["retry-after"] = str(RETRY_SECONDS)
        await response(scope, receive, send)

    def _max_waiting(self, credentials: bytes) -> int:
        """Returns how many requests may wait while one with these credentials is still accepted."""
        has_reserved_place = credentials in self._known and self._under_way[credentials] < MAX_PER_CREDENTIALS
        return MAX_WAITING if has_reserved_place else min(MAX_WAITING_UNKNOWN, MAX_WAITING)

    def _count_arrival(self) -> None:
        """Counts a request until it waits for a thread, and no longer: nobody is counted twice.

        Many arrive in one turn of the event loop, and each waits for a thread in the next one.
        """
        self._arriving += 1
        asyncio.get_running_loop().call_soon(self._forget_arrival)

    def _forget_arrival(self) -> None:
        self._arriving -= 1

    async def _answer(self, scope: Scope, receive: Receive, send: Send, credentials: bytes) -> None:
        self._count_arrival()
        is_known = credentials in self._known
        if is_known:
            self._under_way[credentials] += 1
        try:
            await self._app(scope, receive, send)
        finally:
            if is_known:
                self._under_way[credentials] -= 1
                if not self._under_way[credentials]:
                    del self._under_way[credentials]
            if credentials and is_authenticated(scope):
                self._known.remember(credentials)

    def _refusal(self, request: Request, path: str) -> Response:
        overloaded = RequestProblem.OVERLOADED()
        if path.startswith(self._api):
            return problem_response(request, answer_of(RequestRefused(503, overloaded)))
        return Response(f"{overloaded}\n", 503, media_type="text/plain; charset=utf-8")


@asynccontextmanager
async def limited_workers(app: FastAPI) -> AsyncIterator[None]:
    """Limits the threads while the application is served, and gives memory back after busy times."""
    to_thread.current_default_thread_limiter().total_tokens = MAX_WORKERS
    trimming = asyncio.create_task(_trim_after_busy_times(app))
    try:
        yield
    finally:
        trimming.cancel()


async def _trim_after_busy_times(app: FastAPI) -> None:
    counted, was_busy = app.state.requests, False
    while True:
        await asyncio.sleep(TRIM_SECONDS)
        is_busy = app.state.requests - counted >= MIN_BUSY_REQUESTS
        counted = app.state.requests
        if is_busy or was_busy:
            await to_thread.run_sync(give_back_memory)
        was_busy = is_busy
