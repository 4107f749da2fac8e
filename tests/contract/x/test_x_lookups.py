"""Finding a post on X among the posts newer than one that was read before."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from publisher.core.content import Absence, Preparation, Publication
from publisher.platforms.errors import (
    Unavailable,
)
from publisher.platforms.x import timeline
from publisher.platforms.x.problem_codes import XProblem
from publisher.platforms.x.timeline import number_at
from publisher.sandbox.faults import Fault
from publisher.sandbox.wire import Answer
from tests.contract.platforms.x import TIMELINE, Driver, adapted, reply
from tests.contract.x.lookups import found, lose, number_found, prepare

LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)


# --- what is read before a post is sent -------------------------------------------------------


def test_the_newest_post_is_read_just_before_ours_is_sent(desk: Driver) -> None:
    adapter = desk.adapter()
    for number in range(7):
        adapter.publish(adapted(f"Post {number}"), [], idempotency_key="x-0")
    prepared = prepare(adapter, adapted())
    assert prepared.reference == desk.sandbox.posts()[-1].id
    assert not prepared.repeats
    assert prepared.platform_time is not None
    assert abs(prepared.platform_time - desk.sandbox.ledger.now()) < timedelta(seconds=30)
    assert desk.requests[-1].query == {"max_results": "5"}
    assert desk.count("GET", TIMELINE) == 1


def test_an_account_without_posts_has_no_newest_one(desk: Driver) -> None:
    prepared, number = lose(desk, adapted())
    assert prepared.reference == "0"
    assert number_found(desk, adapted(), prepared) == number


def test_an_empty_account_is_not_believed_without_a_word(desk: Driver, monkeypatch: pytest.MonkeyPatch) -> None:
    bodies: list[dict[str, object]] = [{}, {"meta": {}}, {"meta": {"result_count": 3}}, {"errors": [{"title": "No"}]}]
    for body in bodies:
        monkeypatch.setattr(desk.sandbox, "_timeline", lambda *_, body=body: Answer.of_json(200, body))
        with pytest.raises(Unavailable):
            prepare(desk.adapter(), adapted())


def test_a_reply_is_newer_than_what_it_answers(desk: Driver) -> None:
    first = desk.adapter().publish(adapted("One"), [], idempotency_key="x-1")
    reads = desk.count("GET", TIMELINE)
    prepared, number = lose(desk, reply("Two", first.remote_id))
    assert prepared.reference == first.remote_id
    assert desk.count("GET", TIMELINE) == reads, "a read that is paid for and tells nothing"
    assert number_found(desk, reply("Two", first.remote_id), prepared) == number
    assert number_found(desk, reply("Two", first.remote_id), None) == number


def test_the_first_reference_is_kept_when_the_post_is_sent_again(desk: Driver) -> None:
    """The first copy, listed late, is older than every post that is read before the second request."""
    first, number = lose(desk, adapted())
    desk.unlisted.add(number)
    assert found(desk, adapted(), first) is Absence.NOT_LISTED
    desk.adapter().publish(adapted("Another post"), [], idempotency_key="x-2")
    desk.unlisted.clear()
    again = prepare(desk.adapter(), adapted(), first)
    assert (again.reference, again.repeats) == (first.reference, True)
    assert number_found(desk, adapted(), again) == number


def test_a_newest_post_that_is_listed_late_does_no_harm(desk: Driver) -> None:
    adapter = desk.adapter()
    adapter.publish(adapted("Old"), [], idempotency_key="x-0")
    late = adapter.publish(adapted("Not listed yet"), [], idempotency_key="x-0")
    desk.unlisted.add(late.remote_id)
    prepared, number = lose(desk, adapted())
    assert prepared.reference < late.remote_id
    desk.unlisted.clear()
    assert number_found(desk, adapted(), prepared) == number


@pytest.mark.parametrize("wrong", [timedelta(0), timedelta(hours=3), timedelta(hours=-3)])
def test_a_post_does_not_wait_until_reading_is_allowed_again(desk: Driver, wrong: timedelta) -> None:
    desk.set_our_clock(wrong)
    desk.sandbox.rate_limits.limits["GET users tweets"] = 1
    old = desk.adapter().publish(adapted("Old"), [], idempotency_key="x-0")
    assert prepare(desk.adapter(), adapted()).reference == old.remote_id
    since = desk.clock.now()
    prepared, number = lose(desk, adapted())
    desk.sandbox.rate_limits.limits.clear()
    assert number_found(desk, adapted(), prepared, since) == number
    assert (
        desk.adapter().find_publication(
            adapted("Old, and of last year"), idempotency_key="x-1", since=since, preparation=prepared
        )
        is Absence.NOT_LISTED
    )


# --- looking for it ---------------------------------------------------------------------------


def test_no_look_up_asks_for_a_time(desk: Driver) -> None:
    desk.sandbox.hides_time_windows = True
    older = desk.adapter().publish(adapted("Older"), [], idempotency_key="x-0")
    prepared, number = lose(desk, adapted())
    assert number_found(desk, adapted(), prepared) == number
    assert number_found(desk, adapted(), None) == number
    assert [request.query.get("since_id") for request in desk.requests[-2:]] == [older.remote_id, None]
    assert not [request for request in desk.requests if "start_time" in request.query]


def test_x_is_not_trusted_to_leave_out_what_is_older(desk: Driver, monkeypatch: pytest.MonkeyPatch) -> None:
    adapter = desk.adapter()
    old = adapter.publish(adapted("Happy new year"), [], idempotency_key="x-1")
    prepared = prepare(adapter, adapted("Happy new year"))
    body = {"data": [{"id": old.remote_id, "text": "Happy new year"}], "meta": {"result_count": 1}}
    monkeypatch.setattr(desk.sandbox, "_timeline", lambda *_: Answer.of_json(200, body))
    assert found(desk, adapted("Happy new year"), prepared) is Absence.NOT_LISTED


def test_absence_is_not_claimed_when_there_is_more_to_read(desk: Driver, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(timeline, "MAX_POSTS", 100)
    first = desk.sandbox.make_post("First", [])
    for number in range(101):
        desk.sandbox.ledger.add(desk.sandbox.make_post(f"Post {number}", []))
    for prepared in (Preparation(reference=first.id), None):
        with pytest.raises(Unavailable, match="more than 100 posts") as caught:
            found(desk, adapted("Absent"), prepared)
        assert caught.value.problem.code is XProblem.LISTING_TOO_LONG


# --- where nothing was stored: a restored backup ----------------------------------------------


def test_without_a_reference_reading_ends_at_posts_that_are_surely_older(desk: Driver) -> None:
    adapter = desk.adapter()
    for number in range(30):
        adapter.publish(adapted(f"Old post {number}"), [], idempotency_key="x-0")
    adapter.publish(adapted("Happy new year"), [], idempotency_key="x-0")
    desk.pass_time(timedelta(hours=3))
    reads = desk.count("GET", TIMELINE)
    assert found(desk, adapted("Happy new year"), None) is Absence.NOT_LISTED
    assert desk.count("GET", TIMELINE) == reads + 1
    assert found(desk, adapted("Nowhere"), None, LONG_AGO) is Absence.NOT_LISTED
    assert desk.count("GET", TIMELINE) == reads + 3


def test_the_lowest_number_of_a_moment() -> None:
    """A public post, and the moment in its number as https://en.wikipedia.org/wiki/Snowflake_ID reads it."""
    second = datetime(2022, 6, 28, 16, 7, 40, tzinfo=UTC)
    assert number_at(second) <= 1_541_815_603_606_036_480 < number_at(second + timedelta(seconds=1))
    assert number_at(second + timedelta(milliseconds=1)) - number_at(second) == 1 << 22
    assert number_at(datetime(2000, 1, 1, tzinfo=UTC)) == 0


# --- several posts, and what reading them costs -----------------------------------------------


def test_both_copies_are_found_and_the_first_comes_first(desk: Driver, monkeypatch: pytest.MonkeyPatch) -> None:
    prepared, first = lose(desk, adapted())
    desk.adapter().publish(adapted("Another post"), [], idempotency_key="x-2")
    monkeypatch.setattr(desk.sandbox, "refuse_duplicates", False)
    desk.adapter().publish(adapted(), [], idempotency_key="x-1", preparation=prepared)
    second = desk.sandbox.posts()[-1].id
    end = found(desk, adapted(), prepared)
    assert isinstance(end, Publication)
    assert (end.remote_id, [copy.remote_id for copy in end.copies]) == (first, [second])


def test_each_post_that_is_read_is_counted(desk: Driver) -> None:
    adapter = desk.adapter()
    for number in range(7):
        adapter.publish(adapted(f"Post {number}"), [], idempotency_key="x-0")
    assert adapter.count_posts_read() == 0
    prepared = prepare(adapter, adapted())
    assert adapter.count_posts_read() == 5
    publication = adapter.publish(adapted(), [], idempotency_key="x-1", preparation=prepared)
    adapter.read_publication(publication.remote_id)
    assert adapter.count_posts_read() == 6
    adapter.find_publication(adapted(), idempotency_key="x-1", since=desk.clock.now(), preparation=prepared)
    assert adapter.count_posts_read() == 7, "one post is newer than the newest one before"
    desk.faults.add("x", Fault.parse("read/drop-after"))
    with pytest.raises(Unavailable):
        adapter.read_publication(publication.remote_id)
    assert adapter.count_posts_read() == 8, "an answer that was lost may be paid for"
