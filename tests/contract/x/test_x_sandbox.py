"""What the sandbox's X itself does."""

from __future__ import annotations

import base64
import io
import json
from datetime import UTC, datetime, timedelta

import pytest
import requests
from PIL import Image

from publisher.platforms.errors import (
    Unavailable,
)
from publisher.sandbox.x.accounts import USER_ID
from tests.contract.platforms.x import Driver, adapted
from tests.waiting import TIMEOUT


def test_a_signed_request_can_not_be_replayed(desk: Driver) -> None:
    seen: list[requests.PreparedRequest] = []
    adapter = desk.adapter()
    adapter._client.session.hooks["response"].append(lambda response, **_: seen.append(response.request))
    adapter.verify_credentials()
    with requests.Session() as session:
        assert session.send(seen[0], timeout=TIMEOUT).status_code == 401


def test_the_timeline_takes_five_posts_at_least_and_knows_its_parameters(desk: Driver) -> None:
    adapter = desk.adapter()
    future = (desk.clock.now() + timedelta(minutes=1)).isoformat()
    for query in (
        {"max_results": "4"},
        {"max_results": "101"},
        {"unknown": "1"},
        {"start_time": "yesterday"},
        {"start_time": future},
    ):
        with pytest.raises(Unavailable) as caught:
            adapter._client.request("GET", f"/2/users/{USER_ID}/tweets", params=query)
        assert caught.value.status == 400


def test_posts_can_be_asked_for_since_one_of_them(desk: Driver) -> None:
    adapter = desk.adapter()
    first, second = (adapter.publish(adapted(text), [], idempotency_key="x-1") for text in ("One", "Two"))
    page = adapter._client.get_users_tweets(USER_ID, since_id=first.remote_id)
    assert [tweet["id"] for tweet in page["data"]] == [second.remote_id]
    assert set(page["data"][0]) == {"id", "text", "edit_history_tweet_ids"}


def test_a_timeline_that_begins_at_a_time_may_show_nothing(desk: Driver) -> None:
    adapter = desk.adapter()
    adapter.publish(adapted("One"), [], idempotency_key="x-1")
    desk.sandbox.hides_time_windows = True
    past = (desk.clock.now() - timedelta(hours=1)).isoformat()
    answer = adapter._client.request("GET", f"/2/users/{USER_ID}/tweets", params={"start_time": past})
    assert answer.json() == {"meta": {"result_count": 0}}
    assert adapter._client.request("GET", f"/2/users/{USER_ID}/tweets").json()["meta"]["result_count"] == 1


def test_the_number_of_a_post_carries_its_moment(desk: Driver) -> None:
    adapter = desk.adapter()
    numbers = []
    for text in ("One", "Two", "Three"):
        numbers.append(int(adapter.publish(adapted(text), [], idempotency_key="x-1").remote_id))
        assert abs(moment_of(numbers[-1]) - desk.clock.now()) < timedelta(seconds=30)
        desk.pass_time(timedelta(hours=1))
    desk.pass_time(timedelta(hours=-5))
    numbers.append(int(adapter.publish(adapted("Four"), [], idempotency_key="x-1").remote_id))
    assert numbers == sorted(set(numbers)), "a later post has a lower number"


def moment_of(number: int) -> datetime:
    return datetime.fromtimestamp(((number >> 22) + 1_288_834_974_657) / 1000, UTC)


def test_media_may_be_uploaded_as_json_too(desk: Driver) -> None:
    content = io.BytesIO()
    Image.new("RGB", (10, 10)).save(content, "PNG")
    wish = {"media": base64.b64encode(content.getvalue()).decode(), "media_category": "tweet_image"}
    answer = desk.adapter()._client.request("POST", "/2/media/upload", json=wish)
    assert json.loads(answer.text)["data"]["image"] == {"image_type": "image/png", "w": 10, "h": 10}
