"""Answers a request with 503 at once when too many wait already, and gives memory back after a busy time."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from anyio import to_thread
from fastapi import FastAPI, Request, Response
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Receive, Scope, Send

from publisher.logs import get_logger
from publisher.memory import give_back_memory
from publisher.web.api.problems import answer as problem

MAX_WORKERS = 8
"""Requests that are worked on at once, in a thread each, which keeps memory of its own; others wait their turn."""
MAX_WAITING = 64
"""So many may wait for a thread. Whoever comes then is told at once, and nobody waits for long."""
RETRY_SECONDS = 2
TRIM_SECONDS = 10.0
BUSY_REQUESTS = 100
"""After so many requests within `TRIM_SECONDS`, there is memory to give back."""
TOLD = "The desk has more to do than it can at the moment. Wait a few seconds, then try again."
ALWAYS_ANSWERED = ("/healthz",)


class BoundedLoad:
    """Refuses requests while too many wait for a thread. A request whose body is still coming waits for none."""

    def __init__(self, app: ASGIApp, *, api_path: str) -> None:
        self._app = app
        self._api = f"{api_path}/"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        scope["app"].state.requests += 1
        path: str = scope["path"].removeprefix(scope.get("root_path", ""))
        waiting = to_thread.current_default_thread_limiter().statistics().tasks_waiting
        if waiting < MAX_WAITING or path in ALWAYS_ANSWERED:
            await self._app(scope, receive, send)
            return
        get_logger("web").warning("too many requests at once: some are told to come again")
        response = self._refusal(Request(scope), path)
        response.headers["retry-after"] = str(RETRY_SECONDS)
        await response(scope, receive, send)

    def _refusal(self, request: Request, path: str) -> Response:
        if path.startswith(self._api):
            return problem(request, HTTPException(503, TOLD))
        return Response(f"{TOLD}\n", 503, media_type="text/plain; charset=utf-8")


@asynccontextmanager
async def bounded_workers(app: FastAPI) -> AsyncIterator[None]:
    """Bounds the threads while the application is served, and gives memory back after busy times."""
    to_thread.current_default_thread_limiter().total_tokens = MAX_WORKERS
    trimming = asyncio.create_task(_trim_after_busy_times(app))
    try:
        yield
    finally:
        trimming.cancel()


async def _trim_after_busy_times(app: FastAPI) -> None:
    seen, was_busy = app.state.requests, False
    while True:
        await asyncio.sleep(TRIM_SECONDS)
        is_busy = app.state.requests - seen >= BUSY_REQUESTS
        seen = app.state.requests
        if is_busy or was_busy:
            await to_thread.run_sync(give_back_memory)
        was_busy = is_busy
