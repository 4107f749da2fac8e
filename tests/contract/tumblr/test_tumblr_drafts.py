"""Publishing through a draft: what is made, used again, removed, and published once."""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from publisher.core.content import Absence, AdaptedImage, Preparation, Publication, TextBlock
from publisher.platforms.base import NOTHING_PREPARED, KeySeed
from publisher.platforms.errors import (
    ContentRejected,
    CredentialsRefused,
    DraftLeft,
    NotPrepared,
    PlatformError,
    RateLimited,
    Unavailable,
    Unconfirmed,
    UnsupportedContent,
)
from publisher.platforms.profiles import load_profile
from publisher.platforms.tumblr.adapter import Adapter
from publisher.sandbox.tumblr.blog import BLOG
from publisher.sandbox.wire import Answer, Request
from tests.fakes import SPEC
from tests.tumblr_desk import KEY, POST, Desk, answered, error, long_ago

LAG = timedelta(seconds=load_profile("tumblr").publishing.listing_lag_seconds)
OTHER = POST.model_copy(update={"blocks": (TextBlock(text="Another text"),)})
OTHER_KEY = "ffffffffffff-another-cell"


@pytest.fixture(params=[False, True], ids=["new id", "same id"])
def blog(request: pytest.FixtureRequest, desk: Desk) -> Desk:
    """Whether a draft that is published keeps its id is not proved live: both ways must hold."""
    desk.sandbox.blog.habits.drafts_keep_id = request.param
    return desk


def find(desk: Desk, preparation: Preparation) -> Publication | Absence:
    return desk.adapter().find_publication(POST, idempotency_key=KEY, since=long_ago(), preparation=preparation)


def publish(desk: Desk, preparation: Preparation, *, count: int = 1) -> Publication:
    """With an adapter that did not prepare it, as after a restart."""
    adapter = desk.adapter()
    return adapter.publish(POST, desk.upload(adapter, count), idempotency_key=KEY, preparation=preparation)


# --- the two steps ---------------------------------------------------------------------------


def test_preparing_shows_followers_nothing(desk: Desk) -> None:
    preparation = desk.prepare(desk.adapter(), 3)
    assert desk.copies() == []
    assert [preparation.reference] == desk.drafts()
    assert preparation.platform_time is not None
    assert abs(preparation.platform_time - datetime.now(UTC)) < timedelta(minutes=1)


def test_the_publishing_request_is_small_and_carries_the_whole_post(blog: Desk) -> None:
    adapter = blog.adapter()
    publication = blog.send(adapter, blog.upload(adapter, 3))
    (request,) = blog.published_by()
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


def test_a_good_day_takes_so_many_requests(blog: Desk) -> None:
    blog.publish(blog.adapter())
    asked = [(request.method, request.path.rpartition("/")[2]) for request in blog.requests]
    draft = asked[2][1]
    listing = [] if blog.sandbox.blog.habits.drafts_keep_id else [("GET", "posts")]
    assert asked == [
        ("GET", "draft"), ("POST", "posts"), ("GET", draft), ("PUT", draft), ("GET", draft), *listing,
    ]  # fmt: skip


def test_a_new_id_that_is_told_is_read(desk: Desk) -> None:
    desk.sandbox.blog.habits.edits_tell_new_id = True
    assert desk.publish(desk.adapter()) == desk.copies()[0].id


def test_a_listing_that_lags_leaves_the_id_of_the_draft_which_is_resolved_later(desk: Desk) -> None:
    desk.sandbox.blog.habits.listing_lag = timedelta(minutes=14)
    draft = desk.publish(desk.adapter())
    (copy,) = desk.copies()
    assert draft != copy.id
    assert desk.adapter().read_publication(draft) is None
    desk.pass_time(timedelta(minutes=15))
    shown = desk.adapter().read_publication(draft)
    assert shown is not None
    assert shown.remote_id == copy.id


def test_publishing_twice_makes_one_post(blog: Desk) -> None:
    preparation = blog.prepare(blog.adapter())
    first = publish(blog, preparation)
    second = publish(blog, preparation)
    assert first.remote_id == second.remote_id == blog.copies()[0].id
    assert len(blog.copies()) == 1


def test_a_frozen_worker_that_publishes_late_changes_nothing(blog: Desk) -> None:
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


def test_publishing_without_a_draft_is_put_off(desk: Desk) -> None:
    with pytest.raises(Unavailable, match="made at the next try"):
        publish(desk, NOTHING_PREPARED)
    assert desk.requests == []


# --- what is there already -------------------------------------------------------------------


def test_a_draft_of_an_earlier_try_is_used_again(desk: Desk) -> None:
    first = desk.prepare(desk.adapter())
    assert desk.prepare(desk.adapter()).reference == first.reference, "found among the drafts"
    assert desk.prepare(desk.adapter(), earlier=first).reference == first.reference, "read by its id"
    assert len(desk.posted()) == 1


@pytest.mark.parametrize("limit", [8, 12, 20, 31])
@pytest.mark.parametrize("spaces", [False, True])
def test_a_cut_or_changed_slug_changes_nothing(blog: Desk, limit: int, spaces: bool) -> None:
    blog.sandbox.blog.habits.slug_limit = limit
    blog.sandbox.blog.habits.slug_spaces = spaces
    first = blog.prepare(blog.adapter())
    assert blog.prepare(blog.adapter()).reference == first.reference
    publish(blog, first)
    other = POST.model_copy(update={"blocks": (), "caption": "By its slug alone", "tags": ()})
    found = blog.adapter().find_publication(other, idempotency_key=KEY, since=long_ago())
    assert isinstance(found, Publication)
    assert found.remote_id == blog.copies()[0].id


def test_a_key_of_a_former_version_is_found_still(desk: Desk) -> None:
    post = desk.add("a-cell-divides-0123456789ab", datetime.now(UTC))
    found = desk.adapter().find_publication(POST, idempotency_key="a-cell-divides-0123456789ab", since=long_ago())
    assert isinstance(found, Publication)
    assert found.remote_id == post.id


def test_a_second_draft_is_removed(desk: Desk) -> None:
    desk.instead = lambda request: made_twice(desk, request)
    preparation = desk.prepare(desk.adapter())
    assert len(desk.drafts()) == 2
    desk.instead = lambda _request: None
    again = desk.prepare(desk.adapter())
    assert desk.drafts() == [again.reference]
    publish(desk, again)
    assert (len(desk.copies()), desk.drafts()) == (1, [])
    assert preparation.reference


def made_twice(desk: Desk, request: Request) -> Answer | None:
    if request.method == "POST":
        sandbox = desk.sandbox.blog
        answer = desk.sandbox.answer(request)
        draft = next(iter(sandbox.unseen.values()))
        sandbox.unseen["700000000000009999"] = replace(draft, id="700000000000009999")
        return answer
    return None


def test_a_needless_draft_that_stays_is_named(desk: Desk) -> None:
    desk.instead = lambda request: made_twice(desk, request)
    desk.prepare(desk.adapter())
    desk.instead = lambda request: error(403) if request.path.endswith("/delete") else None
    adapter = desk.adapter()
    publication = desk.send(adapter, desk.upload(adapter, 1))
    assert "a needless draft 700000000000000" in publication.answer
    assert (len(desk.copies()), len(desk.drafts())) == (1, 1)


def test_a_draft_that_appears_late_is_removed_at_the_next_delivery(blog: Desk) -> None:
    """Its creation was answered with 504, so that a second draft was made and published; then the first appears."""
    late: list[Request] = []

    def slow_once(request: Request) -> Answer | None:
        if request.method == "POST" and not late:
            late.append(request)
            return answered(504, "<html>")
        return None

    blog.instead = slow_once
    with pytest.raises(Unavailable):
        blog.prepare(blog.adapter())
    blog.publish(blog.adapter())
    blog.sandbox.answer(late[0])
    assert (len(blog.copies()), len(blog.drafts())) == (1, 1)
    blog.publish(blog.adapter(), post=OTHER, key=OTHER_KEY)
    assert (len(blog.copies()), blog.drafts()) == (2, [])


def test_a_public_post_that_is_still_listed_among_the_drafts_is_not_removed(blog: Desk) -> None:
    """The list of drafts and the readings by id lag behind the list of public posts."""
    blog.sandbox.blog.habits.reading_lag = timedelta(minutes=5)
    preparation = blog.prepare(blog.adapter(), earlier=begun(blog))
    kept: list[Answer] = []

    def keep_drafts(request: Request) -> Answer | None:
        if not request.path.endswith("/posts/draft"):
            return None
        kept.append(kept[0] if kept else blog.sandbox.answer(request))
        return kept[-1]

    blog.instead = keep_drafts
    blog.adapter().remove_drafts(OTHER, idempotency_key=OTHER_KEY, preparation=NOTHING_PREPARED)
    with suppress(Unconfirmed):
        publish(blog, preparation)
    assert len(blog.copies()) == 1
    with suppress(Unavailable):
        blog.publish(blog.adapter(), post=OTHER, key=OTHER_KEY)
    assert len(kept) == 2
    removed = [request.body for request in blog.requests if request.path.endswith("/delete")]
    assert not [body for body in removed if blog.copies()[0].id in str(body)]


def begun(desk: Desk) -> Preparation:
    """A draft that Tumblr shows."""
    with pytest.raises(NotPrepared) as error:
        desk.prepare(desk.adapter())
    desk.pass_time(timedelta(minutes=6))
    return error.value.preparation


def test_drafts_of_others_are_left_alone(desk: Desk) -> None:
    waiting = desk.prepare(desk.adapter(), post=OTHER, key=OTHER_KEY)
    by_hand = desk.prepare(desk.adapter(), post=OTHER, key="an-idea-of-the-editor")
    desk.publish(desk.adapter())
    assert desk.drafts() == [waiting.reference, by_hand.reference]


def test_a_draft_of_another_text_is_not_used(desk: Desk) -> None:
    first = desk.prepare(desk.adapter(), post=OTHER)
    second = desk.prepare(desk.adapter())
    assert desk.drafts() == [second.reference] != [first.reference]
    third = desk.prepare(desk.adapter(), post=OTHER, earlier=second)
    assert desk.drafts() == [third.reference] != [second.reference]


def test_nothing_is_made_while_a_draft_that_may_be_published_can_not_be_removed(desk: Desk) -> None:
    first = desk.prepare(desk.adapter(), post=OTHER)
    desk.instead = lambda request: error(404) if request.path.endswith("/delete") else None
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
def test_a_draft_that_is_kept_otherwise_is_not_published(desk: Desk, change: dict[str, Any], part: str) -> None:
    def changed(request: Request) -> Answer | None:
        if request.method != "POST" or request.path.endswith("/delete"):
            return None
        name, _, rest = request.body.partition(b"\r\n\r\n")
        body, _, files = rest.partition(b"\r\n--")
        altered = json.dumps(json.loads(body) | change | {"layout": []}).encode()
        return desk.sandbox.answer(replace(request, body=name + b"\r\n\r\n" + altered + b"\r\n--" + files))

    desk.instead = changed
    with pytest.raises(Unavailable, match=part):
        desk.prepare(desk.adapter(), 2)
    with pytest.raises(UnsupportedContent, match=part):
        desk.prepare(desk.adapter(), 2)
    assert (desk.copies(), desk.drafts()) == ([], [])


def test_spaces_and_accents_that_tumblr_composes_otherwise_are_no_difference(desk: Desk) -> None:
    post = POST.model_copy(update={"blocks": (), "caption": "La ce\u0301l·lula  \n es divideix", "tags": ("Cèl·lula",)})
    preparation = desk.prepare(desk.adapter(), post=post)
    draft = desk.sandbox.blog.unseen[preparation.reference]
    draft.detail["content"][1]["text"] = "La cél·lula es divideix "
    assert desk.prepare(desk.adapter(), post=post).reference == preparation.reference


# --- what became of it -----------------------------------------------------------------------


def test_a_draft_that_was_not_published_may_go_out_again(blog: Desk) -> None:
    assert find(blog, blog.prepare(blog.adapter())) is Absence.UNPUBLISHED


def test_a_published_draft_is_found(blog: Desk) -> None:
    preparation = blog.prepare(blog.adapter())
    publish(blog, preparation)
    found = find(blog, preparation)
    assert isinstance(found, Publication)
    assert found.remote_id == blog.copies()[0].id


@pytest.mark.parametrize("state", ["queued", "transcoding", "private", "unapproved"])
def test_another_state_is_no_success_and_is_asked_about_again(desk: Desk, state: str) -> None:
    preparation = desk.prepare(desk.adapter())
    desk.sandbox.blog.habits.states.append(state)
    with pytest.raises(Unconfirmed, match=state):
        publish(desk, preparation)
    with pytest.raises(Unavailable, match=state):
        find(desk, preparation)
    with pytest.raises(Unconfirmed, match=state):
        publish(desk, desk.prepare(desk.adapter(), earlier=preparation))
    assert (len(desk.published_by()), desk.copies()) == (1, [])
    desk.sandbox.blog.move(preparation.reference, "published", desk.ledger.now())
    found = find(desk, preparation)
    assert isinstance(found, Publication)
    assert found.remote_id == desk.copies()[0].id


def test_a_draft_that_becomes_public_at_once_is_not_sent_again(desk: Desk) -> None:
    desk.sandbox.blog.habits.states.append("published")
    desk.publish(desk.adapter())
    assert (len(desk.copies()), desk.published_by()) == (1, [])


@pytest.mark.parametrize("state", ["draft", "queued", "private"])
def test_what_followers_do_not_see_is_read_back_as_hidden(desk: Desk, state: str) -> None:
    reference = desk.prepare(desk.adapter()).reference
    desk.sandbox.blog.move(reference, state, desk.ledger.now())
    shown = desk.adapter().read_publication(reference)
    assert shown is not None
    assert (shown.visible, shown.state) == (False, state)


def test_what_tumblr_still_works_on_is_read_back_later(desk: Desk) -> None:
    reference = desk.prepare(desk.adapter()).reference
    desk.sandbox.blog.move(reference, "transcoding", desk.ledger.now())
    with pytest.raises(Unavailable):
        desk.adapter().read_publication(reference)


def test_a_removed_draft_is_made_again_only_after_the_lag_of_listings(desk: Desk) -> None:
    preparation = desk.prepare(desk.adapter())
    desk.sandbox.blog.remove(preparation.reference)
    assert find(desk, preparation) is Absence.GONE
    again = desk.prepare(desk.adapter(), earlier=preparation)
    assert again == preparation
    with pytest.raises(Unconfirmed, match="it was removed, or it is public"):
        publish(desk, again)
    assert (desk.drafts(), desk.copies()) == ([], [])
    desk.pass_time(LAG + timedelta(minutes=3))
    new = desk.prepare(desk.adapter(), earlier=again)
    assert desk.drafts() == [new.reference]
    publish(desk, new)
    assert len(desk.copies()) == 1


@pytest.mark.parametrize("seconds", [10, 60, 99])
def test_a_post_published_late_is_not_made_anew_as_soon_as_the_lag_is_over(blog: Desk, seconds: float) -> None:
    """The channel had to wait meanwhile. The lag begins when the request is carried out, and that was late as well."""
    blog.sandbox.blog.habits.listing_lag = LAG
    preparation = blog.prepare(blog.adapter())
    late: list[Request] = []
    blog.instead = lambda request: hold(late, request)
    with pytest.raises(Unconfirmed):
        publish(blog, preparation)
    blog.instead = lambda _request: None
    blog.pass_time(timedelta(seconds=100))
    blog.sandbox.answer(late[0])
    blog.pass_time(LAG - timedelta(seconds=100) + timedelta(seconds=seconds))
    blog.prepare(blog.adapter(), earlier=preparation)
    assert (len(blog.copies()), blog.drafts()) == (1, [])


def test_a_post_published_late_is_never_made_anew(blog: Desk) -> None:
    """504, published 100 s later, and shown by the listing 14 minutes after that."""
    blog.sandbox.blog.habits.listing_lag = timedelta(minutes=14)
    preparation = blog.prepare(blog.adapter())
    late: list[Request] = []
    blog.instead = lambda request: hold(late, request)
    with pytest.raises(Unconfirmed):
        publish(blog, preparation)
    assert find(blog, preparation) is Absence.UNPUBLISHED
    blog.instead = lambda _request: None
    blog.pass_time(timedelta(seconds=100))
    blog.sandbox.answer(late[0])
    again = blog.prepare(blog.adapter(), earlier=preparation)
    if blog.sandbox.blog.habits.drafts_keep_id:
        publish(blog, again)
    else:
        with pytest.raises(Unconfirmed):
            publish(blog, again)
        blog.pass_time(timedelta(minutes=14))
    found = find(blog, again)
    assert isinstance(found, Publication)
    assert found.remote_id == blog.copies()[0].id
    assert (len(blog.copies()), blog.drafts()) == (1, [])


def hold(late: list[Request], request: Request) -> Answer | None:
    if request.method != "PUT":
        return None
    late.append(request)
    return answered(504, "<html><h1>504 Gateway Time-out</h1></html>")


def test_a_reading_that_lags_leads_to_no_second_post(blog: Desk) -> None:
    """By its id the post is still a draft: it is published once more, and that changes nothing."""
    preparation = blog.prepare(blog.adapter())
    blog.sandbox.blog.habits.reading_lag = timedelta(minutes=5)
    with pytest.raises(Unconfirmed):
        publish(blog, preparation)
    assert len(blog.copies()) == 1
    assert find(blog, preparation) is Absence.UNPUBLISHED
    again = blog.prepare(blog.adapter(), earlier=preparation)
    with pytest.raises(Unconfirmed):
        publish(blog, again)
    blog.pass_time(timedelta(minutes=6))
    found = find(blog, again)
    assert isinstance(found, Publication)
    assert len(blog.copies()) == 1


# --- a draft that was begun ------------------------------------------------------------------


def prepare_until_shown(desk: Desk, earlier: Preparation = NOTHING_PREPARED) -> Preparation:
    """Tries it once a minute, with what the try before has begun."""
    for _ in range(40):
        try:
            return desk.prepare(desk.adapter(), earlier=earlier)
        except NotPrepared as error:
            earlier = error.preparation
            assert earlier.unfinished
        except Unavailable:
            pass
        desk.pass_time(timedelta(minutes=1))
    raise AssertionError("the draft is never shown")


@pytest.mark.parametrize("listing_minutes", [0, 5])
@pytest.mark.parametrize("minutes", [0.5, 3, 9])
def test_a_new_draft_that_is_not_shown_yet_is_waited_for(blog: Desk, minutes: float, listing_minutes: float) -> None:
    blog.sandbox.blog.habits.reading_lag = timedelta(minutes=minutes)
    blog.sandbox.blog.habits.listing_lag = timedelta(minutes=listing_minutes)
    preparation = prepare_until_shown(blog)
    assert ([preparation.reference], len(blog.posted())) == (blog.drafts(), 1)
    blog.sandbox.blog.habits.reading_lag = timedelta(0)
    publish(blog, preparation)
    assert (len(blog.copies()), blog.drafts()) == (1, [])


def answered_late(desk: Desk, request: Request) -> Answer | None:
    """Makes the draft, and its answer is lost."""
    if request.method != "POST" or len(desk.posted()) > 1:
        return None
    desk.sandbox.answer(request)
    return answered(504, "<html>")


@pytest.mark.parametrize("seconds", [0, 100])
@pytest.mark.parametrize("lag", [0, 30, 90])
def test_a_draft_whose_answer_was_lost_is_found_among_the_drafts(blog: Desk, lag: float, seconds: float) -> None:
    blog.sandbox.blog.habits.listing_lag = timedelta(seconds=lag)
    blog.sandbox.blog.habits.reading_lag = timedelta(seconds=seconds)
    blog.instead = lambda request: answered_late(blog, request)
    preparation = prepare_until_shown(blog)
    assert ([preparation.reference], len(blog.posted())) == (blog.drafts(), 1)


@pytest.mark.parametrize("seconds", [61, 100, 119])
def test_a_draft_that_is_made_long_after_its_answer_was_lost_is_the_only_one(blog: Desk, seconds: float) -> None:
    late: list[Request] = []

    def slow_once(request: Request) -> Answer | None:
        if request.method == "POST" and not late:
            late.append(request)
            return answered(504, "<html>")
        return None

    blog.instead = slow_once
    with pytest.raises(NotPrepared) as begun:
        blog.prepare(blog.adapter())
    blog.pass_time(timedelta(seconds=60))
    with pytest.raises(NotPrepared, match="may still be making the draft") as waiting:
        blog.prepare(blog.adapter(), earlier=begun.value.preparation)
    assert waiting.value.preparation == begun.value.preparation
    blog.pass_time(timedelta(seconds=seconds - 60))
    blog.sandbox.answer(late[0])
    blog.pass_time(timedelta(minutes=9))
    preparation = blog.prepare(blog.adapter(), earlier=begun.value.preparation)
    assert [preparation.reference] == blog.drafts()


def test_a_draft_that_was_never_made_is_made_anew_after_two_minutes(desk: Desk) -> None:
    desk.instead = lambda request: answered(502, "<html>") if request.method == "POST" else None
    with pytest.raises(NotPrepared) as begun:
        desk.prepare(desk.adapter())
    desk.instead = lambda _request: None
    desk.pass_time(timedelta(seconds=121))
    preparation = desk.prepare(desk.adapter(), earlier=begun.value.preparation)
    assert [preparation.reference] == desk.drafts()


@pytest.mark.parametrize("answer", [error(503), error(400, 8001), error(429)])
def test_a_draft_that_was_surely_not_made_is_not_waited_for(desk: Desk, answer: Answer) -> None:
    desk.instead = lambda request: answer if request.method == "POST" else None
    with pytest.raises(PlatformError) as refused:
        desk.prepare(desk.adapter())
    assert not isinstance(refused.value, NotPrepared)


def test_a_begun_draft_that_somebody_removed_is_made_anew_after_the_lag(desk: Desk) -> None:
    desk.sandbox.blog.habits.reading_lag = timedelta(minutes=2)
    with pytest.raises(NotPrepared) as begun:
        desk.prepare(desk.adapter())
    desk.sandbox.blog.remove(begun.value.preparation.reference)
    desk.sandbox.blog.habits.reading_lag = timedelta(0)
    desk.pass_time(LAG - timedelta(minutes=1))
    with pytest.raises(NotPrepared):
        desk.prepare(desk.adapter(), earlier=begun.value.preparation)
    desk.pass_time(timedelta(minutes=2))
    preparation = desk.prepare(desk.adapter(), earlier=begun.value.preparation)
    assert [preparation.reference] == desk.drafts()


# --- drafts of posts that were given up ------------------------------------------------------


def remove(desk: Desk, preparation: Preparation = NOTHING_PREPARED) -> Publication | Absence:
    post = POST.model_copy(update={"images": (AdaptedImage(spec=SPEC, alt_text="Cell 0"),)})
    return desk.adapter().remove_drafts(post, idempotency_key=KEY, preparation=preparation)


@pytest.mark.parametrize("known", [True, False], ids=["by its id", "by its slug"])
def test_the_draft_of_a_canceled_post_is_removed(desk: Desk, known: bool) -> None:
    waiting = desk.prepare(desk.adapter(), post=OTHER, key=OTHER_KEY)
    by_hand = desk.prepare(desk.adapter(), post=OTHER, key="an-idea-of-the-editor")
    preparation = desk.prepare(desk.adapter())
    assert remove(desk, preparation if known else NOTHING_PREPARED) is Absence.GONE
    assert desk.drafts() == [waiting.reference, by_hand.reference]
    assert remove(desk, preparation) is Absence.GONE, "it can be repeated"


def test_a_draft_that_was_published_since_is_told_and_never_removed(blog: Desk) -> None:
    preparation = blog.prepare(blog.adapter())
    publish(blog, preparation)
    found = remove(blog, preparation)
    assert isinstance(found, Publication)
    assert found.remote_id == blog.copies()[0].id
    assert not [request for request in blog.requests if request.path.endswith("/delete")]


def test_a_draft_that_was_published_just_now_is_never_removed_whatever_a_reading_shows(blog: Desk) -> None:
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
def test_what_is_no_draft_any_more_is_left_and_named(desk: Desk, state: str) -> None:
    preparation = desk.prepare(desk.adapter())
    desk.sandbox.blog.move(preparation.reference, state, desk.ledger.now())
    with pytest.raises(DraftLeft, match=f"{preparation.reference}, with the state “{state}”"):
        remove(desk, preparation)
    assert desk.drafts() == [preparation.reference]


def test_a_draft_that_somebody_has_changed_is_left_and_named(desk: Desk) -> None:
    preparation = desk.prepare(desk.adapter())
    desk.sandbox.blog.unseen[preparation.reference].detail["content"][1]["text"] = "Written by hand"
    with pytest.raises(DraftLeft, match=preparation.reference):
        remove(desk, preparation)
    assert desk.drafts() == [preparation.reference]


def test_a_draft_that_can_not_be_removed_is_named(desk: Desk) -> None:
    preparation = desk.prepare(desk.adapter())
    desk.instead = lambda request: error(403) if request.path.endswith("/delete") else None
    with pytest.raises(DraftLeft, match=f"its draft {preparation.reference} on {BLOG} could not be removed"):
        remove(desk, preparation)


def test_a_post_without_a_draft_is_looked_for_when_it_was_canceled(desk: Desk) -> None:
    adapter = desk.adapter(drafts=False)
    preparation = desk.prepare(adapter)
    assert remove(desk, preparation) is Absence.GONE
    adapter.publish(POST, desk.upload(adapter, 1), idempotency_key=KEY, preparation=preparation)
    found = remove(desk, preparation)
    assert isinstance(found, Publication)
    assert found.remote_id == desk.copies()[0].id


# --- at once, without a draft ----------------------------------------------------------------


def test_without_drafts_one_request_publishes(desk: Desk) -> None:
    adapter = desk.adapter(drafts=False)
    preparation = desk.prepare(adapter)
    assert preparation.reference == "newer than 0"
    adapter.publish(POST, desk.upload(adapter, 1), idempotency_key=KEY, preparation=preparation)
    assert [request.method for request in desk.sent()] == ["POST"]
    assert len(desk.copies()) == 1


@pytest.mark.parametrize("state", ["queued", "transcoding", "private", "draft"])
def test_without_drafts_another_state_is_no_success(desk: Desk, state: str) -> None:
    desk.sandbox.blog.habits.states.append(state)
    with pytest.raises(Unconfirmed, match=state):
        desk.publish(desk.adapter(drafts=False))


def test_without_drafts_times_are_of_tumblrs_clock(desk: Desk) -> None:
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


def test_an_older_post_of_the_same_text_is_not_taken_for_ours(desk: Desk) -> None:
    """A post of the reserve: shown a minute ago by hand, with the same text and tags."""
    desk.add("by-hand", desk.ledger.now(), text="A cell divides", tags=POST.tags)
    preparation = desk.prepare(desk.adapter(drafts=False))
    assert find(desk, preparation) is Absence.NOT_LISTED


def test_a_post_keeps_the_way_on_which_it_began(blog: Desk) -> None:
    """The channel was set to `drafts = false` while its draft may still be published late."""
    preparation = blog.prepare(blog.adapter())
    adapter = blog.adapter(drafts=False)
    again = blog.prepare(adapter, earlier=preparation)
    assert again.reference == preparation.reference
    adapter.publish(POST, blog.upload(adapter, 1), idempotency_key=KEY, preparation=again)
    assert (len(blog.copies()), blog.drafts()) == (1, [])


# --- clocks, sizes, refusals -----------------------------------------------------------------


def test_each_answer_tells_tumblrs_clock(desk: Desk) -> None:
    told: list[timedelta] = []
    desk.pass_time(timedelta(seconds=90))
    adapter = Adapter.connect(replace(desk.connection(), platform_clock=told.append))
    desk.publish(adapter)
    assert len(told) == len(desk.requests)
    assert all(abs(ahead - timedelta(seconds=90)) < timedelta(seconds=3) for ahead in told)


@pytest.mark.parametrize("date", ["", "soon", "Thu, 99 Nov 2026 23:00:00 GMT"])
def test_an_answer_without_a_readable_date_is_no_trouble(desk: Desk, date: str) -> None:
    told: list[timedelta] = []
    desk.instead = lambda request: undated(desk.sandbox.answer(request), date)
    adapter = Adapter.connect(replace(desk.connection(), platform_clock=told.append))
    desk.publish(adapter)
    assert (told, len(desk.copies())) == ([], 1)


def undated(answer: Answer, date: str) -> Answer:
    return replace(answer, headers={**answer.headers, "Date": date})


@pytest.mark.parametrize(
    ("answer", "expected"),
    [(error(400, 8001), ContentRejected), (error(401, 1016), CredentialsRefused), (error(429), RateLimited)],
)
def test_a_refused_draft_decides_as_a_refused_post_does(desk: Desk, answer: Answer, expected: type[Exception]) -> None:
    desk.instead = lambda request: answer if request.method == "POST" else None
    with pytest.raises(expected):
        desk.prepare(desk.adapter())


def test_a_token_begins_the_key(desk: Desk) -> None:
    seed = KeySeed(token="0123456789ab", title="A cell divides", created_at=datetime.now(UTC))
    assert Adapter.idempotency_key(seed) == KEY


def test_tumblr_publishes_by_itself_what_it_kept_back(desk: Desk) -> None:
    """Only what was to be published: a draft stays one."""
    desk.sandbox.take_habits({"states": ["queued"], "states_spare_drafts": True, "hidden_for": 60})
    preparation = desk.prepare(desk.adapter())
    assert [post.detail["state"] for post in desk.sandbox.blog.unseen.values()] == ["draft"]
    with pytest.raises(Unconfirmed, match="queued"):
        publish(desk, preparation)
    desk.sandbox.catch_up()
    assert desk.copies() == []
    desk.ledger.shift(timedelta(seconds=61))
    desk.sandbox.catch_up()
    assert len(desk.copies()) == 1
    assert desk.sandbox.blog.unseen == {}
