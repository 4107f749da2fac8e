"""Serves `/healthz`, `/readyz` and `/metrics` in threads of a process."""

from __future__ import annotations

import json
import socket
import sys
import threading
from collections.abc import Callable
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple

from publisher.core.clock import monotonic
from publisher.core.listening_socket import ListeningSocket
from publisher.core.logs import get_logger
from publisher.core.messages import _
from publisher.desk import Desk
from publisher.health.metrics import CONTENT_TYPE, render_metrics
from publisher.health.probe_access import TOKEN_NEEDED, holds_probe_token, listens_to_this_machine_alone
from publisher.health.ready import check_ready, describe_readiness
from publisher.settings import SettingsError

PLAIN_TEXT = "text/plain; charset=utf-8"
PROBE_FAILED = b"The probe failed, because the program has a fault there. The log says where; report it.\n"
CONNECTION_SECONDS = 10.0
"""A connection that has not sent its request and read the answer within so long is closed."""
MAX_CONNECTIONS = 16
"""At most so many connections are open, in a thread each; a new one closes the oldest."""


class Answer(NamedTuple):
    status: HTTPStatus
    content_type: str
    body: bytes


def _healthz(_desk: Desk) -> Answer:
    return Answer(HTTPStatus.OK, PLAIN_TEXT, b"alive\n")


def _readyz(desk: Desk) -> Answer:
    checks = check_ready(desk)
    body = json.dumps(describe_readiness(desk.settings, checks), indent=2) + "\n"
    status = HTTPStatus.OK if all(check.ok for check in checks) else HTTPStatus.SERVICE_UNAVAILABLE
    return Answer(status, "application/json", body.encode())


def _metrics(desk: Desk) -> Answer:
    return Answer(HTTPStatus.OK, CONTENT_TYPE, render_metrics(desk))


def _readyz_without_reasons(desk: Desk) -> Answer:
    status = _readyz(desk).status
    return Answer(status, PLAIN_TEXT, b"ok\n" if status is HTTPStatus.OK else b"not ok\n")


def _token_needed(_desk: Desk) -> Answer:
    return Answer(HTTPStatus.UNAUTHORIZED, PLAIN_TEXT, TOKEN_NEEDED.encode())


PAGES: dict[str, Callable[[Desk], Answer]] = {"/healthz": _healthz, "/readyz": _readyz, "/metrics": _metrics}
PAGES_WITHOUT_TOKEN = {**PAGES, "/readyz": _readyz_without_reasons, "/metrics": _token_needed}
"""The pages for callers without the token, on a listener that other machines can reach."""


class HealthServer:
    """Serves the pages in its own threads from `start` to `stop`. Port 0: any that is free."""

    def __init__(self, desk: Desk, host: str, port: int) -> None:
        self._desk = desk
        self._host = host
        self._configured_port = port
        self._server: _Server | None = None

    @property
    def port(self) -> int:
        """Returns the port that it listens on; before the start, the configured one."""
        return self._server.server_port if self._server else self._configured_port

    def start(self) -> None:
        """Starts to listen, and returns at once.

        Raises:
            SettingsError: the address can't be used; the message is one sentence.
        """
        try:
            self._server = _Server(self._desk, self._host, self._configured_port)
        except OSError as error:
            raise SettingsError(
                _(
                    "health.port {port} at {host} can't be used ({reason}); choose another port or address",
                    port=self._configured_port,
                    host=self._host,
                    reason=error.strerror or str(error),
                )
            ) from error
        threading.Thread(target=self._server.serve_forever, name="health", daemon=True).start()
        get_logger("health").info("answering", host=self._host, port=self.port)

    def stop(self) -> None:
        """Closes the listener, and waits for no answer."""
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()
            self._server = None


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False

    def __init__(self, desk: Desk, host: str, port: int) -> None:
        self.desk = desk
        self.is_for_this_machine = listens_to_this_machine_alone(host)
        self.address_family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self._connections: dict[socket.socket, float] = {}
        """The open connections, the oldest first, each with the monotonic time at which it is closed."""
        self._lock = threading.Lock()
        super().__init__((host, port), _Handler, bind_and_activate=False)
        self.socket.close()
        self.socket = ListeningSocket(self.address_family, "health")
        try:
            self.server_bind()
            self.server_activate()
        except OSError:
            self.server_close()
            raise

    def process_request(self, request: Any, client_address: Any) -> None:
        """Answers in a thread, and closes the oldest connections where there are too many."""
        with self._lock:
            oldest = list(self._connections)[: max(0, len(self._connections) + 1 - MAX_CONNECTIONS)]
            for connection in oldest:
                _close(connection)
                del self._connections[connection]
            self._connections[request] = monotonic() + CONNECTION_SECONDS
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        with self._lock:
            self._connections.pop(request, None)
        super().shutdown_request(request)

    def service_actions(self) -> None:
        """Closes connections that take too long, even if they send or read a byte now and then."""
        now = monotonic()
        with self._lock:
            late = [connection for connection, end in self._connections.items() if now > end]
            for connection in late:
                _close(connection)
                del self._connections[connection]

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Logs an error of a request, at debug level where the caller closed the connection."""
        error = sys.exception()
        if isinstance(error, OSError):
            get_logger("health").debug("a caller closed the connection before the answer", why=str(error))
        else:
            get_logger("health").error("answering a probe failed", exc_info=error)


def _close(connection: socket.socket) -> None:
    """Shuts a connection down, so that the thread that waits for it ends and closes it."""
    try:
        connection.shutdown(socket.SHUT_RDWR)
    except OSError:
        return  # The caller closed it before.


class _Handler(BaseHTTPRequestHandler):
    server: _Server
    server_version = "publisher"
    sys_version = ""
    timeout = CONNECTION_SECONDS

    def do_GET(self) -> None:
        self._answer(with_body=True)

    def do_HEAD(self) -> None:
        self._answer(with_body=False)

    def _answer(self, *, with_body: bool) -> None:
        answer = self._make_answer()
        self.send_response(answer.status)
        self.send_header("Content-Type", answer.content_type)
        self.send_header("Content-Length", str(len(answer.body)))
        self.send_header("Cache-Control", "no-store")
        if answer.status is HTTPStatus.UNAUTHORIZED:
            self.send_header("WWW-Authenticate", 'Bearer realm="publisher"')
        self.end_headers()
        if with_body:
            self.wfile.write(answer.body)

    def _make_answer(self) -> Answer:
        has_access = self.server.is_for_this_machine or holds_probe_token(self.headers.get("Authorization", ""))
        page = (PAGES if has_access else PAGES_WITHOUT_TOKEN).get(self.path.partition("?")[0])
        if page is None:
            return Answer(HTTPStatus.NOT_FOUND, PLAIN_TEXT, f"There are only {', '.join(PAGES)}.\n".encode())
        try:
            return page(self.server.desk)
        except Exception as error:
            get_logger("health").error("answering a probe failed", path=self.path, exc_info=error)
            return Answer(HTTPStatus.INTERNAL_SERVER_ERROR, PLAIN_TEXT, PROBE_FAILED)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class names it so
        get_logger("health").debug("request", what=format % args)
