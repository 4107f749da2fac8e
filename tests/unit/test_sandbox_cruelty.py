"""Tests the faults of every sandbox platform through both of its servers."""

from __future__ import annotations

import json
import socket
import ssl
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any, ClassVar, Literal, cast
from urllib.parse import urlsplit

import pytest
from curl_cffi import CurlHttpVersion
from curl_cffi.requests import Session
from curl_cffi.requests.exceptions import RequestException

from publisher.sandbox.base import SandboxPlatform
from publisher.sandbox.faults import (
    ALL_KINDS,
    BASIC_KINDS,
    DRIP_KINDS,
    EFFECTS,
    GATEWAY_KINDS,
    GATEWAY_STATUSES,
    LATE_COMMIT_KINDS,
    REDIRECT_KINDS,
    RETRY_AFTER,
    RETRY_AFTER_KINDS,
    Fault,
    FaultQueue,
)
from publisher.sandbox.gateway import ELSEWHERE
from publisher.sandbox.http1 import HttpServer
from publisher.sandbox.http2 import TlsServer
from publisher.sandbox.ledger import Ledger, LedgerPost, ListingLag
from publisher.sandbox.wire import Answer, Request
from tests.waiting import TIMEOUT, wait_until

HOST = "platform.example"
HttpMethod = Literal["GET", "POST"]


class TinyPlatform(SandboxPlatform):
    """Publishes a body as a post, keeps uploads, lists posts and shows one."""

    name: ClassVar[str] = "tiny"
    label: ClassVar[str] = "Tiny"

    def __init__(self) -> None:
        super().__init__(Ledger(), FaultQueue())
        self.uploads: list[bytes] = []
        self.received = 0
        """How many requests to publish have come."""

    def answer(self, request: Request) -> Answer:
        self.received += self.publishes(request)
        return super().answer(request)

    def publishes(self, request: Request) -> bool:
        return (request.method, request.path) == ("POST", "/posts")

    def handle(self, request: Request) -> Answer:
        match request.method, request.path:
            case "POST", "/posts":
                return Answer.of_json(201, {"id": self._add(request.body.decode())})
            case "POST", "/uploads":
                self.uploads.append(request.body)
                return Answer.of_json(200, {"size": len(request.body)})
            case "GET", "/posts":
                return Answer.of_json(200, [post.id for post in self.listed_posts()])
            case _:
                captions = [post.caption for post in self.readable_posts() if request.path == f"/posts/{post.id}"]
                return Answer.of_json(200 if captions else 404, captions)

    def refusal(self, kind: str) -> Answer:
        return Answer.of_json(int(kind) if kind.isdecimal() else 400, {"error": kind})

    def credentials(self) -> dict[str, str]:
        return {}

    def account(self) -> str:
        return "tiny"

    def _add(self, caption: str) -> str:
        number = str(self.ledger.next_id())
        self.ledger.add(
            LedgerPost(
                platform=self.name,
                account="tiny",
                id=number,
                at=self.now(),
                url=f"https://{HOST}/{number}",
                caption=caption,
                tags=(),
                images=(),
                idempotency_key=None,
            )
        )
        return number


@dataclass(frozen=True)
class ReceivedAnswer:
    """Holds an answer as a client gets it."""

    status: int
    headers: list[tuple[str, str]]
    text: str

    def json(self) -> Any:
        return json.loads(self.text)

    def header(self, name: str) -> str:
        (value,) = [value for header_name, value in self.headers if header_name == name]
        return value


class Bench:
    """Runs a tiny platform behind a real server, with a client that opens a connection for each request."""

    def __init__(self, platform: TinyPlatform, url: str, proxy: str | None = None, ca_file: Path | None = None) -> None:
        self.platform = platform
        self.url = url
        self.proxy = proxy
        self.ca_file = ca_file

    def send(
        self, method: HttpMethod, path: str, body: bytes | None = None, timeout: float = TIMEOUT
    ) -> ReceivedAnswer:
        version = CurlHttpVersion.V2TLS if self.proxy else CurlHttpVersion.V1_1
        with Session(proxy=self.proxy, http_version=version, trust_env=False) as session:
            if self.ca_file:
                session.verify = str(self.ca_file)
            url = self.url + path
            answer = session.request(method, url, data=body, timeout=timeout, allow_redirects=False)
            headers = [(name.lower(), value or "") for name, value in answer.headers.multi_items()]
            return ReceivedAnswer(answer.status_code, headers, answer.text)

    def publish(self, caption: str = "A cell") -> ReceivedAnswer:
        return self.send("POST", "/posts", caption.encode())

    def publish_without_answer(self, fault: str) -> None:
        """Sends a post with a fault that never answers, again with longer timeouts until the request arrives."""
        for timeout_seconds in (0.3, 5, TIMEOUT):
            # One fault for each request: an earlier one may arrive late, and take the fault of this one.
            self.add_fault(fault)
            with pytest.raises(RequestException):
                self.send("POST", "/posts", b"A cell", timeout=timeout_seconds)
            # Whatever arrived before this question was met, too, although its client had left.
            self.listed_ids()
            if self.platform.received:
                self.platform.faults.clear()
                return

    def listed_ids(self) -> list[str]:
        return cast("list[str]", self.send("GET", "/posts").json())

    def add_fault(self, fault: str) -> None:
        self.platform.faults.add("tiny", Fault.parse(fault))

    def move_clock(self, seconds: float) -> None:
        """Moves the platform's clock."""
        self.platform.ledger.shift(self.platform.ledger.now() - datetime.now(UTC) + timedelta(seconds=seconds))

    def captions(self) -> list[str]:
        return [post.caption for post in self.platform.posts()]


@pytest.fixture(params=["plain", "tls"])
def bench(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Bench]:
    platform = TinyPlatform()
    if request.param == "plain":
        plain = HttpServer(platform.answer)
        plain.start()
        yield Bench(platform, plain.url)
        plain.stop()
        return
    tls = TlsServer(platform.answer, hosts=[HOST], ca_file=tmp_path / "ca.pem", refuse=lambda: False)
    tls.start()
    yield Bench(platform, f"https://{HOST}", tls.proxy_url, tls.ca_file)
    tls.stop()


def test_every_kind_of_fault_belongs_to_one_group() -> None:
    groups = (BASIC_KINDS, GATEWAY_KINDS, REDIRECT_KINDS, RETRY_AFTER_KINDS, DRIP_KINDS, LATE_COMMIT_KINDS)
    assert sorted(kind for group in groups for kind in group) == sorted(ALL_KINDS)


@pytest.mark.parametrize("status", GATEWAY_STATUSES)
def test_a_gateway_answers_in_place_of_the_platform(bench: Bench, status: int) -> None:
    bench.add_fault(f"gateway-{status}")
    answer = bench.publish()
    assert (answer.status, answer.header("content-type")) == (status, "text/html; charset=utf-8")
    assert "tiny" not in answer.text
    assert bench.captions() == []


@pytest.mark.parametrize("status", GATEWAY_STATUSES)
def test_a_gateway_answers_after_the_request_was_carried_out(bench: Bench, status: int) -> None:
    bench.add_fault(f"gateway-{status}-after")
    assert bench.publish().status == status
    assert bench.captions() == ["A cell"]


@pytest.mark.parametrize(("path", "step"), [("/posts", "read"), ("/uploads", "upload")])
def test_a_gateway_answers_at_every_step(bench: Bench, path: str, step: str) -> None:
    bench.add_fault(f"{step}/gateway-502")
    assert bench.send("POST" if step == "upload" else "GET", path, b"p" if step == "upload" else None).status == 502
    assert bench.platform.uploads == []
    assert bench.publish().status == 201


@pytest.mark.parametrize("kind", REDIRECT_KINDS)
def test_a_redirect_leads_elsewhere_and_nothing_is_done(bench: Bench, kind: str) -> None:
    bench.add_fault(kind)
    answer = bench.publish()
    assert (answer.status, answer.header("location")) == (EFFECTS[kind].status, ELSEWHERE)
    assert bench.captions() == []


@pytest.mark.parametrize("kind", RETRY_AFTER_KINDS)
def test_an_absurd_pause_comes_with_the_own_refusal(bench: Bench, kind: str) -> None:
    bench.add_fault(kind)
    answer = bench.publish()
    status, _, pause = kind.partition("-")
    assert (answer.status, answer.header("retry-after")) == (int(status), RETRY_AFTER[pause])
    assert "error" in answer.json()
    assert bench.captions() == []


@pytest.mark.parametrize("kind", DRIP_KINDS)
def test_a_dripping_answer_arrives_whole_in_the_end(bench: Bench, kind: str) -> None:
    bench.add_fault(f"{kind}:0.0001")
    assert bench.publish().json() == {"id": "1"}


@pytest.mark.parametrize("kind", DRIP_KINDS)
def test_a_dripping_answer_keeps_a_client_waiting(bench: Bench, kind: str) -> None:
    """Each byte comes within any timeout between two bytes; only a deadline for the whole answer ends it."""
    bench.publish_without_answer(f"{kind}:{TIMEOUT}")
    assert bench.captions() == ["A cell"]


@pytest.mark.parametrize("kind", LATE_COMMIT_KINDS)
def test_a_late_request_is_carried_out_at_its_time(bench: Bench, kind: str) -> None:
    sent_at = bench.platform.now()
    if kind == "late-504":
        bench.add_fault(f"{kind}:1000")
        assert bench.publish("late").status == 504
    else:
        bench.publish_without_answer(f"{kind}:1000")
    assert bench.listed_ids() == []
    assert bench.platform.late_requests == 1
    bench.move_clock(999 - TIMEOUT)
    assert bench.listed_ids() == []
    bench.move_clock(2 * TIMEOUT)
    assert len(bench.listed_ids()) == 1
    (post,) = bench.platform.posts()
    assert timedelta(seconds=1000) <= post.at - sent_at < timedelta(seconds=1000 + TIMEOUT)


def test_late_requests_are_carried_out_in_order(bench: Bench) -> None:
    for fault, caption in (("late-504:300", "third"), ("late-504:100", "first"), ("late-504:200", "second")):
        bench.add_fault(fault)
        assert bench.publish(caption).status == 504
    bench.move_clock(1000)
    assert bench.publish("last").status == 201
    assert bench.captions() == ["first", "second", "third", "last"]


def test_catching_up_carries_out_what_has_come_due(bench: Bench) -> None:
    bench.add_fault("late-504:100")
    bench.publish("late")
    bench.move_clock(1000)
    bench.platform.catch_up()
    assert bench.captions() == ["late"]


def test_answers_carry_the_platforms_own_clock(bench: Bench) -> None:
    bench.platform.clock_skew = timedelta(days=400)
    for fault in ("", "gateway-502", "429", "garbage-after"):
        if fault:
            bench.add_fault(fault)
        date = parsedate_to_datetime(bench.publish().header("date"))
        assert abs(date - datetime.now(UTC) - timedelta(days=400)) < timedelta(seconds=TIMEOUT)
    assert all(post.at > datetime.now(UTC) + timedelta(days=399) for post in bench.platform.posts())


def test_a_post_is_listed_only_after_its_lag(bench: Bench) -> None:
    bench.platform.ledger.set_listing_lag("tiny", ListingLag(min_seconds=600, max_seconds=840, seed=7))
    number = bench.publish().json()["id"]
    assert bench.listed_ids() == []
    assert bench.send("GET", f"/posts/{number}").status == 200
    bench.move_clock(841)
    assert bench.listed_ids() == [number]


def test_a_lag_may_hide_a_post_from_reading_by_id(bench: Bench) -> None:
    bench.platform.ledger.set_listing_lag("tiny", ListingLag(min_seconds=600, max_seconds=600, hides_ids=True))
    number = bench.publish().json()["id"]
    assert bench.send("GET", f"/posts/{number}").status == 404
    bench.move_clock(601)
    assert bench.send("GET", f"/posts/{number}").status == 200


def test_a_seed_draws_the_same_lags_again() -> None:
    def lags(seed: int) -> list[int]:
        platform = TinyPlatform()
        platform.ledger.set_listing_lag("tiny", ListingLag(min_seconds=0, max_seconds=840, seed=seed))
        for number in range(5):
            platform.answer(_publishing(str(number)))
        return [_seconds_until_listed(platform, post) for post in platform.posts()]

    assert lags(7) == lags(7) != lags(8)
    assert len(set(lags(7))) == 5


def test_a_reset_removes_skew_lag_and_late_requests() -> None:
    platform = TinyPlatform()
    platform.clock_skew = timedelta(days=1)
    platform.ledger.set_listing_lag("tiny", ListingLag(min_seconds=600, max_seconds=600))
    platform.faults.add("tiny", Fault.parse("late-504:0.001"))
    platform.answer(_publishing("late"))
    platform.reset()
    platform.answer(_publishing("at once"))
    assert [post.caption for post in platform.listed_posts()] == ["at once"]
    assert platform.now() - datetime.now(UTC) < timedelta(minutes=1)


def _seconds_until_listed(platform: TinyPlatform, post: LedgerPost) -> int:
    after = (post.at + timedelta(seconds=seconds) for seconds in range(842))
    return next(number for number, at in enumerate(after) if post in platform.ledger.listed_posts("tiny", at))


def _publishing(caption: str) -> Request:
    return Request(method="POST", url="/posts", host=HOST, path="/posts", query={}, headers={}, body=caption.encode())


@pytest.mark.parametrize("path", ["/posts", "/uploads"])
def test_a_body_that_is_cut_in_mid_transfer_leaves_nothing(bench: Bench, path: str) -> None:
    head = f"POST {path} HTTP/1.1\r\nHost: {HOST}\r\nContent-Length: 1000\r\n\r\n"
    with _connect(bench) as connection:
        connection.sendall(head.encode() + b"x" * 400)
        if bench.proxy is None:
            connection.shutdown(socket.SHUT_WR)
            assert connection.recv(1000) == b""
    assert bench.publish("after it").status == 201
    assert bench.captions() == ["after it"]
    assert bench.platform.uploads == []


def _connect(bench: Bench) -> socket.socket:
    address = urlsplit(bench.proxy or bench.url)
    connection = socket.create_connection((str(address.hostname), address.port or 0), TIMEOUT)
    if bench.proxy is None:
        return connection
    connection.sendall(f"CONNECT {HOST}:443 HTTP/1.1\r\n\r\n".encode())
    assert b"200" in connection.recv(1000)
    return ssl.create_default_context(cafile=str(bench.ca_file)).wrap_socket(connection, server_hostname=HOST)


def test_a_client_that_leaves_leaves_no_thread_behind(bench: Bench) -> None:
    before = set(threading.enumerate())
    bench.publish_without_answer("late-silence:1000")
    if bench.proxy is None:
        wait_until(lambda: not set(threading.enumerate()) - before, "the thread of the connection ends")
    assert bench.captions() == []
