"""One request, sent once: each way in which it can end, told apart by whether it may have been carried out."""

from __future__ import annotations

import contextlib
import io
import socket
import ssl
import struct
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import requests
import trustme
import urllib3

from publisher.platforms.errors import PlatformError, Unavailable, Unconfirmed
from publisher.platforms.transport import (
    SentRequest,
    json_object,
    new_session,
    retry_after,
    send_once,
    short_answer,
    was_never_sent,
)

POSTING = SentRequest("Posting", publishing=True)
READING = SentRequest("Reading")
NOW = datetime(2026, 5, 4, 9, 0, tzinfo=UTC)
Script = Callable[[socket.socket], None]


class Peer:
    """A server that does one thing with each connection, and counts them."""

    def __init__(self, script: Script) -> None:
        self.connections = 0
        self.received = b""
        self._script = script
        self._done = threading.Event()
        self._socket = socket.create_server(("127.0.0.1", 0))
        self._socket.settimeout(0.05)
        self.url = f"http://127.0.0.1:{self._socket.getsockname()[1]}"
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def _serve(self) -> None:
        while not self._done.is_set():
            try:
                connection, _ = self._socket.accept()
            except TimeoutError:
                continue
            self.connections += 1
            with connection, contextlib.suppress(OSError):
                connection.settimeout(5)
                self._script(connection)

    def stop(self) -> None:
        self._done.set()
        self._thread.join()
        self._socket.close()


@pytest.fixture
def peer() -> Iterator[Callable[[Script], Peer]]:
    started: list[Peer] = []

    def start(script: Script) -> Peer:
        started.append(Peer(script))
        return started[-1]

    yield start
    for each in started:
        each.stop()


@pytest.fixture
def session() -> Iterator[requests.Session]:
    with new_session("test") as opened:
        yield opened


def answering(answer: bytes) -> Script:
    def script(connection: socket.socket) -> None:
        connection.recv(65536)
        connection.sendall(answer)

    return script


def silent(connection: socket.socket) -> None:
    """Reads, and says nothing until the client has gone."""
    while connection.recv(65536):
        pass


def resetting(connection: socket.socket) -> None:
    connection.recv(65536)
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def closed_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


def end_of(session: requests.Session, url: str, sent: SentRequest, *, seconds: float = 5.0) -> PlatformError:
    with pytest.raises(PlatformError) as caught:
        send_once(session, "POST", url, sent=sent, read_timeout=seconds, data=b"body")
    return caught.value


LOST_ANSWERS: dict[str, Script] = {
    "closed without an answer": answering(b""),
    "reset": resetting,
    "status line cut": answering(b"HTTP/1.1 20"),
    "body cut": answering(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf"),
    "chunk cut": answering(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n40\r\nhalf"),
    "not HTTP": answering(b"SSH-2.0-OpenSSH_9.6\r\n"),
    "encoding that can't be read": answering(
        b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 4\r\n\r\noops"
    ),
}


@pytest.mark.parametrize("script", LOST_ANSWERS.values(), ids=LOST_ANSWERS.keys())
def test_a_lost_answer_leaves_a_publishing_request_unconfirmed(
    peer: Callable[[Script], Peer], session: requests.Session, script: Script
) -> None:
    server = peer(script)
    assert type(end_of(session, server.url, POSTING)) is Unconfirmed
    assert server.connections == 1, "it was sent again"


@pytest.mark.parametrize("script", LOST_ANSWERS.values(), ids=LOST_ANSWERS.keys())
def test_a_lost_answer_to_a_reading_is_no_harm(
    peer: Callable[[Script], Peer], session: requests.Session, script: Script
) -> None:
    assert type(end_of(session, peer(script).url, READING)) is Unavailable


@pytest.mark.parametrize(("sent", "expected"), [(POSTING, Unconfirmed), (READING, Unavailable)])
def test_waiting_for_an_answer_has_an_end(
    peer: Callable[[Script], Peer], session: requests.Session, sent: SentRequest, expected: type[PlatformError]
) -> None:
    began = time.monotonic()
    assert type(end_of(session, peer(silent).url, sent, seconds=0.2)) is expected
    assert time.monotonic() - began < 2


def test_the_time_spent_on_sending_counts(peer: Callable[[Script], Peer], session: requests.Session) -> None:
    """A body that takes most of the time leaves only the rest for the answer."""

    class Slow(io.BytesIO):
        def read(self, size: int | None = -1, /) -> bytes:
            time.sleep(0.25)
            return super().read(size)

    server = peer(silent)
    began = time.monotonic()
    with pytest.raises(Unconfirmed):
        send_once(session, "POST", server.url, sent=POSTING, read_timeout=0.6, data=Slow(b"x"))
    assert time.monotonic() - began < 0.9


@pytest.mark.parametrize("sent", [POSTING, READING])
def test_a_refused_connection_was_never_sent(session: requests.Session, sent: SentRequest) -> None:
    assert type(end_of(session, f"http://127.0.0.1:{closed_port()}", sent)) is Unavailable


def test_an_unknown_name_was_never_sent(session: requests.Session, monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(*_: object, **__: object) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    assert type(end_of(session, "http://nowhere.invalid", POSTING)) is Unavailable


def test_a_dead_proxy_was_never_sent() -> None:
    with new_session("test", proxy=f"http://127.0.0.1:{closed_port()}") as session:
        assert type(end_of(session, "https://example.org", POSTING)) is Unavailable
        assert type(end_of(session, "http://example.org", POSTING)) is Unavailable


def test_a_certificate_that_is_not_trusted_was_never_sent(peer: Callable[[Script], Peer], tmp_path: Path) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    trustme.CA().issue_cert("127.0.0.1").configure_cert(context)
    served = []

    def shake_hands(connection: socket.socket) -> None:
        with context.wrap_socket(connection, server_side=True) as secured:
            served.append(secured.recv(65536))

    server = peer(shake_hands)
    other = tmp_path / "other.pem"
    trustme.CA().cert_pem.write_to_path(str(other))
    with new_session("test", ca_file=other) as session:
        assert type(end_of(session, server.url.replace("http:", "https:"), POSTING)) is Unavailable
    assert served == []


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_an_answer_and_is_not_followed(
    peer: Callable[[Script], Peer], session: requests.Session, status: int
) -> None:
    target = peer(answering(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"))
    server = peer(answering(f"HTTP/1.1 {status} Moved\r\nLocation: {target.url}\r\nContent-Length: 0\r\n\r\n".encode()))
    answer = send_once(session, "POST", server.url, sent=POSTING, read_timeout=5.0, data=b"body")
    assert answer.status_code == status
    assert target.connections == 0


def test_nothing_comes_from_the_environment(
    peer: Callable[[Script], Peer], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    seen = []

    def script(connection: socket.socket) -> None:
        seen.append(connection.recv(65536))
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}")

    server = peer(script)
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login someone password hunter22\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))
    monkeypatch.setenv("HTTP_PROXY", f"http://127.0.0.1:{closed_port()}")
    monkeypatch.setenv("NO_PROXY", "")
    with new_session("the desk") as session:
        answer = send_once(session, "GET", server.url, sent=READING, read_timeout=5.0)
    assert answer.status_code == 200
    assert b"Authorization" not in seen[0]
    assert b"User-Agent: the desk" in seen[0]


def every_kind() -> Iterator[requests.RequestException]:
    """One error of each kind that `requests` has."""
    for kind in vars(requests.exceptions).values():
        if isinstance(kind, type) and issubclass(kind, requests.RequestException):
            # One kind takes other arguments; none of them matters here.
            yield kind.__new__(kind, "why")


def test_only_these_kinds_say_that_nothing_was_sent() -> None:
    """A new kind in `requests` must be judged by a person before it counts as never sent."""
    kinds = list(every_kind())
    assert len(kinds) > 20
    assert {type(error).__name__ for error in kinds if was_never_sent(error)} == {
        "ConnectTimeout",
        "ProxyError",
        "InvalidURL",
        "InvalidProxyURL",
        "InvalidSchema",
        "MissingSchema",
        "InvalidHeader",
    }


@pytest.mark.parametrize(
    ("inner", "never"),
    [
        (urllib3.exceptions.NewConnectionError(None, "refused"), True),  # type: ignore[arg-type]
        (urllib3.exceptions.NameResolutionError("host", None, socket.gaierror()), True),  # type: ignore[arg-type]
        (urllib3.exceptions.ConnectTimeoutError(), True),
        (urllib3.exceptions.ReadTimeoutError(None, "/", "late"), False),  # type: ignore[arg-type]
        (urllib3.exceptions.ProtocolError("Connection aborted."), False),
        (ConnectionResetError(), False),
    ],
    ids=lambda value: type(value).__name__,
)
def test_a_connection_error_is_judged_by_its_cause(inner: Exception, never: bool) -> None:
    assert was_never_sent(requests.ConnectionError(inner)) is never
    pool = urllib3.HTTPConnectionPool("127.0.0.1")
    assert was_never_sent(requests.ConnectionError(urllib3.exceptions.MaxRetryError(pool, "/", inner))) is never


def test_only_a_refused_certificate_says_that_nothing_was_sent() -> None:
    refused = requests.exceptions.SSLError("[SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed")
    assert was_never_sent(refused)
    assert not was_never_sent(requests.exceptions.SSLError("EOF occurred in violation of protocol"))


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("120", NOW + timedelta(seconds=120)),
        (" 0 ", NOW),
        ("Mon, 04 May 2026 10:00:00 GMT", NOW + timedelta(hours=1)),
        ("Mon, 04 May 2026 10:00:00 -0000", NOW + timedelta(hours=1)),
        ("", None),
        ("soon", None),
        ("-5", None),
        ("²", None),
        ("9" * 30, None),
    ],
)
def test_retry_after_in_both_forms(value: str, expected: datetime | None) -> None:
    assert retry_after({"Retry-After": value}, NOW) == expected


def response(body: bytes) -> requests.Response:
    made = requests.Response()
    made.status_code, made.encoding, made._content = 200, "utf-8", body
    return made


@pytest.mark.parametrize(
    ("body", "expected"),
    [(b'{"a": 1}', {"a": 1}), (b"[1]", None), (b"null", None), (b"<html>", None), (b"", None), (b"\xff\xfe", None)],
)
def test_only_an_object_counts_as_a_json_answer(body: bytes, expected: object) -> None:
    assert json_object(response(body)) == expected


def test_an_answer_is_kept_short_and_on_one_line() -> None:
    short = short_answer(response(b"<html>\n  <h1>Oh</h1>\n" + b"x" * 1000))
    assert short.startswith("<html> <h1>Oh</h1> x")
    assert len(short) == 300
