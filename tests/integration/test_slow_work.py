"""Tests that slow work is limited, and that pages are answered meanwhile."""

from __future__ import annotations

import asyncio
import hashlib
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import requests

from publisher.adapt.images import inspection
from publisher.adapt.images.child_process import run_image_process
from publisher.adapt.images.rendering import ImageRefused
from publisher.core.messages import Face, Message, Reader, current_reader, set_reader
from publisher.core.problems import recorded_problem
from publisher.posts.errors import PostError
from publisher.staff.api_tokens import new_api_token
from publisher.web import load_limit
from publisher.web.slow_work import Refusal, WorkLimits, WorkQueue, WorkRefused
from publisher.webhooks import WebhookError
from tests.conftest import WriteDesk
from tests.desk_site import Client, Site, open_starter_site
from tests.event_loops import run_coroutine
from tests.fakes import add_delivery
from tests.outlet import draw
from tests.waiting import TIMEOUT, wait_until

Act = Callable[[Site, Client], requests.Response]
ONE = WorkLimits(workers=1, waiting=1, per_person=5, seconds=TIMEOUT)


@pytest.fixture
def site(tmp_path: Path, write_desk: WriteDesk) -> Iterator[Site]:
    with open_starter_site(write_desk(tmp_path)) as new_site:
        yield new_site


class Gate:
    """Blocks callers until it is opened, and counts them."""

    def __init__(self, error: Exception) -> None:
        self.opened = threading.Event()
        self.within = 0
        self._error = error
        self._lock = threading.Lock()

    def __call__(self, *_arguments: Any, **_options: Any) -> Any:
        with self._lock:
            self.within += 1
        assert self.opened.wait(TIMEOUT)
        raise self._error


def ask(client: Client, path: str) -> requests.Response:
    with requests.Session() as apart:
        apart.trust_env = False
        return apart.get(client.base + path, cookies=client.cookies.get_dict(), timeout=TIMEOUT)


def assert_pages_are_answered(client: Client) -> None:
    for path in ("/", "/queue", "/posts/new", "/login", "/healthz"):
        assert ask(client, path).status_code == 200, path


def upload_by_api(site: Site, number: int) -> Callable[[], requests.Response]:
    person = site.person("contributor", email=f"c{number % 5}@example.org")
    token = new_api_token(site.desk.database, person, "test", ["read", "write"], days=7, now=site.desk.now())
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "image/png"}
    content = b"\x89PNG\r\n\x1a\n" + number.to_bytes(2000, "big")
    return lambda: requests.post(f"{site.url}/api/v1/images", content, headers=headers, timeout=TIMEOUT)


def upload_by_page(site: Site, number: int) -> Callable[[], requests.Response]:
    client = site.client("contributor", email=f"c{number % 5}@example.org")
    upload = client.send_form("/uploads", {"name": "a.png", "size": 2000}).json()["id"]
    headers = {"x-csrf-token": client.csrf}
    return lambda: client.post(f"/uploads/{upload}/0", number.to_bytes(2000, "big"), headers=headers, timeout=TIMEOUT)


def upload_by_form(site: Site, number: int) -> Callable[[], requests.Response]:
    client = site.client("contributor", email=f"c{number % 5}@example.org")
    files = [("files", (f"{number}.png", number.to_bytes(2000, "big")))]
    form = {"title": "Kept words", "language": "en", "place": "queue", "then": "save"}
    return lambda: client.send_form("/posts", form, files=files, timeout=TIMEOUT)


@pytest.mark.parametrize("upload", [upload_by_api, upload_by_page, upload_by_form], ids=["API", "pieces", "form"])
def test_pages_are_answered_while_many_pictures_are_examined(
    site: Site, monkeypatch: pytest.MonkeyPatch, upload: Callable[[Site, int], Callable[[], requests.Response]]
) -> None:
    gate = Gate(ImageRefused(recorded_problem("It is broken.")))
    monkeypatch.setattr(inspection, "run_image_process", gate)
    client = site.client("editor")
    uploads = [upload(site, number) for number in range(load_limit.MAX_WORKERS + 6)]
    with ThreadPoolExecutor(len(uploads)) as many:
        answers = [many.submit(send) for send in uploads]
        # Two are examined, eight wait, four are told at once.
        wait_until(lambda: sum(answer.done() for answer in answers) == 4, "the surplus is refused")
        wait_until(lambda: gate.within == 2, "two are examined")
        assert_pages_are_answered(client)
        refused = next(answer.result() for answer in answers if answer.done())
        gate.opened.set()
        statuses = Counter(answer.result().status_code for answer in answers)
    assert gate.within == 10
    if upload is upload_by_form:
        # The form is shown again with what was typed, and with the reason.
        assert statuses == {422: 14}
        assert "Kept words" in refused.text
        assert "more such work than it can do" in refused.text
    else:
        assert statuses == {422: 10, 503: 4}
        assert refused.headers["retry-after"] == "5"
        assert "json" in refused.headers["content-type"]


def adopt(_site: Site, client: Client) -> requests.Response:
    return client.send_form("/deliveries/1/adopt", {"link": "x"}, timeout=TIMEOUT)


def adopt_by_api(site: Site, _client: Client) -> requests.Response:
    person = site.person("operator")
    token = new_api_token(site.desk.database, person, "test", ["read", "operate"], days=7, now=site.desk.now())
    headers = {"Authorization": f"Bearer {token}", "If-Match": "*"}
    url = f"{site.url}/api/v1/deliveries/1/adopt"
    return requests.post(url, json={"link": "x"}, headers=headers, timeout=TIMEOUT)


def post(path: str, form: dict[str, str] | None = None) -> Act:
    return lambda _site, client: client.send_form(path, form, timeout=TIMEOUT)


def send_piece(_site: Site, client: Client) -> requests.Response:
    headers = {"x-csrf-token": client.csrf}
    return client.post(f"/uploads/{'0' * 32}/0", b"a piece", headers=headers, timeout=TIMEOUT)


def get(path: str) -> Act:
    return lambda _site, client: ask(client, path)


PLATFORM_AWAY = PostError(Message("it does not answer"))
PAGES = "publisher.web.pages"
SLOW_HANDLERS: dict[str, tuple[str, Exception, Act]] = {
    "adopt": (f"{PAGES}.deliveries.adopt", PLATFORM_AWAY, adopt),
    "adopt by API": ("publisher.web.api.deliveries.adopt", PLATFORM_AWAY, adopt_by_api),
    "export": (f"{PAGES}.deliveries.all_deliveries", PLATFORM_AWAY, get("/deliveries/export.csv")),
    "preview": (f"{PAGES}.editor.preview_context", PLATFORM_AWAY, post("/preview", {"title": "A"})),
    "examine": (f"{PAGES}.channels.check_login", PLATFORM_AWAY, post("/channels/tumblr/examine")),
    "piece": (f"{PAGES}.uploads.Uploads.find", PLATFORM_AWAY, send_piece),
    "rehearse": (f"{PAGES}.channels.rehearse_channel", PLATFORM_AWAY, post("/channels/tumblr/rehearse")),
    "connect": (
        "publisher.delivery.channels.Channels.leads_back",
        PLATFORM_AWAY,
        post("/channels/tumblr/connect"),
    ),
    "webhook": (
        f"{PAGES}.webhooks.hooks.add_webhook",
        WebhookError(Message("no")),
        post("/webhooks", {"url": "https://example.org/"}),
    ),
    "stored picture": (
        "publisher.adapt.images.rendering.Renderer.stored",
        ImageRefused(recorded_problem("no")),
        get(f"/renditions/{'0' * 64}"),
    ),
    "thumbnail": (
        "publisher.adapt.images.rendering.Renderer.stored",
        ImageRefused(recorded_problem("no")),
        get(f"/pictures/{'0' * 64}/160.webp"),
    ),
}
"""The slow function of each handler, its error at the end, and the request."""


@pytest.mark.parametrize("name", SLOW_HANDLERS)
def test_pages_are_answered_while_slow_handlers_wait(site: Site, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    place, error, act = SLOW_HANDLERS[name]
    gate = Gate(error)
    monkeypatch.setattr(place, gate)
    monkeypatch.setenv("PUBLISHER_KEY", "a" * 43 + "=")
    client = site.client("admin", "operator")
    assert add_delivery(site.desk.database, site.desk.now(), channel="tumblr") == 1
    site.person("operator")
    number = load_limit.MAX_WORKERS + 4
    clients = [site.client("admin", "operator", email=f"p{person % 4}@example.org") for person in range(number)]
    with ThreadPoolExecutor(number) as many:
        futures = [many.submit(act, site, client) for client in clients]
        wait_until(lambda: gate.within >= 1, "one of them waits")
        assert_pages_are_answered(client)
        gate.opened.set()
        assert {future.result().status_code for future in futures} <= {200, 404, 409, 422, 503}


async def gather(work_queue: WorkQueue, *works: tuple[Callable[[], Any], str]) -> list[Any]:
    running = [work_queue.run(work, person) for work, person in works]
    return await asyncio.gather(*running, return_exceptions=True)


def reasons(outcomes: list[Any]) -> list[Any]:
    return [outcome.reason if isinstance(outcome, WorkRefused) else outcome for outcome in outcomes]


def test_a_full_queue_and_one_persons_share_are_refused_at_once() -> None:
    go_on = threading.Event()

    async def fill() -> tuple[list[Any], list[Any]]:
        work_queue = WorkQueue("test", WorkLimits(workers=1, waiting=2, per_person=2, seconds=TIMEOUT))
        first = [asyncio.create_task(work_queue.run(lambda: go_on.wait(TIMEOUT), person)) for person in "aab"]
        await asyncio.sleep(0)
        refused = await gather(work_queue, (bool, "c"), (bool, "a"))
        go_on.set()
        return refused, [*await asyncio.gather(*first), *await gather(work_queue, (lambda: 7, "a"))]

    refused, results = run_coroutine(fill())
    assert reasons(refused) == [Refusal.TOO_MUCH, Refusal.TOO_MUCH]
    assert results == [True, True, True, 7]


def test_work_is_done_for_the_reader_of_its_request() -> None:
    readers = [Reader(language="ca", face=Face.PAGE), Reader(face=Face.PROGRAM)]

    async def ask_as(work_queue: WorkQueue, reader: Reader) -> Reader:
        set_reader(reader)
        return await work_queue.run(current_reader, reader.language)

    async def ask() -> list[Reader]:
        work_queue = WorkQueue("test", WorkLimits(workers=1, waiting=5, per_person=5, seconds=TIMEOUT))
        return await asyncio.gather(*(ask_as(work_queue, reader) for reader in readers))

    assert run_coroutine(ask()) == readers


def test_one_persons_share_is_bounded() -> None:
    go_on = threading.Event()

    async def fill() -> list[Any]:
        work_queue = WorkQueue("test", WorkLimits(workers=1, waiting=5, per_person=1, seconds=TIMEOUT))
        first = asyncio.create_task(work_queue.run(lambda: go_on.wait(TIMEOUT), "a"))
        await asyncio.sleep(0)
        outcomes = await gather(work_queue, (bool, "a"))
        go_on.set()
        return [*outcomes, await first, *await gather(work_queue, (lambda: 7, "a"))]

    assert reasons(run_coroutine(fill())) == [Refusal.TOO_MUCH_OF_PERSON, True, 7]


def test_work_has_a_deadline_and_keeps_its_place_until_it_is_over() -> None:
    go_on = threading.Event()

    async def wait_in_vain() -> list[Any]:
        work_queue = WorkQueue("test", WorkLimits(workers=1, waiting=1, per_person=9, seconds=0.2))
        late = await gather(work_queue, (lambda: go_on.wait(TIMEOUT), "a"), (bool, "b"))
        # The first one still works: the second's place is free, and the first's is not.
        full = await gather(work_queue, (bool, "c"), (bool, "d"))
        go_on.set()
        while work_queue._capacity._taken:
            await asyncio.sleep(0.01)
        return [*late, *full, *await gather(work_queue, (lambda: 7, "e"))]

    assert reasons(run_coroutine(wait_in_vain())) == [
        Refusal.NOT_FINISHED, Refusal.NOT_STARTED, Refusal.NOT_STARTED, Refusal.TOO_MUCH, 7,
    ]  # fmt: skip


def test_one_person_never_keeps_all_threads() -> None:
    go_on = threading.Event()

    async def fill() -> tuple[Any, list[Any]]:
        work_queue = WorkQueue("test", WorkLimits(workers=2, waiting=8, per_person=4, seconds=TIMEOUT))
        slow = [asyncio.create_task(work_queue.run(lambda: go_on.wait(TIMEOUT), "a")) for _ in range(4)]
        await asyncio.sleep(0)
        other = await work_queue.run(lambda: 7, "b")
        are_done = [task.done() for task in slow]
        go_on.set()
        return (other, are_done), await asyncio.gather(*slow)

    assert run_coroutine(fill()) == ((7, [False] * 4), [True] * 4)


def test_work_that_is_given_up_is_forgotten_at_once() -> None:
    go_on = threading.Event()

    async def give_up() -> int:
        work_queue = WorkQueue("test", WorkLimits(workers=1, waiting=1, per_person=9, seconds=TIMEOUT))
        first = asyncio.create_task(work_queue.run(lambda: go_on.wait(TIMEOUT), "a"))
        await asyncio.sleep(0)
        for _ in range(5):
            later = asyncio.create_task(work_queue.run(bool, "b"))
            await asyncio.sleep(0)
            later.cancel()
            await asyncio.gather(later, return_exceptions=True)
        waiting = len(work_queue._waiting)
        go_on.set()
        await first
        return waiting

    # The first may not have begun yet.
    assert run_coroutine(give_up()) <= 1


def test_an_error_of_the_work_is_the_callers() -> None:
    def fail() -> None:
        raise TimeoutError("of its own")

    outcomes = run_coroutine(gather(WorkQueue("test", ONE), (fail, "a")))
    assert isinstance(outcomes[0], TimeoutError)
    assert str(outcomes[0]) == "of its own"


def test_a_picture_that_is_examined_for_longer_than_its_request_is_stored(
    site: Site, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    draw(tmp_path / "a.png")
    go_on, examine = threading.Event(), run_image_process

    def examine_late(*arguments: Any, **options: Any) -> Any:
        assert go_on.wait(TIMEOUT)
        return examine(*arguments, **options)

    monkeypatch.setattr(inspection, "run_image_process", examine_late)
    work = site.server._app.state.slow_work
    work.pictures = WorkQueue("pictures", WorkLimits(workers=1, waiting=1, per_person=1, seconds=0.2))
    person = site.person("contributor")
    token = new_api_token(site.desk.database, person, "test", ["read", "write"], days=7, now=site.desk.now())
    headers = {"Authorization": f"Bearer {token}"}
    content = (tmp_path / "a.png").read_bytes()
    with_type = {**headers, "Content-Type": "image/png"}
    answer = requests.post(f"{site.url}/api/v1/images", content, headers=with_type, timeout=TIMEOUT)
    assert (answer.status_code, "It goes on" in answer.json()["detail"]) == (503, True)
    assert work.bodies._taken.total() == 1
    refused = requests.post(f"{site.url}/api/v1/images", content, headers=with_type, timeout=TIMEOUT)
    assert refused.status_code == 503
    assert work.bodies._taken.total() == 1
    go_on.set()
    wait_until(lambda: not work.bodies._taken, "the file is given up")
    stored = f"{site.url}/api/v1/images/{hashlib.sha256(content).hexdigest()}"
    assert requests.get(stored, headers=headers, timeout=TIMEOUT).status_code == 200


@pytest.mark.parametrize(("upload", "kind"), [(upload_by_api, "bodies"), (upload_by_page, "pieces")])
def test_bodies_of_one_person_are_bounded(
    site: Site, upload: Callable[[Site, int], Callable[[], requests.Response]], kind: str
) -> None:
    capacity = getattr(site.server._app.state.slow_work, kind)
    ask_again = upload(site, 0)
    person = site.person("contributor", email="c0@example.org")
    share = capacity._per_person
    for _ in range(share):
        capacity.acquire(person)
    refused = ask_again()
    assert (refused.status_code, refused.headers["retry-after"]) == (503, "5")
    for _ in range(share):
        capacity.release(person)
    assert ask_again().status_code == 422
    assert not capacity._taken
