"""Tests the bytes that the sandbox's servers send."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest

from publisher.sandbox.http1 import LOOPBACK, HttpServer
from publisher.sandbox.http2 import listening_socket
from publisher.sandbox.wire import Answer, Request


@pytest.fixture
def server() -> Iterator[HttpServer]:
    server = HttpServer(_echo)
    server.start()
    yield server
    server.stop()


def _echo(request: Request) -> Answer:
    return Answer.of_json(200, {"path": request.path})


def test_an_answer_leaves_in_one_write(server: HttpServer) -> None:
    """Two writes would delay every second request of a connection by 40 ms, by Nagle's algorithm."""
    with socket.create_connection((LOOPBACK, server.port)) as connection:
        for path in ("/first", "/second"):
            connection.sendall(f"GET {path} HTTP/1.1\r\nHost: sandbox\r\n\r\n".encode())
            received = connection.recv(65536)
            assert received.startswith(b"HTTP/1.1 200 OK\r\n")
            assert received.endswith(f'\r\n\r\n{{"path": "{path}"}}'.encode())


def test_a_head_request_is_answered_without_a_body(server: HttpServer) -> None:
    with socket.create_connection((LOOPBACK, server.port)) as connection:
        connection.sendall(b"HEAD / HTTP/1.1\r\nHost: sandbox\r\nConnection: close\r\n\r\n")
        received = b""
        while chunk := connection.recv(65536):
            received += chunk
    assert b"Content-Length: 13" in received
    assert received.endswith(b"\r\n\r\n")


def test_connections_behind_tls_send_each_write_at_once() -> None:
    with (
        listening_socket(0) as listening,
        socket.create_connection(listening.getsockname()),
        listening.accept()[0] as accepted,
    ):
        assert accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
