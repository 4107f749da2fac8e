"""Tests that surplus requests are refused, and that cached pages are never out of date."""

from __future__ import annotations

import asyncio
import threading
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import requests
from anyio import to_thread
from fastapi import FastAPI, Response

from publisher.core.memory import bound_arenas, give_back_memory
from publisher.db.event_cache import MAX_PAGES
from publisher.posts.drafts import PostDraft
from publisher.posts.posts import add_post
from publisher.web import load_limit, rendering
from publisher.web.pages import queue_page
from tests.conftest import WriteDesk
from tests.desk_site import Client, Site, open_starter_site
from tests.event_loops import run_coroutine
from tests.waiting import TIMEOUT, wait_until


@pytest.fixture
def site(tmp_path: Path, write_desk: WriteDesk) -> Iterator[Site]:
    with open_starter_site(write_desk(tmp_path)) as new_site:
        yield new_site


def resident_pages() -> int:
    return int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])


def ask(client: Client, path: str) -> requests.Response:
    with requests.Session() as apart:
        apart.trust_env = False
        return apart.get(client.base + path, cookies=client.cookies.get_dict(), timeout=TIMEOUT)


def test_surplus_requests_are_refused_and_the_process_stays_alive(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(load_limit, "MAX_WAITING", 4)
    go_on, at_work = threading.Event(), threading.Semaphore(0)
    render = rendering.page

    def slow(*args: object, **options: object) -> object:
        at_work.release()
        assert go_on.wait(TIMEOUT)
        return render(*args, **options)  # type: ignore[arg-type]

    monkeypatch.setattr("publisher.web.pages.archive.page", slow)
    client = site.client("admin")
    with ThreadPoolExecutor(40) as many:
        first = []
        for _ in range(load_limit.MAX_WORKERS):
            # One after the other: at the same moment, all but four would be too many.
            first.append(many.submit(ask, client, "/posts"))
            assert at_work.acquire(timeout=TIMEOUT)
        later = [many.submit(ask, client, "/posts") for _ in range(20)]
        wait_until(lambda: sum(answer.done() for answer in later) >= 5, "the surplus is refused")
        assert ask(site.client(), "/healthz").text == "ok\n"
        refusal = ask(client, "/api/v1/posts")
        go_on.set()
        statuses = Counter(answer.result().status_code for answer in [*first, *later])
        refused = next(answer.result() for answer in later if answer.result().status_code == 503)
    assert statuses[503] >= 5
    assert statuses[200] + statuses[503] == load_limit.MAX_WORKERS + 20
    assert refused.headers["retry-after"] == "2"
    assert "try again" in refused.text
    assert (refusal.status_code, refusal.headers["content-type"]) == (503, "application/problem+json")
    assert ask(client, "/posts").status_code == 200


@pytest.mark.parametrize("flood_by", ["strangers", "one session"])
def test_a_flood_leaves_places_for_people_who_were_let_in_before(
    site: Site, monkeypatch: pytest.MonkeyPatch, flood_by: str
) -> None:
    monkeypatch.setattr(load_limit, "MAX_WAITING", 12)
    monkeypatch.setattr(load_limit, "MAX_WAITING_UNKNOWN", 4)
    client, guest = site.client("editor"), site.client(*(["admin"] if flood_by == "one session" else []))
    path = "/posts" if flood_by == "one session" else "/login"
    for browser in (client, guest):
        assert ask(browser, "/").status_code == 200
    go_on, at_work = threading.Event(), threading.Semaphore(0)
    render = rendering.page

    def slow(*args: object, **options: object) -> object:
        at_work.release()
        assert go_on.wait(TIMEOUT)
        return render(*args, **options)  # type: ignore[arg-type]

    monkeypatch.setattr("publisher.web.pages.archive.page", slow)
    monkeypatch.setattr("publisher.web.pages.login.page", slow)
    with ThreadPoolExecutor(60) as many:
        for _ in range(load_limit.MAX_WORKERS):
            many.submit(ask, guest, path)
            assert at_work.acquire(timeout=TIMEOUT)
        flood = [many.submit(ask, guest, path) for _ in range(30)]
        refused = 30 - (4 if flood_by == "strangers" else load_limit.MAX_PER_CREDENTIALS - load_limit.MAX_WORKERS)
        wait_until(lambda: sum(future.done() for future in flood) == refused, "the surplus is refused")
        mine = [many.submit(ask, client, "/queue") for _ in range(3)]
        many.submit(ask, guest, path).result()
        go_on.set()
        assert [future.result().status_code for future in mine] == [200] * 3
    assert Counter(future.result().status_code for future in flood)[503] == refused


async def answered_statuses(number: int, turns_between: int) -> Counter[int]:
    """Asks so often, with so many turns of the event loop between, while no thread gets free. Returns the answers."""
    go_on = threading.Event()
    statuses: list[int] = []

    async def wait_for_a_thread(_scope: Any, _receive: Any, send: Any) -> None:
        await to_thread.run_sync(go_on.wait, TIMEOUT)
        await Response()(_scope, _receive, send)

    async def receive() -> dict[str, Any]:
        return {"type": "http.request"}

    async def send(message: Any) -> None:
        if message["type"] == "http.response.start":
            statuses.append(message["status"])

    to_thread.current_default_thread_limiter().total_tokens = load_limit.MAX_WORKERS
    bounded = load_limit.LoadLimit(wait_for_a_thread, api_path="/api")
    app = FastAPI()
    app.state.requests = 0
    scope = {"type": "http", "method": "GET", "path": "/login", "headers": [], "query_string": b"", "app": app}
    tasks = []
    for _ in range(number):
        tasks.append(asyncio.create_task(bounded(dict(scope), receive, send)))
        for _ in range(turns_between):
            await asyncio.sleep(0)
    # In as many turns of the loop every request was refused, or waits for a thread.
    for _ in range(10):
        await asyncio.sleep(0)
    go_on.set()
    await asyncio.gather(*tasks)
    return Counter(statuses)


def test_requests_that_come_at_the_same_moment_are_bounded_too() -> None:
    statuses = run_coroutine(answered_statuses(200, turns_between=0))
    assert statuses == {503: 200 - load_limit.MAX_WAITING_UNKNOWN, 200: load_limit.MAX_WAITING_UNKNOWN}


def test_no_request_is_counted_twice() -> None:
    places = load_limit.MAX_WORKERS + load_limit.MAX_WAITING_UNKNOWN
    assert run_coroutine(answered_statuses(places, turns_between=1)) == {200: places}


def test_remembered_credentials_are_bounded() -> None:
    credentials = load_limit.KnownCredentials()
    for number in range(load_limit.MAX_REMEMBERED + 3):
        credentials.remember(number.to_bytes(4))
    assert (0).to_bytes(4) not in credentials
    assert load_limit.MAX_REMEMBERED.to_bytes(4) in credentials
    assert len(credentials._hashes) == load_limit.MAX_REMEMBERED


def test_a_page_is_rendered_once_until_an_event(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    renderings = []
    context = queue_page._context

    def counted(*args: object) -> object:
        renderings.append(args)
        return context(*args)  # type: ignore[arg-type]

    monkeypatch.setattr(queue_page, "_context", counted)
    monkeypatch.setattr("publisher.db.event_cache.MAX_AGE", timedelta(hours=1))
    client = site.client("editor")
    first = ask(client, "/queue").text
    assert [ask(client, "/queue").text for _ in range(5)] == [first] * 5
    assert len(renderings) == 1
    draft = PostDraft(title="Quiet cells", body="They rest.", credit="By the bench")
    add_post(site.desk.database, site.desk.store, draft, site.desk.now())
    assert "Quiet cells" in ask(client, "/queue").text


def test_a_cached_page_is_of_one_session_and_one_address(site: Site) -> None:
    first, other = site.client("editor"), site.client("contributor")
    for path in ("/", "/queue", "/queue?state=draft"):
        pages = [client.get(path).text for client in (first, other, first)]
        assert [first.csrf in page for page in pages] == [True, False, True]
        assert [other.csrf in page for page in pages] == [False, True, False]


def test_cached_pages_are_limited(site: Site) -> None:
    client = site.client("editor")
    for number in range(MAX_PAGES + 10):
        assert client.get(f"/queue?text={number}").status_code == 200
    assert len(site.server._app.state.page_cache) == MAX_PAGES


def test_memory_is_given_back_where_the_library_can() -> None:
    bound_arenas()
    blocks = [bytearray(500) for _ in range(200_000)]
    full = resident_pages()
    del blocks
    give_back_memory()
    assert resident_pages() < full
