"""What an answer decides: the platform's own words as far as they go, and a gateway's nothing at all."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import timedelta

import pytest

from publisher.core.clock import FixedClock
from publisher.platforms.errors import NotPrepared, PlatformError, RateLimited, Unavailable, Unconfirmed
from publisher.sandbox.wire import Answer, Request
from tests.contract.account import Account
from tests.contract.cases import AnswerCase, Step, WaitCase
from tests.contract.delivery import Try, assert_one_copy, assert_stored_whole, deliver
from tests.contract.parameters import of_each_platform

ELSEWHERE = "/elsewhere"
PAGE = "<html><head><title>Access denied: suspended, unauthorized, duplicate content</title></head></html>"
GATEWAY = {
    "redirect": Answer(status=302, headers={"Location": "https://login.example/"}),
    "redirect to itself": Answer(status=307, headers={"Location": ELSEWHERE}, body=PAGE.encode()),
    "bad request": Answer.of_text(400, PAGE, "text/html"),
    "unauthorized": Answer.of_text(401, PAGE, "text/html"),
    "unauthorized, empty": Answer.of_text(401, "", "text/html"),
    "forbidden": Answer.of_text(403, PAGE, "text/html"),
    "forbidden, json": Answer.of_json(403, {"message": "Forbidden"}),
    "not found, text": Answer.of_text(404, "Not Found"),
    "proxy wants a password": Answer.of_text(407, PAGE, "text/html"),
    "conflict, json": Answer.of_json(409, {"error": "conflict"}),
    "too large": Answer.of_text(413, PAGE, "text/html"),
    "misdirected": Answer.of_text(421, "Misdirected Request"),
    "busy": Answer.of_text(503, PAGE, "text/html"),
    "busy, json": Answer.of_json(503, {"status": 503}),
    "unknown": Answer.of_text(520, PAGE, "text/html"),
    "good status": Answer.of_text(200, "<html>Log in to the guest network</html>", "text/html"),
}
"""What something in front of a platform answers by itself. Further pages are among the faults of the sandbox."""


class InFront:
    """Answers the first request of a step in place of the platform, which got it or not."""

    def __init__(self, account: Account, struck: str, answer: Answer, *, passes_on: bool) -> None:
        self._account = account
        self._struck = struck
        self._answer = answer
        self._passes_on = passes_on
        self._is_waiting = True

    def __call__(self, request: Request) -> Answer | None:
        if not self._is_waiting or self._account.sandbox._step(request) != self._struck:
            return None
        self._is_waiting = False
        if self._passes_on:
            self._account.sandbox.answer(request)
        return self._answer


def steps_of(driver: type[Account]) -> Iterator[tuple[str, str, Step, bool]]:
    for place, (way, steps) in enumerate(driver.WAYS.items()):
        for step in steps if place == 0 else steps[-1:]:
            for passes_on in (False, True) if step.struck == "publish" else (False,):
                yield f"{way}-{step.name}-{'passed on' if passes_on else 'not passed on'}", way, step, passes_on


@of_each_platform(("way", "step", "passes_on"), steps_of)
@pytest.mark.parametrize("answer", GATEWAY)
def test_a_gateway_fails_no_post_and_pauses_no_channel(
    account: Account, answer: str, way: str, step: Step, passes_on: bool
) -> None:
    account.take_way(way)
    account.in_front = InFront(account, step.struck, GATEWAY[answer], passes_on=passes_on)
    first = Try(account)
    expected = account.error_of("gateway-403", step)
    if expected is None:
        assert first.error is None
        return
    assert (first.call, type(first.error)) == (step.call, expected)
    assert len(account.publishing_requests()) == (step.struck == "publish")
    assert len(account.copies()) == (step.struck == "publish" and passes_on)
    publication = deliver(account, first.preparation, unknown=first.is_unknown)
    assert_one_copy(account, publication, first.adapter)
    assert not [request for request in account.requests if request.path == ELSEWHERE]


@pytest.mark.parametrize("answer", GATEWAY)
def test_a_gateway_never_says_that_a_post_is_absent_or_gone(account: Account, answer: str) -> None:
    adapter = account.adapter()
    number = account.publish(adapter)
    account.in_front = lambda _request: GATEWAY[answer]
    for name, ask in account.questions().items():
        sent = len(account.requests)
        with pytest.raises(PlatformError) as ended:
            ask(adapter, number)
        assert (name, type(ended.value)) == (name, Unavailable)
        assert len(account.requests) == sent + 1, f"{name} was asked again"


# --- the platform's own words ----------------------------------------------------------------------


def numbered(cases: Sequence[AnswerCase]) -> list[tuple[str, AnswerCase]]:
    return [(f"{place}-{case.name}", case) for place, case in enumerate(cases)]


def publish_cases(driver: type[Account]) -> Iterator[tuple[str, str, AnswerCase]]:
    for way in driver.WAYS:
        for place, case in enumerate(driver.PUBLISH_ANSWERS):
            yield f"{way}-{place}-{case.name}", way, case


@of_each_platform(("way", "case"), publish_cases)
def test_an_answer_is_believed_only_as_far_as_it_can_be_read(account: Account, way: str, case: AnswerCase) -> None:
    account.take_way(way)
    adapter = account.adapter()
    media = account.upload(adapter)
    preparation = account.prepare(adapter, media)
    account.in_front = lambda request: case.answer if account.sandbox.publishes(request) else None
    with pytest.raises(PlatformError, match=case.words or None) as ended:
        adapter.publish(account.post(), media, idempotency_key=account.KEY, preparation=preparation)
    assert_decided(account, ended.value, case)
    assert len(account.publishing_requests()) == 1, "it was sent again"


def assert_decided(account: Account, error: PlatformError, case: AnswerCase) -> None:
    assert type(error) is case.expected
    assert error.message[0].isupper()
    assert_stored_whole(error.problem)
    if case.expected not in (Unconfirmed, NotPrepared) and case.answer.cut_at is None:
        assert error.status == case.answer.status
    assert account.copies() == []


@of_each_platform("case", lambda driver: numbered(driver.UPLOAD_ANSWERS))
def test_what_is_sent_before_is_never_of_unknown_outcome(account: Account, case: AnswerCase) -> None:
    adapter = account.adapter()
    account.in_front = lambda request: case.answer if account.sandbox._step(request) == "upload" else None
    with pytest.raises(PlatformError, match=case.words or None) as ended:
        account.prepare(adapter)
    assert_decided(account, ended.value, case)
    assert len(account.uploading_requests()) == 1, "it was sent again"


@of_each_platform("case", lambda driver: numbered(driver.LOOK_UP_ANSWERS))
def test_a_look_up_without_an_answer_is_no_absence(account: Account, case: AnswerCase) -> None:
    adapter = account.adapter()
    account.in_front = lambda _request: case.answer
    with pytest.raises(PlatformError) as ended:
        account.find(adapter)
    assert isinstance(ended.value, case.expected)
    with pytest.raises(PlatformError) as ended:
        adapter.verify_credentials()
    assert isinstance(ended.value, case.expected)


@of_each_platform("case", lambda driver: numbered(driver.READ_ANSWERS))
def test_a_reading_without_an_answer_does_not_say_that_a_post_is_gone(account: Account, case: AnswerCase) -> None:
    adapter = account.adapter()
    account.in_front = lambda _request: case.answer
    with pytest.raises(PlatformError) as ended:
        account.read("3500000000000000001", adapter)
    assert type(ended.value) is case.expected


@of_each_platform("case", lambda driver: [(case.name, case) for case in driver.LISTINGS])
def test_a_listing_that_can_not_be_read_whole_is_no_absence(account: Account, case: AnswerCase) -> None:
    adapter = account.adapter()
    account.in_front = lambda _request: case.answer
    with pytest.raises(Unavailable):
        account.find(adapter)


# --- pauses ------------------------------------------------------------------------------------------


def waits_of(driver: type[Account]) -> Sequence[tuple[str, WaitCase]]:
    return [(case.name, case) for case in driver.WAITS]


@of_each_platform("case", waits_of)
def test_being_asked_to_wait_says_until_when(account: Account, case: WaitCase) -> None:
    now = account.clock.now()
    adapter = account.adapter(clock=FixedClock(now))
    media = account.upload(adapter)
    preparation = account.prepare(adapter, media)
    account.in_front = lambda _request: case.answer
    with pytest.raises(RateLimited) as ended:
        adapter.publish(account.post(), media, idempotency_key=account.KEY, preparation=preparation)
    assert ended.value.retry_at - now == timedelta(seconds=case.seconds)
    assert ended.value.status == 429
    assert account.copies() == []
