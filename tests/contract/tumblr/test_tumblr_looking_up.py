"""Looking for a Tumblr post, and reading it back."""

from __future__ import annotations

import json
import time
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from publisher.core.clock import FixedClock
from publisher.core.content import Absence, Publication, TextBlock
from publisher.platforms.errors import (
    CredentialsRefused,
    PlatformError,
    RateLimited,
    Unavailable,
)
from publisher.sandbox.tumblr.blog import BLOG
from publisher.sandbox.wire import Answer, Request
from tests.tumblr_desk import KEY, POST, Desk, answered, error, long_ago


def test_a_post_is_found_by_its_slug(desk: Desk) -> None:
    adapter = desk.adapter()
    identifier = desk.publish(adapter)
    other = POST.model_copy(update={"blocks": (), "caption": "Quite another text", "tags": ()})
    found = adapter.find_publication(other, idempotency_key=KEY, since=long_ago())
    assert isinstance(found, Publication)
    assert (found.remote_id, found.url) == (identifier, f"https://{BLOG}.tumblr.com/post/{identifier}/{KEY}")


def test_what_is_not_there_is_not_found(desk: Desk) -> None:
    adapter = desk.adapter()
    assert adapter.find_publication(POST, idempotency_key=KEY, since=long_ago()) is Absence.NOT_LISTED
    other = POST.model_copy(update={"blocks": (TextBlock(text="Another day"),)})
    desk.publish(adapter, post=other, key="another-day-aaaaaaaaaaaa")
    assert adapter.find_publication(POST, idempotency_key=KEY, since=long_ago()) is Absence.NOT_LISTED


def test_a_slug_that_only_stands_in_the_address_is_enough(desk: Desk) -> None:
    post = desk.add(KEY, datetime.now(UTC))
    post.detail["slug"] = ""
    found = desk.adapter().find_publication(POST, idempotency_key=KEY, since=long_ago())
    assert isinstance(found, Publication)
    assert found.remote_id == post.id


def test_a_post_whose_slug_was_changed_is_found_by_text_and_tags(desk: Desk) -> None:
    post = desk.add("a-cell", datetime.now(UTC), text=" A cell divides ", tags=("Mitosis", "cell biology"))
    found = desk.adapter().find_publication(POST, idempotency_key=KEY, since=long_ago())
    assert isinstance(found, Publication)
    assert found.remote_id == post.id


@pytest.mark.parametrize(
    ("slug", "text", "tags", "age"),
    [
        ("a-cell", "A cell divides", ("mitosis",), 0),
        ("a-cell", "Another cell", ("mitosis", "cell biology"), 0),
        ("a-cell", "A cell divides", ("mitosis", "cell biology"), 10),
        ("a-cell-divides-ffffffffffff", "A cell divides", ("mitosis", "cell biology"), 0),
    ],
    ids=["other tags", "other text", "too old", "the key of another delivery"],
)
def test_a_post_that_only_resembles_ours_is_not_taken_for_it(
    desk: Desk, slug: str, text: str, tags: tuple[str, ...], age: int
) -> None:
    desk.add(slug, datetime.now(UTC) - timedelta(minutes=age), text=text, tags=tags)
    assert desk.adapter().find_publication(POST, idempotency_key=KEY, since=long_ago()) is Absence.NOT_LISTED


def test_our_own_clock_is_set_right_by_the_answer_where_nothing_was_prepared(desk: Desk) -> None:
    """A restored desk whose clock is 90 s ahead: by it, the post would be older than its own request."""
    ours = desk.ledger.now() + timedelta(seconds=90)
    post = desk.add("a-cell", desk.ledger.now(), text="A cell divides", tags=POST.tags)
    found = desk.adapter(clock=FixedClock(ours)).find_publication(POST, idempotency_key=KEY, since=ours)
    assert isinstance(found, Publication)
    assert found.remote_id == post.id


def test_posts_of_an_odd_shape_are_passed_over(desk: Desk) -> None:
    now = int(time.time())
    contents: tuple[Any, ...] = (None, [7], [{}])
    odd = [{"id": number, "timestamp": now, "content": content} for number, content in enumerate(contents, 1)]
    desk.instead = lambda _request: Answer.of_json(200, {"meta": {"status": 200}, "response": {"posts": odd}})
    assert desk.adapter().find_publication(POST, idempotency_key=KEY, since=long_ago()) is Absence.NOT_LISTED


def test_the_slug_counts_more_than_a_newer_post_of_the_same_text(desk: Desk) -> None:
    adapter = desk.adapter()
    ours = desk.publish(adapter)
    desk.add("by-hand", datetime.now(UTC), text="A cell divides", tags=POST.tags)
    found = adapter.find_publication(POST, idempotency_key=KEY, since=long_ago())
    assert isinstance(found, Publication)
    assert found.remote_id == ours


@pytest.mark.parametrize("newer", [19, 20, 21, 65])
def test_it_is_found_behind_many_newer_posts(desk: Desk, newer: int) -> None:
    """Also where a page ends among posts of the same second."""
    start = datetime.now(UTC) - timedelta(minutes=4)
    ours = desk.add(KEY, start)
    for number in range(newer):
        desk.add(f"newer-{number}", start + timedelta(seconds=number // 3))
    found = desk.adapter().find_publication(POST, idempotency_key=KEY, since=start)
    assert isinstance(found, Publication)
    assert found.remote_id == ours.id


@pytest.mark.parametrize("newer", [19, 20, 21, 65])
def test_it_is_found_behind_many_posts_of_one_second(desk: Desk, newer: int) -> None:
    """A page that shows only what was seen is not the end of the blog: taken for it, the post would go out twice."""
    start = datetime.now(UTC).replace(microsecond=0) - timedelta(minutes=4)
    ours = desk.add(KEY, start)
    for number in range(newer):
        desk.add(f"newer-{number}", start + timedelta(milliseconds=number))
    found = desk.adapter().find_publication(POST, idempotency_key=KEY, since=start)
    assert isinstance(found, Publication)
    assert found.remote_id == ours.id


@pytest.mark.parametrize("others", [5, 20, 45])
def test_a_search_ends_on_a_blog_that_shows_a_pinned_post_on_every_page(desk: Desk, others: int) -> None:
    start = datetime.now(UTC) - timedelta(minutes=4)
    for _ in range(others):
        desk.add("other", start)
    pinned = {"id": 1, "slug": "pinned", "timestamp": int(start.timestamp()), "content": [], "tags": []}

    def with_pinned(request: Request) -> Answer:
        body = json.loads(desk.sandbox.answer(request).body)
        body["response"]["posts"].insert(0, pinned)
        return Answer.of_json(200, body)

    desk.instead = with_pinned
    assert desk.adapter().find_publication(POST, idempotency_key=KEY, since=start) is Absence.NOT_LISTED


def test_looking_ends_at_posts_that_are_older_than_the_request(desk: Desk) -> None:
    since = datetime.now(UTC)
    for number in range(100):
        desk.add(f"older-{number}", since - timedelta(hours=2) + timedelta(seconds=number))
    assert desk.adapter().find_publication(POST, idempotency_key=KEY, since=since) is Absence.NOT_LISTED
    assert len(desk.requests) == 1


def test_a_pinned_old_post_does_not_end_the_search(desk: Desk) -> None:
    start = datetime.now(UTC) - timedelta(minutes=4)
    ours = desk.add(KEY, start)
    for number in range(30):
        desk.add(f"newer-{number}", start + timedelta(seconds=1 + number))
    pinned = {"id": 1, "slug": "pinned", "timestamp": 1, "content": [], "tags": []}

    def with_pinned(request: Request) -> Answer:
        body = json.loads(desk.sandbox.answer(request).body)
        body["response"]["posts"].insert(0, pinned)
        return Answer.of_json(200, body)

    desk.instead = with_pinned
    found = desk.adapter().find_publication(POST, idempotency_key=KEY, since=start)
    assert isinstance(found, Publication)
    assert found.remote_id == ours.id


def test_a_blog_with_too_many_new_posts_is_not_called_empty(desk: Desk) -> None:
    start = datetime.now(UTC) - timedelta(hours=1)
    for number in range(420):
        desk.add(f"newer-{number}", start + timedelta(seconds=number))
    with pytest.raises(Unavailable, match="more new posts than can be looked through"):
        desk.adapter().find_publication(POST, idempotency_key=KEY, since=start)


LISTING = '{"meta": {"status": 200}, "response": %s}'


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (answered(200, LISTING % "[]"), Unavailable),
        (answered(200, LISTING % '{"posts": null}'), Unavailable),
        (answered(200, LISTING % '{"posts": ["odd"]}'), Unavailable),
        (answered(200, LISTING % '{"posts": [{"id": 1}]}'), Unavailable),
        (answered(200, LISTING % '{"posts": [{"timestamp": 1}]}'), Unavailable),
        (answered(200, "<html>"), Unavailable),
        (error(400), Unavailable),
        (error(500), Unavailable),
        (error(503), Unavailable),
        (answered(302, "", Location="/"), Unavailable),
        (Answer(status=200, cut_at=0), Unavailable),
        (error(401), CredentialsRefused),
        (error(404), CredentialsRefused),
        (error(429), RateLimited),
    ],
)
def test_a_question_without_an_answer_is_never_taken_for_absence(
    desk: Desk, answer: Answer, expected: type[PlatformError]
) -> None:
    desk.instead = lambda _request: answer
    with pytest.raises(PlatformError) as caught:
        desk.adapter().find_publication(POST, idempotency_key=KEY, since=long_ago())
    assert isinstance(caught.value, expected)


def test_a_post_is_read_back_as_followers_see_it(desk: Desk) -> None:
    adapter = desk.adapter()
    identifier = desk.publish(adapter, 2)
    shown = adapter.read_publication(identifier)
    assert shown is not None
    assert (shown.remote_id, shown.image_count, shown.alt_texts) == (identifier, 2, ("Cell 0", "Cell 1"))
    assert shown.url == f"https://{BLOG}.tumblr.com/post/{identifier}/{KEY}"
    assert shown.published_at is not None
    assert abs(shown.published_at - datetime.now(UTC)) < timedelta(minutes=1)


def test_a_missing_alt_text_is_seen(desk: Desk) -> None:
    adapter = desk.adapter()
    media = adapter.upload_media(desk.picture(), "", idempotency_key=KEY, position=0, total=1)
    identifier = desk.send(adapter, [media]).remote_id
    shown = adapter.read_publication(identifier)
    assert shown is not None
    assert shown.alt_texts == ("",)


def test_a_post_that_is_gone_is_told(desk: Desk) -> None:
    assert desk.adapter().read_publication("700000000000000099") is None


def test_a_time_that_cannot_be_is_left_out(desk: Desk) -> None:
    shown = {"id": "1", "content": [], "timestamp": 10**20}
    desk.instead = lambda _request: Answer.of_json(200, {"meta": {"status": 200}, "response": shown})
    found = desk.adapter().read_publication("1")
    assert found is not None
    assert (found.published_at, found.url) == (None, f"https://{BLOG}.tumblr.com/post/1")


@pytest.mark.parametrize("answer", [answered(404, "<html>"), error(500), answered(200, LISTING % '{"posts": []}')])
def test_a_reading_that_fails_is_not_taken_for_gone(desk: Desk, answer: Answer) -> None:
    desk.instead = lambda _request: answer
    with pytest.raises(Unavailable):
        desk.adapter().read_publication("700000000000000001")
