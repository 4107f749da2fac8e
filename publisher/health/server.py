"""Serves the probes of a process at an address of their own, for a supervisor and for Prometheus."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Coroutine
from contextvars import copy_context
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from publisher.core.errors import SettingsError
from publisher.core.http_connections import BoundedConfig, ConnectionLimits
from publisher.core.http_server import HttpServer, bind
from publisher.core.listening_socket import ListeningSocket
from publisher.core.logs import get_logger
from publisher.core.messages import _
from publisher.desk import Desk
from publisher.health.probe_access import TOKEN_NEEDED, holds_probe_token, listens_to_this_machine_alone
from publisher.health.probes import NOT_STORED, answer_metrics, answer_ready

PROBE_FAILED = "The probe failed, because the program has a fault there. The log says where; report it.\n"
LIMITS = ConnectionLimits(total=16, per_address=16, closes_busy=True)
"""Few callers are right here. A new one closes the oldest that asks nothing, or else the oldest of all."""
STOP_SECONDS = 1
"""So long an answer that has begun may take when the server stops."""
MAX_ANSWERS = 8
"""So many answers are made at once; one that hangs counts."""


class HealthServer:
    """Serves the probes in a thread of its own from `start` to `stop`. Port 0: any that is free."""

    def __init__(self, desk: Desk, host: str, port: int, limits: ConnectionLimits = LIMITS) -> None:
        self._desk = desk
        self._host = host
        self._configured_port = port
        self._limits = limits
        self._server: HttpServer | None = None

    @property
    def port(self) -> int:
        """Returns the port that it listens on; before the start, the configured one."""
        return self._server.port if self._server else self._configured_port

    @property
    def connections(self) -> int:
        """Returns how many connections are open."""
        return self._server.connections if self._server else 0

    def start(self) -> None:
        """Starts to serve, and returns when requests can come. Each connection is closed after its answer.

        Otherwise callers that go on sending a large body would keep their places.

        Raises:
            SettingsError: the address can't be used; the message is one sentence.
        """
        config = BoundedConfig(
            probe_application(self._desk, is_for_this_machine=listens_to_this_machine_alone(self._host)),
            self._limits,
            name="health",
            lifespan="off",
            ws="none",
            timeout_graceful_shutdown=STOP_SECONDS,
            headers=[("connection", "close")],
        )
        server = HttpServer(config, self._bind(), name="health")
        if not server.start():
            raise SettingsError(
                _("the probes could not be served at port {port}; the log says why", port=self._configured_port)
            )
        self._server = server
        get_logger("health").info("answering", host=self._host, port=self.port)

    def _bind(self) -> ListeningSocket:
        try:
            return bind(self._host, self._configured_port, name="health")
        except OSError as error:
            raise SettingsError(
                _(
                    "health.port {port} at {host} can't be used ({reason}); choose another port or address",
                    port=self._configured_port,
                    host=self._host,
                    reason=error.strerror or str(error),
                )
            ) from error

    def stop(self) -> None:
        """Closes the listener, and waits for a moment for answers that have begun."""
        if self._server is not None:
            self._server.stop()
            self._server = None


def probe_application(desk: Desk, *, is_for_this_machine: bool) -> Starlette:
    """Makes the application with the probes alone. `is_for_this_machine`: no other can reach it, so all is told."""

    def may_know(request: Request) -> bool:
        return is_for_this_machine or holds_probe_token(request.headers.get("authorization", ""))

    def ready(request: Request) -> Response:
        return answer_ready(desk, with_reasons=may_know(request))

    def metrics(request: Request) -> Response:
        return answer_metrics(desk) if may_know(request) else _token_needed()

    async def healthz(_request: Request) -> Response:
        """Answers from the event loop, whatever the threads that make the other answers wait for."""
        return PlainTextResponse("alive\n", headers=NOT_STORED)

    threads = _AnswerThreads()
    routes = [
        Route("/healthz", healthz),
        Route("/readyz", threads.endpoint(ready)),
        Route("/metrics", threads.endpoint(metrics)),
    ]
    paths = ", ".join(route.path for route in routes)

    async def not_found(request: Request, error: Exception) -> Response:
        if request.method not in ("GET", "HEAD"):
            return await not_supported(request, error)
        return PlainTextResponse(f"There are only {paths}.\n", 404, NOT_STORED)

    async def not_supported(_request: Request, _error: Exception) -> Response:
        return PlainTextResponse("There are only GET and HEAD.\n", 501, NOT_STORED)

    return Starlette(routes=routes, exception_handlers={404: not_found, 405: not_supported})


def _token_needed() -> Response:
    return PlainTextResponse(TOKEN_NEEDED, 401, {**NOT_STORED, "WWW-Authenticate": 'Bearer realm="publisher"'})


def _log_failure(probe: Callable[[Request], Response], request: Request) -> Response:
    """Answers for a probe that fails, and logs why."""
    try:
        return probe(request)
    except Exception as error:
        get_logger("health").error("answering a probe failed", path=request.url.path, exc_info=error)
        return PlainTextResponse(PROBE_FAILED, 500, NOT_STORED)


class _AnswerThreads:
    """Makes answers in daemon threads, so that one that hangs keeps neither the server nor the process from ending.

    The framework's own threads would keep both.
    """

    def __init__(self) -> None:
        self._places = asyncio.Semaphore(MAX_ANSWERS)

    def endpoint(self, probe: Callable[[Request], Response]) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Makes the endpoint that answers with what the probe returns."""

        async def answer(request: Request) -> Response:
            await self._places.acquire()
            if await request.is_disconnected():
                self._places.release()
                return Response(status_code=503)
            return await self._start(probe, request)

        return answer

    def _start(self, probe: Callable[[Request], Response], request: Request) -> asyncio.Future[Response]:
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[Response] = loop.create_future()

        def finish(response: Response) -> None:
            self._places.release()
            if not answer.done():
                answer.set_result(response)

        def run() -> None:
            response = _log_failure(probe, request)
            try:
                loop.call_soon_threadsafe(finish, response)
            except RuntimeError:
                get_logger("health").debug("the server stopped before the answer", path=request.url.path)

        threading.Thread(target=copy_context().run, args=(run,), name="health-answer", daemon=True).start()
        return answer
