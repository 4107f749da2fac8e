"""How a post is looked for on Instagram when nobody knows whether it is public."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from publisher.content import Absence, Publication
from publisher.platforms.errors import (
    CredentialsRefused,
    PlatformError,
    RateLimited,
    Unavailable,
)
from publisher.sandbox.wire import Answer, Request
from tests.instagram_desk import (
    KEY,
    Desk,
    Rewrite,
    picture,
    post_of,
    publish,
    upload,
)


def without(*names: str) -> Rewrite:
    """The feed as a platform would tell it that keeps less."""

    def rewrite(request: Request, answer: Answer) -> Answer:
        if not request.path.startswith("/api/v1/feed/user/"):
            return answer
        page = json.loads(answer.body)
        for item in page["items"]:
            for name in names:
                item.pop(name, None)
        return Answer.of_json(200, page)

    return rewrite


def test_a_post_is_found_by_its_upload_id_whatever_became_of_its_caption(desk: Desk) -> None:
    adapter, since = desk.adapter(), desk.clock.now()
    number = publish(adapter, picture(desk.folder), caption="Another caption")

    found = adapter.find_publication(post_of(), idempotency_key=KEY, since=since)

    assert isinstance(found, Publication)
    assert found.remote_id == number
    assert found.url == desk.ledger.posts()[0].url


@pytest.mark.parametrize("images", [1, 2])
def test_a_post_is_found_by_its_caption_where_no_id_is_told(desk: Desk, images: int) -> None:
    adapter, since = desk.adapter(), desk.clock.now()
    number = publish(adapter, *[picture(desk.folder)] * images)
    publish(adapter, picture(desk.folder), key="1777885200512", caption="A later post")
    desk.rewrite = without("device_timestamp", "client_sidecar_id")

    found = adapter.find_publication(post_of(images), idempotency_key=KEY, since=since)

    assert isinstance(found, Publication)
    assert found.remote_id == number


def test_another_post_is_not_taken_for_ours(desk: Desk) -> None:
    adapter = desk.adapter()
    desk.ledger.shift(timedelta(days=-30))
    publish(adapter, picture(desk.folder), key="1775293200000")
    desk.ledger.shift(timedelta(0))
    publish(adapter, picture(desk.folder), key="1777885200512", caption="Another one")
    publish(adapter, picture(desk.folder), picture(desk.folder), key="1777885200528")

    found = adapter.find_publication(post_of(), idempotency_key=KEY, since=desk.clock.now())

    assert found is Absence.NOT_LISTED


def test_a_post_is_found_behind_many_others(desk: Desk) -> None:
    adapter, since = desk.adapter(), desk.clock.now()
    media = upload(adapter, picture(desk.folder))
    number = adapter.publish(post_of(), media, idempotency_key=KEY).remote_id
    for place in range(1, 26):
        other = [replace(media[0], reference=KEY)]
        adapter.publish(post_of(caption=f"Other {place}"), other, idempotency_key=str(int(KEY) + 16 * place))
    desk.rewrite = without("device_timestamp")
    desk.requests.clear()

    found = adapter.find_publication(post_of(), idempotency_key=KEY, since=since)

    assert isinstance(found, Publication)
    assert found.remote_id == number
    assert len(desk.requests) == 3


def test_a_pinned_old_post_does_not_end_the_search(desk: Desk) -> None:
    adapter, since = desk.adapter(), desk.clock.now()
    number = publish(adapter, picture(desk.folder))
    now = int(since.timestamp())
    pinned, newer = {"pk": 1, "taken_at": 1_500_000_000}, {"pk": 2, "taken_at": now + 1}

    def first_page(request: Request, answer: Answer) -> Answer:
        if request.query.get("max_id"):
            return desk.sandbox.answer(replace(request, query={}))
        page = {"items": [pinned, newer], "more_available": True, "next_max_id": "2_1", "status": "ok"}
        return Answer.of_json(200, page)

    desk.rewrite = first_page

    found = adapter.find_publication(post_of(), idempotency_key=KEY, since=since)

    assert isinstance(found, Publication)
    assert found.remote_id == number


@pytest.mark.parametrize(
    "page",
    [
        {},
        {"items": None, "more_available": False},
        {"items": []},
        {"items": [], "more_available": True},
        {"items": [{"pk": "1"}], "more_available": False},
        {"items": ["?"], "more_available": False},
        {"items": [{"taken_at": 1, "carousel_media": ["?"], "pk": 1}], "more_available": False},
    ],
)
def test_a_feed_that_can_t_be_read_whole_does_not_count_as_absence(desk: Desk, page: dict[str, Any]) -> None:
    adapter = desk.adapter()
    desk.rewrite = lambda _request, _answer: Answer.of_json(200, {**page, "status": "ok"})

    with pytest.raises(Unavailable):
        adapter.find_publication(post_of(), idempotency_key=KEY, since=desk.clock.now())


def test_an_endless_feed_does_not_count_as_absence(desk: Desk) -> None:
    adapter, since = desk.adapter(), desk.clock.now()
    page = {
        "items": [{"pk": 1, "taken_at": int(since.timestamp())}],
        "more_available": True,
        "next_max_id": "1",
        "status": "ok",
    }
    desk.rewrite = lambda _request, _answer: Answer.of_json(200, page)

    with pytest.raises(Unavailable, match="more than 120 posts"):
        adapter.find_publication(post_of(), idempotency_key=KEY, since=since)


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (Answer.of_json(403, {"message": "login_required", "status": "fail"}), CredentialsRefused),
        (Answer.of_json(429, {"status": "fail"}), RateLimited),
        (Answer.of_text(502, "<html>"), Unavailable),
        (Answer.of_json(200, {"status": "ok"}).cut(0), Unavailable),
    ],
)
def test_a_question_without_an_answer_is_no_absence(desk: Desk, answer: Answer, expected: type[PlatformError]) -> None:
    adapter = desk.adapter()
    desk.rewrite = lambda _request, _given: answer

    for ask in (
        lambda: adapter.find_publication(post_of(), idempotency_key=KEY, since=desk.clock.now()),
        lambda: adapter.read_publication("35"),
        adapter.verify_credentials,
    ):
        with pytest.raises(PlatformError) as ended:
            ask()
        assert type(ended.value) is expected
