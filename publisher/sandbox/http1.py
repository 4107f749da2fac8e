"""Serves a sandbox platform over plain HTTP/1.1 on loopback, and drops connections on request."""

from __future__ import annotations

import contextlib
import socket
import struct
import sys
import threading
import time
from collections.abc import Callable
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qsl, urlsplit

from publisher.sandbox.wire import Answer, DrippingPart, Request

LOOPBACK = "127.0.0.1"
MAX_BODY_BYTES = 128 * 1024 * 1024
CHUNK_BYTES = 64 * 1024


class HttpServer:
    """Passes each request on loopback to `answer`.

    `refuse`, when given, decides about every new connection; a refused one is reset before a
    byte of it is read.
    """

    def __init__(
        self, answer: Callable[[Request], Answer], *, port: int = 0, refuse: Callable[[], bool] | None = None
    ) -> None:
        self._server = _Server(answer, port, refuse or (lambda: False))
        self.port = int(self._server.server_address[1])
        self.url = f"http://{LOOPBACK}:{self.port}"

    @property
    def channel_settings(self) -> dict[str, str]:
        """Returns the settings of a channel that lead to this server."""
        return {"base_url": self.url}

    def start(self) -> None:
        threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, name=f"http-{self.port}", daemon=True
        ).start()

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def __init__(self, answer: Callable[[Request], Answer], port: int, refuse: Callable[[], bool]) -> None:
        self.answer = answer
        self.refuse = refuse
        super().__init__((LOOPBACK, port), _Handler)

    def handle_error(self, request: object, client_address: object) -> None:
        """Logs an error, unless the client hung up, which some faults provoke."""
        if not isinstance(sys.exc_info()[1], ConnectionError):
            super().handle_error(request, client_address)  # type: ignore[arg-type]

    def verify_request(self, request: object, client_address: object) -> bool:
        if not self.refuse():
            return True
        if isinstance(request, socket.socket):
            abort(request)
        return False


def abort(connection: socket.socket) -> None:
    """Closes a connection with a reset, as a crashed peer would."""
    with contextlib.suppress(OSError):
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return ""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: _Server

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the library's own name
        """Logs nothing: the ledger lists what was posted."""

    def _serve(self) -> None:
        stated = self.headers.get("content-length") or "0"
        if not (stated.isascii() and stated.isdigit()):
            self.close_connection = True  # Where its body ends is unknown.
            self._send(Answer.of_text(400, "Content-Length must be a number of bytes"))
            return
        # Longer numbers are too large for a body, and the longest ones for Python to read.
        length = int(stated[:20])
        if length > MAX_BODY_BYTES:
            self.close_connection = True
            self._send(Answer.of_text(413, "too large"))
            return
        body = self.rfile.read(length)
        if len(body) < length:
            # The body was cut in mid-transfer, so the request is not carried out.
            self._drop_connection()
            return
        try:
            parsed = urlsplit(self.path)
        except ValueError:
            self._send(Answer.of_text(400, "there is no such address"))
            return
        host = self.headers.get("host", "")
        request = Request(
            method=self.command,
            url=f"http://{host}{self.path}",
            host=host.partition(":")[0],
            path=parsed.path,
            query=dict(parse_qsl(parsed.query, keep_blank_values=True)),
            headers={name.lower(): value for name, value in self.headers.items()},
            body=body,
        )
        self._send(self.server.answer(request))

    def _send(self, answer: Answer) -> None:
        if answer.delay:
            time.sleep(answer.delay)
        if answer.silent:
            self._wait_for_the_client_to_leave()
        if answer.silent or answer.cut_at == 0:
            self._drop_connection()
            return
        # Head and body leave in one write: apart, the second one would wait for the client's late acknowledgement.
        body = b"" if self.command == "HEAD" else answer.body[: answer.cut_at]
        self._write(self._head(answer), body, answer)
        if answer.cut_at is not None:
            self._drop_connection()

    def _write(self, head: bytes, body: bytes, answer: Answer) -> None:
        at_once = 0 if answer.drips is DrippingPart.HEAD else len(head) if answer.drips else len(head + body)
        self.wfile.write((head + body)[:at_once])
        for byte in (head + body)[at_once:]:
            time.sleep(answer.seconds_per_byte)
            self.wfile.write(bytes([byte]))

    def _wait_for_the_client_to_leave(self) -> None:
        with contextlib.suppress(ConnectionError):
            while self.connection.recv(CHUNK_BYTES):
                continue

    def _head(self, answer: Answer) -> bytes:
        """Returns the status line and the headers, with the empty line after them."""
        headers = {"Date": self.date_time_string(), **answer.headers, "Content-Length": str(len(answer.body))}
        lines = [f"{self.protocol_version} {answer.status} {_phrase(answer.status)}"]
        lines += [f"{name}: {value}" for name, value in headers.items()]
        return "".join(f"{line}\r\n" for line in [*lines, ""]).encode("latin-1")

    def _drop_connection(self) -> None:
        self.close_connection = True
        with contextlib.suppress(OSError):
            self.connection.shutdown(socket.SHUT_RDWR)

    do_GET = do_POST = do_PUT = do_DELETE = do_PATCH = do_HEAD = _serve  # noqa: N815
