"""Faults that only X has: a duplicate of a first copy that comes late, and the request for an alt text."""

from __future__ import annotations

from datetime import timedelta

import pytest

from publisher.core.content import Publication
from publisher.platforms.errors import AlreadyPublic, Unavailable, Unconfirmed
from publisher.sandbox.faults import Fault
from publisher.sandbox.ledger import ListingLag
from publisher.sandbox.wire import Answer, Request
from tests.contract.delivery import Try, assert_one_copy, deliver
from tests.contract.platforms.x import Driver
from tests.contract.test_answers import PAGE


def test_a_late_first_copy_makes_the_second_request_a_duplicate(desk: Driver) -> None:
    """It is sent again too early on purpose: X says that it has the post, and that is believed."""
    desk.ledger.set_listing_lag("x", ListingLag(min_seconds=600, max_seconds=840))
    desk.faults.add("x", Fault("drop-after"))
    first = Try(desk)
    assert type(first.error) is Unconfirmed
    assert not isinstance(desk.find(preparation=first.preparation), Publication)
    adapter = desk.adapter()
    media = desk.upload(adapter)
    again = desk.prepare(adapter, media, earlier=first.preparation)
    with pytest.raises(AlreadyPublic):
        adapter.publish(desk.post(), media, idempotency_key=desk.KEY, preparation=again)
    assert not isinstance(desk.find(preparation=again), Publication)
    desk.pass_time(timedelta(seconds=840))
    assert isinstance(desk.find(preparation=again), Publication)
    assert len(desk.copies()) == 1


@pytest.mark.parametrize("passes_on", [False, True])
@pytest.mark.parametrize("status", [307, 400, 401, 403, 413, 503])
def test_a_gateway_in_front_of_an_alt_text_fails_no_post(desk: Driver, status: int, passes_on: bool) -> None:
    pages = [Answer.of_text(status, PAGE, "text/html").with_headers({"Location": "/elsewhere"})]

    def page(request: Request) -> Answer | None:
        if request.path != "/2/media/metadata" or not pages:
            return None
        if passes_on:
            desk.sandbox.answer(request)
        return pages.pop()

    desk.in_front = page
    first = Try(desk)
    assert (first.call, type(first.error)) == ("upload", Unavailable)
    assert_one_copy(desk, deliver(desk))
    assert not [request for request in desk.requests if request.path == "/elsewhere"]
