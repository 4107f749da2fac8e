"""How a post is looked for on Instagram when nobody knows whether it is public."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta

import pytest

from publisher.core.content import Absence, Preparation, Publication
from publisher.platforms.errors import (
    Unavailable,
)
from publisher.platforms.instagram.adapter import Adapter
from publisher.platforms.instagram.problem_codes import InstagramRequestProblem
from publisher.sandbox.faults import Fault
from publisher.sandbox.wire import Answer, Request
from tests.contract.instagram.posts import Rewrite, picture, post_of, publish, unchanged, upload
from tests.contract.platforms.instagram import KEY, Driver


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


def test_a_post_is_found_by_its_upload_id_whatever_became_of_its_caption(desk: Driver) -> None:
    adapter, since = desk.adapter(), desk.clock.now()
    number = publish(adapter, picture(desk.folder), caption="Another caption")

    found = adapter.find_publication(post_of(), idempotency_key=KEY, since=since)

    assert isinstance(found, Publication)
    assert found.remote_id == number
    assert found.url == desk.ledger.posts()[0].url


@pytest.mark.parametrize("images", [1, 2])
def test_a_post_is_found_by_its_caption_where_no_id_is_told(desk: Driver, images: int) -> None:
    adapter, since = desk.adapter(), desk.clock.now()
    number = publish(adapter, *[picture(desk.folder)] * images)
    publish(adapter, picture(desk.folder), key="1777885200512", caption="A later post")
    desk.rewrite = without("device_timestamp", "client_sidecar_id")

    found = adapter.find_publication(post_of(images), idempotency_key=KEY, since=since)

    assert isinstance(found, Publication)
    assert found.remote_id == number


def test_a_caption_that_instagram_writes_otherwise_is_found(desk: Driver) -> None:
    adapter, since = desk.adapter(), desk.clock.now()
    number = publish(adapter, picture(desk.folder), caption="Ce\u0301llules  \n au repos")
    desk.rewrite = without("device_timestamp", "client_sidecar_id")
    post = post_of().model_copy(update={"caption": "Cé\u200bllules\nau repos"})

    found = adapter.find_publication(post, idempotency_key=KEY, since=since)

    assert isinstance(found, Publication)
    assert found.remote_id == number


def test_another_post_is_not_taken_for_ours(desk: Driver) -> None:
    adapter = desk.adapter()
    desk.ledger.shift(timedelta(days=-30))
    publish(adapter, picture(desk.folder), key="1775293200000")
    desk.ledger.shift(timedelta(0))
    publish(adapter, picture(desk.folder), key="1777885200512", caption="Another one")
    publish(adapter, picture(desk.folder), picture(desk.folder), key="1777885200528")

    found = adapter.find_publication(post_of(), idempotency_key=KEY, since=desk.clock.now())

    assert found is Absence.NOT_LISTED


def test_a_pinned_old_post_does_not_end_the_search(desk: Driver) -> None:
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


# --- what is known from before the request ----------------------------------------------------


def prepared(adapter: Adapter) -> Preparation:
    return adapter.prepare(post_of(), [], idempotency_key=KEY)


def test_instagrams_clock_decides_nothing_where_its_newest_post_is_known(desk: Driver) -> None:
    adapter = desk.adapter()
    publish(adapter, picture(desk.folder), key="1777885200512", caption="An older post")
    desk.date_offset = timedelta(days=9)
    preparation = prepared(adapter)
    number = publish(adapter, picture(desk.folder))
    desk.sandbox.echoes_upload_id = False

    found = adapter.find_publication(
        post_of(), idempotency_key=KEY, since=desk.clock.now() + timedelta(days=9), preparation=preparation
    )

    assert isinstance(found, Publication)
    assert found.remote_id == number


def test_a_second_try_still_finds_the_post_of_the_first(desk: Driver) -> None:
    adapter = desk.adapter()
    publish(adapter, picture(desk.folder), key="1777885200512", caption="An older post")
    first = prepared(adapter)
    publish(adapter, picture(desk.folder))
    desk.requests.clear()

    again = adapter.prepare(post_of(), [], idempotency_key=KEY, earlier=first)

    assert again == first
    assert desk.requests == []


def test_the_newest_post_is_read_before_the_request_wherever_it_stands(desk: Driver) -> None:
    adapter = desk.adapter()
    pinned, newest = {"pk": 1, "taken_at": 1_500_000_000}, {"pk": 7, "taken_at": 1_700_000_000}
    page = {"items": [pinned, newest], "more_available": True, "next_max_id": "7_1", "status": "ok"}
    desk.rewrite = lambda _request, _answer: Answer.of_json(200, page)

    preparation = prepared(adapter)

    assert preparation.reference == "7"
    assert preparation.platform_time is not None
    assert abs(preparation.platform_time - desk.clock.now()) < timedelta(minutes=1)
    assert len(desk.requests) == 1


def test_the_answer_to_the_upload_tells_the_time_without_a_listing(desk: Driver) -> None:
    adapter, image = desk.adapter(), picture(desk.folder)
    desk.ledger.shift(timedelta(days=-200))
    publish(adapter, image, key="1777885200512")
    desk.ledger.shift(timedelta(0))
    desk.sandbox.echoes_upload_id = False
    media = upload(adapter, image)
    desk.faults.add("instagram", Fault.parse("read/500-before"))

    preparation = adapter.prepare(post_of(), media, idempotency_key=KEY)

    def look() -> Publication | Absence:
        since = desk.clock.now() - timedelta(days=300)
        return adapter.find_publication(post_of(), idempotency_key=KEY, since=since, preparation=preparation)

    assert preparation.reference == ""
    assert look() is Absence.NOT_LISTED
    adapter.publish(post_of(), media, idempotency_key=KEY, preparation=preparation)
    assert isinstance(look(), Publication)


def test_without_listing_and_without_time_nothing_is_sent(desk: Driver) -> None:
    desk.faults.add("instagram", Fault.parse("read/500-before"))

    with pytest.raises(Unavailable):
        prepared(desk.adapter())


def test_a_listing_without_any_post_is_no_bound(desk: Driver) -> None:
    assert prepared(desk.adapter()).reference == ""


def test_a_listing_older_than_the_one_before_the_request_is_no_absence(desk: Driver) -> None:
    adapter = desk.adapter()
    for place in range(3):
        publish(adapter, picture(desk.folder), key=str(1777885201000 + 16 * place), caption=f"Older {place}")
    preparation = prepared(adapter)

    def stale(request: Request, answer: Answer) -> Answer:
        if not request.path.startswith("/api/v1/feed/user/"):
            return answer
        page = json.loads(answer.body)
        return Answer.of_json(200, {**page, "items": page["items"][1:]})

    desk.rewrite = stale
    with pytest.raises(Unavailable, match="older than before") as ended:
        adapter.find_publication(post_of(), idempotency_key=KEY, since=desk.clock.now(), preparation=preparation)
    assert ended.value.problem.code is InstagramRequestProblem.LISTING_OUTDATED

    desk.rewrite = unchanged
    found = adapter.find_publication(post_of(), idempotency_key=KEY, since=desk.clock.now(), preparation=preparation)
    assert found is Absence.NOT_LISTED


def test_a_removed_newest_post_leaves_the_question_answerable(desk: Driver) -> None:
    adapter = desk.adapter()
    publish(adapter, picture(desk.folder), key="1777885201000", caption="Removed by hand")
    preparation = prepared(adapter)
    desk.ledger.clear()

    def look() -> Publication | Absence:
        return adapter.find_publication(post_of(), idempotency_key=KEY, since=desk.clock.now(), preparation=preparation)

    assert look() is Absence.NOT_LISTED
    number = publish(adapter, picture(desk.folder))
    found = look()
    assert isinstance(found, Publication)
    assert found.remote_id == number
