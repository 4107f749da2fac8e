"""Each fault of the sandbox at each step of a publication: what the desk is told, and that nothing is public twice."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import nullcontext
from datetime import timedelta

import pytest

from publisher.core.clock import monotonic
from publisher.core.content import Publication
from publisher.platforms.errors import PlatformError, RateLimited, Unavailable, Unconfirmed
from publisher.sandbox.faults import (
    ALL_KINDS,
    BASIC_KINDS,
    EFFECTS,
    EXECUTED_KINDS,
    LATE_COMMIT_KINDS,
    TAKES_SECONDS,
    Execution,
    Fault,
)
from tests.contract.account import Account
from tests.contract.cases import Step
from tests.contract.delivery import Try, assert_one_copy, assert_stored_whole, deliver
from tests.contract.parameters import DRIVERS, of_each_platform

STRIKING = [kind for kind in ALL_KINDS if kind != "refuse"]
"""A connection is refused whatever it was opened for, so that one has a test of its own."""
LATE_SECONDS = 100.0
SECONDS = {"slow-after": 3.0, "drip-head": 0.5, "drip-body": 0.5, **dict.fromkeys(LATE_COMMIT_KINDS, LATE_SECONDS)}
MUCH_TOO_LATE = 30.0
"""Seconds: an answer that drips would take longer."""
TIMES = 3
"""So often a fault strikes, so that a request that is sent again meets it again."""
QUESTION = Step("question", "publish", "read", sends_content=False)
SLOW = [kind for kind in TAKES_SECONDS if not kind.startswith("late-") or kind == "late-silence"]


def fault_of(kind: str, step: Step) -> Fault:
    return Fault(kind, SECONDS[kind] if kind in TAKES_SECONDS else 0.0, step.struck)


def steps_of(driver: type[Account]) -> Iterator[tuple[str, str, Step, str]]:
    for place, (way, steps) in enumerate(driver.WAYS.items()):
        for step in steps:
            # A further way sends the same requests to another address: the faults of the wire tell whether it differs.
            for kind in STRIKING if place == 0 else BASIC_KINDS[1:]:
                yield f"{way}-{step.name}-{kind}", way, step, kind


@of_each_platform(("way", "step", "kind"), steps_of)
def test_a_fault_ends_its_step_and_there_is_one_copy_in_the_end(
    account: Account, way: str, step: Step, kind: str
) -> None:
    account.take_way(way)
    account.faults.add(account.name, fault_of(kind, step), TIMES)
    started = monotonic()
    first = Try(account, shortly_at=step if kind in SLOW else None)
    assert monotonic() - started < MUCH_TOO_LATE
    account.faults.clear()
    expected = account.error_of(kind, step)
    if expected is None:
        assert (first.error, len(account.copies())) == (None, 1)
        return
    assert (first.call, type(first.error)) == (step.call, expected)
    assert_told(account, first.error)
    assert len(account.publishing_requests()) == (step.struck == "publish")
    if step.struck == "publish":
        publication = settled(account, first, kind)
    else:
        assert account.copies() == []
        publication = deliver(account, first.preparation)
    assert_one_copy(account, publication, first.adapter)


def assert_told(account: Account, error: PlatformError | None) -> None:
    """Asserts that the sentence can be shown, and that a pause is one that a desk can keep."""
    assert error is not None
    assert error.message[0].isupper()
    assert_stored_whole(error.problem)
    assert not [secret for secret in account.sandbox.credentials().values() if secret in f"{error} {error.answer}"]
    if isinstance(error, RateLimited):
        assert timedelta(0) < error.retry_at - account.clock.now() <= timedelta(days=2)


def settled(account: Account, first: Try, kind: str) -> Publication:
    """Looks for the post after the fault of its publishing request, and publishes it if it is not there."""
    execution = EFFECTS[kind].execution
    assert len(account.copies()) == (execution is Execution.FIRST)
    found = account.find(first.adapter, preparation=first.preparation)
    assert isinstance(found, Publication) == (execution is Execution.FIRST) == (kind in EXECUTED_KINDS)
    assert isinstance(found, Publication) or found is account.absence
    if execution is Execution.LATE:
        account.pass_time(timedelta(seconds=LATE_SECONDS + 1))
        found = account.find(first.adapter, preparation=first.preparation)
        assert isinstance(found, Publication)
    if isinstance(found, Publication):
        assert found.remote_id == account.copies()[0].id
        return found
    return deliver(account, first.preparation, unknown=first.is_unknown)


@pytest.mark.parametrize("kind", STRIKING)
def test_a_fault_of_a_question_never_says_that_a_post_is_absent(account: Account, kind: str) -> None:
    adapter = account.adapter()
    number = account.publish(adapter)
    expected = account.error_of(kind, QUESTION)
    assert expected is not None
    for name, ask in account.questions().items():
        account.faults.add(account.name, fault_of(kind, QUESTION), TIMES)
        sent = len(account.requests)
        waiting = account.waiting_shortly() if kind in SLOW else nullcontext()
        with waiting, pytest.raises(PlatformError) as ended:
            ask(adapter, number)
        assert (name, type(ended.value)) == (name, expected)
        assert_told(account, ended.value)
        assert len(account.requests) == sent + 1, f"{name} was asked again"
        account.faults.clear()
        ask(adapter, number)
    assert account.id_found(adapter) == number
    assert len(account.copies()) == 1


@of_each_platform("way", lambda driver: [(way, way) for way in driver.WAYS])
def test_a_refused_connection_leaves_nothing_behind(account: Account, way: str) -> None:
    account.take_way(way)
    account.faults.add(account.name, Fault("refuse"))
    first = Try(account)
    assert type(first.error) is Unavailable
    assert account.faults.summary() == {account.name: {"refuse": 1}}
    assert (account.publishing_requests(), account.copies()) == ([], [])
    assert_one_copy(account, deliver(account, first.preparation))


@of_each_platform("way", lambda driver: [(way, way) for way in driver.WAYS])
def test_a_publishing_request_whose_connection_is_refused_brings_no_copy(account: Account, way: str) -> None:
    """How far such a connection comes is a matter of microseconds; nothing is sent a second time."""
    account.take_way(way)
    media = account.upload(account.adapter())
    preparation = account.prepare(account.adapter(), media)
    adapter = account.adapter()
    account.faults.add(account.name, Fault("refuse"), TIMES)
    with pytest.raises(account.REFUSED_CONNECTION):
        adapter.publish(account.post(), media, idempotency_key=account.KEY, preparation=preparation)
    assert (account.publishing_requests(), account.copies()) == ([], [])


@of_each_platform("way", lambda driver: [(way, way) for way in driver.WAYS])
def test_a_lost_answer_is_not_sent_again_on_its_own(account: Account, way: str) -> None:
    """The fault strikes once, so that a hidden second try would succeed: only the copies show it."""
    account.take_way(way)
    account.faults.add(account.name, Fault("drop-after"))
    first = Try(account)
    assert type(first.error) is Unconfirmed
    assert (len(account.copies()), len(account.publishing_requests())) == (1, 1)


def test_every_platform_is_tried_with_every_fault() -> None:
    for driver in DRIVERS.values():
        struck = {(step.struck, kind) for _, _, step, kind in steps_of(driver)}
        assert struck >= {(step, kind) for step in ("upload", "read", "publish") for kind in STRIKING}
