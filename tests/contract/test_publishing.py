"""What followers see of a post, what is read back of it, and what makes a second try harmless."""

from __future__ import annotations

from contextlib import nullcontext
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from publisher.core.content import Absence, Publication
from publisher.platforms.base import KeySeed
from publisher.platforms.errors import MediaExpired, Unconfirmed
from publisher.platforms.registry import adapter_class, canonical_id
from publisher.sandbox.faults import Fault
from publisher.sandbox.wire import Answer
from tests.contract.account import Account, alt_text
from tests.contract.delivery import deliver
from tests.contract.parameters import DRIVERS, of_each_platform, of_platforms

INSTANT = datetime(2026, 5, 4, 9, 0, tzinfo=UTC)
GONE_ID = "3500000000000000999"


@pytest.mark.parametrize("count", [1, 2, 3])
def test_pictures_arrive_as_they_were_made_and_are_read_back(account: Account, count: int) -> None:
    adapter = account.adapter()
    media = account.upload(adapter, count)
    publication = account.send(adapter, media)
    (copy,) = account.copies()
    assert (publication.remote_id, publication.url) == (copy.id, account.url_of(copy))
    assert copy.caption == account.sent_text()
    texts = tuple(alt_text(number) for number in range(count))
    assert tuple(image.alt_text for image in copy.images) == texts
    assert [image.content for image in copy.images] == [part.image.path.read_bytes() for part in media]
    shown = account.read(publication.remote_id, adapter)
    assert shown is not None
    assert (shown.remote_id, shown.url) == (publication.remote_id, publication.url)
    assert (shown.image_count, shown.alt_texts) == (count, texts)
    assert shown.published_at is not None
    assert abs(shown.published_at - account.clock.now()) < timedelta(minutes=1)


def test_a_picture_without_alt_text_sends_none(account: Account) -> None:
    adapter = account.adapter()
    number = account.send(adapter, account.upload(adapter, [""])).remote_id
    assert not account.copies()[0].images[0].alt_text
    shown = account.read(number, adapter)
    assert shown is not None
    assert shown.alt_texts == (account.WITHOUT_ALT_TEXT,)


def test_uploading_again_changes_nothing_that_followers_see(account: Account) -> None:
    adapter = account.adapter()
    first, second = account.upload(adapter, 2), account.upload(adapter, 2)
    assert account.copies() == []
    if account.REPEATED_UPLOAD_IS_EQUAL:
        assert [part.reference for part in first] == [part.reference for part in second]
    account.send(adapter, second)
    assert len(account.copies()) == 1


def test_what_is_prepared_shows_followers_nothing_and_can_be_repeated(account: Account) -> None:
    adapter = account.adapter()
    media = account.upload(adapter)
    first = account.prepare(adapter, media)
    assert account.prepare(account.adapter(), media, earlier=first).reference == first.reference
    assert first.platform_time is not None
    assert abs(first.platform_time - account.clock.now()) < timedelta(minutes=1)
    assert account.copies() == []


def test_a_post_that_somebody_removed_is_read_as_none(account: Account) -> None:
    number = account.publish()
    account.remove_post(number)
    assert account.read(number) is None
    assert account.read(GONE_ID) is None
    assert account.find() is Absence.NOT_LISTED


@of_each_platform("answer", lambda driver: [(str(place), answer) for place, answer in enumerate(driver.GONE_ANSWERS)])
def test_a_post_that_is_said_to_be_gone_is_read_as_none(account: Account, answer: Answer) -> None:
    account.in_front = lambda _request: answer
    assert account.read(GONE_ID) is None


@pytest.mark.parametrize("evident", [False, True], ids=["no evidence", "evidence"])
def test_a_second_request_after_an_unknown_outcome_makes_no_second_post(account: Account, evident: bool) -> None:
    """The worker repeats a request only where the post was read to be absent. Here it does so on purpose."""
    account.sandbox.set_evidence(on=evident)
    adapter = account.adapter()
    media = account.upload(adapter)
    preparation = account.prepare(adapter, media)
    account.faults.add(account.name, Fault("504-after"))
    with pytest.raises(Unconfirmed):
        adapter.publish(account.post(), media, idempotency_key=account.KEY, preparation=preparation)
    if evident:
        again = account.prepare(adapter, media, earlier=preparation)
        expected = account.SECOND_REQUEST
        with pytest.raises(expected) if expected else nullcontext():
            adapter.publish(account.post(), media, idempotency_key=account.KEY, preparation=again)
    assert len(account.copies()) == 1
    assert account.id_found(preparation=preparation) == account.copies()[0].id


@of_platforms(lambda driver: driver.forgets_media)
@pytest.mark.parametrize("count", [1, 2])
def test_pictures_that_the_platform_forgot_go_up_again(account: Account, count: int) -> None:
    adapter = account.adapter()
    media = account.upload(adapter, count)
    account.forget_media()
    with pytest.raises(MediaExpired):
        account.send(adapter, media)
    assert account.copies() == []
    account.publish(adapter, count)
    assert len(account.copies()) == 1


@of_each_platform("way", lambda driver: [(way, way) for way in driver.WAYS])
def test_nothing_is_sent_of_a_delivery_but_one_publishing_request(account: Account, way: str) -> None:
    account.take_way(way)
    publication = deliver(account)
    assert isinstance(publication, Publication)
    assert (len(account.publishing_requests()), len(account.copies())) == (1, 1)


# --- keys and links ------------------------------------------------------------------------------------

TOKENS = st.text("0123456789abcdef", min_size=12, max_size=12)


@pytest.mark.parametrize("platform", sorted(DRIVERS))
@given(token=TOKENS, other=TOKENS, title=st.text(max_size=60))
def test_the_same_seed_gives_the_same_key_and_another_token_another_one(
    platform: str, token: str, other: str, title: str
) -> None:
    def key(drawn: str) -> str:
        return adapter_class(platform).idempotency_key(KeySeed(token=drawn, title=title, created_at=INSTANT))

    assert key(token) == key(token)
    assert DRIVERS[platform].may_share_keys or (key(token) == key(other)) == (token == other)


def test_every_link_to_a_post_leads_to_its_one_id(account: Account) -> None:
    number = account.publish()
    adapter, name = adapter_class(account.name), account.sandbox.account()
    for reference in (number, f" {number}\n", account.url_of(account.copies()[0]), account.copies()[0].url):
        assert adapter.post_id_of(reference, name) == number
        assert adapter.post_id_of(reference, "") == number
        assert canonical_id(account.name, reference) == number
    address = adapter.post_url_of(number, name, account.connection().profile)
    assert adapter.post_id_of(address, name) == number
