"""Looking for a Tumblr post, and reading it back."""

from __future__ import annotations

import json
import time
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from publisher.core.clock import FixedClock
from publisher.core.content import Absence, Publication
from publisher.sandbox.tumblr.blog import BLOG
from publisher.sandbox.wire import Answer, Request
from tests.contract.platforms.tumblr import KEY, POST, Driver, long_ago


def test_a_post_is_found_by_its_slug(desk: Driver) -> None:
    adapter = desk.adapter()
    identifier = desk.publish(adapter)
    other = POST.model_copy(update={"blocks": (), "caption": "Quite another text", "tags": ()})
    found = adapter.find_publication(other, idempotency_key=KEY, since=long_ago())
    assert isinstance(found, Publication)
    assert (found.remote_id, found.url) == (identifier, f"https://{BLOG}.tumblr.com/post/{identifier}/{KEY}")


def test_a_slug_that_only_stands_in_the_address_is_enough(desk: Driver) -> None:
    post = desk.add(KEY, datetime.now(UTC))
    post.detail["slug"] = ""
    found = desk.adapter().find_publication(POST, idempotency_key=KEY, since=long_ago())
    assert isinstance(found, Publication)
    assert found.remote_id == post.id


def test_a_post_whose_slug_was_changed_is_found_by_text_and_tags(desk: Driver) -> None:
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
    desk: Driver, slug: str, text: str, tags: tuple[str, ...], age: int
) -> None:
    desk.add(slug, datetime.now(UTC) - timedelta(minutes=age), text=text, tags=tags)
    assert desk.adapter().find_publication(POST, idempotency_key=KEY, since=long_ago()) is Absence.NOT_LISTED


def test_our_own_clock_is_corrected_where_nothing_was_prepared(desk: Driver) -> None:
    """A restored desk whose clock is 90 s ahead: by it, the post would be older than its own request."""
    ours = desk.ledger.now() + timedelta(seconds=90)
    post = desk.add("a-cell", desk.ledger.now(), text="A cell divides", tags=POST.tags)
    found = desk.adapter(clock=FixedClock(ours)).find_publication(POST, idempotency_key=KEY, since=ours)
    assert isinstance(found, Publication)
    assert found.remote_id == post.id


def test_posts_of_an_odd_shape_are_passed_over(desk: Driver) -> None:
    now = int(time.time())
    contents: tuple[Any, ...] = (None, [7], [{}])
    odd = [{"id": number, "timestamp": now, "content": content} for number, content in enumerate(contents, 1)]
    desk.in_front = lambda _request: Answer.of_json(200, {"meta": {"status": 200}, "response": {"posts": odd}})
    assert desk.adapter().find_publication(POST, idempotency_key=KEY, since=long_ago()) is Absence.NOT_LISTED


def test_the_slug_counts_more_than_a_newer_post_of_the_same_text(desk: Driver) -> None:
    adapter = desk.adapter()
    ours = desk.publish(adapter)
    desk.add("by-hand", datetime.now(UTC), text="A cell divides", tags=POST.tags)
    found = adapter.find_publication(POST, idempotency_key=KEY, since=long_ago())
    assert isinstance(found, Publication)
    assert found.remote_id == ours


@pytest.mark.parametrize("newer", [19, 20, 21, 65])
def test_it_is_found_behind_many_posts_of_one_second(desk: Driver, newer: int) -> None:
    """A page that shows only what was seen is not the end of the blog: taken for it, the post would go out twice."""
    start = datetime.now(UTC).replace(microsecond=0) - timedelta(minutes=4)
    ours = desk.add(KEY, start)
    for number in range(newer):
        desk.add(f"newer-{number}", start + timedelta(milliseconds=number))
    found = desk.adapter().find_publication(POST, idempotency_key=KEY, since=start)
    assert isinstance(found, Publication)
    assert found.remote_id == ours.id


@pytest.mark.parametrize("seconds", [0, 1, 60])
def test_a_new_blog_with_a_whole_day_of_posts_is_looked_through(desk: Driver, seconds: float) -> None:
    """As many as Tumblr takes in a day, none of them too old to be ours."""
    start = desk.ledger.now() - timedelta(hours=5)
    for number in range(250):
        desk.add("other", start + number * timedelta(seconds=seconds))
    adapter = desk.adapter()
    assert adapter.find_publication(POST, idempotency_key=KEY, since=start) is Absence.NOT_LISTED
    others = desk.copies()
    desk.ledger.clear()
    ours = desk.add(KEY, start - timedelta(seconds=1))
    for post in others:
        desk.ledger.add(post)
    found = adapter.find_publication(POST, idempotency_key=KEY, since=start)
    assert isinstance(found, Publication)
    assert found.remote_id == ours.id


@pytest.mark.parametrize("others", [5, 20, 45])
def test_a_search_ends_on_a_blog_that_shows_a_pinned_post_on_every_page(desk: Driver, others: int) -> None:
    start = datetime.now(UTC) - timedelta(minutes=4)
    for _ in range(others):
        desk.add("other", start)
    pinned = {"id": 1, "slug": "pinned", "timestamp": int(start.timestamp()), "content": [], "tags": []}

    def with_pinned(request: Request) -> Answer:
        body = json.loads(desk.sandbox.answer(request).body)
        body["response"]["posts"].insert(0, pinned)
        return Answer.of_json(200, body)

    desk.in_front = with_pinned
    assert desk.adapter().find_publication(POST, idempotency_key=KEY, since=start) is Absence.NOT_LISTED


def test_a_pinned_old_post_does_not_end_the_search(desk: Driver) -> None:
    start = datetime.now(UTC) - timedelta(minutes=4)
    ours = desk.add(KEY, start)
    for number in range(30):
        desk.add(f"newer-{number}", start + timedelta(seconds=1 + number))
    pinned = {"id": 1, "slug": "pinned", "timestamp": 1, "content": [], "tags": []}

    def with_pinned(request: Request) -> Answer:
        body = json.loads(desk.sandbox.answer(request).body)
        body["response"]["posts"].insert(0, pinned)
        return Answer.of_json(200, body)

    desk.in_front = with_pinned
    found = desk.adapter().find_publication(POST, idempotency_key=KEY, since=start)
    assert isinstance(found, Publication)
    assert found.remote_id == ours.id


def test_a_time_that_cannot_be_is_left_out(desk: Driver) -> None:
    shown = {"id": "1", "content": [], "timestamp": 10**20}
    desk.in_front = lambda _request: Answer.of_json(200, {"meta": {"status": 200}, "response": shown})
    found = desk.adapter().read_publication("1")
    assert found is not None
    assert (found.published_at, found.url) == (None, f"https://{BLOG}.tumblr.com/post/1")
