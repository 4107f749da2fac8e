"""Looking for a post whose outcome is unknown: found wherever it stands, and never called absent unread."""

from __future__ import annotations

from datetime import timedelta

import pytest

from publisher.core.clock import FixedClock
from publisher.core.content import Absence, Preparation, Publication
from publisher.platforms.abilities import NOTHING_PREPARED, ListsPublications
from publisher.platforms.errors import PlatformError, Unavailable, Unconfirmed
from publisher.sandbox.faults import Fault
from publisher.sandbox.ledger import ListingLag
from publisher.sandbox.wire import Answer
from tests.contract.account import Account
from tests.contract.channel import NO_DATE
from tests.contract.parameters import of_each_platform

GATEWAY_PAGE = Answer.of_text(503, "<html>", "text/html")
WRONG = [
    sign * duration
    for duration in (timedelta(seconds=90), timedelta(minutes=90), timedelta(days=3))
    for sign in (1, -1)
]


def lose(account: Account, fault: str = "drop-after") -> Preparation:
    """Publishes a post whose answer is lost, and returns what was prepared for it."""
    adapter = account.adapter()
    media = account.upload(adapter)
    preparation = account.prepare(adapter, media)
    account.faults.add(account.name, Fault.parse(fault))
    with pytest.raises(Unconfirmed):
        adapter.publish(account.post(), media, idempotency_key=account.KEY, preparation=preparation)
    return preparation


@of_each_platform("way", lambda driver: [(way, way) for way in driver.WAYS])
def test_a_post_is_found_with_what_was_prepared_and_without(account: Account, way: str) -> None:
    account.take_way(way)
    account.publish(post=account.post(text="Another post"), key=account.key_of(7))
    preparation = lose(account)
    account.publish(post=account.post(text="A later post"), key=account.key_of(8))
    number = account.copies()[1].id
    for given in (preparation, NOTHING_PREPARED):
        found = account.find(preparation=given)
        assert isinstance(found, Publication)
        assert (found.remote_id, found.url) == (number, account.url_of(account.copies()[1]))
        assert found.copies == ()


def test_what_is_not_there_is_not_found(account: Account) -> None:
    assert account.find() is Absence.NOT_LISTED
    account.publish(post=account.post(text="Another day"), key=account.key_of(7))
    account.add_post("By hand")
    assert account.find() is Absence.NOT_LISTED


@of_each_platform("way", lambda driver: [(way, way) for way in driver.WAYS])
def test_a_post_that_was_not_published_may_go_out(account: Account, way: str) -> None:
    account.take_way(way)
    preparation = account.prepare(account.adapter())
    assert account.find(preparation=preparation) is account.absence


@of_each_platform("way", lambda driver: [(way, way) for way in driver.WAYS])
def test_a_post_of_the_reserve_that_was_shown_before_is_not_taken_for_ours(account: Account, way: str) -> None:
    account.take_way(way)
    account.publish(key=account.key_of(7))
    account.sandbox.set_evidence(on=False)
    account.hide_ids()
    preparation = account.prepare(account.adapter())
    assert not isinstance(account.find(preparation=preparation), Publication)
    number = account.publish()
    assert account.id_found(preparation=preparation) == number


def test_the_bound_stays_when_the_request_is_made_again(account: Account) -> None:
    """The first copy is listed late, and is older than whatever is read before the second request."""
    account.ledger.set_listing_lag(account.name, ListingLag(min_seconds=600.0, max_seconds=600.0))
    first = lose(account)
    number = account.copies()[0].id
    account.pass_time(timedelta(seconds=60))
    account.publish(post=account.post(text="Another post"), key=account.key_of(7))
    again = account.prepare(account.adapter(), earlier=first)
    assert again.reference == first.reference
    account.pass_time(timedelta(seconds=600))
    assert account.id_found(preparation=again) == number


@of_each_platform("newer", lambda driver: [(str(newer), newer) for newer in driver.PAGES])
@pytest.mark.parametrize("apart", [timedelta(0), timedelta(seconds=1)], ids=["in one second", "a second apart"])
def test_it_is_found_behind_many_newer_posts(
    account: Account, newer: int, apart: timedelta, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = FixedClock(account.ledger.now())
    # A machine under load would spread the posts over seconds, and a listing is read by seconds.
    monkeypatch.setattr(account.ledger, "now", clock.now)
    account.take_way([*account.WAYS][-1])
    account.add_post("The newest post before")
    preparation = account.prepare(account.adapter())
    number = account.publish()
    account.hide_ids()
    for place in range(newer):
        clock.instant += apart
        account.add_post(f"Post {place}")
    adapter = account.adapter()
    for given in (NOTHING_PREPARED, preparation):
        account.requests.clear()
        assert account.id_found(adapter, preparation=given) == number
    assert len(account.requests) <= newer // account.PAGE_SIZE + account.MORE_REQUESTS


def test_absence_is_not_claimed_when_there_is_more_to_read(account: Account) -> None:
    account.take_way([*account.WAYS][-1])
    account.add_post("The newest post before")
    preparation = account.prepare(account.adapter())
    for place in range(account.LISTING_LIMIT + 20):
        account.add_post(f"Post {place}")
    for given in (NOTHING_PREPARED, preparation):
        with pytest.raises(Unavailable, match=account.TOO_MANY):
            account.find(preparation=given)


def test_looking_ends_at_posts_that_are_surely_older(account: Account) -> None:
    account.ledger.shift(-timedelta(days=30))
    for place in range(account.LISTING_LIMIT):
        account.add_post(f"Post {place}")
    account.ledger.shift(timedelta(0))
    assert account.find() is Absence.NOT_LISTED
    assert len(account.requests) <= 2


def test_both_copies_are_found_and_the_first_comes_first(account: Account) -> None:
    account.take_way([*account.WAYS][-1])
    account.sandbox.set_evidence(on=False)
    adapter = account.adapter()
    media = account.upload(adapter)
    preparation = account.prepare(adapter, media)
    for _ in range(2):
        adapter.publish(account.post(), media, idempotency_key=account.KEY, preparation=preparation)
        account.pass_time(timedelta(seconds=2))
    found = account.find(preparation=preparation)
    assert isinstance(found, Publication)
    assert {found.remote_id, *(copy.remote_id for copy in found.copies)} == {post.id for post in account.copies()}
    assert len(found.copies) == 1


# --- clocks and lags -------------------------------------------------------------------------------------


@of_each_platform("way", lambda driver: [(way, way) for way in driver.WAYS])
@pytest.mark.parametrize("ahead", WRONG)
def test_a_wrong_clock_of_ours_hides_no_post(account: Account, ahead: timedelta, way: str) -> None:
    account.take_way(way)
    account.set_our_clock(ahead)
    account.hide_ids()
    since = account.clock.now()
    account.publish(post=account.post(text="An older post"), key=account.key_of(7))
    preparation = lose(account)
    number = account.copies()[1].id
    assert account.id_found(since=since, preparation=preparation) == number
    if abs(ahead) <= account.CLOCK_TOLERANCE:
        # A restored backup has lost what was prepared.
        assert account.id_found(since=since) == number


@pytest.mark.parametrize("skew", [*WRONG, timedelta(hours=3), timedelta(hours=-3)])
def test_a_wrong_clock_of_the_platform_hides_no_post(account: Account, skew: timedelta) -> None:
    account.sandbox.clock_skew = skew
    account.hide_ids()
    since = account.clock.now()
    preparation = lose(account)
    number = account.copies()[0].id
    assert account.id_found(since=since, preparation=preparation) == number
    if abs(skew) <= account.CLOCK_TOLERANCE:
        assert account.id_found(since=since) == number
    assert account.ahead
    assert all(abs(ahead - skew) < timedelta(seconds=5) for ahead in account.ahead)


@pytest.mark.parametrize("fault", ["late-504:100", "late-drop:100"])
def test_a_post_that_comes_late_and_is_listed_later_still_is_found(account: Account, fault: str) -> None:
    """Our clock is a minute and a half ahead besides."""
    account.set_our_clock(timedelta(seconds=90))
    account.ledger.set_listing_lag(account.name, ListingLag(min_seconds=700.0, max_seconds=700.0, hides_ids=True))
    account.hide_ids()
    preparation = lose(account, fault)

    def look(seconds: float) -> Publication | Absence:
        account.pass_time(timedelta(seconds=seconds))
        return account.find(preparation=preparation)

    assert not [found for seconds in (0, 110, 490) if isinstance(found := look(seconds), Publication)]
    assert len(account.copies()) == 1
    found = look(300)
    assert isinstance(found, Publication)
    assert found.remote_id == account.copies()[0].id


def test_every_answer_tells_how_far_the_platforms_clock_is_ahead(account: Account) -> None:
    account.date_offset = timedelta(seconds=100)
    adapter = account.adapter()
    number = account.publish(adapter)
    for ask in account.questions().values():
        ask(adapter, number)
    account.in_front = lambda _request: GATEWAY_PAGE
    with pytest.raises(PlatformError):
        adapter.verify_credentials()
    assert len(account.ahead) == len(account.requests)
    assert all(abs(ahead - timedelta(seconds=100)) < timedelta(seconds=5) for ahead in account.ahead)


@pytest.mark.parametrize("date", [NO_DATE, "", "Thu, 99 Nov 2026 23:00:00 GMT"])
def test_a_date_that_can_not_be_read_is_left_out(account: Account, date: str) -> None:
    account.rewrite = lambda _request, answer: answer.with_headers({"Date": date})
    adapter = account.adapter()
    adapter.verify_credentials()
    account.find(adapter)
    assert account.ahead == []


# --- what the account published since ----------------------------------------------------------------------


def test_what_the_account_published_since_a_time_is_listed(account: Account) -> None:
    account.ledger.shift(-timedelta(days=30))
    account.add_post("Long ago")
    account.ledger.shift(timedelta(0))
    made = [account.add_post(f"Post {place}") for place in range(23)]
    adapter = account.adapter()
    assert isinstance(adapter, ListsPublications)
    since = account.clock.now() - timedelta(minutes=1)
    assert [post.remote_id for post in adapter.publications_since(account.post(text="Any text"), since)] == made[::-1]
