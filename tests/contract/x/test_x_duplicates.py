"""What X remembers: a text that it refuses as a duplicate."""

from __future__ import annotations

from datetime import timedelta

import pytest

from publisher.core.content import Absence, Preparation
from publisher.platforms.errors import (
    AlreadyPublic,
    ContentRejected,
    RateLimited,
    TextRemembered,
    Unconfirmed,
)
from publisher.platforms.x.problem_codes import XProblem
from publisher.sandbox.faults import Fault
from publisher.sandbox.wire import Request
from tests.contract.platforms.x import Driver, adapted, reply
from tests.contract.x.lookups import found, lose, number_found, prepare


def test_a_text_that_x_remembers_is_a_content_problem_at_the_first_answer(desk: Driver) -> None:
    adapter = desk.adapter()
    adapter.publish(adapted(), [], idempotency_key="x-0")
    prepared = prepare(adapter, adapted())
    with pytest.raises(ContentRejected, match="then change the caption") as caught:
        adapter.publish(adapted(), [], idempotency_key="x-1", preparation=prepared)
    assert caught.value.problem.code is XProblem.TEXT_POSTED_BEFORE
    assert caught.value.status == 403
    assert caught.value.answer
    assert len(desk.publishing_requests()) == 2


def test_a_request_that_a_gateway_sends_twice_is_published(desk: Driver) -> None:
    adapter = desk.adapter()
    prepared = prepare(adapter, adapted())

    def send_twice(request: Request) -> None:
        if request.method == "POST":
            desk.sandbox._post(request)  # Not by its front: OAuth 1 allows no request twice, OAuth 2 does.

    desk.in_front = send_twice
    publication = adapter.publish(adapted(), [], idempotency_key="x-1", preparation=prepared)
    assert [post.id for post in desk.sandbox.posts()] == [publication.remote_id]


def test_a_request_that_a_gateway_sends_twice_may_be_listed_later(desk: Driver) -> None:
    adapter = desk.adapter()
    prepared = prepare(adapter, adapted())

    def send_twice(request: Request) -> None:
        if request.method == "POST":
            desk.sandbox._post(request)
            desk.unlisted.add(desk.sandbox.posts()[0].id)

    desk.in_front = send_twice
    with pytest.raises(TextRemembered, match="unless the account shows it as new by now") as caught:
        adapter.publish(adapted(), [], idempotency_key="x-1", preparation=prepared)
    assert caught.value.problem.code is XProblem.TEXT_POSTED_BEFORE
    desk.unlisted.clear()
    assert number_found(desk, adapted(), prepared) == desk.sandbox.posts()[0].id


def test_a_duplicate_whose_original_is_not_told_has_an_unknown_outcome(desk: Driver) -> None:
    adapter = desk.adapter()
    adapter.publish(adapted(), [], idempotency_key="x-0")
    prepared = prepare(adapter, adapted())
    desk.faults.add("x", Fault.parse("read/500-before"))
    with pytest.raises(AlreadyPublic):
        adapter.publish(adapted(), [], idempotency_key="x-1", preparation=prepared)


def test_a_duplicate_after_an_unknown_outcome_says_that_the_post_is_public(desk: Driver) -> None:
    first, number = lose(desk, adapted())
    desk.unlisted.add(number)
    assert found(desk, adapted(), first) is Absence.NOT_LISTED
    again = prepare(desk.adapter(), adapted(), first)
    with pytest.raises(AlreadyPublic):
        desk.adapter().publish(adapted(), [], idempotency_key="x-1", preparation=again)
    assert len(desk.sandbox.posts()) == 1
    desk.unlisted.clear()
    assert number_found(desk, adapted(), again) == number


def test_the_third_request_still_knows_of_the_first(desk: Driver) -> None:
    first, _ = lose(desk, adapted())
    again = prepare(desk.adapter(), adapted(), first)
    desk.faults.add("x", Fault("429"))
    with pytest.raises(RateLimited):
        desk.adapter().publish(adapted(), [], idempotency_key="x-1", preparation=again)
    third = prepare(desk.adapter(), adapted(), again)
    assert third == again
    with pytest.raises(AlreadyPublic):
        desk.adapter().publish(adapted(), [], idempotency_key="x-1", preparation=third)


def test_a_duplicate_after_a_restore_may_be_of_a_lost_desk(desk: Driver) -> None:
    adapter = desk.adapter()
    made = desk.clock.now() - timedelta(minutes=3)
    lost = adapter.publish(adapted(), [], idempotency_key="x-1").remote_id
    adapter.publish(adapted("Another one, by hand"), [], idempotency_key="x-0")
    prepared = prepare(adapter, adapted(), Preparation(restored_since=made))
    assert prepared.repeats
    with pytest.raises(AlreadyPublic):
        adapter.publish(adapted(), [], idempotency_key="x-1", preparation=prepared)
    assert number_found(desk, adapted(), prepared) == lost


def test_what_the_account_published_since_a_time_is_listed(desk: Driver) -> None:
    adapter = desk.adapter()
    made = [adapter.publish(adapted(f"Post {number}"), [], idempotency_key="x-0").remote_id for number in range(23)]
    answer = adapter.publish(reply("An answer", made[0]), [], idempotency_key="x-0").remote_id
    now = desk.clock.now()
    since = [one.remote_id for one in adapter.publications_since(adapted("Any text"), now)]
    assert since == made[::-1]
    assert [one.remote_id for one in adapter.publications_since(reply("Any", made[0]), now)] == [answer]
    assert adapter.publications_since(adapted(), now + timedelta(hours=3)) == []


def test_an_older_original_is_never_reported_as_ours(desk: Driver) -> None:
    """Whether the first request came through is not known then; a person is asked, and nothing is sent again."""
    adapter = desk.adapter()
    adapter.publish(adapted(), [], idempotency_key="x-0")
    first = prepare(adapter, adapted())
    desk.faults.add("x", Fault.parse("drop-before"))
    with pytest.raises(Unconfirmed):
        adapter.publish(adapted(), [], idempotency_key="x-1", preparation=first)
    again = prepare(adapter, adapted(), first)
    with pytest.raises(AlreadyPublic):
        adapter.publish(adapted(), [], idempotency_key="x-1", preparation=again)
    assert found(desk, adapted(), again) is Absence.NOT_LISTED


def test_a_remembered_reply_says_that_what_came_before_it_stands(desk: Driver) -> None:
    adapter = desk.adapter()
    first = adapter.publish(adapted("One"), [], idempotency_key="x-1")
    adapter.publish(adapted("Two"), [], idempotency_key="x-0")
    with pytest.raises(ContentRejected, match="stands, and the thread ends there") as caught:
        adapter.publish(reply("Two", first.remote_id), [], idempotency_key="x-2")
    assert caught.value.problem.code is XProblem.THREAD_ENDED
    assert caught.value.problem.parameters["refusal"].code is XProblem.TEXT_POSTED_BEFORE
