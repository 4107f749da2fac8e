"""Tests that probes show a supervisor and anybody what they may read."""

from __future__ import annotations

import http.client
import json
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import requests
from httpx import ASGITransport, AsyncClient, Response
from prometheus_client.parser import text_string_to_metric_families

from publisher.core.clock import FixedClock
from publisher.desk import Desk
from publisher.health.heartbeat import record_heartbeat
from publisher.health.probe_access import TOKEN_VARIABLE
from publisher.health.server import HealthServer
from publisher.staff import accounts, logins
from publisher.web.app import create_app
from publisher.web.guard import COOKIE
from publisher.web.server import WebServer
from tests.conftest import WriteDesk
from tests.desk_site import PASSWORD
from tests.event_loops import run_coroutine
from tests.waiting import TIMEOUT

HERE, THERE = "127.0.0.1", "203.0.113.7"
TOKEN = {"authorization": "Bearer a token for probes"}


@pytest.fixture
def desk(tmp_path: Path, write_desk: WriteDesk, clock: FixedClock) -> Iterator[Desk]:
    new_desk = Desk(write_desk(tmp_path), clock)
    yield new_desk
    new_desk.database.close()


def ask(desk: Desk, path: str, *, host: str = HERE, headers: dict[str, str] | None = None) -> Response:
    """Returns the answer to a request from `host`."""

    async def get() -> Response:
        transport = ASGITransport(create_app(desk), client=(host, 4000))
        async with AsyncClient(transport=transport, base_url="http://localhost") as client:
            return await client.get(path, headers=headers)

    return run_coroutine(get())


def session_token(desk: Desk, role: str) -> str:
    person = accounts.add_person(
        desk.database,
        accounts.NewPerson("a@example.org", "Ada", [role]),
        password=PASSWORD,
        now=desk.now(),
        actor="test",
    )
    return logins.open_session(desk.database, person, address=HERE, browser="", now=desk.now()).token


def test_readiness_follows_the_scheduler(desk: Desk) -> None:
    before = ask(desk, "/readyz", host=THERE)
    assert (before.status_code, before.text) == (503, "not ok\n")
    record_heartbeat(desk.database, "reef:1:1:1", "scheduler", desk.now())
    after = ask(desk, "/readyz", host=THERE)
    assert (after.status_code, after.text) == (200, "ok\n")


def test_who_has_the_token_reads_the_reason(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(TOKEN_VARIABLE, "a token for probes")
    readiness = json.loads(ask(desk, "/readyz", host=THERE, headers=TOKEN).content)
    failing = {check["name"]: check["message"] for check in readiness["checks"] if not check["ok"]}
    assert readiness["ready"] is False
    assert list(failing) == ["scheduler"]
    assert "publisher run" in failing["scheduler"]


def test_prometheus_with_the_token_reads_the_numbers(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(TOKEN_VARIABLE, "a token for probes")
    answer = ask(desk, "/metrics", host=THERE, headers=TOKEN)
    names = {family.name for family in text_string_to_metric_families(answer.text)}
    assert answer.headers["content-type"].startswith("text/plain; version=")
    assert {"publisher_database_up", "publisher_channel_paused"} <= names


@pytest.mark.parametrize("token", ["", "another token"])
def test_without_the_right_token_nobody_reads_the_metrics(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, token: str
) -> None:
    monkeypatch.setenv(TOKEN_VARIABLE, token)
    assert ask(desk, "/metrics", headers=TOKEN).status_code == 404
    assert ask(desk, "/metrics", headers={"authorization": "Bearer "}).status_code == 404


@pytest.mark.parametrize(
    ("host", "headers"),
    [
        (THERE, {}),
        (HERE, {}),
        ("::1", {}),
        ("::ffff:203.0.113.7", {}),
        (HERE, {"x-forwarded-for": THERE}),
        (HERE, {"forwarded": f"for={THERE}"}),
        (HERE, {"via": "1.1 proxy"}),
    ],
)
def test_to_the_world_there_are_no_numbers_and_no_reasons(desk: Desk, host: str, headers: dict[str, str]) -> None:
    assert ask(desk, "/metrics", host=host, headers=headers).status_code == 404
    assert ask(desk, "/readyz", host=host, headers=headers).text == "not ok\n"


@pytest.mark.parametrize(("role", "status"), [("operator", 200), ("editor", 404)])
def test_an_operator_may_look_from_anywhere(desk: Desk, role: str, status: int) -> None:
    cookie = f"{COOKIE}={session_token(desk, role)}"
    assert ask(desk, "/metrics", host=THERE, headers={"cookie": cookie}).status_code == status


# --- behind a proxy ------------------------------------------------------------------------------


@contextmanager
def proxy_to(port: int, passed_on: Callable[[str], dict[str, str]]) -> Iterator[str]:
    """Serves a small reverse proxy on this machine, and returns its URL. `passed_on`: the headers that it adds."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            with closing(http.client.HTTPConnection(HERE, port, timeout=TIMEOUT)) as onward:
                headers = {"Host": self.headers["Host"], **passed_on(self.client_address[0])}
                onward.request("GET", self.path, headers=headers)
                answer = onward.getresponse()
                body = answer.read()
            self.send_response(answer.status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class names it so
            pass

    with ThreadingHTTPServer((HERE, 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://{HERE}:{server.server_port}"
        server.shutdown()


def as_the_samples_say(_address: str) -> dict[str, str]:
    return {"X-Forwarded-For": THERE, "X-Forwarded-Proto": "https"}


@pytest.mark.parametrize("passed_on", [as_the_samples_say, lambda _address: {}], ids=["samples", "no headers"])
@pytest.mark.parametrize("proxies", [(), (HERE,)], ids=["unknown", "listed"])
def test_a_proxy_opens_the_probes_to_nobody(
    desk: Desk, passed_on: Callable[[str], dict[str, str]], proxies: tuple[str, ...]
) -> None:
    server = WebServer(desk, host=HERE, port=0, proxies=proxies)
    server.start()
    try:
        with proxy_to(server.port, passed_on) as url:
            answers = {path: requests.get(url + path, timeout=TIMEOUT) for path in ("/metrics", "/readyz", "/login")}
    finally:
        server.stop()
    assert answers["/metrics"].status_code == 404
    assert answers["/readyz"].text == "not ok\n"
    assert answers["/login"].status_code == 200


@pytest.mark.parametrize("host", ["127.0.0.1", "0.0.0.0"])
def test_the_health_listener_decides_by_its_own_address(desk: Desk, monkeypatch: pytest.MonkeyPatch, host: str) -> None:
    monkeypatch.setenv(TOKEN_VARIABLE, "a token for probes")
    monkeypatch.setattr("publisher.core.listening_socket.ListeningSocket.bind", _bind_here)
    server = HealthServer(desk, host, 0)
    server.start()
    url = f"http://{HERE}:{server.port}"
    plain = [requests.get(url + path, timeout=TIMEOUT) for path in ("/metrics", "/readyz", "/healthz")]
    with_token = requests.get(f"{url}/metrics", headers=TOKEN, timeout=TIMEOUT)
    server.stop()
    open_to_all = host == HERE
    assert [answer.status_code for answer in plain] == [200 if open_to_all else 401, 503, 200]
    assert ("checks" in plain[1].text) is open_to_all
    assert with_token.status_code == 200


def _bind_here(self: socket.socket, address: tuple[str, int]) -> None:
    """Binds to this machine whatever address was asked for, so that the test opens nothing to others."""
    socket.socket.bind(self, (HERE, address[1]))


def test_the_samples_of_the_docs_pass_what_the_desk_needs() -> None:
    docs = (Path(__file__).parents[2] / "docs" / "desk.md").read_text(encoding="utf-8")
    nginx = docs.partition("```nginx\n")[2].partition("```")[0]
    assert {
        name for name in ("Host", "X-Forwarded-For", "X-Forwarded-Proto") if f"proxy_set_header {name} " in nginx
    } == {
        "Host",
        "X-Forwarded-For",
        "X-Forwarded-Proto",
    }
    assert "reverse_proxy" in docs.partition("```caddy\n")[2].partition("```")[0]
