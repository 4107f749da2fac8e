"""Tests that open connections are limited in number and slowness, and which are closed."""

from __future__ import annotations

import asyncio
import itertools
import socket
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import requests
from sqlalchemy import text
from sqlalchemy.orm import Session
from uvicorn.server import ServerState

from publisher.core.http_connections import BoundedConfig, BoundedConnection, ConnectionLimits
from publisher.core.states import State
from publisher.delivery.row import DeliveryRow
from publisher.desk import Desk
from publisher.starter import write_starter
from publisher.web import rendering
from publisher.web.app import create_app
from publisher.web.pages import deliveries
from publisher.web.server import WebServer
from tests.desk_site import Site, serve_starter_site
from tests.event_loops import run_coroutine
from tests.idle_crowd import idle_crowd
from tests.waiting import TIMEOUT, wait_until

QUICK = ConnectionLimits(total=20, per_address=10, head_seconds=1.0, progress_seconds=1.0, progress_bytes=2000)
LOG_IN = b"POST /login HTTP/1.1\r\nHost: localhost\r\nSec-Fetch-Site: same-origin\r\n"
FORM = b"Content-Type: application/x-www-form-urlencoded\r\nContent-Length: 5000000\r\n\r\n"


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    with serve_starter_site(tmp_path, QUICK) as new_site:
        yield new_site


def connect(site: Site) -> socket.socket:
    return socket.create_connection(("127.0.0.1", site.server.port), timeout=TIMEOUT)


def drip_until_closed(connection: socket.socket, pause: float = 0.02) -> None:
    """Sends one byte after the other until the server hangs up; fails when it never does."""
    ended = time.monotonic() + TIMEOUT
    while time.monotonic() < ended:
        try:
            connection.sendall(b"a")
        except OSError:
            return
        time.sleep(pause)
    raise AssertionError("the server never hung up")


def assert_answers(site: Site) -> None:
    assert requests.get(f"{site.url}/login", timeout=TIMEOUT).status_code == 200


@pytest.mark.parametrize(
    "head",
    [b"", b"GET /log", b"GET /login HTTP/1.1\r\nHost: localhost\r\nX-Slow: "],
    ids=["nothing", "half a line", "half a head"],
)
def test_a_connection_without_a_complete_head_is_closed(site: Site, head: bytes) -> None:
    with connect(site) as connection:
        connection.sendall(head)
        if head:
            drip_until_closed(connection)
        else:
            assert connection.recv(1) == b""
    assert_answers(site)


def test_an_answered_connection_that_drips_the_next_head_is_closed(site: Site) -> None:
    with connect(site) as connection:
        connection.sendall(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert connection.recv(1000).startswith(b"HTTP/1.1 200")
        drip_until_closed(connection)


def test_dripping_bodies_hold_no_thread_and_are_closed(site: Site) -> None:
    with ExitStack() as stack:
        slow = [stack.enter_context(connect(site)) for _ in range(15)]
        for connection in slow:
            connection.sendall(LOG_IN + FORM + b"email=a")
        assert_answers(site)
        drip_until_closed(slow[0])


def test_a_body_that_comes_steadily_is_taken(site: Site) -> None:
    with connect(site) as connection:
        body = b"email=" + b"a" * 9_000
        head = FORM.replace(b"5000000", str(len(body)).encode())
        connection.sendall(LOG_IN + head)
        for begin in range(0, len(body), 600):
            connection.sendall(body[begin : begin + 600])
            time.sleep(0.15)
        assert connection.recv(100).startswith(b"HTTP/1.1 4")


def test_a_connection_that_reads_no_answer_is_closed(site: Site) -> None:
    reader = site.client("admin")
    cookie = "; ".join(f"{name}={value}" for name, value in reader.cookies.items())
    request_bytes = f"GET /api/v1/openapi.json HTTP/1.1\r\nHost: localhost\r\nCookie: {cookie}\r\n\r\n".encode()
    connection = socket.socket()
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
    with connection:
        connection.connect(("127.0.0.1", site.server.port))
        # Answers beyond what the kernel keeps for us.
        connection.setblocking(False)
        for _ in range(60):
            try:
                connection.send(request_bytes)
            except OSError:
                break
        wait_until(lambda: site.server.connections == 0, "the server hangs up")
    assert_answers(site)


def test_idle_connections_give_way_to_a_person(tmp_path: Path) -> None:
    patient = ConnectionLimits(total=20, head_seconds=TIMEOUT)
    with serve_starter_site(tmp_path, patient) as site, idle_crowd(site.server.port, 60) as crowd:
        for _ in range(5):
            assert_answers(site)
            assert site.server.connections <= patient.total
        assert crowd.opened >= 60


def test_half_sent_forms_give_way_to_a_person(tmp_path: Path) -> None:
    patient = ConnectionLimits(total=20, head_seconds=TIMEOUT, progress_seconds=TIMEOUT)
    with serve_starter_site(tmp_path, patient) as site, idle_crowd(site.server.port, 40, LOG_IN + FORM + b"email=a"):
        assert_answers(site)


def test_one_address_takes_its_share_and_no_more(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("publisher.core.http_connections._is_loopback", lambda _address: False)
    limits = ConnectionLimits(total=20, per_address=4, head_seconds=TIMEOUT)
    with serve_starter_site(tmp_path, limits) as site, idle_crowd(site.server.port, 12):
        assert site.server.connections <= 4
        assert_answers(site)


@pytest.mark.parametrize(("files", "total", "per_address"), [(256, 64, 32), (140, 8, 4), (65_536, 500, 100)])
def test_one_address_never_takes_all_where_few_files_may_be_open(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, files: int, total: int, per_address: int
) -> None:
    monkeypatch.setattr("publisher.core.open_file_limit.resource.getrlimit", lambda _: (files, files))
    write_starter(tmp_path)
    desk = Desk(tmp_path / "config" / "publisher.toml")
    server = WebServer(desk, host="127.0.0.1", port=0)
    limits = server._server._config.connections.limits
    server._server._socket.close()
    desk.database.close()
    assert (limits.total, limits.per_address) == (total, per_address)


@pytest.mark.parametrize("total", [1, 16, 500])
def test_one_burst_never_replaces_all_open_connections(total: int) -> None:
    config = BoundedConfig(_no_application, ConnectionLimits(total=total), name="test")
    assert 1 <= config.backlog <= max(1, total // 2)


def test_a_proxy_may_have_more_than_one_address(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("publisher.core.http_connections._is_loopback", lambda _address: False)
    limits = ConnectionLimits(total=20, per_address=4, shared_addresses={"127.0.0.1"}, head_seconds=TIMEOUT)
    with serve_starter_site(tmp_path, limits) as site, idle_crowd(site.server.port, 12):
        wait_until(lambda: site.server.connections == 12, "all are open")


def test_where_every_connection_is_at_work_a_new_one_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    go_on, at_work, page = threading.Event(), threading.Semaphore(0), rendering.page

    def slow(*arguments: Any, **options: Any) -> Any:
        at_work.release()
        assert go_on.wait(TIMEOUT)
        return page(*arguments, **options)

    monkeypatch.setattr("publisher.web.pages.archive.page", slow)
    with serve_starter_site(tmp_path, ConnectionLimits(total=3)) as site, ThreadPoolExecutor(3) as many:
        clients = [site.client("admin") for _ in range(3)]
        answers = [many.submit(client.get, "/posts", timeout=TIMEOUT) for client in clients]
        for _ in answers:
            assert at_work.acquire(timeout=TIMEOUT)
        refusal = requests.get(f"{site.url}/login", timeout=TIMEOUT)
        assert (refusal.status_code, refusal.headers["retry-after"]) == (503, "5")
        go_on.set()
        assert [answer.result().status_code for answer in answers] == [200, 200, 200]


class PeerTransport(asyncio.Transport):
    """Stands in for the transport of a connection from an address that this machine does not have."""

    def __init__(self, address: str) -> None:
        super().__init__({"peername": (address, 50_000, 0, 0), "sockname": ("::", 80)})
        self.written = b""
        self.is_closed = False

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.written += data

    def abort(self) -> None:
        self.is_closed = True

    def is_closing(self) -> bool:
        return self.is_closed

    def get_write_buffer_size(self) -> int:
        return 0

    close = abort


async def connect_from(addresses: Sequence[str], limits: ConnectionLimits) -> list[PeerTransport]:
    """Has one connection after the other come from these addresses, to a server that has nothing else to do."""
    config = BoundedConfig(_no_application, limits, name="test")
    config.load()
    transports = [PeerTransport(address) for address in addresses]
    for transport in transports:
        BoundedConnection(config=config, server_state=ServerState(), app_state={}).connection_made(transport)
    await asyncio.sleep(0)
    return transports


async def crowd_out(half_sent: int, limits: ConnectionLimits) -> list[bool]:
    """Has half-sent forms come, a newcomer that has sent nothing yet, and one more of each; says who was closed."""
    config = BoundedConfig(_never_answers, limits, name="test")
    config.load()

    def connect(number: int, content: bytes) -> PeerTransport:
        transport = PeerTransport(f"203.0.113.{number}")
        connection = BoundedConnection(config=config, server_state=ServerState(), app_state={})
        connection.connection_made(transport)
        if content:
            connection.data_received(content)
        return transport

    half = LOG_IN + FORM + b"email=a"
    contents = [*[half] * half_sent, b"", half, b""]
    transports = [connect(number, data) for number, data in enumerate(contents)]
    return [transport.is_closed for transport in transports]


async def _never_answers(_scope: Any, _receive: Any, _send: Any) -> None:
    await asyncio.Event().wait()


def test_a_newcomer_whose_request_is_on_its_way_stays() -> None:
    closed = run_coroutine(crowd_out(3, ConnectionLimits(total=4)))
    assert closed == [True, True, False, False, False, False]


async def _no_application(_scope: Any, _receive: Any, _send: Any) -> None:
    """Is never asked."""


@pytest.mark.parametrize(
    ("addresses", "closed"),
    [
        ([f"2a00:1450:1:2:{number}::1" for number in range(1, 7)], 4),
        ([f"2a00:1450:1:{number}::1" for number in range(1, 7)], 0),
        (["203.0.113.7", "::ffff:203.0.113.7"] * 3, 4),
        ([f"203.0.113.{number}" for number in range(1, 7)], 0),
        (["::ffff:127.0.0.1", "::1"] * 3, 0),
        (["::ffff:198.51.100.1"] * 6, 0),
    ],
    ids=["one /64", "six /64", "IPv4 in two spellings", "six of IPv4", "this machine", "a proxy"],
)
def test_connections_are_counted_by_network(addresses: list[str], closed: int) -> None:
    limits = ConnectionLimits(total=20, per_address=2, shared_addresses={"198.51.100.1"})
    transports = run_coroutine(connect_from(addresses, limits))
    assert [transport.is_closed for transport in transports] == [True] * closed + [False] * (6 - closed)


def test_no_connection_has_a_thread_of_its_own(site: Site) -> None:
    assert_answers(site)
    before = set(threading.enumerate())
    with idle_crowd(site.server.port, 15, LOG_IN + FORM + b"email=a"):
        assert_answers(site)
        # A few more workers may have been started meanwhile, and other tests' threads have ended.
        assert len(set(threading.enumerate()) - before) < 15


def test_a_slow_reader_of_a_large_export_holds_no_transaction(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    at = datetime(2026, 5, 12, 7, tzinfo=UTC)
    row = DeliveryRow(
        id=1, version="held.0", day=at.date(), channel="x", part=1, state=State.HELD, post_id=1, title="A quiet cell",
        language="en", scheduled_at=at, expires_at=at, published_at=None, next_try_at=None, url=None, remote_id=None,
        idempotency_key=None, may_be_public=False, problem=None,
    )  # fmt: skip

    def many(session: Session, _wanted: object) -> Iterator[DeliveryRow]:
        session.execute(text("SELECT 1"))
        yield from itertools.repeat(row, 40_000)

    monkeypatch.setattr(deliveries, "all_deliveries", many)
    with serve_starter_site(tmp_path, ConnectionLimits()) as site:
        answer = site.client("operator").get("/deliveries/export.csv", stream=True, timeout=TIMEOUT)
        with answer:
            pieces = answer.iter_content(1000)
            first = next(pieces)
            assert site.desk.database.engine.pool.status().endswith("Current Checked out connections: 0")
            whole = first + b"".join(pieces)
    assert whole.count(b"\n") == 40_001


def test_who_leaves_in_the_middle_of_a_form_is_no_fault_of_the_desk(
    site: Site, caplog: pytest.LogCaptureFixture
) -> None:
    received = iter([{"type": "http.request", "body": b"email=a", "more_body": True}, {"type": "http.disconnect"}])
    answers: list[Any] = []

    async def receive() -> Any:
        return next(received)

    async def send(message: Any) -> None:
        answers.append(message)

    headers = [(b"host", b"localhost"), (b"sec-fetch-site", b"same-origin"), (b"content-length", b"100")]
    headers.append((b"content-type", b"application/x-www-form-urlencoded"))
    scope: dict[str, Any] = {"type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": "POST"}
    scope |= {
        "path": "/logout",
        "raw_path": b"/logout",
        "query_string": b"",
        "root_path": "",
        "scheme": "http",
        "headers": headers,
    }
    run_coroutine(create_app(site.desk)({**scope, "client": ("127.0.0.1", 4000)}, receive, send))
    assert answers[0]["status"] == 400
    assert "a page failed" not in caplog.text
