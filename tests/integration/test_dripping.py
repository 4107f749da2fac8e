"""Tests that requests to given addresses end in time, also when a server drips its answer without an end."""

from __future__ import annotations

import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

import pytest
import structlog

from publisher.alerts import link_check, ping
from publisher.alerts.addresses import PING_VARIABLE
from publisher.alerts.link_check import BrokenLink, check_link
from publisher.cli import run
from publisher.core import name_resolving
from publisher.core.name_resolving import NotResolvedInTime, resolve
from publisher.core.public_hosts import resolve_public_host
from publisher.core.timeouts import CallLimit
from publisher.webhooks import sending
from tests.waiting import TIMEOUT, wait_until

DRIP_SECONDS = 0.02
NOON = datetime(2026, 5, 4, 12, tzinfo=UTC)


@contextmanager
def dripping(begin: bytes) -> Iterator[int]:
    """Starts a server that sends the head of an answer, and then single bytes until the test ends; yields its port."""
    ended = threading.Event()

    def serve(listener: socket.socket) -> None:
        while not ended.is_set():
            try:
                caller, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=drip, args=(caller,), daemon=True).start()

    def drip(caller: socket.socket) -> None:
        with caller:
            try:
                caller.sendall(begin)
                while not ended.wait(DRIP_SECONDS):
                    caller.sendall(b"x")
            except OSError:
                return

    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=serve, args=(listener,), daemon=True).start()
        try:
            yield listener.getsockname()[1]
        finally:
            ended.set()
            listener.shutdown(socket.SHUT_RDWR)


STATUS = b"HTTP/1.1 200 OK\r\nX-Drip: "
TLS = b"\x16\x03\x03\x3f\xff\x02\x00\x3f\xfb"
"""The head of a long TLS record."""


@pytest.mark.parametrize(("scheme", "begin"), [("http", STATUS), ("http", b""), ("https", TLS)])
def test_a_link_whose_server_drips_is_left(monkeypatch: pytest.MonkeyPatch, scheme: str, begin: bytes) -> None:
    monkeypatch.setattr(link_check, "WHOLE_SECONDS", 0.3)
    with dripping(begin) as port, pytest.raises(BrokenLink, match="does not answer within"):
        check_link(f"{scheme}://127.0.0.1:{port}/", loopback=True)


def test_a_link_redirected_between_dripping_servers_has_one_deadline(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(link_check, "WHOLE_SECONDS", 0.5)
    with dripping(STATUS) as port:
        onward = f"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:{port}/\r\nContent-Length: 0\r\n\r\n".encode()
        with dripping(onward) as first, pytest.raises(BrokenLink, match="does not answer within"):
            check_link(f"http://127.0.0.1:{first}/", loopback=True)


def test_a_body_without_an_end_is_not_read() -> None:
    with dripping(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000000\r\n\r\n") as port:
        assert str(check_link(f"http://127.0.0.1:{port}/", loopback=True)) == "answers"


def test_a_webhook_whose_receiver_drips_its_hand_shake_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sending, "WHOLE_SECONDS", 0.3)
    with dripping(TLS) as port:
        outcome = sending.send(f"https://127.0.0.1:{port}/", "whsec_c2VjcmV0", "1", b"{}", private=True, now=NOON)
    assert outcome.status is None
    assert str(outcome.trouble).startswith("it gave no answer")


@pytest.fixture
def hanging_resolver(monkeypatch: pytest.MonkeyPatch) -> Iterator[threading.Semaphore]:
    """Replaces the name server by one that never answers while the test runs, and counts the requests."""
    ended, requests = threading.Event(), threading.Semaphore(0)

    def hang(*_arguments: object, **_options: object) -> list[object]:
        requests.release()
        ended.wait()
        return []

    monkeypatch.setattr(socket, "getaddrinfo", hang)
    monkeypatch.setattr(name_resolving, "_DEFAULT_LIMIT", threading.BoundedSemaphore(3))
    yield requests
    ended.set()


@pytest.mark.usefixtures("hanging_resolver")
def test_a_link_whose_name_server_hangs_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(link_check, "RESOLVE_SECONDS", 0.1)
    with pytest.raises(BrokenLink, match=r"no name server told in time where example\.org is"):
        check_link("https://example.org/", loopback=False)


@pytest.mark.usefixtures("hanging_resolver")
def test_a_link_has_one_deadline_with_its_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(link_check, "WHOLE_SECONDS", 0.1)
    with pytest.raises(BrokenLink):
        check_link("https://example.org/", loopback=False)


@pytest.mark.usefixtures("hanging_resolver")
def test_a_webhook_whose_name_server_hangs_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resolve_public_host, "__defaults__", (0.1,))
    outcome = sending.send("https://example.org/", "whsec_c2VjcmV0", "1", b"{}", private=False, now=NOON)
    assert (outcome.status, str(outcome.trouble)) == (None, "no name server told in time where example.org is")


def test_links_whose_names_hang_keep_no_webhook_back(
    hanging_resolver: threading.Semaphore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(link_check, "_RESOLVER_SLOTS", threading.BoundedSemaphore(1))
    monkeypatch.setattr(link_check, "RESOLVE_SECONDS", 0.01)
    for _ in range(5):
        with pytest.raises(BrokenLink):
            check_link("https://example.org/", loopback=False)
    assert hanging_resolver.acquire(timeout=TIMEOUT)
    with pytest.raises(NotResolvedInTime):
        resolve("example.com", 443, 0.01)
    assert hanging_resolver.acquire(timeout=TIMEOUT), "a webhook's name was asked for"


def test_names_that_hang_do_not_pile_up(hanging_resolver: threading.Semaphore) -> None:
    for _ in range(3):
        with pytest.raises(NotResolvedInTime):
            resolve("example.org", 443, 0.01)
        assert hanging_resolver.acquire(timeout=TIMEOUT)
    with pytest.raises(NotResolvedInTime):
        resolve("example.org", 443, 60)
    assert not hanging_resolver.acquire(blocking=False)


HANGING_PROCESS = """
import socket, threading
from publisher.core.name_resolving import NotResolvedInTime, resolve
socket.getaddrinfo = lambda *_, **__: threading.Event().wait()
try:
    resolve("example.org", 443, 0.01)
except NotResolvedInTime:
    print("left")
"""


def test_a_name_server_that_hangs_keeps_no_process_from_ending() -> None:
    result = subprocess.run(
        [sys.executable, "-c", HANGING_PROCESS], capture_output=True, text=True, timeout=TIMEOUT, check=True
    )
    assert result.stdout == "left\n"


def test_a_ping_that_drips_is_left_and_keeps_the_next_from_piling_up(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(ping, "WHOLE_SECONDS", 0.3)
    monkeypatch.setattr(ping, "_PATIENCE", CallLimit(max_calls=1))
    before = set(threading.enumerate())
    with dripping(STATUS) as port:
        monkeypatch.setenv(PING_VARIABLE, f"http://127.0.0.1:{port}/")
        for _ in range(3):
            ping.Ping().request(NOON)
        new = set(threading.enumerate()) - before
        assert [thread.name for thread in new if thread.name == "health-question"] == ["health-question"]
    assert "did not answer within 0.3 s" in caplog.text


def test_a_process_ends_after_the_signal_whatever_hangs(monkeypatch: pytest.MonkeyPatch) -> None:
    ends: list[int] = []
    monkeypatch.setattr(run, "MAX_STOP_SECONDS", 0.05)
    monkeypatch.setattr("publisher.cli.run.os._exit", ends.append)
    run._end_after_timeout(structlog.stdlib.get_logger())
    wait_until(lambda: ends == [1], "the process ends")
