"""Serves a web server that records its requests and answers as a test wants."""

from __future__ import annotations

import json
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


class PostBox:
    def __init__(self, port: int) -> None:
        self.port = port
        self.requests: list[str] = []
        """Every request: its method and path."""
        self.messages: list[dict[str, Any]] = []
        """The messages that were posted and accepted."""
        self.statuses: dict[str, int] = {}
        """By path, the status to answer with; 200 if there is none."""
        self.redirects: dict[str, str] = {}

    @property
    def apprise(self) -> str:
        """Returns an address for messages with a password in it."""
        return f"json://desk:sekrit-word@127.0.0.1:{self.port}/notify"

    def url(self, path: str) -> str:
        return f"http://127.0.0.1:{self.port}{path}"

    @property
    def titles(self) -> list[str]:
        return [str(message["title"]).removeprefix("Picture of the Day: ") for message in self.messages]

    @property
    def bodies(self) -> str:
        return "\n".join(str(message["message"]) for message in self.messages)


@contextmanager
def open_post_box(tls: ssl.SSLContext | None = None) -> Iterator[PostBox]:
    class Handler(BaseHTTPRequestHandler):
        def _answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            box.requests.append(f"{self.command} {self.path}")
            status = box.statuses.get(f"{self.command} {self.path}", box.statuses.get(self.path, 200))
            if body and status == 200:
                box.messages.append(json.loads(body))
            self.send_response(status)
            if self.path in box.redirects:
                self.send_header("Location", box.redirects[self.path])
            self.send_header("Content-Length", "0")
            self.end_headers()

        do_GET = do_HEAD = do_POST = _answer  # noqa: N815 - as the base class names them

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class names it so
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    if tls is not None:
        server.socket = tls.wrap_socket(server.socket, server_side=True)
    box = PostBox(server.server_port)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    yield box
    server.shutdown()
    server.server_close()
    thread.join()
