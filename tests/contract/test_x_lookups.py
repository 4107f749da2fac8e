"""Finding a post on X after an unknown outcome: among the posts newer than one read before, never by our clock."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from publisher.core.content import Absence, AdaptedPost, Preparation, Publication
from publisher.platforms.errors import (
    AlreadyPublic,
    ContentRejected,
    RateLimited,
    TextRemembered,
    Unavailable,
    Unconfirmed,
)
from publisher.platforms.x import timeline
from publisher.platforms.x.adapter import Adapter
from publisher.platforms.x.timeline import number_at
from publisher.sandbox.faults import Fault
from publisher.sandbox.wire import Answer, Request
from publisher.sandbox.x.accounts import USER_ID
from tests.local_x import LocalX, Wire, adapted, local_on, reply, served_wire

TIMELINE = f"/2/users/{USER_ID}/tweets"
LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)


@pytest.fixture(scope="module")
def wire() -> Iterator[Wire]:
    yield from served_wire()


@pytest.fixture
def local(tmp_path: Path, wire: Wire) -> Iterator[LocalX]:
    yield from local_on(wire, tmp_path)


def prepare(adapter: Adapter, post: AdaptedPost, earlier: Preparation | None = None) -> Preparation:
    return adapter.prepare(post, [], idempotency_key="x-1", earlier=earlier or Preparation())


def lose(local: LocalX, post: AdaptedPost, earlier: Preparation | None = None) -> tuple[Preparation, str]:
    """Publish a post whose answer is lost; returns what was prepared for it and its number."""
    adapter = local.adapter()
    prepared = prepare(adapter, post, earlier)
    local.faults.add("x", Fault.parse("drop-after"))
    with pytest.raises(Unconfirmed):
        adapter.publish(post, [], idempotency_key="x-1", preparation=prepared)
    return prepared, local.sandbox.posts()[-1].id


def found(
    local: LocalX, post: AdaptedPost, prepared: Preparation | None, since: datetime | None = None
) -> Publication | Absence:
    return local.adapter().find_publication(
        post,
        idempotency_key="x-1",
        since=since or local.clock.now(),
        preparation=prepared or Preparation(),
    )


def number_found(
    local: LocalX, post: AdaptedPost, prepared: Preparation | None, since: datetime | None = None
) -> str | None:
    end = found(local, post, prepared, since)
    return end.remote_id if isinstance(end, Publication) else None


# --- what is read before a post is sent -------------------------------------------------------


def test_the_newest_post_is_read_just_before_ours_is_sent(local: LocalX) -> None:
    adapter = local.adapter()
    for number in range(7):
        adapter.publish(adapted(f"Post {number}"), [], idempotency_key="x-0")
    prepared = prepare(adapter, adapted())
    assert prepared.reference == local.sandbox.posts()[-1].id
    assert not prepared.repeats
    assert prepared.platform_time is not None
    assert abs(prepared.platform_time - local.sandbox.ledger.now()) < timedelta(seconds=30)
    assert local.seen[-1].query == {"max_results": "5"}
    assert local.requests["GET", TIMELINE] == 1


def test_an_account_without_posts_has_no_newest_one(local: LocalX) -> None:
    prepared, number = lose(local, adapted())
    assert prepared.reference == "0"
    assert number_found(local, adapted(), prepared) == number


def test_an_empty_account_is_not_believed_without_a_word(local: LocalX, monkeypatch: pytest.MonkeyPatch) -> None:
    bodies: list[dict[str, object]] = [{}, {"meta": {}}, {"meta": {"result_count": 3}}, {"errors": [{"title": "No"}]}]
    for body in bodies:
        monkeypatch.setattr(local.sandbox, "_timeline", lambda *_, body=body: Answer.of_json(200, body))
        with pytest.raises(Unavailable):
            prepare(local.adapter(), adapted())


def test_a_reply_is_newer_than_what_it_answers(local: LocalX) -> None:
    first = local.adapter().publish(adapted("One"), [], idempotency_key="x-1")
    reads = local.requests["GET", TIMELINE]
    prepared, number = lose(local, reply("Two", first.remote_id))
    assert prepared.reference == first.remote_id
    assert local.requests["GET", TIMELINE] == reads, "a read that is paid for and tells nothing"
    assert number_found(local, reply("Two", first.remote_id), prepared) == number
    assert number_found(local, reply("Two", first.remote_id), None) == number


def test_the_first_reference_is_kept_when_the_post_is_sent_again(local: LocalX) -> None:
    """The first copy, listed late, is older than every post that is read before the second request."""
    first, number = lose(local, adapted())
    local.unlisted.add(number)
    assert found(local, adapted(), first) is Absence.NOT_LISTED
    local.adapter().publish(adapted("Another post"), [], idempotency_key="x-2")
    local.unlisted.clear()
    again = prepare(local.adapter(), adapted(), first)
    assert (again.reference, again.repeats) == (first.reference, True)
    assert number_found(local, adapted(), again) == number


def test_a_newest_post_that_is_listed_late_does_no_harm(local: LocalX) -> None:
    adapter = local.adapter()
    adapter.publish(adapted("Old"), [], idempotency_key="x-0")
    late = adapter.publish(adapted("Not listed yet"), [], idempotency_key="x-0")
    local.unlisted.add(late.remote_id)
    prepared, number = lose(local, adapted())
    assert prepared.reference < late.remote_id
    local.unlisted.clear()
    assert number_found(local, adapted(), prepared) == number


@pytest.mark.parametrize("wrong", [timedelta(0), timedelta(hours=3), timedelta(hours=-3)])
def test_a_post_does_not_wait_until_reading_is_allowed_again(local: LocalX, wrong: timedelta) -> None:
    local.set_our_clock(wrong)
    local.sandbox.windows.limits["GET users tweets"] = 1
    old = local.adapter().publish(adapted("Old"), [], idempotency_key="x-0")
    assert prepare(local.adapter(), adapted()).reference == old.remote_id
    since = local.clock.now()
    prepared, number = lose(local, adapted())
    local.sandbox.windows.limits.clear()
    assert number_found(local, adapted(), prepared, since) == number
    assert (
        local.adapter().find_publication(
            adapted("Old, and of last year"), idempotency_key="x-1", since=since, preparation=prepared
        )
        is Absence.NOT_LISTED
    )


# --- looking for it --------------------------------------------------------------------------


@pytest.mark.parametrize(
    "wrong", [timedelta(seconds=90), timedelta(days=3), timedelta(seconds=-90), timedelta(days=-3)]
)
def test_a_wrong_clock_of_ours_hides_nothing(local: LocalX, wrong: timedelta) -> None:
    local.set_our_clock(wrong)
    prepared, number = lose(local, adapted())
    assert number_found(local, adapted(), prepared) == number


def test_no_look_up_asks_for_a_time(local: LocalX) -> None:
    local.sandbox.hides_time_windows = True
    older = local.adapter().publish(adapted("Older"), [], idempotency_key="x-0")
    prepared, number = lose(local, adapted())
    assert number_found(local, adapted(), prepared) == number
    assert number_found(local, adapted(), None) == number
    assert [request.query.get("since_id") for request in local.seen[-2:]] == [older.remote_id, None]
    assert not [request for request in local.seen if "start_time" in request.query]


def test_an_older_post_with_the_same_text_is_not_taken_for_ours(local: LocalX) -> None:
    adapter = local.adapter()
    adapter.publish(adapted("Happy new year"), [], idempotency_key="x-1")
    prepared = prepare(adapter, adapted("Happy new year"))
    assert found(local, adapted("Happy new year"), prepared) is Absence.NOT_LISTED


def test_x_is_not_trusted_to_leave_out_what_is_older(local: LocalX, monkeypatch: pytest.MonkeyPatch) -> None:
    adapter = local.adapter()
    old = adapter.publish(adapted("Happy new year"), [], idempotency_key="x-1")
    prepared = prepare(adapter, adapted("Happy new year"))
    body = {"data": [{"id": old.remote_id, "text": "Happy new year"}], "meta": {"result_count": 1}}
    monkeypatch.setattr(local.sandbox, "_timeline", lambda *_: Answer.of_json(200, body))
    assert found(local, adapted("Happy new year"), prepared) is Absence.NOT_LISTED


def test_a_post_is_found_on_a_later_page(local: LocalX) -> None:
    prepared, number = lose(local, adapted("The one"))
    for other in range(210):
        local.sandbox.ledger.add(local.sandbox._accepted(f"Post {other}", []))
    assert prepared.reference == "0"
    reference = Preparation(reference=str(int(number) - 1))
    reads = local.requests["GET", TIMELINE]
    assert number_found(local, adapted("The one"), reference) == number
    assert local.requests["GET", TIMELINE] == reads + 3


def test_absence_is_not_claimed_when_there_is_more_to_read(local: LocalX, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(timeline, "MAX_POSTS", 100)
    first = local.sandbox._accepted("First", [])
    for number in range(101):
        local.sandbox.ledger.add(local.sandbox._accepted(f"Post {number}", []))
    with pytest.raises(Unavailable, match="more than"):
        found(local, adapted("Absent"), Preparation(reference=first.id))
    with pytest.raises(Unavailable, match="more than"):
        found(local, adapted("Absent"), None)


# --- where nothing was stored: a restored backup ----------------------------------------------


@pytest.mark.parametrize("wrong", [timedelta(0), timedelta(minutes=90), timedelta(minutes=-90)])
def test_without_a_reference_the_newest_posts_are_read(local: LocalX, wrong: timedelta) -> None:
    local.set_our_clock(wrong)
    since = local.clock.now()
    _, number = lose(local, adapted())
    assert number_found(local, adapted(), None, since) == number


def test_without_a_reference_reading_ends_at_posts_that_are_surely_older(local: LocalX) -> None:
    adapter = local.adapter()
    for number in range(30):
        adapter.publish(adapted(f"Old post {number}"), [], idempotency_key="x-0")
    adapter.publish(adapted("Happy new year"), [], idempotency_key="x-0")
    local.later(timedelta(hours=3))
    reads = local.requests["GET", TIMELINE]
    assert found(local, adapted("Happy new year"), None) is Absence.NOT_LISTED
    assert local.requests["GET", TIMELINE] == reads + 1
    assert found(local, adapted("Nowhere"), None, LONG_AGO) is Absence.NOT_LISTED
    assert local.requests["GET", TIMELINE] == reads + 3


def test_the_lowest_number_of_a_moment() -> None:
    """A public post, and the moment in its number as https://en.wikipedia.org/wiki/Snowflake_ID reads it."""
    second = datetime(2022, 6, 28, 16, 7, 40, tzinfo=UTC)
    assert number_at(second) <= 1_541_815_603_606_036_480 < number_at(second + timedelta(seconds=1))
    assert number_at(second + timedelta(milliseconds=1)) - number_at(second) == 1 << 22
    assert number_at(datetime(2000, 1, 1, tzinfo=UTC)) == 0


# --- what X remembers ------------------------------------------------------------------------


def test_a_text_that_x_remembers_is_a_content_problem_at_the_first_answer(local: LocalX) -> None:
    adapter = local.adapter()
    adapter.publish(adapted(), [], idempotency_key="x-0")
    prepared = prepare(adapter, adapted())
    with pytest.raises(ContentRejected, match="then change the caption") as caught:
        adapter.publish(adapted(), [], idempotency_key="x-1", preparation=prepared)
    assert caught.value.status == 403
    assert caught.value.answer
    assert local.posting_requests == 2


def test_a_request_that_a_gateway_sends_twice_is_published(local: LocalX) -> None:
    adapter = local.adapter()
    prepared = prepare(adapter, adapted())

    def send_twice(request: Request) -> None:
        if request.method == "POST":
            local.sandbox._post(request)  # Not by its front: OAuth 1 allows no request twice, OAuth 2 does.

    local.in_front = send_twice
    publication = adapter.publish(adapted(), [], idempotency_key="x-1", preparation=prepared)
    assert [post.id for post in local.sandbox.posts()] == [publication.remote_id]


def test_a_request_that_a_gateway_sends_twice_may_be_listed_later(local: LocalX) -> None:
    adapter = local.adapter()
    prepared = prepare(adapter, adapted())

    def send_twice(request: Request) -> None:
        if request.method == "POST":
            local.sandbox._post(request)
            local.unlisted.add(local.sandbox.posts()[0].id)

    local.in_front = send_twice
    with pytest.raises(TextRemembered, match="unless the account shows it as new by now"):
        adapter.publish(adapted(), [], idempotency_key="x-1", preparation=prepared)
    local.unlisted.clear()
    assert number_found(local, adapted(), prepared) == local.sandbox.posts()[0].id


def test_a_duplicate_whose_original_is_not_told_has_an_unknown_outcome(local: LocalX) -> None:
    adapter = local.adapter()
    adapter.publish(adapted(), [], idempotency_key="x-0")
    prepared = prepare(adapter, adapted())
    local.faults.add("x", Fault.parse("read/500-before"))
    with pytest.raises(AlreadyPublic):
        adapter.publish(adapted(), [], idempotency_key="x-1", preparation=prepared)


def test_a_duplicate_after_an_unknown_outcome_says_that_the_post_is_public(local: LocalX) -> None:
    first, number = lose(local, adapted())
    local.unlisted.add(number)
    assert found(local, adapted(), first) is Absence.NOT_LISTED
    again = prepare(local.adapter(), adapted(), first)
    with pytest.raises(AlreadyPublic):
        local.adapter().publish(adapted(), [], idempotency_key="x-1", preparation=again)
    assert len(local.sandbox.posts()) == 1
    local.unlisted.clear()
    assert number_found(local, adapted(), again) == number


def test_the_third_request_still_knows_of_the_first(local: LocalX) -> None:
    first, _ = lose(local, adapted())
    again = prepare(local.adapter(), adapted(), first)
    local.faults.add("x", Fault("429"))
    with pytest.raises(RateLimited):
        local.adapter().publish(adapted(), [], idempotency_key="x-1", preparation=again)
    third = prepare(local.adapter(), adapted(), again)
    assert third == again
    with pytest.raises(AlreadyPublic):
        local.adapter().publish(adapted(), [], idempotency_key="x-1", preparation=third)


def test_a_duplicate_after_a_restore_says_that_a_lost_desk_may_have_posted_it(local: LocalX) -> None:
    adapter = local.adapter()
    made = local.clock.now() - timedelta(minutes=3)
    lost = adapter.publish(adapted(), [], idempotency_key="x-1").remote_id
    adapter.publish(adapted("Another one, by hand"), [], idempotency_key="x-0")
    prepared = prepare(adapter, adapted(), Preparation(restored_since=made))
    assert prepared.repeats
    with pytest.raises(AlreadyPublic):
        adapter.publish(adapted(), [], idempotency_key="x-1", preparation=prepared)
    assert number_found(local, adapted(), prepared) == lost


def test_what_the_account_published_since_a_time_is_listed(local: LocalX) -> None:
    adapter = local.adapter()
    made = [adapter.publish(adapted(f"Post {number}"), [], idempotency_key="x-0").remote_id for number in range(23)]
    answer = adapter.publish(reply("An answer", made[0]), [], idempotency_key="x-0").remote_id
    now = local.clock.now()
    since = [one.remote_id for one in adapter.publications_since(adapted("Any text"), now)]
    assert since == made[::-1]
    assert [one.remote_id for one in adapter.publications_since(reply("Any", made[0]), now)] == [answer]
    assert adapter.publications_since(adapted(), now + timedelta(hours=3)) == []


def test_an_older_original_is_never_reported_as_ours(local: LocalX) -> None:
    """Whether the first request came through is not known then; a person is asked, and nothing is sent again."""
    adapter = local.adapter()
    adapter.publish(adapted(), [], idempotency_key="x-0")
    first = prepare(adapter, adapted())
    local.faults.add("x", Fault.parse("drop-before"))
    with pytest.raises(Unconfirmed):
        adapter.publish(adapted(), [], idempotency_key="x-1", preparation=first)
    again = prepare(adapter, adapted(), first)
    with pytest.raises(AlreadyPublic):
        adapter.publish(adapted(), [], idempotency_key="x-1", preparation=again)
    assert found(local, adapted(), again) is Absence.NOT_LISTED


def test_a_remembered_reply_says_that_what_came_before_it_stands(local: LocalX) -> None:
    adapter = local.adapter()
    first = adapter.publish(adapted("One"), [], idempotency_key="x-1")
    adapter.publish(adapted("Two"), [], idempotency_key="x-0")
    with pytest.raises(ContentRejected, match="stands, and the thread ends there"):
        adapter.publish(reply("Two", first.remote_id), [], idempotency_key="x-2")


# --- X's clock -------------------------------------------------------------------------------


def test_every_answer_tells_how_far_x_is_ahead(local: LocalX) -> None:
    local.set_our_clock(timedelta(seconds=-90))
    adapter = local.adapter()
    prepared = prepare(adapter, adapted())
    adapter.publish(adapted(), [], idempotency_key="x-1", preparation=prepared)
    found(local, adapted(), prepared)
    assert len(local.ahead) == 3
    assert all(timedelta(seconds=85) < ahead < timedelta(seconds=95) for ahead in local.ahead)


# --- several posts, and what reading them costs -----------------------------------------------


def test_both_copies_are_found_and_the_first_comes_first(local: LocalX, monkeypatch: pytest.MonkeyPatch) -> None:
    prepared, first = lose(local, adapted())
    local.adapter().publish(adapted("Another post"), [], idempotency_key="x-2")
    monkeypatch.setattr(local.sandbox, "refuse_duplicates", False)
    local.adapter().publish(adapted(), [], idempotency_key="x-1", preparation=prepared)
    second = local.sandbox.posts()[-1].id
    end = found(local, adapted(), prepared)
    assert isinstance(end, Publication)
    assert (end.remote_id, [copy.remote_id for copy in end.copies]) == (first, [second])


def test_each_post_that_is_read_is_counted(local: LocalX) -> None:
    adapter = local.adapter()
    for number in range(7):
        adapter.publish(adapted(f"Post {number}"), [], idempotency_key="x-0")
    assert adapter.count_posts_read() == 0
    prepared = prepare(adapter, adapted())
    assert adapter.count_posts_read() == 5
    publication = adapter.publish(adapted(), [], idempotency_key="x-1", preparation=prepared)
    adapter.read_publication(publication.remote_id)
    assert adapter.count_posts_read() == 6
    adapter.find_publication(adapted(), idempotency_key="x-1", since=local.clock.now(), preparation=prepared)
    assert adapter.count_posts_read() == 7, "one post is newer than the newest one before"
    local.faults.add("x", Fault.parse("read/drop-after"))
    with pytest.raises(Unavailable):
        adapter.read_publication(publication.remote_id)
    assert adapter.count_posts_read() == 8, "an answer that was lost may be paid for"
