"""Replies on X, and the limits of what an account may post and read."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from publisher.core.content import AdaptedPost, Publication
from publisher.core.remedies import Remedy
from publisher.platforms.base import (
    Quota,
)
from publisher.platforms.errors import (
    ActionsRefused,
    ContentRejected,
    RateLimited,
    Unavailable,
    Unconfirmed,
)
from publisher.platforms.x.adapter import Adapter
from publisher.platforms.x.problem_codes import XProblem
from publisher.platforms.x.timeline import number_at
from publisher.sandbox.faults import Fault
from publisher.sandbox.x.rate_limits import POSTS
from tests.contract.platforms.x import Driver, adapted, reply

# --- replies ----------------------------------------------------------------------------------


def test_a_reply_names_what_it_answers_and_is_read_back(desk: Driver) -> None:
    adapter = desk.adapter()
    first = adapter.publish(adapted("One", "alt"), desk.upload(adapter, ["alt"]), idempotency_key="x-1")
    second = adapter.publish(reply("Two", first.remote_id), [], idempotency_key="x-2")
    assert [post.detail["reply_to"] for post in desk.sandbox.posts()] == ["", first.remote_id]
    answer = adapter._client.get_tweet(second.remote_id, tweet_fields=["referenced_tweets"])
    assert answer["data"]["referenced_tweets"] == [{"type": "replied_to", "id": first.remote_id}]
    shown = adapter.read_publication(second.remote_id)
    assert shown is not None
    assert (shown.image_count, shown.alt_texts) == (0, ())


def test_a_reply_is_found_below_the_post_that_it_answers_and_nowhere_else(desk: Driver) -> None:
    adapter = desk.adapter()
    since = desk.clock.now()
    first, other = (adapter.publish(adapted(text), [], idempotency_key="x-1") for text in ("One", "Other"))
    desk.faults.add("x", Fault.parse("drop-after"))
    with pytest.raises(Unconfirmed):
        adapter.publish(reply("Same words", first.remote_id), [], idempotency_key="x-2")

    def find(post: AdaptedPost) -> str | None:
        found = adapter.find_publication(post, idempotency_key="x-2", since=since)
        return found.remote_id if isinstance(found, Publication) else None

    assert find(reply("Same words", first.remote_id)) == desk.sandbox.posts()[-1].id
    assert find(reply("Same words", other.remote_id)) is None
    assert find(adapted("Same words")) is None


def test_a_refused_reply_says_that_the_post_before_it_stands(desk: Driver) -> None:
    desk.sandbox.refuse_replies = True
    adapter = desk.adapter()
    first = adapter.publish(adapted("One"), [], idempotency_key="x-1")
    with pytest.raises(ContentRejected, match="stands, and the thread ends there") as caught:
        adapter.publish(reply("Two", first.remote_id), [], idempotency_key="x-2")
    assert caught.value.problem.code is XProblem.THREAD_ENDED
    assert caught.value.problem.parameters["refusal"].code is XProblem.REFUSED
    assert caught.value.status == 403
    assert caught.value.answer
    assert len(desk.sandbox.posts()) == 1


def test_a_reply_waits_for_a_post_that_x_does_not_show_yet(desk: Driver) -> None:
    new = str(number_at(desk.clock.now() - timedelta(minutes=14)))
    with pytest.raises(Unavailable, match="waits until X shows the post before it") as caught:
        desk.adapter().publish(reply("Two", new), [], idempotency_key="x-2")
    assert caught.value.problem.code is XProblem.REPLIED_POST_NOT_SHOWN_YET
    assert caught.value.status == 403
    assert desk.sandbox.posts() == []


def test_a_thread_ends_where_the_post_before_was_deleted(desk: Driver) -> None:
    desk.set_our_clock(timedelta(hours=-3))
    old = str(number_at(desk.sandbox.ledger.now() - timedelta(minutes=30)))
    with pytest.raises(ContentRejected, match="was deleted, or hidden") as caught:
        desk.adapter().publish(reply("Two", old), [], idempotency_key="x-2")
    assert caught.value.problem.code is XProblem.REPLIED_POST_GONE
    assert desk.sandbox.posts() == []


def test_a_reply_to_what_is_no_post_is_refused(desk: Driver) -> None:
    with pytest.raises(ContentRejected, match="no post's id") as caught:
        desk.adapter().publish(reply("Two", "a-link"), [], idempotency_key="x-2")
    assert caught.value.status == 400


# --- quotas -----------------------------------------------------------------------------------


def test_an_account_without_credits_needs_a_person(desk: Driver) -> None:
    desk.sandbox.credits = 1
    adapter = desk.adapter()
    adapter.publish(adapted("One"), [], idempotency_key="x-1")
    with pytest.raises(ActionsRefused, match="credits") as caught:
        adapter.publish(adapted("Two"), [], idempotency_key="x-2")
    assert caught.value.problem.code is XProblem.CREDITS_USED_UP
    assert caught.value.problem.remedy is Remedy.RUN_DOCTOR
    assert len(desk.sandbox.posts()) == 1


def test_an_exhausted_window_says_when_it_opens(desk: Driver) -> None:
    desk.sandbox.rate_limits.limits[POSTS] = 1
    adapter = desk.adapter()
    adapter.publish(adapted("One"), [], idempotency_key="x-1")
    with pytest.raises(RateLimited) as caught:
        adapter.publish(adapted("Two"), [], idempotency_key="x-2")
    wait = caught.value.retry_at - desk.clock.now()
    assert timedelta(minutes=14) < wait <= timedelta(minutes=15)
    desk.pass_time(wait + timedelta(seconds=1))
    adapter.publish(adapted("Two"), [], idempotency_key="x-2")
    assert len(desk.sandbox.posts()) == 2


def listening(desk: Driver) -> tuple[Adapter, dict[str, Quota]]:
    """An adapter, and the newest of each quota that it was told."""
    seen: dict[str, Quota] = {}
    connection = replace(desk.connection(), quotas=lambda told: seen.update({quota.name: quota for quota in told}))
    return Adapter.connect(connection), seen


def test_each_endpoint_tells_what_is_left_of_its_own_window(desk: Driver) -> None:
    desk.sandbox.rate_limits.limits |= {POSTS: 100, "POST media upload": 500, "GET users tweets": 900}
    adapter, seen = listening(desk)
    adapter.publish(adapted("Text", "alt"), desk.upload(adapter, ["alt"]), idempotency_key="x-1")
    adapter.find_publication(adapted("Text", "alt"), idempotency_key="x-1", since=desk.clock.now())
    adapter.publish(adapted("More"), [], idempotency_key="x-2")
    left = {name: (quota.kind, quota.maximum, quota.remaining) for name, quota in seen.items()}
    assert left == {
        "media upload, 15 min": ("media", 500, 499),
        "media metadata, 15 min": ("media", 10_000, 9_999),
        "posts, 15 min": ("posts", 100, 98),
        "reading users tweets, 15 min": ("reading", 900, 899),
    }
    waits = [quota.resets_at - desk.clock.now() for quota in seen.values()]
    assert all(timedelta(minutes=14) < wait <= timedelta(minutes=15) for wait in waits)
    assert all(len(quota.name) <= 40 for quota in seen.values())


def test_the_day_of_app_and_account_is_told_where_x_tells_it(desk: Driver) -> None:
    desk.sandbox.rate_limits.posts_a_day = 17
    adapter, seen = listening(desk)
    adapter.publish(adapted("One"), [], idempotency_key="x-1")
    assert {name: (seen[name].maximum, seen[name].remaining) for name in seen if "24 h" in name} == {
        "posts, app, 24 h": (17, 16),
        "posts, account, 24 h": (17, 16),
    }
    assert timedelta(hours=23) < seen["posts, app, 24 h"].resets_at - desk.clock.now() <= timedelta(hours=24)


def test_a_refusal_tells_its_quota_too(desk: Driver) -> None:
    desk.faults.add("x", Fault("429"))
    adapter, seen = listening(desk)
    with pytest.raises(RateLimited) as caught:
        adapter.publish(adapted("One"), [], idempotency_key="x-1")
    assert (seen["posts, 15 min"].remaining, seen["posts, 15 min"].resets_at) == (0, caught.value.retry_at)
