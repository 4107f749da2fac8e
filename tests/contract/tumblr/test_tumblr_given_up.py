"""Drafts of posts that were given up, and publishing without drafts."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from publisher.core.content import Absence, AdaptedImage, Preparation, Publication
from publisher.platforms.abilities import NOTHING_PREPARED
from publisher.platforms.base import KeySeed
from publisher.platforms.errors import (
    DraftLeft,
    Unconfirmed,
)
from publisher.platforms.tumblr.adapter import Adapter
from publisher.sandbox.tumblr.blog import BLOG
from publisher.sandbox.wire import Answer
from tests.contract.platforms.tumblr import KEY, POST, Driver
from tests.contract.platforms.tumblr_answers import error
from tests.contract.tumblr.drafts import OTHER, OTHER_KEY, find, publish
from tests.fakes import SPEC

# --- drafts of posts that were given up -------------------------------------------------------


def remove(desk: Driver, preparation: Preparation = NOTHING_PREPARED) -> Publication | Absence:
    post = POST.model_copy(update={"images": (AdaptedImage(spec=SPEC, alt_text="Cell 0"),)})
    return desk.adapter().remove_drafts(post, idempotency_key=KEY, preparation=preparation)


@pytest.mark.parametrize("known", [True, False], ids=["by its id", "by its slug"])
def test_the_draft_of_a_canceled_post_is_removed(desk: Driver, known: bool) -> None:
    waiting = desk.prepare(desk.adapter(), post=OTHER, key=OTHER_KEY)
    by_hand = desk.prepare(desk.adapter(), post=OTHER, key="an-idea-of-the-editor")
    preparation = desk.prepare(desk.adapter())
    assert remove(desk, preparation if known else NOTHING_PREPARED) is Absence.GONE
    assert desk.drafts() == [waiting.reference, by_hand.reference]
    assert remove(desk, preparation) is Absence.GONE, "it can be repeated"


def test_a_draft_that_was_published_since_is_told_and_never_removed(blog: Driver) -> None:
    preparation = blog.prepare(blog.adapter())
    publish(blog, preparation)
    found = remove(blog, preparation)
    assert isinstance(found, Publication)
    assert found.remote_id == blog.copies()[0].id
    assert not [request for request in blog.requests if request.path.endswith("/delete")]


def test_a_draft_published_just_now_is_never_removed_whatever_is_read(blog: Driver) -> None:
    preparation = blog.prepare(blog.adapter())
    blog.sandbox.blog.habits.reading_lag = timedelta(minutes=5)
    with suppress(Unconfirmed):
        publish(blog, preparation)
    public = blog.copies()[0].id
    with suppress(DraftLeft):
        found = remove(blog, preparation)
        assert isinstance(found, Publication)
        assert found.remote_id == public
    removed = [str(request.body) for request in blog.requests if request.path.endswith("/delete")]
    assert not [body for body in removed if public in body]


@pytest.mark.parametrize("state", ["queued", "private", "transcoding"])
def test_what_is_no_draft_any_more_is_left_and_named(desk: Driver, state: str) -> None:
    preparation = desk.prepare(desk.adapter())
    desk.sandbox.blog.move(preparation.reference, state, desk.ledger.now())
    with pytest.raises(DraftLeft, match=f"{preparation.reference}, with the state “{state}”"):
        remove(desk, preparation)
    assert desk.drafts() == [preparation.reference]


def test_a_draft_that_somebody_has_changed_is_left_and_named(desk: Driver) -> None:
    preparation = desk.prepare(desk.adapter())
    desk.sandbox.blog.hidden_posts[preparation.reference].detail["content"][1]["text"] = "Written by hand"
    with pytest.raises(DraftLeft, match=preparation.reference):
        remove(desk, preparation)
    assert desk.drafts() == [preparation.reference]


def test_a_draft_that_can_not_be_removed_is_named(desk: Driver) -> None:
    preparation = desk.prepare(desk.adapter())
    desk.in_front = lambda request: error(403) if request.path.endswith("/delete") else None
    with pytest.raises(DraftLeft, match=f"its draft {preparation.reference} on {BLOG} could not be removed"):
        remove(desk, preparation)


def test_a_post_without_a_draft_is_looked_for_when_it_was_canceled(desk: Driver) -> None:
    adapter = desk.adapter(drafts=False)
    preparation = desk.prepare(adapter)
    assert remove(desk, preparation) is Absence.GONE
    adapter.publish(POST, desk.upload(adapter, 1), idempotency_key=KEY, preparation=preparation)
    found = remove(desk, preparation)
    assert isinstance(found, Publication)
    assert found.remote_id == desk.copies()[0].id


# --- at once, without a draft -----------------------------------------------------------------


def test_without_drafts_one_request_publishes(desk: Driver) -> None:
    adapter = desk.adapter(drafts=False)
    preparation = desk.prepare(adapter)
    assert preparation.reference == "newer than 0"
    adapter.publish(POST, desk.upload(adapter, 1), idempotency_key=KEY, preparation=preparation)
    assert [request.method for request in desk.sent()] == ["POST"]
    assert len(desk.copies()) == 1


@pytest.mark.parametrize("state", ["queued", "transcoding", "private", "draft"])
def test_without_drafts_another_state_is_no_success(desk: Driver, state: str) -> None:
    desk.sandbox.blog.habits.states.append(state)
    with pytest.raises(Unconfirmed, match=state):
        desk.publish(desk.adapter(drafts=False))


def test_without_drafts_times_are_of_tumblrs_clock(desk: Driver) -> None:
    """Our clock is 90 s ahead, and 45 posts were published since: a listing that began at our time would end early."""
    before = desk.add("before", desk.ledger.now() - timedelta(hours=1))
    adapter = desk.adapter(drafts=False)
    preparation = desk.prepare(adapter)
    assert preparation.reference == f"newer than {before.id}"
    adapter.publish(POST, desk.upload(adapter, 1), idempotency_key=KEY, preparation=preparation)
    for number in range(45):
        desk.add(f"newer-{number}", desk.ledger.now() + timedelta(milliseconds=number))
    since = datetime.now(UTC) + timedelta(seconds=90)
    found = adapter.find_publication(OTHER, idempotency_key=KEY, since=since, preparation=preparation)
    assert isinstance(found, Publication)
    assert found.remote_id == desk.copies()[1].id


def test_an_older_post_of_the_same_text_is_not_taken_for_ours(desk: Driver) -> None:
    """A post of the reserve: shown a minute ago by hand, with the same text and tags."""
    desk.add("by-hand", desk.ledger.now(), text="A cell divides", tags=POST.tags)
    preparation = desk.prepare(desk.adapter(drafts=False))
    assert find(desk, preparation) is Absence.NOT_LISTED


def test_a_post_keeps_the_way_on_which_it_began(blog: Driver) -> None:
    """The channel was set to `drafts = false` while its draft may still be published late."""
    preparation = blog.prepare(blog.adapter())
    adapter = blog.adapter(drafts=False)
    again = blog.prepare(adapter, earlier=preparation)
    assert again.reference == preparation.reference
    adapter.publish(POST, blog.upload(adapter, 1), idempotency_key=KEY, preparation=again)
    assert (len(blog.copies()), blog.drafts()) == (1, [])


# --- clocks, sizes, refusals ------------------------------------------------------------------


@pytest.mark.parametrize("date", ["", "soon", "Thu, 99 Nov 2026 23:00:00 GMT"])
def test_an_answer_without_a_readable_date_is_no_trouble(desk: Driver, date: str) -> None:
    told: list[timedelta] = []
    desk.in_front = lambda request: undated(desk.sandbox.answer(request), date)
    adapter = Adapter.connect(replace(desk.connection(), platform_clock=told.append))
    desk.publish(adapter)
    assert (told, len(desk.copies())) == ([], 1)


def undated(answer: Answer, date: str) -> Answer:
    return replace(answer, headers={**answer.headers, "Date": date})


def test_a_token_begins_the_key(desk: Driver) -> None:
    seed = KeySeed(token="0123456789ab", title="A cell divides", created_at=datetime.now(UTC))
    assert Adapter.idempotency_key(seed) == KEY


def test_tumblr_publishes_by_itself_what_it_kept_back(desk: Driver) -> None:
    """Only what was to be published: a draft stays one."""
    desk.sandbox.set_habits({"states": ["queued"], "states_spare_drafts": True, "hidden_for": 60})
    preparation = desk.prepare(desk.adapter())
    assert [post.detail["state"] for post in desk.sandbox.blog.hidden_posts.values()] == ["draft"]
    with pytest.raises(Unconfirmed, match="queued"):
        publish(desk, preparation)
    desk.sandbox.catch_up()
    assert desk.copies() == []
    desk.ledger.shift(timedelta(seconds=61))
    desk.sandbox.catch_up()
    assert len(desk.copies()) == 1
    assert desk.sandbox.blog.hidden_posts == {}
