"""Whatever happens to any request of a delivery: one public post in the end, and no stray draft among the public ones.

The desk is played here as the worker and its look-ups do it, with a new adapter at each step, as after a kill.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta

import pytest

from publisher.core.content import Absence, Preparation, Publication
from publisher.platforms.abilities import NOTHING_PREPARED
from publisher.platforms.errors import PlatformError, Unconfirmed
from publisher.platforms.profiles import load_profile
from publisher.sandbox.wire import Answer, Request
from tests.contract.platforms.tumblr import KEY, POST, Driver, long_ago
from tests.contract.platforms.tumblr_answers import answered, error

LAG = timedelta(seconds=load_profile("tumblr").publishing.listing_lag_seconds)
CLEAN_LOOK_UPS = 3
REQUESTS = 6
"""Of a good delivery: drafts, creation, read-back, publication, reading, listing."""

UNCLEAR: dict[str, Answer] = {
    "504": answered(504, "<html><h1>504 Gateway Time-out</h1></html>"),
    "404": answered(404, "<html>nothing here</html>"),
    "200": answered(200, "<html>It works!</html>"),
    "glitch": error(400, 0, "Hit a glitch. Try again."),
    "500": error(500, 8006),
    "drop": Answer(status=200, cut_at=0),
    "half": answered(200, '{"meta": {"status": 200}, "respon').cut(20),
}


@dataclass
class DisturbedRequest:
    """One request of a delivery that ends unclearly: not carried out, carried out, or carried out later."""

    desk: Driver
    position: int
    way: str
    answer: Answer
    late: list[Request] = field(default_factory=list)
    seen: int = 0

    def __call__(self, request: Request) -> Answer | None:
        self.seen += 1
        if self.seen != self.position + 1:
            return None
        if self.way == "carried out":
            self.desk.sandbox.answer(request)
        elif self.way == "late":
            self.late.append(request)
        return self.answer

    def catch_up(self) -> None:
        while self.late:
            self.desk.sandbox.answer(self.late.pop())


def deliver(desk: Driver, between: Callable[[int], None], *, drafts: bool = True) -> Publication:
    """Deliver until it is public, as the desk does. `between` is told how many steps were made."""
    preparation, unknown, clean = NOTHING_PREPARED, False, 0
    since = long_ago()
    for step in range(40):
        between(step)
        looking = unknown
        try:
            if not looking:
                preparation = attempt(desk, preparation, drafts)
                unknown, clean = True, 0
                return publish(desk, preparation, drafts)
            adapter = desk.adapter(drafts=drafts)
            found = adapter.find_publication(POST, idempotency_key=KEY, since=since, preparation=preparation)
        except Unconfirmed:
            continue
        except PlatformError:
            unknown = looking
            continue
        if isinstance(found, Publication):
            return found
        clean += 1
        desk.pass_time(timedelta(seconds=10) if found is Absence.UNPUBLISHED else LAG / CLEAN_LOOK_UPS)
        unknown = found is Absence.GONE or (found is Absence.NOT_LISTED and clean <= CLEAN_LOOK_UPS)
    raise AssertionError("it came to no end")


def attempt(desk: Driver, earlier: Preparation, drafts: bool) -> Preparation:
    return desk.prepare(desk.adapter(drafts=drafts), 2, earlier=earlier)


def publish(desk: Driver, preparation: Preparation, drafts: bool) -> Publication:
    adapter = desk.adapter(drafts=drafts)
    return adapter.publish(POST, desk.upload(adapter, 2), idempotency_key=KEY, preparation=preparation)


def judge(desk: Driver, publication: Publication) -> None:
    (copy,) = desk.copies()
    assert copy.tags == POST.tags
    assert [image.alt_text for image in copy.images] == ["Cell 0", "Cell 1"]
    shown = desk.adapter().read_publication(publication.remote_id)
    assert shown is not None
    assert (shown.remote_id, shown.visible) == (copy.id, True)


@pytest.mark.parametrize("same_id", [False, True], ids=["new id", "same id"])
@pytest.mark.parametrize("way", ["not carried out", "carried out"])
@pytest.mark.parametrize("position", range(REQUESTS))
@pytest.mark.parametrize("answer", UNCLEAR)
def test_one_post_whatever_the_answer_to_a_request(
    desk: Driver, answer: str, position: int, way: str, same_id: bool
) -> None:
    desk.sandbox.blog.habits.drafts_keep_id = same_id
    desk.in_front = DisturbedRequest(desk, position, way, UNCLEAR[answer])
    publication = deliver(desk, lambda _step: None)
    judge(desk, publication)
    assert desk.drafts() == []


@pytest.mark.parametrize("lag", [0, 14], ids=["listed at once", "listed late"])
@pytest.mark.parametrize("same_id", [False, True], ids=["new id", "same id"])
@pytest.mark.parametrize("later", range(1, 6))
@pytest.mark.parametrize("position", range(REQUESTS))
def test_one_post_when_a_request_is_carried_out_late(
    desk: Driver, position: int, later: int, same_id: bool, lag: int
) -> None:
    """A request is answered with 504 and carried out so many steps of the desk later."""
    desk.sandbox.blog.habits.drafts_keep_id = same_id
    desk.sandbox.blog.habits.listing_lag = timedelta(minutes=lag)
    disturbed = DisturbedRequest(desk, position, "late", UNCLEAR["504"])
    desk.in_front = disturbed
    waited = 0

    def between(_step: int) -> None:
        nonlocal waited
        waited += bool(disturbed.late)
        if waited > later:
            disturbed.catch_up()

    publication = deliver(desk, between)
    desk.in_front = lambda _request: None
    disturbed.catch_up()
    desk.pass_time(timedelta(minutes=15))
    judge(desk, publication)


@pytest.mark.parametrize("same_id", [False, True], ids=["new id", "same id"])
@pytest.mark.parametrize("dies_after", range(1, REQUESTS + 1))
def test_one_post_when_the_worker_dies_after_any_request(desk: Driver, dies_after: int, same_id: bool) -> None:
    """Everything is carried out, and nobody hears of it; what was prepared is known only if it was committed."""
    desk.sandbox.blog.habits.drafts_keep_id = same_id
    silent = True

    def answer(request: Request) -> Answer | None:
        if not silent or len(desk.requests) < dies_after:
            return None
        desk.sandbox.answer(request)
        return Answer(status=200, cut_at=0)

    desk.in_front = answer
    adapter, preparation = desk.adapter(), NOTHING_PREPARED
    with contextlib.suppress(PlatformError):
        media = desk.upload(adapter, 2)
        preparation = adapter.prepare(POST, media, idempotency_key=KEY)
        adapter.publish(POST, media, idempotency_key=KEY, preparation=preparation)
    silent = False
    desk.requests.clear()
    found: Publication | Absence = Absence.UNPUBLISHED
    if preparation.reference:
        found = desk.adapter().find_publication(POST, idempotency_key=KEY, since=long_ago(), preparation=preparation)
    if not isinstance(found, Publication):
        found = publish(desk, attempt(desk, preparation, True), True)
    judge(desk, found)
    assert desk.drafts() == []


@pytest.mark.parametrize("way", ["not carried out", "carried out"])
@pytest.mark.parametrize("position", range(2))
@pytest.mark.parametrize("answer", UNCLEAR)
def test_one_post_without_drafts_too(desk: Driver, answer: str, position: int, way: str) -> None:
    desk.in_front = DisturbedRequest(desk, position, way, UNCLEAR[answer])
    publication = deliver(desk, lambda _step: None, drafts=False)
    judge(desk, publication)
