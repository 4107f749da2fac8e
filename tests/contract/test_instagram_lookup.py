"""How a post is looked for on Instagram when nobody knows whether it is public."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from publisher.core.clock import ShiftedClock
from publisher.core.content import Absence, Preparation, Publication
from publisher.platforms.errors import (
    CredentialsRefused,
    PlatformError,
    RateLimited,
    Unavailable,
    Unconfirmed,
)
from publisher.platforms.instagram.adapter import Adapter
from publisher.sandbox.faults import Fault
from publisher.sandbox.ledger import ListingLag
from publisher.sandbox.wire import Answer, Request
from tests.instagram_desk import (
    KEY,
    NO_DATE,
    Desk,
    Rewrite,
    picture,
    post_of,
    publish,
    unchanged,
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


def test_a_caption_that_instagram_writes_otherwise_is_found_where_no_id_is_told(desk: Desk) -> None:
    adapter, since = desk.adapter(), desk.clock.now()
    number = publish(adapter, picture(desk.folder), caption="Ce\u0301llules  \n au repos")
    desk.rewrite = without("device_timestamp", "client_sidecar_id")
    post = post_of().model_copy(update={"caption": "Cé\u200bllules\nau repos"})

    found = adapter.find_publication(post, idempotency_key=KEY, since=since)

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


# --- what is known from before the request ----------------------------------------------------


def prepared(adapter: Adapter) -> Preparation:
    return adapter.prepare(post_of(), [], idempotency_key=KEY)


@pytest.mark.parametrize("seconds", [-3 * 86_400, -90, 90, 3 * 86_400])
def test_a_clock_that_is_wrong_hides_no_post(desk: Desk, seconds: int) -> None:
    desk.clock = ShiftedClock(timedelta(seconds=seconds))
    adapter, since = desk.adapter(), desk.clock.now()
    publish(adapter, picture(desk.folder), key="1777885200512", caption="An older post")
    preparation = prepared(adapter)
    number = publish(adapter, picture(desk.folder))
    desk.sandbox.echoes_upload_id = False

    found = adapter.find_publication(post_of(), idempotency_key=KEY, since=since, preparation=preparation)
    # A restored backup has lost what was prepared.
    found_without = desk.adapter().find_publication(post_of(), idempotency_key=KEY, since=since)

    assert isinstance(found, Publication)
    assert found == found_without
    assert found.remote_id == number


def test_instagrams_own_clock_decides_nothing_where_its_newest_post_is_known(desk: Desk) -> None:
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


@pytest.mark.parametrize("images", [1, 2])
def test_a_reserve_post_that_was_shown_before_is_not_taken_for_ours(desk: Desk, images: int) -> None:
    adapter, since = desk.adapter(), desk.clock.now()
    pictures = [picture(desk.folder)] * images
    publish(adapter, *pictures, key="1777885200512")
    desk.sandbox.echoes_upload_id = False
    preparation = adapter.prepare(post_of(images), upload(adapter, *pictures), idempotency_key=KEY)

    def look() -> Publication | Absence:
        return adapter.find_publication(
            post_of(images), idempotency_key=KEY, since=since, preparation=preparation
        )  # fmt: skip

    assert look() is Absence.NOT_LISTED
    number = publish(adapter, *pictures)
    found = look()
    assert isinstance(found, Publication)
    assert found.remote_id == number


def test_a_second_try_still_finds_the_post_of_the_first(desk: Desk) -> None:
    adapter = desk.adapter()
    publish(adapter, picture(desk.folder), key="1777885200512", caption="An older post")
    first = prepared(adapter)
    publish(adapter, picture(desk.folder))
    desk.requests.clear()

    again = adapter.prepare(post_of(), [], idempotency_key=KEY, earlier=first)

    assert again == first
    assert desk.requests == []


def test_the_newest_post_is_read_before_the_request_wherever_it_stands(desk: Desk) -> None:
    adapter = desk.adapter()
    pinned, newest = {"pk": 1, "taken_at": 1_500_000_000}, {"pk": 7, "taken_at": 1_700_000_000}
    page = {"items": [pinned, newest], "more_available": True, "next_max_id": "7_1", "status": "ok"}
    desk.rewrite = lambda _request, _answer: Answer.of_json(200, page)

    preparation = prepared(adapter)

    assert preparation.reference == "7"
    assert preparation.platform_time is not None
    assert abs(preparation.platform_time - desk.clock.now()) < timedelta(minutes=1)
    assert len(desk.requests) == 1


def test_where_the_listing_is_not_read_the_answer_to_the_upload_tells_the_time(desk: Desk) -> None:
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


def test_without_listing_and_without_time_nothing_is_sent(desk: Desk) -> None:
    desk.faults.add("instagram", Fault.parse("read/500-before"))

    with pytest.raises(Unavailable):
        prepared(desk.adapter())


def test_a_listing_without_any_post_is_no_bound(desk: Desk) -> None:
    assert prepared(desk.adapter()).reference == ""


def test_a_listing_older_than_the_one_before_the_request_is_no_absence(desk: Desk) -> None:
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
    with pytest.raises(Unavailable, match="older than before"):
        adapter.find_publication(post_of(), idempotency_key=KEY, since=desk.clock.now(), preparation=preparation)

    desk.rewrite = unchanged
    found = adapter.find_publication(post_of(), idempotency_key=KEY, since=desk.clock.now(), preparation=preparation)
    assert found is Absence.NOT_LISTED


def test_a_newest_post_that_somebody_removes_leaves_the_question_answerable(desk: Desk) -> None:
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


def test_every_answer_tells_how_far_instagrams_clock_is_ahead(desk: Desk) -> None:
    told: list[timedelta] = []
    adapter, image = desk.adapter(platform_clock=told.append), picture(desk.folder)
    desk.date_offset = timedelta(seconds=100)
    media = upload(adapter, image)
    preparation = adapter.prepare(post_of(), media, idempotency_key=KEY)
    number = adapter.publish(post_of(), media, idempotency_key=KEY, preparation=preparation).remote_id
    adapter.find_publication(post_of(), idempotency_key=KEY, since=desk.clock.now(), preparation=preparation)
    adapter.read_publication(number)
    adapter.verify_credentials()
    desk.rewrite = lambda _request, _answer: Answer.of_text(503, "<html>", "text/html")
    with pytest.raises(Unavailable):
        adapter.verify_credentials()

    assert len(told) == len(desk.requests) == 7
    assert all(abs(ahead - timedelta(seconds=100)) < timedelta(seconds=5) for ahead in told)


@pytest.mark.parametrize("skew", [-3 * 86_400, -90, 90, 3 * 86_400])
def test_a_post_is_found_whatever_instagrams_clock_shows(desk: Desk, skew: int) -> None:
    desk.sandbox.clock_skew = timedelta(seconds=skew)
    desk.sandbox.echoes_upload_id = False
    adapter, since = desk.adapter(), desk.clock.now()
    number = publish(adapter, picture(desk.folder))

    found = adapter.find_publication(post_of(), idempotency_key=KEY, since=since)

    assert isinstance(found, Publication)
    assert found.remote_id == number


@pytest.mark.parametrize("fault", ["late-504:100", "late-drop:100"])
def test_a_post_that_comes_late_and_is_listed_later_still_is_found(desk: Desk, fault: str) -> None:
    desk.ledger.set_listing_lag("instagram", ListingLag(shortest=700.0, longest=700.0))
    desk.sandbox.echoes_upload_id = False
    adapter, since = desk.adapter(), desk.clock.now()
    media = upload(adapter, picture(desk.folder))
    preparation = adapter.prepare(post_of(), media, idempotency_key=KEY)
    desk.faults.add("instagram", Fault.parse(fault))
    with pytest.raises(Unconfirmed):
        adapter.publish(post_of(), media, idempotency_key=KEY, preparation=preparation)

    def look(seconds: float) -> Publication | Absence:
        desk.ledger.shift(timedelta(seconds=seconds))
        return adapter.find_publication(post_of(), idempotency_key=KEY, since=since, preparation=preparation)

    assert look(0) is look(110) is look(600) is Absence.NOT_LISTED
    assert len(desk.ledger.posts()) == 1
    assert isinstance(look(900), Publication)


def test_a_date_that_can_t_be_read_is_left_out(desk: Desk) -> None:
    told: list[timedelta] = []
    adapter = desk.adapter(platform_clock=told.append)
    desk.rewrite = lambda _request, answer: replace(answer, headers={**answer.headers, "Date": NO_DATE})

    adapter.verify_credentials()

    assert told == []
