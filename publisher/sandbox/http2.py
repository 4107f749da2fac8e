"""Serves a sandbox platform over TLS 1.3, HTTP/2 or HTTP/1.1, behind a CONNECT proxy on loopback.

A client reaches it as it would reach the platform through a proxy: by the platform's own host
names, with a certificate for them. Every tunnel ends at one local server. The proxy runs here,
so a fault can cut an answer at any byte.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
import ssl
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from urllib.parse import parse_qsl

import trustme
from hypercorn.asyncio import serve
from hypercorn.config import Config
from hypercorn.typing import ASGIReceiveCallable, ASGISendCallable, HTTPScope, Scope

from publisher.sandbox.http1 import LOOPBACK
from publisher.sandbox.tunnel import Tunnel, happens_within
from publisher.sandbox.wire import Answer, DrippingPart, Request


class TlsServer:
    """Passes each request to one of `hosts` to `answer`.

    `refuse` decides about every tunnel; a refused one is answered by the proxy and never reaches
    the server. The ports are bound, and `ca_file` is written, when the object is made.

    Raises:
        OSError: the proxy's port is taken.
    """

    def __init__(
        self,
        answer: Callable[[Request], Answer],
        *,
        hosts: Sequence[str],
        ca_file: Path,
        refuse: Callable[[], bool],
        proxy_port: int = 0,
    ) -> None:
        self._answer = answer
        self._refuse = refuse
        self._hosts = frozenset(hosts)
        self.ca_file = ca_file
        self._proxy_socket = listening_socket(proxy_port)
        self._server_socket = listening_socket(0)
        self._server_port = int(self._server_socket.getsockname()[1])
        self.proxy_url = f"http://{LOOPBACK}:{self._proxy_socket.getsockname()[1]}"
        self._config = _Config(_server_context(hosts, ca_file))
        self._tunnels: dict[int, Tunnel] = {}
        """By the local port from which the tunnel reaches the server, which is how a request names it."""
        self._running = threading.Event()
        self._thread = threading.Thread(target=self._run, name="tls-server", daemon=True)

    @property
    def channel_settings(self) -> dict[str, str]:
        """Returns the settings of a channel that lead to this server."""
        return {"proxy": self.proxy_url, "ca_file": str(self.ca_file)}

    def start(self) -> None:
        """Starts to serve in a thread, and returns when connections are accepted."""
        self._thread.start()
        self._running.wait()

    def stop(self) -> None:
        """Drops every tunnel, and returns when the server has ended."""
        if self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._stopping.set)
            self._thread.join()
        self._proxy_socket.close()
        self._server_socket.close()

    def _run(self) -> None:
        asyncio.run(self._serve())

    async def _serve(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._stopping = asyncio.Event()
        self._tasks = asyncio.TaskGroup()
        async with self._tasks:
            proxy = await asyncio.start_server(self._accept, sock=self._proxy_socket)
            self._config.bind = [f"fd://{self._server_socket.detach()}"]
            self._running.set()
            await serve(self._app, self._config, shutdown_trigger=lambda: self._stopped(proxy))

    async def _stopped(self, proxy: asyncio.Server) -> None:
        await self._stopping.wait()
        proxy.close()
        for tunnel in list(self._tunnels.values()):
            tunnel.abort()

    # --- the proxy ---------------------------------------------------------------------------

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._tasks.create_task(self._connect(reader, writer))

    async def _connect(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.closing(writer), contextlib.suppress(OSError, EOFError, asyncio.LimitOverrunError):
            head = await reader.readuntil(b"\r\n\r\n")
            method, _, rest = head.decode("latin-1").partition(" ")
            target = rest.partition(" ")[0]
            if method != "CONNECT" or target.rpartition(":")[0] not in self._hosts:
                writer.write(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n")
            elif self._refuse():
                writer.write(b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n")
            else:
                await self._tunnel(reader, writer)

    async def _tunnel(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        server_reader, server_writer = await asyncio.open_connection(LOOPBACK, self._server_port)
        port = int(server_writer.get_extra_info("sockname")[1])
        tunnel = self._tunnels[port] = Tunnel(reader, writer, server_reader, server_writer)
        try:
            writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
            await tunnel.run()
        finally:
            del self._tunnels[port]

    # --- the server --------------------------------------------------------------------------

    async def _app(self, scope: Scope, receive: ASGIReceiveCallable, send: ASGISendCallable) -> None:
        if scope["type"] == "lifespan":
            await _run_lifespan(receive, send)
        elif scope["type"] == "http":
            request = await _request(scope, receive)
            if request is None:
                return
            answer = await asyncio.to_thread(self._answer, request)
            if answer.silent:
                await receive()  # It returns when the client leaves.
            elif not await happens_within(self._stopping, answer.delay):
                await self._send(answer, _client_port(scope), send)

    async def _send(self, answer: Answer, port: int, send: ASGISendCallable) -> None:
        tunnel = self._tunnels.get(port)
        if tunnel is not None and answer.cut_at == 0:
            tunnel.abort()
            return
        if tunnel is not None and answer.drips is DrippingPart.HEAD:
            tunnel.seconds_per_byte = answer.seconds_per_byte
        headers = {**answer.headers, "Content-Length": str(len(answer.body))}
        await send(
            {
                "type": "http.response.start",
                "status": answer.status,
                "headers": [(name.lower().encode(), value.encode()) for name, value in headers.items()],
                "trailers": False,
            }
        )
        if answer.drips is DrippingPart.BODY:
            await self._drip(answer, port, send)
            return
        whole = answer.cut_at is None
        await send({"type": "http.response.body", "body": answer.body[: answer.cut_at], "more_body": not whole})
        if tunnel is not None and not whole:
            tunnel.end()

    async def _drip(self, answer: Answer, port: int, send: ASGISendCallable) -> None:
        """Sends a body byte by byte until it ends or the client leaves."""
        for number, byte in enumerate(answer.body, start=1):
            if await happens_within(self._stopping, answer.seconds_per_byte) or port not in self._tunnels:
                return
            more = number < len(answer.body)
            await send({"type": "http.response.body", "body": bytes([byte]), "more_body": more})


def listening_socket(port: int) -> socket.socket:
    """Binds a port whose connections send each write at once.

    Asyncio sets that only on connections whose protocol is named, and those of `create_server` do not name it.
    """
    listening = socket.create_server((LOOPBACK, port), backlog=128)
    listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return listening


async def _run_lifespan(receive: ASGIReceiveCallable, send: ASGISendCallable) -> None:
    await receive()
    await send({"type": "lifespan.startup.complete"})
    await receive()
    await send({"type": "lifespan.shutdown.complete"})


async def _request(scope: HTTPScope, receive: ASGIReceiveCallable) -> Request | None:
    """Reads a whole request. None: its client left before the end of it."""
    body = bytearray()
    while True:
        event = await receive()
        if event["type"] != "http.request":
            return None
        body += event.get("body", b"")
        if not event.get("more_body"):
            break
    headers: dict[str, str] = {}
    for raw_name, raw_value in scope["headers"]:
        name, value = raw_name.decode("latin-1").lower(), raw_value.decode("latin-1")
        # HTTP/2 may send a cookie in pieces.
        headers[name] = f"{headers[name]}; {value}" if name in headers else value
    path, query = scope["raw_path"].decode("latin-1"), scope["query_string"].decode("latin-1")
    host = headers.get("host", "")
    if len(body) < int(headers.get("content-length", 0)):
        return None
    return Request(
        method=scope["method"],
        url=f"https://{host}{path}{'?' if query else ''}{query}",
        host=host.partition(":")[0],
        path=path,
        query=dict(parse_qsl(query, keep_blank_values=True)),
        headers=headers,
        body=bytes(body),
    )


def _client_port(scope: HTTPScope) -> int:
    client = scope["client"]
    return int(client[1] or 0) if client else 0


class _Config(Config):
    """Configures Hypercorn with a certificate that is never written to a file."""

    def __init__(self, context: ssl.SSLContext) -> None:
        self._context = context
        self.include_date_header = False
        self.errorlog = logging.getLogger(__name__)
        self.errorlog.setLevel(logging.WARNING)

    @property
    def ssl_enabled(self) -> bool:
        return True

    def create_ssl_context(self) -> ssl.SSLContext:
        return self._context


def _server_context(hosts: Sequence[str], ca_file: Path) -> ssl.SSLContext:
    """Makes a TLS 1.3 context with a certificate for `hosts`, and writes its authority to `ca_file`."""
    authority = trustme.CA()
    ca_file.parent.mkdir(parents=True, exist_ok=True)
    authority.cert_pem.write_to_path(str(ca_file))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.set_alpn_protocols(["h2", "http/1.1"])
    authority.issue_cert(*hosts).configure_cert(context)
    return context
