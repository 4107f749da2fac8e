"""`/healthz`, `/readyz` and `/metrics`, served beside the work of a process."""

from __future__ import annotations

import json
import socket
import sys
import threading
from collections.abc import Callable
from dataclasses import asdict
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple

from publisher.core.clock import monotonic
from publisher.core.listening_socket import ListeningSocket
from publisher.core.logs import get_logger
from publisher.desk import Desk
from publisher.health.metrics import CONTENT_TYPE, render_metrics
from publisher.health.probe_access import TOKEN_NEEDED, holds_probe_token, listens_to_this_machine_alone
from publisher.health.ready import check_ready
from publisher.settings import SettingsError

PLAIN = "text/plain; charset=utf-8"
CALL_SECONDS = 10.0
"""A caller that did not ask and take the answer within so long is hung up on."""
MAX_CALLERS = 16
"""At most so many are answered at once, in a thread each; the oldest gives way to a newer one."""


class Answer(NamedTuple):
    status: HTTPStatus
    content_type: str
    body: bytes


def _healthz(_desk: Desk) -> Answer:
    return Answer(HTTPStatus.OK, PLAIN, b"alive\n")


def _readyz(desk: Desk) -> Answer:
    checks = check_ready(desk)
    ready = all(check.ok for check in checks)
    body = json.dumps({"ready": ready, "checks": [asdict(check) for check in checks]}, indent=2) + "\n"
    status = HTTPStatus.OK if ready else HTTPStatus.SERVICE_UNAVAILABLE
    return Answer(status, "application/json", body.encode())


def _metrics(desk: Desk) -> Answer:
    return Answer(HTTPStatus.OK, CONTENT_TYPE, render_metrics(desk))


def _readyz_without_reasons(desk: Desk) -> Answer:
    told = _readyz(desk)
    return Answer(told.status, PLAIN, b"ok\n" if told.status is HTTPStatus.OK else b"not ok\n")


def _token_needed(_desk: Desk) -> Answer:
    return Answer(HTTPStatus.UNAUTHORIZED, PLAIN, TOKEN_NEEDED.encode())


PAGES: dict[str, Callable[[Desk], Answer]] = {"/healthz": _healthz, "/readyz": _readyz, "/metrics": _metrics}
PAGES_FOR_STRANGERS = {**PAGES, "/readyz": _readyz_without_reasons, "/metrics": _token_needed}
"""What is told without the token by a listener that other machines can reach."""


class HealthServer:
    """Answers in threads of its own from `start` to `stop`. Port 0: any that is free."""

    def __init__(self, desk: Desk, host: str, port: int) -> None:
        self._desk = desk
        self._host = host
        self._wanted = port
        self._server: _Server | None = None

    @property
    def port(self) -> int:
        """The port that it listens at; as configured before the start."""
        return self._server.server_port if self._server else self._wanted

    def start(self) -> None:
        """Listen, and return at once.

        Raises:
            SettingsError: the address can't be had; the message is one sentence.
        """
        try:
            self._server = _Server(self._desk, self._host, self._wanted)
        except OSError as error:
            raise SettingsError(
                f"health.port {self._wanted} at {self._host} can't be listened at "
                f"({error.strerror or error}); choose another port or address"
            ) from error
        threading.Thread(target=self._server.serve_forever, name="health", daemon=True).start()
        get_logger("health").info("answering", host=self._host, port=self.port)

    def stop(self) -> None:
        """Hang up; answers under way are not waited for."""
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
        self._callers: dict[socket.socket, float] = {}
        """Those that are connected, the oldest first, each with the time by which it is hung up on."""
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
        """Answers in a thread, after hanging up on the oldest caller where there are too many."""
        with self._lock:
            surplus = list(self._callers)[: max(0, len(self._callers) + 1 - MAX_CALLERS)]
            for caller in surplus:
                _hang_up(caller)
                del self._callers[caller]
            self._callers[request] = monotonic() + CALL_SECONDS
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        with self._lock:
            self._callers.pop(request, None)
        super().shutdown_request(request)

    def service_actions(self) -> None:
        """Hangs up on callers that take too long, however little by little they ask or listen."""
        now = monotonic()
        with self._lock:
            late = [caller for caller, end in self._callers.items() if now > end]
            for caller in late:
                _hang_up(caller)
                del self._callers[caller]

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A caller that hung up is no trouble of ours; anything else is told in the log."""
        error = sys.exception()
        if isinstance(error, OSError):
            get_logger("health").debug("a caller was gone before its answer", why=str(error))
        else:
            get_logger("health").error("a question about the health failed", exc_info=error)


def _hang_up(caller: socket.socket) -> None:
    """Wakes the thread that waits for this caller; it then closes the connection."""
    try:
        caller.shutdown(socket.SHUT_RDWR)
    except OSError:
        return  # The caller hung up before.


class _Handler(BaseHTTPRequestHandler):
    server: _Server
    server_version = "publisher"
    sys_version = ""
    timeout = CALL_SECONDS

    def do_GET(self) -> None:
        self._answer(with_body=True)

    def do_HEAD(self) -> None:
        self._answer(with_body=False)

    def _answer(self, *, with_body: bool) -> None:
        answer = self._find()
        self.send_response(answer.status)
        self.send_header("Content-Type", answer.content_type)
        self.send_header("Content-Length", str(len(answer.body)))
        self.send_header("Cache-Control", "no-store")
        if answer.status is HTTPStatus.UNAUTHORIZED:
            self.send_header("WWW-Authenticate", 'Bearer realm="publisher"')
        self.end_headers()
        if with_body:
            self.wfile.write(answer.body)

    def _find(self) -> Answer:
        may_know = self.server.is_for_this_machine or holds_probe_token(self.headers.get("Authorization", ""))
        page = (PAGES if may_know else PAGES_FOR_STRANGERS).get(self.path.partition("?")[0])
        if page is None:
            return Answer(HTTPStatus.NOT_FOUND, PLAIN, f"There are {', '.join(PAGES)}.\n".encode())
        try:
            return page(self.server.desk)
        except Exception as error:
            get_logger("health").error("a question about the health failed", path=self.path, exc_info=error)
            told = f"Something unexpected happened ({type(error).__name__}); the log says where.\n"
            return Answer(HTTPStatus.INTERNAL_SERVER_ERROR, PLAIN, told.encode())

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class names it so
        get_logger("health").debug("asked", what=format % args)
