"""Tests that each end of a request tells whether the request may have been carried out."""

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

from publisher.core.clock import FixedClock, monotonic
from publisher.core.messages import _
from publisher.platforms import exchange
from publisher.platforms.errors import PlatformError, Unavailable, Unconfirmed
from publisher.platforms.exchange import within
from publisher.platforms.problem_codes import RequestProblem
from publisher.platforms.transport import (
    MAX_RETRY_AFTER,
    SentRequest,
    deadline_for,
    is_from_gateway,
    is_shortened_wait,
    json_object,
    new_session,
    note_clock,
    platform_time,
    retry_after,
    send_once,
    short_answer,
    was_never_sent,
)

POSTING = SentRequest(_("Posting"), publishing=True)
READING = SentRequest(_("Reading"))
NOW = datetime(2026, 5, 4, 9, 0, tzinfo=UTC)
Script = Callable[[socket.socket], None]


class Peer:
    """Runs a server that does one thing with each connection, and counts them."""

    def __init__(self, script: Script) -> None:
        self.connections = 0
        self.received = b""
        self._script = script
        self._closing = threading.Event()
        self._socket = socket.create_server(("127.0.0.1", 0))
        self._socket.settimeout(0.05)
        self.url = f"http://127.0.0.1:{self._socket.getsockname()[1]}"
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def _serve(self) -> None:
        while not self._closing.is_set():
            try:
                connection, _ = self._socket.accept()
            except TimeoutError:
                continue
            self.connections += 1
            with connection, contextlib.suppress(OSError):
                connection.settimeout(5)
                self._script(connection)

    def stop(self) -> None:
        self._closing.set()
        self._thread.join()
        self._socket.close()


@pytest.fixture
def peer() -> Iterator[Callable[[Script], Peer]]:
    started: list[Peer] = []

    def start(script: Script) -> Peer:
        started.append(Peer(script))
        return started[-1]

    yield start
    for server in started:
        server.stop()


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
    error = end_of(session, server.url, POSTING)
    assert (type(error), error.problem.code) == (Unconfirmed, RequestProblem.ANSWER_LOST)
    assert error.message.startswith("Posting: the answer was lost (")
    assert server.connections == 1, "it was sent again"


@pytest.mark.parametrize("script", LOST_ANSWERS.values(), ids=LOST_ANSWERS.keys())
def test_a_lost_answer_to_a_reading_is_no_harm(
    peer: Callable[[Script], Peer], session: requests.Session, script: Script
) -> None:
    error = end_of(session, peer(script).url, READING)
    assert (type(error), error.problem.code) == (Unavailable, RequestProblem.NO_ANSWER)


@pytest.mark.parametrize(("sent", "expected"), [(POSTING, Unconfirmed), (READING, Unavailable)])
def test_waiting_for_an_answer_has_an_end(
    peer: Callable[[Script], Peer], session: requests.Session, sent: SentRequest, expected: type[PlatformError]
) -> None:
    assert type(end_of(session, peer(silent).url, sent, seconds=0.2)) is expected


def test_the_time_spent_on_sending_counts(
    peer: Callable[[Script], Peer], session: requests.Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A body that takes most of the time leaves only the rest for the answer."""
    skipped, waits = 0.0, []
    seconds_to_read = exchange.Exchange.seconds_to_read

    def noted(of: exchange.Exchange) -> float:
        waits.append(seconds_to_read(of))
        return waits[-1]

    class Slow(io.BytesIO):
        def read(self, size: int | None = -1, /) -> bytes:
            nonlocal skipped
            skipped = 45.0
            return super().read(size)

    monkeypatch.setattr(exchange, "monotonic", lambda: monotonic() + skipped)
    monkeypatch.setattr(exchange.Exchange, "seconds_to_read", noted)
    with pytest.raises(Unconfirmed):
        send_once(session, "POST", peer(silent).url, sent=POSTING, read_timeout=50.0, data=Slow(b"x"))
    assert waits
    assert max(waits) <= 5.0


def dripping(head: bytes) -> Script:
    """Answers with this, and then with one more byte again and again, each long before any single wait ends."""

    def script(connection: socket.socket) -> None:
        connection.recv(65536)
        connection.sendall(head)
        for _byte in range(200):
            time.sleep(0.05)
            connection.sendall(b"x")
        raise AssertionError("the client would have waited for ever")

    return script


DRIPPING: dict[str, bytes] = {
    "status line": b"HTTP/1.1 200 ",
    "headers": b"HTTP/1.1 200 OK\r\nX-Slow: ",
    "body": b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n{",
    "body without a length": b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n{",
    "chunk": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nffff\r\n{",
    "refusal": b"HTTP/1.1 403 Forbidden\r\nContent-Length: 100000\r\n\r\n{",
}


@pytest.mark.parametrize("head", DRIPPING.values(), ids=DRIPPING.keys())
@pytest.mark.parametrize(("sent", "expected"), [(POSTING, Unconfirmed), (READING, Unavailable)])
def test_an_answer_that_drips_ends_with_the_exchange(
    peer: Callable[[Script], Peer],
    session: requests.Session,
    head: bytes,
    sent: SentRequest,
    expected: type[PlatformError],
) -> None:
    assert type(end_of(session, peer(dripping(head)).url, sent, seconds=0.4)) is expected


def test_several_exchanges_have_one_end_together(peer: Callable[[Script], Peer], session: requests.Session) -> None:
    url = peer(dripping(DRIPPING["body"])).url
    with within(0.6):
        ends = [type(end_of(session, url, READING, seconds=0.4)) for _ in range(3)]
        began = time.monotonic()
        ends.append(type(end_of(session, url, READING, seconds=60)))
        assert time.monotonic() - began < 30
    assert set(ends) == {Unavailable}


@pytest.fixture
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def ca_file(authority: trustme.CA, tmp_path: Path) -> Path:
    file = tmp_path / "ca.pem"
    authority.cert_pem.write_to_path(str(file))
    return file


def over_tls(authority: trustme.CA, script: Script) -> Script:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)

    def shake_hands(connection: socket.socket) -> None:
        with context.wrap_socket(connection, server_side=True) as secured:
            script(secured)

    return shake_hands


def test_an_answer_that_drips_over_tls_ends_with_the_exchange(
    peer: Callable[[Script], Peer], authority: trustme.CA, ca_file: Path
) -> None:
    server = peer(over_tls(authority, dripping(DRIPPING["body"])))
    with new_session("test", ca_file=ca_file) as session:
        address = server.url.replace("http:", "https:")
        assert type(end_of(session, address, POSTING, seconds=0.8)) is Unconfirmed


def test_a_tls_record_that_drips_ends_with_the_exchange(
    peer: Callable[[Script], Peer], authority: trustme.CA, ca_file: Path
) -> None:
    """Below the records, where the library sees nothing of it."""
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    secured = context.wrap_bio(incoming, outgoing, server_side=True)

    def script(connection: socket.socket) -> None:
        while True:
            try:
                secured.read(65536)
                break
            except ssl.SSLWantReadError:
                connection.sendall(outgoing.read())
                incoming.write(connection.recv(65536))
        secured.write(b"HTTP/1.1 200 OK\r\nContent-Length: 9000\r\n\r\n" + b"x" * 9000)
        for byte in outgoing.read():
            connection.sendall(bytes([byte]))
            time.sleep(0.05)

    server = peer(script)
    with new_session("test", ca_file=ca_file) as session:
        assert type(end_of(session, server.url.replace("http:", "https:"), POSTING, seconds=0.8)) is Unconfirmed


def test_a_tls_hand_shake_that_never_ends_was_never_sent(peer: Callable[[Script], Peer], ca_file: Path) -> None:
    server = peer(silent)
    with new_session("test", ca_file=ca_file) as session:
        assert type(end_of(session, server.url.replace("http:", "https:"), POSTING, seconds=0.3)) is Unavailable


def test_a_connection_that_is_used_again_keeps_the_new_deadline(
    peer: Callable[[Script], Peer], session: requests.Session
) -> None:
    def twice(connection: socket.socket) -> None:
        answering(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}")(connection)
        dripping(DRIPPING["body"])(connection)

    server = peer(twice)
    assert send_once(session, "GET", server.url, sent=READING, read_timeout=5.0).status_code == 200
    assert type(end_of(session, server.url, POSTING, seconds=0.4)) is Unconfirmed
    assert server.connections == 1


def test_each_address_of_a_name_is_tried_within_the_exchange(
    peer: Callable[[Script], Peer], session: requests.Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = peer(answering(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"))
    port = int(server.url.rpartition(":")[2])
    places = [("127.0.0.1", closed_port()), ("127.0.0.1", port)]
    addresses = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", place) for place in places]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_: addresses)
    assert send_once(session, "GET", "http://many.example", sent=READING, read_timeout=5.0).status_code == 200
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_: addresses[:1])
    # Another name: whether the connection above has been closed by now depends on the machine.
    assert type(end_of(session, "http://none.example", POSTING)) is Unavailable


def test_a_name_server_that_hangs_is_left_and_nothing_was_sent(
    session: requests.Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    ended = threading.Event()

    def hang(*_: object) -> list[object]:
        ended.wait()
        return []

    monkeypatch.setattr(socket, "getaddrinfo", hang)
    monkeypatch.setattr(exchange, "_NAMES", threading.BoundedSemaphore(1))
    try:
        first, second = (end_of(session, "http://hangs.example", POSTING, seconds=0.2) for _ in range(2))
    finally:
        ended.set()
    assert (type(first), type(second)) == (Unavailable, Unavailable)
    assert "no name server told in time where it is" in str(first)


def test_a_name_that_took_all_the_time_was_never_sent(
    peer: Callable[[Script], Peer], session: requests.Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = peer(silent)
    resolve = socket.getaddrinfo

    def slow(*arguments: object) -> object:
        time.sleep(0.3)
        return resolve(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(socket, "getaddrinfo", slow)
    assert type(end_of(session, server.url, POSTING, seconds=0.2)) is Unavailable
    assert server.received == b""


# --- uploads ---------------------------------------------------------------------------------

UPLOAD = b"x" * 4_000_000


def taking(piece: int, pause: float) -> Script:
    """Reads a request slowly, and answers it when it is whole."""

    def script(connection: socket.socket) -> None:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
        head, body = b"", 0
        while b"\r\n\r\n" not in head:
            head += connection.recv(1024)
        body = len(head.partition(b"\r\n\r\n")[2])
        while body < len(UPLOAD):
            time.sleep(pause)
            received = connection.recv(piece)
            if not received:
                return
            body += len(received)
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}")

    return script


def waiting_for(client_left: threading.Event, size: int) -> Script:
    """Reads so many bytes and answers nothing; a client that does not leave by itself is an error."""

    def script(connection: socket.socket) -> None:
        received = 0
        while received < size:
            received += len(connection.recv(min(65536, size - received)))
        if not client_left.wait(10):
            raise AssertionError("the client would have waited for ever")

    return script


def test_the_time_of_an_upload_follows_its_size() -> None:
    assert deadline_for(20_000_000, 250_000) == deadline_for(0, 250_000) + 80
    assert deadline_for(0, 32_000) == exchange.CONNECT_TIMEOUT + exchange.ANSWER_TIMEOUT


def test_a_slow_line_that_moves_is_not_given_up(
    peer: Callable[[Script], Peer], session: requests.Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The whole takes longer than any wait for a single piece."""
    monkeypatch.setattr(exchange, "STALL_TIMEOUT", 0.4)
    server = peer(taking(200_000, 0.05))
    answer = send_once(session, "POST", server.url, sent=POSTING, read_timeout=60.0, data=UPLOAD)
    assert answer.status_code == 200


@pytest.mark.parametrize(("sent", "expected"), [(POSTING, Unconfirmed), (READING, Unavailable)])
def test_a_silent_line_is_given_up_long_before_the_deadline(
    peer: Callable[[Script], Peer],
    session: requests.Session,
    monkeypatch: pytest.MonkeyPatch,
    sent: SentRequest,
    expected: type[PlatformError],
) -> None:
    monkeypatch.setattr(exchange, "STALL_TIMEOUT", 0.3)
    client_left = threading.Event()
    server = peer(waiting_for(client_left, size=1000))
    with pytest.raises(expected):
        send_once(session, "POST", server.url, sent=sent, read_timeout=600.0, data=UPLOAD)
    client_left.set()


def test_an_answer_to_an_upload_is_not_waited_for_as_long_as_the_upload(
    peer: Callable[[Script], Peer], session: requests.Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(exchange, "ANSWER_TIMEOUT", 0.3)
    client_left = threading.Event()
    server = peer(waiting_for(client_left, size=len(UPLOAD)))
    with pytest.raises(Unavailable):
        send_once(session, "POST", server.url, sent=READING, read_timeout=600.0, data=UPLOAD)
    client_left.set()


def test_a_body_that_can_not_be_sent_in_time_ends_with_the_exchange(
    peer: Callable[[Script], Peer], session: requests.Session
) -> None:
    with pytest.raises(Unavailable):
        send_once(session, "POST", peer(taking(1000, 0.01)).url, sent=READING, read_timeout=0.5, data=UPLOAD)


# --- what was never sent ---------------------------------------------------------------------


@pytest.mark.parametrize("sent", [POSTING, READING])
def test_a_refused_connection_was_never_sent(session: requests.Session, sent: SentRequest) -> None:
    error = end_of(session, f"http://127.0.0.1:{closed_port()}", sent)
    assert (type(error), error.problem.code) == (Unavailable, RequestProblem.NOT_REACHED)


def test_an_unknown_name_was_never_sent(session: requests.Session, monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(*_: object, **__: object) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    assert type(end_of(session, "http://nowhere.invalid", POSTING)) is Unavailable


def test_a_dead_proxy_was_never_sent() -> None:
    with new_session("test", proxy=f"http://127.0.0.1:{closed_port()}") as session:
        assert type(end_of(session, "https://example.org", POSTING)) is Unavailable
        assert type(end_of(session, "http://example.org", POSTING)) is Unavailable


def test_a_certificate_that_is_not_trusted_was_never_sent(
    peer: Callable[[Script], Peer], authority: trustme.CA, tmp_path: Path
) -> None:
    served = []
    server = peer(over_tls(authority, lambda secured: served.append(secured.recv(65536))))
    other = tmp_path / "other.pem"
    trustme.CA().cert_pem.write_to_path(str(other))
    with new_session("test", ca_file=other) as session:
        assert type(end_of(session, server.url.replace("http:", "https:"), POSTING)) is Unavailable
    assert served == []


@pytest.mark.parametrize("sent", [POSTING, READING])
def test_a_ca_file_that_is_not_there_was_never_sent(sent: SentRequest, tmp_path: Path) -> None:
    with new_session("test", ca_file=tmp_path / "missing.pem") as session:
        error = end_of(session, f"https://127.0.0.1:{closed_port()}", sent)
    assert (type(error), error.problem.code) == (Unavailable, RequestProblem.CA_FILE_UNREADABLE)
    why = f"the CA file {tmp_path / 'missing.pem'} can't be read (No such file or directory)"
    assert error.message == f"{sent.what}: {why}; nothing was sent"


def test_a_ca_file_is_read_once_for_all_sessions(
    peer: Callable[[Script], Peer], authority: trustme.CA, ca_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    loaded = []
    load = ssl.SSLContext.load_verify_locations

    def counting(context: ssl.SSLContext, *arguments: object) -> None:
        loaded.append(arguments)
        load(context, *arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(ssl.SSLContext, "load_verify_locations", counting)
    server = peer(over_tls(authority, answering(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}")))
    for _session in range(3):
        with new_session("test", ca_file=ca_file) as session:
            address = server.url.replace("http:", "https:")
            assert send_once(session, "GET", address, sent=READING, read_timeout=5.0).json() == {}
    assert len(loaded) == 1
    assert server.connections == 3


def test_a_ca_file_that_was_replaced_is_read_again(
    peer: Callable[[Script], Peer], authority: trustme.CA, tmp_path: Path
) -> None:
    file = tmp_path / "changing.pem"
    server = peer(over_tls(authority, answering(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}")))
    address = server.url.replace("http:", "https:")
    file.write_bytes(trustme.CA().cert_pem.bytes() * 2)
    with new_session("test", ca_file=file) as session:
        assert type(end_of(session, address, READING)) is Unavailable
    authority.cert_pem.write_to_path(str(file))
    with new_session("test", ca_file=file) as session:
        assert send_once(session, "GET", address, sent=READING, read_timeout=5.0).status_code == 200


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
    requests_received = []

    def script(connection: socket.socket) -> None:
        requests_received.append(connection.recv(65536))
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
    assert b"Authorization" not in requests_received[0]
    assert b"User-Agent: the desk" in requests_received[0]


def every_kind() -> Iterator[requests.RequestException]:
    """Makes one error of each kind that `requests` has."""
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
        ("Mon, 04 May 2026 08:59:59 GMT", None),
        ("315360000", NOW + MAX_RETRY_AFTER),
        ("Thu, 01 Jan 2099 00:00:00 GMT", NOW + MAX_RETRY_AFTER),
        ("", None),
        ("soon", None),
        ("-5", None),
        ("1.5", None),
        ("²", None),
        ("9" * 30, None),
        ("Mon, 04 May 99999 10:00:00 GMT", None),
        ("Mon, 01 Jan 0001 00:00:00 +1400", None),
    ],
)
def test_retry_after_in_both_forms(value: str, expected: datetime | None) -> None:
    assert retry_after({"Retry-After": value}, NOW) == expected


def test_retry_after_as_a_date_is_measured_on_the_platforms_clock() -> None:
    headers = {"Retry-After": "Mon, 04 May 2026 08:01:00 GMT", "Date": "Mon, 04 May 2026 08:00:00 GMT"}
    assert retry_after(headers, NOW) == NOW + timedelta(minutes=1)


def test_a_wait_that_was_shortened_is_reported() -> None:
    assert [is_shortened_wait(NOW + wait, NOW) for wait in (timedelta(hours=1), MAX_RETRY_AFTER)] == [False, True]


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({"Date": "Mon, 04 May 2026 09:00:00 GMT"}, NOW),
        ({"Date": "Mon, 04 May 2026 11:00:00 +0200"}, NOW),
        ({"Date": "Mon, 04 May 2026 09:00:00 GMT", "Age": "0"}, NOW),
        ({"Date": "Mon, 04 May 2026 09:00:00 GMT", "Age": "600"}, None),
        ({"Date": "yesterday"}, None),
        ({"Date": ""}, None),
        ({}, None),
    ],
)
def test_the_platforms_clock(headers: dict[str, str], expected: datetime | None) -> None:
    assert platform_time(headers) == expected


@pytest.mark.parametrize(
    ("headers", "seconds", "ahead"),
    [
        ({"Date": "Mon, 04 May 2026 09:01:31 GMT"}, 3.0, [90.0]),
        ({"Date": "Mon, 04 May 2026 08:58:31 GMT"}, 3.0, [-90.0]),
        ({"Date": "Mon, 04 May 2026 09:01:31 GMT"}, 60.0, []),
        ({"Date": "Mon, 04 May 2026 09:01:31 GMT"}, -60.0, []),
        ({"Date": "soon"}, 1.0, []),
    ],
)
def test_how_far_the_platform_is_ahead(headers: dict[str, str], seconds: float, ahead: list[float]) -> None:
    """Measured at the middle of an exchange that was short, in which our own clock was not set."""
    differences: list[timedelta] = []
    note_clock(headers, differences.append, clock=FixedClock(NOW + timedelta(seconds=seconds)), began=NOW)
    assert [difference.total_seconds() for difference in differences] == ahead


@pytest.mark.parametrize(
    ("body", "kind", "gateway"),
    [
        (b'{"errors": []}', "application/json", False),
        (b'{"errors": []}', "text/html; charset=utf-8", True),
        (b"{}", "application/json", True),
        (b"[]", "application/json", True),
        (b"<html>", "text/html", True),
        (b"", "", True),
        (b"busy", "text/plain", True),
    ],
)
def test_what_the_platform_did_not_write_comes_from_a_gateway(body: bytes, kind: str, gateway: bool) -> None:
    answer = response(body)
    answer.headers["Content-Type"] = kind
    assert is_from_gateway(answer, lambda shape: "errors" in shape) is gateway


def response(body: bytes) -> requests.Response:
    answer = requests.Response()
    answer.status_code, answer.encoding, answer._content = 200, "utf-8", body
    return answer


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
