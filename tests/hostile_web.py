"""Serves a web of host names on one local port, with servers that answer as a test wants, however rude that is."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from urllib3.util import connection as connections

PUBLIC_ADDRESS = "93.184.216.34"
Act = Callable[[BaseHTTPRequestHandler], None]


@dataclass
class LocalWeb:
    """Holds what is at each address, and which requests came. Names end in `.test`."""

    port: int
    answers: dict[str, Act] = field(default_factory=dict)
    """By host and path, such as `old.test/archive`."""
    requests: list[str] = field(default_factory=list)
    """By host and path, without those for robots.txt."""
    headers: list[dict[str, str]] = field(default_factory=list)
    resolved: dict[str, list[str]] = field(default_factory=dict)
    """The addresses of a name at each question; the last one stays. Others are public."""

    def put(self, place: str, content: bytes | str, media_type: str = "text/html", **headers: str) -> None:
        """Puts a file at an address."""
        body = content.encode() if isinstance(content, str) else content
        self.answers[place] = answer(200, body, **{"content-type": media_type, **headers})

    def redirect(self, place: str, to: str, status: int = 302) -> None:
        self.answers[place] = answer(status, b"", location=to)


def answer(status: int, body: bytes = b"", **headers: str) -> Act:
    """Makes a whole answer. Names of headers have `_` for `-`."""

    def act(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(status)
        for name, value in {"content_length": str(len(body)), **headers}.items():
            handler.send_header(name.replace("_", "-"), value)
        handler.end_headers()
        handler.wfile.write(body)

    return act


def endless(step: Callable[[], bytes], **headers: str) -> Act:
    """Makes an answer without an end: `step` gives its next bytes."""

    def act(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        for name, value in headers.items():
            handler.send_header(name.replace("_", "-"), value)
        handler.end_headers()
        while True:
            handler.wfile.write(step())
            handler.wfile.flush()

    return act


@contextmanager
def open_web(patch: pytest.MonkeyPatch) -> Iterator[LocalWeb]:
    """Opens the web: every name that ends in `.test` is a public machine, which is this server."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            place = f"{self.headers['host'].partition(':')[0]}{self.path}"
            if self.path != "/robots.txt":
                web.requests.append(place)
                web.headers.append({name.lower(): value for name, value in self.headers.items()})
            try:
                web.answers.get(place, answer(404))(self)
            except OSError:
                self.close_connection = True

        def log_message(self, *_arguments: object) -> None:
            """Keeps the output of tests short."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    web = LocalWeb(server.server_address[1])
    _connect_names(patch, web)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield web
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _connect_names(patch: pytest.MonkeyPatch, web: LocalWeb) -> None:
    resolve, connect = socket.getaddrinfo, connections.create_connection

    def find(host: str, port: Any, *arguments: Any, **options: Any) -> Any:
        if not str(host).endswith(".test"):
            return resolve(host, port, *arguments, **options)
        addresses = web.resolved.get(host, [PUBLIC_ADDRESS])
        address = addresses.pop(0) if len(addresses) > 1 else addresses[0]
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port))]

    def open_connection(address: tuple[str, int], *arguments: Any, **options: Any) -> socket.socket:
        there = ("127.0.0.1", web.port) if address[0] == PUBLIC_ADDRESS else address
        return connect(there, *arguments, **options)

    patch.setattr(socket, "getaddrinfo", find)
    patch.setattr(connections, "create_connection", open_connection)
