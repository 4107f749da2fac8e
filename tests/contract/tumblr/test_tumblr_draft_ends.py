"""What becomes of a draft: published, kept back, removed, begun."""

from __future__ import annotations

from datetime import timedelta

import pytest

from publisher.core.content import Absence, Preparation, Publication
from publisher.platforms.abilities import NOTHING_PREPARED
from publisher.platforms.errors import (
    NotPrepared,
    PlatformError,
    Unavailable,
    Unconfirmed,
)
from publisher.platforms.tumblr.problem_codes import TumblrDraftProblem, TumblrRequestProblem
from publisher.sandbox.wire import Answer, Request
from tests.contract.platforms.tumblr import Driver
from tests.contract.platforms.tumblr_answers import answered, error
from tests.contract.tumblr.drafts import LAG, find, publish

# --- what became of it ------------------------------------------------------------------------


def test_a_draft_that_was_not_published_may_go_out_again(blog: Driver) -> None:
    assert find(blog, blog.prepare(blog.adapter())) is Absence.UNPUBLISHED


def test_a_published_draft_is_found(blog: Driver) -> None:
    preparation = blog.prepare(blog.adapter())
    publish(blog, preparation)
    found = find(blog, preparation)
    assert isinstance(found, Publication)
    assert found.remote_id == blog.copies()[0].id


@pytest.mark.parametrize("state", ["queued", "transcoding", "private", "unapproved"])
def test_another_state_is_no_success_and_is_asked_about_again(desk: Driver, state: str) -> None:
    preparation = desk.prepare(desk.adapter())
    desk.sandbox.blog.habits.states.append(state)
    with pytest.raises(Unconfirmed, match=state) as taken:
        publish(desk, preparation)
    assert taken.value.problem.code is TumblrRequestProblem.NOT_PUBLIC
    with pytest.raises(Unavailable, match=state) as unclear:
        find(desk, preparation)
    assert unclear.value.problem.code is TumblrRequestProblem.STATE_UNCLEAR
    with pytest.raises(Unconfirmed, match=state):
        publish(desk, desk.prepare(desk.adapter(), earlier=preparation))
    assert (len(desk.publishing_requests()), desk.copies()) == (1, [])
    desk.sandbox.blog.move(preparation.reference, "published", desk.ledger.now())
    found = find(desk, preparation)
    assert isinstance(found, Publication)
    assert found.remote_id == desk.copies()[0].id


def test_a_draft_that_becomes_public_at_once_is_not_sent_again(desk: Driver) -> None:
    desk.sandbox.blog.habits.states.append("published")
    desk.publish(desk.adapter())
    assert (len(desk.copies()), desk.publishing_requests()) == (1, [])


@pytest.mark.parametrize("state", ["draft", "queued", "private"])
def test_what_followers_do_not_see_is_read_back_as_hidden(desk: Driver, state: str) -> None:
    reference = desk.prepare(desk.adapter()).reference
    desk.sandbox.blog.move(reference, state, desk.ledger.now())
    shown = desk.adapter().read_publication(reference)
    assert shown is not None
    assert (shown.visible, shown.state) == (False, state)


def test_what_tumblr_still_works_on_is_read_back_later(desk: Driver) -> None:
    reference = desk.prepare(desk.adapter()).reference
    desk.sandbox.blog.move(reference, "transcoding", desk.ledger.now())
    with pytest.raises(Unavailable):
        desk.adapter().read_publication(reference)


def test_a_removed_draft_is_made_again_only_after_the_lag_of_listings(desk: Driver) -> None:
    preparation = desk.prepare(desk.adapter())
    desk.sandbox.blog.remove(preparation.reference)
    assert find(desk, preparation) is Absence.GONE
    again = desk.prepare(desk.adapter(), earlier=preparation)
    assert again == preparation
    with pytest.raises(Unconfirmed) as ended:
        publish(desk, again)
    assert ended.value.problem == TumblrDraftProblem.GONE(draft=again.reference)
    assert (desk.drafts(), desk.copies()) == ([], [])
    desk.pass_time(LAG + timedelta(minutes=3))
    new = desk.prepare(desk.adapter(), earlier=again)
    assert desk.drafts() == [new.reference]
    publish(desk, new)
    assert len(desk.copies()) == 1


@pytest.mark.parametrize("seconds", [10, 60, 99])
def test_a_post_published_late_is_not_made_anew_as_soon_as_the_lag_is_over(blog: Driver, seconds: float) -> None:
    """The channel had to wait meanwhile. The lag begins when the request is carried out, and that was late as well."""
    blog.sandbox.blog.habits.listing_lag = LAG
    preparation = blog.prepare(blog.adapter())
    late: list[Request] = []
    blog.in_front = lambda request: hold(late, request)
    with pytest.raises(Unconfirmed):
        publish(blog, preparation)
    blog.in_front = lambda _request: None
    blog.pass_time(timedelta(seconds=100))
    blog.sandbox.answer(late[0])
    blog.pass_time(LAG - timedelta(seconds=100) + timedelta(seconds=seconds))
    blog.prepare(blog.adapter(), earlier=preparation)
    assert (len(blog.copies()), blog.drafts()) == (1, [])


def test_a_post_published_late_is_never_made_anew(blog: Driver) -> None:
    """504, published 100 s later, and shown by the listing 14 minutes after that."""
    blog.sandbox.blog.habits.listing_lag = timedelta(minutes=14)
    preparation = blog.prepare(blog.adapter())
    late: list[Request] = []
    blog.in_front = lambda request: hold(late, request)
    with pytest.raises(Unconfirmed):
        publish(blog, preparation)
    assert find(blog, preparation) is Absence.UNPUBLISHED
    blog.in_front = lambda _request: None
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


def test_a_reading_that_lags_leads_to_no_second_post(blog: Driver) -> None:
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


# --- a draft that was begun -------------------------------------------------------------------


def prepare_until_shown(desk: Driver, earlier: Preparation = NOTHING_PREPARED) -> Preparation:
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
def test_a_new_draft_that_is_not_shown_yet_is_waited_for(blog: Driver, minutes: float, listing_minutes: float) -> None:
    blog.sandbox.blog.habits.reading_lag = timedelta(minutes=minutes)
    blog.sandbox.blog.habits.listing_lag = timedelta(minutes=listing_minutes)
    preparation = prepare_until_shown(blog)
    assert ([preparation.reference], len(blog.posted())) == (blog.drafts(), 1)
    blog.sandbox.blog.habits.reading_lag = timedelta(0)
    publish(blog, preparation)
    assert (len(blog.copies()), blog.drafts()) == (1, [])


def answered_late(desk: Driver, request: Request) -> Answer | None:
    """Makes the draft, and its answer is lost."""
    if request.method != "POST" or len(desk.posted()) > 1:
        return None
    desk.sandbox.answer(request)
    return answered(504, "<html>")


@pytest.mark.parametrize("seconds", [0, 100])
@pytest.mark.parametrize("lag", [0, 30, 90])
def test_a_draft_whose_answer_was_lost_is_found_among_the_drafts(blog: Driver, lag: float, seconds: float) -> None:
    blog.sandbox.blog.habits.listing_lag = timedelta(seconds=lag)
    blog.sandbox.blog.habits.reading_lag = timedelta(seconds=seconds)
    blog.in_front = lambda request: answered_late(blog, request)
    preparation = prepare_until_shown(blog)
    assert ([preparation.reference], len(blog.posted())) == (blog.drafts(), 1)


@pytest.mark.parametrize("seconds", [61, 100, 119])
def test_a_draft_made_long_after_its_answer_was_lost_is_the_only_one(blog: Driver, seconds: float) -> None:
    late: list[Request] = []

    def slow_once(request: Request) -> Answer | None:
        if request.method == "POST" and not late:
            late.append(request)
            return answered(504, "<html>")
        return None

    blog.in_front = slow_once
    with pytest.raises(NotPrepared) as begun:
        blog.prepare(blog.adapter())
    blog.pass_time(timedelta(seconds=60))
    with pytest.raises(NotPrepared) as waiting:
        blog.prepare(blog.adapter(), earlier=begun.value.preparation)
    assert waiting.value.problem.code is TumblrDraftProblem.MAY_BE_COMING
    assert waiting.value.preparation == begun.value.preparation
    blog.pass_time(timedelta(seconds=seconds - 60))
    blog.sandbox.answer(late[0])
    blog.pass_time(timedelta(minutes=9))
    preparation = blog.prepare(blog.adapter(), earlier=begun.value.preparation)
    assert [preparation.reference] == blog.drafts()


def test_a_draft_that_was_never_made_is_made_anew_after_two_minutes(desk: Driver) -> None:
    desk.in_front = lambda request: answered(502, "<html>") if request.method == "POST" else None
    with pytest.raises(NotPrepared) as begun:
        desk.prepare(desk.adapter())
    desk.in_front = lambda _request: None
    desk.pass_time(timedelta(seconds=121))
    preparation = desk.prepare(desk.adapter(), earlier=begun.value.preparation)
    assert [preparation.reference] == desk.drafts()


@pytest.mark.parametrize("answer", [error(503), error(400, 8001), error(429)])
def test_a_draft_that_was_surely_not_made_is_not_waited_for(desk: Driver, answer: Answer) -> None:
    desk.in_front = lambda request: answer if request.method == "POST" else None
    with pytest.raises(PlatformError) as refused:
        desk.prepare(desk.adapter())
    assert not isinstance(refused.value, NotPrepared)


def test_a_begun_draft_that_somebody_removed_is_made_anew_after_the_lag(desk: Driver) -> None:
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
