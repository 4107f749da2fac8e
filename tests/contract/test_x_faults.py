"""Every fault at every step of a publication on X: what the desk is told, and that nothing is public twice."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from publisher.content import Absence, Publication
from publisher.platforms.base import Connection
from publisher.platforms.errors import (
    ContentRejected,
    CredentialsRefused,
    PlatformError,
    RateLimited,
    Unavailable,
    Unconfirmed,
)
from publisher.platforms.x import Adapter
from publisher.sandbox.faults import KINDS, Fault
from publisher.sandbox.wire import Answer, Request
from tests.local_x import CAPTION, LocalX, Wire, adapted, local_on, served_wire

POST = adapted(CAPTION, "alt")


@pytest.fixture(scope="module")
def wire() -> Iterator[Wire]:
    yield from served_wire()


@pytest.fixture
def local(tmp_path: Path, wire: Wire) -> Iterator[LocalX]:
    yield from local_on(wire, tmp_path)


def hurried(local: LocalX) -> Connection:
    """A channel whose publishing requests wait for a second only."""
    return local.connection(timeout=1.0)


def publish_once(local: LocalX, seen: list[tuple[str, PlatformError]]) -> Publication | None:
    """One try as the worker makes it, and a look-up after an unknown end; `seen` takes the end of each step."""
    adapter = Adapter.connect(hurried(local))
    step = "upload"
    try:
        media = local.upload(adapter, "alt")
        step = "prepare"
        prepared = adapter.prepare(POST, media, idempotency_key="x-1")
        step = "publish"
        return adapter.publish(POST, media, idempotency_key="x-1", preparation=prepared)
    except Unconfirmed as error:
        seen.append((step, error))
        since = local.clock.now()
        found = local.adapter().find_publication(POST, idempotency_key="x-1", since=since, preparation=prepared)
        return found if isinstance(found, Publication) else None
    except PlatformError as error:
        seen.append((step, error))
        return None


DEFINITE: dict[str, type[PlatformError]] = {
    "429": RateLimited,
    "unauthorized": CredentialsRefused,
    "reject": ContentRejected,
}
"""The platform's own words, which are believed wherever they come."""
TIMED = {"slow-after"}


def fault_of(kind: str, step: str) -> Fault:
    return Fault.parse(f"{step}/{kind}:2" if kind in TIMED else f"{step}/{kind}")


STEP_ENDS = {"upload": "upload", "read": "prepare", "publish": "publish"}
CASES = [
    (kind, step)
    for kind in KINDS
    for step in STEP_ENDS
    # A connection is refused at whatever it was opened for; uploads and reads are given more time than a slow answer.
    if kind != "refuse" and (kind not in TIMED or step == "publish")
]


@pytest.mark.parametrize(("kind", "step"), CASES)
def test_a_fault_ends_its_step_and_the_next_try_makes_the_one_copy(local: LocalX, kind: str, step: str) -> None:
    local.faults.add("x", fault_of(kind, step))
    ends: list[tuple[str, PlatformError]] = []
    publication = publish_once(local, ends)
    [(where, error)] = ends
    assert where == STEP_ENDS[step]
    if kind in DEFINITE and not (kind == "reject" and step == "read"):
        assert type(error) is DEFINITE[kind]
    else:
        assert type(error) is (Unconfirmed if step == "publish" else Unavailable)
    if publication is None:
        assert local.sandbox.posts() == []
        publication = publish_once(local, ends)
    assert publication is not None
    assert [post.id for post in local.sandbox.posts()] == [publication.remote_id]


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind not in ("refuse", "slow-after")])
def test_a_fault_of_a_look_up_never_says_that_the_post_is_absent(local: LocalX, kind: str) -> None:
    adapter = local.adapter()
    prepared = adapter.prepare(POST, [], idempotency_key="x-1")
    number = adapter.publish(POST, local.upload(adapter, "alt"), idempotency_key="x-1").remote_id
    local.faults.add("x", fault_of(kind, "read"))
    with pytest.raises((Unavailable, RateLimited, CredentialsRefused)) as caught:
        adapter.find_publication(POST, idempotency_key="x-1", since=local.clock.now(), preparation=prepared)
    assert type(caught.value) is (Unavailable if kind == "reject" else DEFINITE.get(kind, Unavailable))
    found = adapter.find_publication(POST, idempotency_key="x-1", since=local.clock.now(), preparation=prepared)
    assert isinstance(found, Publication)
    assert found.remote_id == number


# --- what stands in front of X ---------------------------------------------------------------

PAGE = "<html><head><title>Access denied: suspended, unauthorized, duplicate content</title></head></html>"
STATUSES = [301, 302, 307, 400, 401, 403, 404, 405, 409, 413, 421, 500, 502, 503, 504]
STEPS: dict[str, Callable[[Request], bool]] = {
    "upload": lambda request: request.path == "/2/media/upload",
    "describe": lambda request: request.path == "/2/media/metadata",
    "prepare": lambda request: request.method == "GET",
    "publish": lambda request: request.path == "/2/tweets",
}


def gateway(local: LocalX, step: str, status: int, *, passes_on: bool) -> Callable[[Request], Answer | None]:
    """A gateway that answers the first request of a step by itself, whether X got it or not."""
    waiting = [True]

    def answer(request: Request) -> Answer | None:
        if not waiting or not STEPS[step](request):
            return None
        waiting.clear()
        if passes_on:
            local.sandbox.answer(request)
        away = {"Location": f"{local.url}/elsewhere"} if 300 <= status < 400 else {}
        page = Answer.of_text(status, PAGE, "text/html")
        return Answer(status=status, headers={**page.headers, **away}, body=page.body)

    return answer


@pytest.mark.parametrize("passes_on", [False, True])
@pytest.mark.parametrize("status", STATUSES)
@pytest.mark.parametrize("step", STEPS)
def test_a_gateway_fails_no_post_and_pauses_no_channel(local: LocalX, step: str, status: int, passes_on: bool) -> None:
    local.in_front = gateway(local, step, status, passes_on=passes_on)
    ends: list[tuple[str, PlatformError]] = []
    publication = publish_once(local, ends)
    [(_, error)] = ends
    assert type(error) is (Unconfirmed if step == "publish" else Unavailable)
    assert (publication is not None) is (step == "publish" and passes_on)
    if publication is None:
        publication = publish_once(local, ends)
    assert publication is not None
    assert [post.id for post in local.sandbox.posts()] == [publication.remote_id]
    assert local.requests["POST", "/elsewhere"] == local.requests["GET", "/elsewhere"] == 0


@pytest.mark.parametrize("status", STATUSES)
def test_a_gateway_never_says_that_a_post_is_absent_or_gone(local: LocalX, status: int) -> None:
    adapter = local.adapter()
    prepared = adapter.prepare(POST, [], idempotency_key="x-1")
    number = adapter.publish(POST, local.upload(adapter, "alt"), idempotency_key="x-1").remote_id
    local.in_front = lambda request: Answer.of_text(status, PAGE, "text/html")
    with pytest.raises(Unavailable):
        adapter.find_publication(POST, idempotency_key="x-1", since=local.clock.now(), preparation=prepared)
    with pytest.raises(Unavailable):
        adapter.read_publication(number)
    with pytest.raises(Unavailable):
        adapter.verify_credentials()


def test_a_page_with_a_good_status_is_no_answer_either(local: LocalX) -> None:
    adapter = local.adapter()
    prepared = adapter.prepare(POST, [], idempotency_key="x-1")
    local.in_front = lambda request: Answer.of_text(200, PAGE, "text/html")
    with pytest.raises(Unavailable):
        local.upload(adapter, "alt")
    with pytest.raises(Unavailable):
        adapter.prepare(POST, [], idempotency_key="x-1")
    with pytest.raises(Unconfirmed):
        adapter.publish(adapted("Text"), [], idempotency_key="x-1", preparation=prepared)
    local.in_front = None
    found = adapter.find_publication(
        adapted("Text"), idempotency_key="x-1", since=local.clock.now(), preparation=prepared
    )
    assert found is Absence.NOT_LISTED
