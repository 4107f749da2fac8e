"""Publishing through a draft: what is made, and what is used again."""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from publisher.core.content import Preparation, Publication
from publisher.platforms.abilities import NOTHING_PREPARED
from publisher.platforms.errors import (
    NotPrepared,
    Unavailable,
    Unconfirmed,
    UnsupportedContent,
)
from publisher.platforms.tumblr.problem_codes import TumblrDraftProblem
from publisher.sandbox.tumblr.blog import BLOG
from publisher.sandbox.wire import Answer, Request
from tests.contract.platforms.tumblr import KEY, POST, Driver, long_ago
from tests.contract.platforms.tumblr_answers import answered, error
from tests.contract.tumblr.drafts import OTHER, OTHER_KEY, publish

# --- the two steps ----------------------------------------------------------------------------


def test_preparing_shows_followers_nothing(desk: Driver) -> None:
    preparation = desk.prepare(desk.adapter(), 3)
    assert desk.copies() == []
    assert [preparation.reference] == desk.drafts()
    assert preparation.platform_time is not None
    assert abs(preparation.platform_time - datetime.now(UTC)) < timedelta(minutes=1)


def test_the_publishing_request_is_small_and_carries_the_whole_post(blog: Driver) -> None:
    adapter = blog.adapter()
    publication = blog.send(adapter, blog.upload(adapter, 3))
    (request,) = blog.publishing_requests()
    assert (request.method, request.mime_type) == ("PUT", "application/json")
    assert len(request.body) < 4000
    (copy,) = blog.copies()
    assert (publication.remote_id, publication.url) == (copy.id, copy.url)
    assert [image.alt_text for image in copy.images] == ["Cell 0", "Cell 1", "Cell 2"]
    assert copy.images[2].content == blog.picture(2).path.read_bytes()
    assert copy.tags == POST.tags
    assert copy.detail["source_url"] == POST.link
    assert copy.detail["layout"][0]["display"][0] == {"blocks": [0, 1, 2]}
    assert blog.drafts() == []


def test_a_good_day_takes_so_many_requests(blog: Driver) -> None:
    blog.publish(blog.adapter())
    asked = [(request.method, request.path.rpartition("/")[2]) for request in blog.requests]
    draft = asked[2][1]
    listing = [] if blog.sandbox.blog.habits.drafts_keep_id else [("GET", "posts")]
    assert asked == [
        ("GET", "draft"), ("POST", "posts"), ("GET", draft), ("PUT", draft), ("GET", draft), *listing,
    ]  # fmt: skip


def test_a_new_id_that_is_told_is_read(desk: Driver) -> None:
    desk.sandbox.blog.habits.edits_tell_new_id = True
    assert desk.publish(desk.adapter()) == desk.copies()[0].id


def test_the_id_of_the_draft_is_resolved_when_the_listing_has_caught_up(desk: Driver) -> None:
    desk.sandbox.blog.habits.listing_lag = timedelta(minutes=14)
    draft = desk.publish(desk.adapter())
    (copy,) = desk.copies()
    assert draft != copy.id
    assert desk.adapter().read_publication(draft) is None
    desk.pass_time(timedelta(minutes=15))
    shown = desk.adapter().read_publication(draft)
    assert shown is not None
    assert shown.remote_id == copy.id


def test_publishing_twice_makes_one_post(blog: Driver) -> None:
    preparation = blog.prepare(blog.adapter())
    first = publish(blog, preparation)
    second = publish(blog, preparation)
    assert first.remote_id == second.remote_id == blog.copies()[0].id
    assert len(blog.copies()) == 1


def test_a_frozen_worker_that_publishes_late_changes_nothing(blog: Driver) -> None:
    frozen = blog.adapter()
    preparation = blog.prepare(frozen)
    again = blog.prepare(blog.adapter(), earlier=preparation)
    assert again.reference == preparation.reference
    publish(blog, again)
    try:
        late = frozen.publish(POST, blog.upload(frozen, 1), idempotency_key=KEY, preparation=preparation)
        assert late.remote_id == blog.copies()[0].id
    except Unconfirmed:
        assert not blog.sandbox.blog.habits.drafts_keep_id
    assert len(blog.copies()) == 1


def test_publishing_without_a_draft_is_put_off(desk: Driver) -> None:
    with pytest.raises(Unavailable) as missing:
        publish(desk, NOTHING_PREPARED)
    assert missing.value.problem.code is TumblrDraftProblem.NOT_MADE
    assert desk.requests == []


# --- what is there already --------------------------------------------------------------------


def test_a_draft_of_an_earlier_try_is_used_again(desk: Driver) -> None:
    first = desk.prepare(desk.adapter())
    assert desk.prepare(desk.adapter()).reference == first.reference, "found among the drafts"
    assert desk.prepare(desk.adapter(), earlier=first).reference == first.reference, "read by its id"
    assert len(desk.posted()) == 1


@pytest.mark.parametrize("limit", [8, 12, 20, 31])
@pytest.mark.parametrize("spaces", [False, True])
def test_a_cut_or_changed_slug_changes_nothing(blog: Driver, limit: int, spaces: bool) -> None:
    blog.sandbox.blog.habits.slug_limit = limit
    blog.sandbox.blog.habits.slug_spaces = spaces
    first = blog.prepare(blog.adapter())
    assert blog.prepare(blog.adapter()).reference == first.reference
    publish(blog, first)
    other = POST.model_copy(update={"blocks": (), "caption": "By its slug alone", "tags": ()})
    found = blog.adapter().find_publication(other, idempotency_key=KEY, since=long_ago())
    assert isinstance(found, Publication)
    assert found.remote_id == blog.copies()[0].id


def test_a_key_of_a_former_version_is_found_still(desk: Driver) -> None:
    post = desk.add("a-cell-divides-0123456789ab", datetime.now(UTC))
    found = desk.adapter().find_publication(POST, idempotency_key="a-cell-divides-0123456789ab", since=long_ago())
    assert isinstance(found, Publication)
    assert found.remote_id == post.id


def test_a_second_draft_is_removed(desk: Driver) -> None:
    desk.in_front = lambda request: made_twice(desk, request)
    preparation = desk.prepare(desk.adapter())
    assert len(desk.drafts()) == 2
    desk.in_front = lambda _request: None
    again = desk.prepare(desk.adapter())
    assert desk.drafts() == [again.reference]
    publish(desk, again)
    assert (len(desk.copies()), desk.drafts()) == (1, [])
    assert preparation.reference


def made_twice(desk: Driver, request: Request) -> Answer | None:
    if request.method == "POST":
        sandbox = desk.sandbox.blog
        answer = desk.sandbox.answer(request)
        draft = next(iter(sandbox.hidden_posts.values()))
        sandbox.hidden_posts["700000000000009999"] = replace(draft, id="700000000000009999")
        return answer
    return None


def test_a_needless_draft_that_stays_is_named(desk: Driver) -> None:
    desk.in_front = lambda request: made_twice(desk, request)
    desk.prepare(desk.adapter())
    desk.in_front = lambda request: error(403) if request.path.endswith("/delete") else None
    adapter = desk.adapter()
    publication = desk.send(adapter, desk.upload(adapter, 1))
    assert "a needless draft 700000000000000" in publication.answer
    assert (len(desk.copies()), len(desk.drafts())) == (1, 1)


def test_a_draft_that_appears_late_is_removed_at_the_next_delivery(blog: Driver) -> None:
    """Its creation was answered with 504, so that a second draft was made and published; then the first appears."""
    late: list[Request] = []

    def slow_once(request: Request) -> Answer | None:
        if request.method == "POST" and not late:
            late.append(request)
            return answered(504, "<html>")
        return None

    blog.in_front = slow_once
    with pytest.raises(Unavailable):
        blog.prepare(blog.adapter())
    blog.publish(blog.adapter())
    blog.sandbox.answer(late[0])
    assert (len(blog.copies()), len(blog.drafts())) == (1, 1)
    blog.publish(blog.adapter(), post=OTHER, key=OTHER_KEY)
    assert (len(blog.copies()), blog.drafts()) == (2, [])


def test_a_public_post_still_listed_among_the_drafts_is_not_removed(blog: Driver) -> None:
    """The list of drafts and the readings by id lag behind the list of public posts."""
    blog.sandbox.blog.habits.reading_lag = timedelta(minutes=5)
    preparation = blog.prepare(blog.adapter(), earlier=begun(blog))
    kept: list[Answer] = []

    def keep_drafts(request: Request) -> Answer | None:
        if not request.path.endswith("/posts/draft"):
            return None
        kept.append(kept[0] if kept else blog.sandbox.answer(request))
        return kept[-1]

    blog.in_front = keep_drafts
    blog.adapter().remove_drafts(OTHER, idempotency_key=OTHER_KEY, preparation=NOTHING_PREPARED)
    with suppress(Unconfirmed):
        publish(blog, preparation)
    assert len(blog.copies()) == 1
    with suppress(Unavailable):
        blog.publish(blog.adapter(), post=OTHER, key=OTHER_KEY)
    assert len(kept) == 2
    removed = [request.body for request in blog.requests if request.path.endswith("/delete")]
    assert not [body for body in removed if blog.copies()[0].id in str(body)]


def begun(desk: Driver) -> Preparation:
    """A draft that Tumblr shows."""
    with pytest.raises(NotPrepared) as error:
        desk.prepare(desk.adapter())
    desk.pass_time(timedelta(minutes=6))
    return error.value.preparation


def test_drafts_of_others_are_left_alone(desk: Driver) -> None:
    waiting = desk.prepare(desk.adapter(), post=OTHER, key=OTHER_KEY)
    by_hand = desk.prepare(desk.adapter(), post=OTHER, key="an-idea-of-the-editor")
    desk.publish(desk.adapter())
    assert desk.drafts() == [waiting.reference, by_hand.reference]


def test_a_draft_of_another_text_is_not_used(desk: Driver) -> None:
    first = desk.prepare(desk.adapter(), post=OTHER)
    second = desk.prepare(desk.adapter())
    assert desk.drafts() == [second.reference] != [first.reference]
    third = desk.prepare(desk.adapter(), post=OTHER, earlier=second)
    assert desk.drafts() == [third.reference] != [second.reference]


def test_nothing_is_made_while_a_former_draft_can_not_be_removed(desk: Driver) -> None:
    first = desk.prepare(desk.adapter(), post=OTHER)
    desk.in_front = lambda request: error(404) if request.path.endswith("/delete") else None
    with pytest.raises(Unavailable, match=f"The draft {first.reference} on {BLOG} has a former version"):
        desk.prepare(desk.adapter(), earlier=first)
    assert desk.drafts() == [first.reference]


@pytest.mark.parametrize(
    ("change", "part"),
    [
        ({"tags": "cell biology"}, "its tags"),
        ({"content": [{"type": "text", "text": "Less"}]}, r"its text, its pictures \(0 of 2\)"),
    ],
)
def test_a_draft_that_is_kept_otherwise_is_not_published(desk: Driver, change: dict[str, Any], part: str) -> None:
    def changed(request: Request) -> Answer | None:
        if request.method != "POST" or request.path.endswith("/delete"):
            return None
        name, _, rest = request.body.partition(b"\r\n\r\n")
        body, _, files = rest.partition(b"\r\n--")
        altered = json.dumps(json.loads(body) | change | {"layout": []}).encode()
        return desk.sandbox.answer(replace(request, body=name + b"\r\n\r\n" + altered + b"\r\n--" + files))

    desk.in_front = changed
    with pytest.raises(Unavailable, match=part):
        desk.prepare(desk.adapter(), 2)
    with pytest.raises(UnsupportedContent, match=part):
        desk.prepare(desk.adapter(), 2)
    assert (desk.copies(), desk.drafts()) == ([], [])


def test_spaces_and_accents_composed_otherwise_are_no_difference(desk: Driver) -> None:
    post = POST.model_copy(update={"blocks": (), "caption": "La ce\u0301l·lula  \n es divideix", "tags": ("Cèl·lula",)})
    preparation = desk.prepare(desk.adapter(), post=post)
    draft = desk.sandbox.blog.hidden_posts[preparation.reference]
    draft.detail["content"][1]["text"] = "La cél·lula es divideix "
    assert desk.prepare(desk.adapter(), post=post).reference == preparation.reference
