"""What the pages' process tells a supervisor, and what it tells the world."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from httpx import ASGITransport, AsyncClient, Response
from prometheus_client.parser import text_string_to_metric_families

from publisher.clock import FixedClock
from publisher.desk import Desk
from publisher.health.heartbeat import beat
from publisher.staff import accounts, logins
from publisher.web.app import create_app
from publisher.web.guard import COOKIE
from tests.conftest import WriteDesk
from tests.desk_site import PASSWORD

HERE, THERE = "127.0.0.1", "203.0.113.7"


@pytest.fixture
def desk(tmp_path: Path, write_desk: WriteDesk, clock: FixedClock) -> Iterator[Desk]:
    made = Desk(write_desk(tmp_path), clock)
    yield made
    made.database.close()


def ask(desk: Desk, path: str, *, host: str = HERE, headers: dict[str, str] | None = None) -> Response:
    """What somebody at `host` is answered."""

    async def get() -> Response:
        transport = ASGITransport(create_app(desk), client=(host, 4000))
        async with AsyncClient(transport=transport, base_url="http://localhost") as client:
            return await client.get(path, headers=headers)

    return asyncio.run(get())


def session_token(desk: Desk, role: str) -> str:
    person = accounts.add_person(
        desk.database, email="a@example.org", name="Ada", roles=[role], password=PASSWORD, now=desk.now(), actor="test"
    )
    return logins.open_session(desk.database, person, address=HERE, browser="", now=desk.now()).token


def test_readiness_follows_the_scheduler(desk: Desk) -> None:
    before = ask(desk, "/readyz", host=THERE)
    assert (before.status_code, before.text) == (503, "not ok\n")
    beat(desk.database, "reef:1:1:1", "scheduler", desk.now())
    after = ask(desk, "/readyz", host=THERE)
    assert (after.status_code, after.text) == (200, "ok\n")


def test_this_machine_is_told_why(desk: Desk) -> None:
    told = json.loads(ask(desk, "/readyz").content)
    failing = {check["name"]: check["told"] for check in told["checks"] if not check["ok"]}
    assert told["ready"] is False
    assert list(failing) == ["scheduler"]
    assert "publisher run" in failing["scheduler"]


def test_prometheus_on_this_machine_reads_the_numbers(desk: Desk) -> None:
    answer = ask(desk, "/metrics", host="::1")
    names = {family.name for family in text_string_to_metric_families(answer.text)}
    assert answer.headers["content-type"].startswith("text/plain; version=")
    assert {"publisher_database_up", "publisher_channel_paused"} <= names


@pytest.mark.parametrize(
    ("host", "headers"),
    [
        (THERE, {}),
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
