"""Tests that small parts of the API and of webhooks work: versions, types, pointers, signatures, addresses."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from ipaddress import ip_address

import pytest
from starlette.datastructures import Headers

from publisher.core import rate_limits
from publisher.core.public_hosts import AddressRefused
from publisher.core.rate_limits import Buckets
from publisher.core.special_addresses import is_private_network
from publisher.web.api.conditions import is_known, require_match
from publisher.web.api.error_handlers import _escaped, _pointer_of_field
from publisher.web.api.guard import _refuse_types
from publisher.web.api.problems import RequestRefused
from publisher.webhooks.hooks import resolve_webhook_host
from publisher.webhooks.outbox import RETRY_PAUSES
from publisher.webhooks.sending import signed_headers


def test_a_bucket_empties_at_once_and_fills_steadily(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 1000.0
    monkeypatch.setattr(rate_limits, "monotonic", lambda: now)
    buckets = Buckets(quota=6, window=60)
    assert [buckets.take(1).remaining for _ in range(6)] == [5, 4, 3, 2, 1, 0]
    refused = buckets.take(1)
    assert (refused.granted, refused.wait, refused.headers["Retry-After"]) == (False, 10, "10")
    assert buckets.take(2).granted
    now += 9.5
    assert not buckets.take(1).granted
    now += 0.6
    assert buckets.take(1).granted
    now += 3600
    assert buckets.take(1).remaining == 5


def test_old_buckets_make_room(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rate_limits, "MAX_BUCKETS", 2)
    buckets = Buckets(quota=1, window=3600)
    assert [buckets.take(token).granted for token in (1, 2, 3, 3, 2)] == [True, True, True, False, False]


@pytest.mark.parametrize(
    ("if_match", "version", "status"),
    [
        (None, 3, 428),
        ('"3"', 3, None),
        ('"2", "3"', 3, None),
        ("*", 3, None),
        ('W/"3"', 3, 412),
        ("3", 3, 412),
        ('"33"', 3, 412),
        ('"held.1"', "held.1", None),
        ("", 3, 412),
    ],
)
def test_if_match_names_the_version_that_the_client_read(
    if_match: str | None, version: int | str, status: int | None
) -> None:
    if status is None:
        require_match(if_match, version)
        return
    with pytest.raises(RequestRefused) as refused:
        require_match(if_match, version)
    assert refused.value.status_code == status


def test_if_none_match_compares_weakly() -> None:
    assert is_known('W/"3"', 3)
    assert not is_known('"2"', 3)
    assert not is_known(None, 3)


@pytest.mark.parametrize(
    ("accept", "accepted"),
    [
        ("", True),
        ("*/*", True),
        ("application/json", True),
        ("text/html, application/*;q=0.5", True),
        ("text/html", False),
        ("application/json;q=0", False),
        ("application/json; q=0.0, text/html", False),
        ("application/xml", False),
    ],
)
def test_json_is_given_to_those_who_take_it(accept: str, accepted: bool) -> None:
    headers = Headers({"accept": accept})
    if accepted:
        _refuse_types(headers, "")
        return
    with pytest.raises(RequestRefused):
        _refuse_types(headers, "")


def test_pointers_into_a_body() -> None:
    assert _pointer_of_field("images[0].alt_text") == "#/images/0/alt_text"
    assert _pointer_of_field("captions.x") == "#/captions/x"
    assert _escaped("a/b~c d\ud800") == "a~1b~0c%20d%3F"


def test_a_signature_is_that_of_the_standard() -> None:
    """Tests the example with which the libraries of Standard Webhooks are tested."""
    at = datetime(2021, 2, 25, 17, 2, 10, tzinfo=timezone(timedelta(hours=2)))
    secret, event = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "msg_p5jXN8AQM9LWM0D4loKWxJek"
    assert signed_headers(secret, event, b'{"test": 2432232314}', at) == {
        "webhook-id": event,
        "webhook-timestamp": "1614265330",
        "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
    }


def test_a_message_is_tried_for_about_three_days() -> None:
    hours = sum(pause.total_seconds() for pause in RETRY_PAUSES) / 3600
    assert 66 < hours < 72
    assert sorted(RETRY_PAUSES) == list(RETRY_PAUSES)


@pytest.mark.parametrize("address", ["127.0.0.1", "10.1.2.3", "192.168.0.9", "::1", "fd00::1"])
def test_machines_of_ones_own_may_be_allowed(address: str) -> None:
    assert is_private_network(ip_address(address))


@pytest.mark.parametrize("address", ["169.254.169.254", "0.0.0.0", "224.0.0.1", "240.0.0.1", "fe80::1", "8.8.8.8"])
def test_some_addresses_are_never_allowed_as_ones_own(address: str) -> None:
    assert not is_private_network(ip_address(address))


@pytest.mark.parametrize("url", ["http://127.1/", "http://0x7f000001/", "http://[::ffff:10.0.0.1]/", "gopher://a/"])
def test_odd_spellings_of_private_addresses_are_recognised(url: str) -> None:
    with pytest.raises(AddressRefused):
        resolve_webhook_host(url, private=False)
