"""Every fault at every step of a publication on X: what the desk is told, and that nothing is public twice."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from datetime import UTC, datetime, timedelta
from pathlib import Path
from unittest.mock import patch

import pytest

from publisher.core.content import Absence, Preparation, Publication
from publisher.platforms import exchange
from publisher.platforms.errors import (
    AlreadyPublic,
    ContentRejected,
    CredentialsRefused,
    PlatformError,
    RateLimited,
    Unavailable,
    Unconfirmed,
)
from publisher.sandbox.faults import ALL_KINDS, EFFECTS, TAKES_SECONDS, Fault, Moment
from publisher.sandbox.ledger import ListingLag
from publisher.sandbox.wire import Answer, Request
from tests.local_x import CAPTION, LocalX, Wire, adapted, local_on, served_wire

POST = adapted(CAPTION, "alt")


@pytest.fixture(scope="module")
def wire() -> Iterator[Wire]:
    yield from served_wire()


@pytest.fixture
def local(tmp_path: Path, wire: Wire) -> Iterator[LocalX]:
    yield from local_on(wire, tmp_path)


class Try:
    """One try as the worker makes it, and one look-up after an unknown end."""

    def __init__(self, local: LocalX, struck: str = "") -> None:
        self.publication: Publication | None = None
        self.error: PlatformError | None = None
        self.step = ""
        self.prepared = Preparation()
        self._struck = struck
        adapter = local.adapter()
        try:
            with self._going_on("upload"):
                media = local.upload(adapter, "alt")
            with self._going_on("prepare"):
                self.prepared = adapter.prepare(POST, media, idempotency_key="x-1")
            with self._going_on("publish"):
                self.publication = adapter.publish(POST, media, idempotency_key="x-1", preparation=self.prepared)
        except Unconfirmed as error:
            self.error = error
            self.publication = look_up(local, self.prepared)
        except PlatformError as error:
            self.error = error

    @contextmanager
    def _going_on(self, step: str) -> Iterator[None]:
        self.step = step
        with short_wait() if step == self._struck else nullcontext():
            yield


def short_wait() -> AbstractContextManager[object]:
    """An answer that never comes is not waited for as long as a real line may need."""
    return patch.object(exchange, "ANSWER_TIMEOUT", 1.0)


def look_up(local: LocalX, prepared: Preparation) -> Publication | None:
    since = local.clock.now()
    found = local.adapter().find_publication(POST, idempotency_key="x-1", since=since, preparation=prepared)
    return found if isinstance(found, Publication) else None


DEFINITE: dict[str, type[PlatformError]] = {
    "429": RateLimited,
    "unauthorized": CredentialsRefused,
    "reject": ContentRejected,
}
"""X's own words, which are believed wherever they come."""
STEP_ENDS = {"upload": "upload", "read": "prepare", "publish": "publish"}
STRIKING = [kind for kind in ALL_KINDS if kind != "refuse"]
"""A connection is refused at whatever it was opened for, so that one has a test of its own."""
SECONDS = {"slow-after": 3.0, "drip-head": 0.1, "drip-body": 0.1}
LATE_SECONDS = 100.0


def fault_of(kind: str, step: str) -> Fault:
    seconds = SECONDS.get(kind, LATE_SECONDS) if kind in TAKES_SECONDS else 0.0
    return Fault(kind, seconds, step)


def end_of(kind: str, step: str) -> type[PlatformError]:
    """What a fault must mean: X's own refusals are definite, and anything else leaves a publication unknown."""
    expected = DEFINITE.get(EFFECTS[kind].refusal)
    if expected is None or (expected is ContentRejected and step == "read"):
        return Unconfirmed if step == "publish" else Unavailable
    return expected


@pytest.mark.parametrize("kind", STRIKING)
@pytest.mark.parametrize("step", STEP_ENDS)
def test_a_fault_ends_its_step_and_there_is_one_copy_in_the_end(local: LocalX, kind: str, step: str) -> None:
    local.faults.add("x", fault_of(kind, step))
    first = Try(local, struck=STEP_ENDS[step] if kind in TAKES_SECONDS else "")
    if step == "read" and end_of(kind, step) is RateLimited:
        # Reading has a limit of its own, and what is only read never holds up a post.
        assert (first.error, len(local.sandbox.posts())) == (None, 1)
        return
    assert (first.step, type(first.error)) == (STEP_ENDS[step], end_of(kind, step))
    if isinstance(first.error, RateLimited):
        assert local.clock.now() < first.error.retry_at <= local.clock.now() + timedelta(days=2)
    if step == "publish" and EFFECTS[kind].moment is Moment.LATE:
        assert (first.publication, local.sandbox.posts()) == (None, [])
        local.later(timedelta(seconds=LATE_SECONDS))
        publication = look_up(local, first.prepared)
    elif step == "publish" and EFFECTS[kind].moment is Moment.FIRST:
        publication = first.publication
    else:
        assert (first.publication, local.sandbox.posts()) == (None, [])
        publication = Try(local).publication
    assert publication is not None
    assert [post.id for post in local.sandbox.posts()] == [publication.remote_id]


@pytest.mark.parametrize("kind", STRIKING)
def test_a_fault_of_a_look_up_never_says_that_the_post_is_absent(local: LocalX, kind: str) -> None:
    first = Try(local)
    assert first.publication is not None
    local.faults.add("x", fault_of(kind, "read"))
    with short_wait() if kind in TAKES_SECONDS else nullcontext(), pytest.raises(PlatformError) as caught:
        look_up(local, first.prepared)
    assert type(caught.value) is end_of(kind, "read")
    assert look_up(local, first.prepared) == Publication(
        remote_id=first.publication.remote_id, url=first.publication.url
    )


def test_a_refused_connection_leaves_nothing_behind(local: LocalX) -> None:
    local.faults.add("x", Fault("refuse"))
    first = Try(local)
    assert (first.step, type(first.error), first.publication) == ("upload", Unavailable, None)
    assert Try(local).publication is not None
    assert len(local.sandbox.posts()) == 1


# --- the world as it was reported ------------------------------------------------------------


def test_a_post_that_is_made_after_a_504_and_listed_late_is_found(local: LocalX) -> None:
    """Made 100 s after the answer, listed up to 14 minutes after that, and our clock is a minute and a half ahead."""
    local.set_our_clock(timedelta(seconds=90))
    local.sandbox.ledger.set_listing_lag("x", ListingLag(shortest=13 * 60, longest=14 * 60))
    local.faults.add("x", Fault("late-504", 100.0))
    first = Try(local)
    assert type(first.error) is Unconfirmed
    for minutes in (2, 5, 5):
        shift(local, timedelta(minutes=minutes))
        assert look_up(local, first.prepared) is None
    shift(local, timedelta(minutes=4))
    publication = look_up(local, first.prepared)
    assert publication is not None
    assert [post.id for post in local.sandbox.posts()] == [publication.remote_id]


def test_a_late_first_copy_makes_the_second_request_a_duplicate(local: LocalX) -> None:
    """Sent again too early on purpose: X says that it has the post, and that is believed."""
    local.sandbox.ledger.set_listing_lag("x", ListingLag(shortest=600, longest=840))
    local.faults.add("x", Fault("drop-after"))
    first = Try(local)
    assert (type(first.error), first.publication) == (Unconfirmed, None)
    adapter = local.adapter()
    media = local.upload(adapter, "alt")
    again = adapter.prepare(POST, media, idempotency_key="x-1", earlier=first.prepared)
    with pytest.raises(AlreadyPublic):
        adapter.publish(POST, media, idempotency_key="x-1", preparation=again)
    assert look_up(local, again) is None
    shift(local, timedelta(seconds=840))
    assert look_up(local, again) is not None
    assert len(local.sandbox.posts()) == 1


@pytest.mark.parametrize(
    "skew", [timedelta(hours=-3), timedelta(seconds=-90), timedelta(seconds=90), timedelta(hours=3)]
)
def test_a_platform_whose_clock_is_wrong_hides_nothing(local: LocalX, skew: timedelta) -> None:
    local.sandbox.clock_skew = skew
    local.faults.add("x", Fault("drop-after"))
    first = Try(local)
    assert type(first.error) is Unconfirmed
    assert first.publication is not None
    assert all(abs(ahead - skew) < timedelta(seconds=5) for ahead in local.ahead)
    assert local.ahead


def shift(local: LocalX, duration: timedelta) -> None:
    """Let time pass, and leave both clocks as wrong as they are."""
    local.clock.shift_to(local.clock.now() + duration)
    local.sandbox.ledger.shift(local.sandbox.ledger.now() + duration - datetime.now(UTC))


# --- what stands in front of X ---------------------------------------------------------------

PAGE = "<html><head><title>Access denied: suspended, unauthorized, duplicate content</title></head></html>"
STATUSES = [307, 400, 401, 403, 413, 503]
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
    first = Try(local)
    assert type(first.error) is (Unconfirmed if step == "publish" else Unavailable)
    assert (first.publication is not None) is (step == "publish" and passes_on)
    publication = first.publication or Try(local).publication
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
