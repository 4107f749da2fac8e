"""The X adapter against the sandbox's X, over HTTP."""

from __future__ import annotations

import base64
import io
import json
import logging
import os
import re
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from html import unescape
from pathlib import Path
from threading import Barrier
from urllib.parse import parse_qs, parse_qsl, urlsplit

import pytest
import requests
from PIL import Image

from publisher.core.content import Absence, AdaptedPost, Publication
from publisher.platforms import base
from publisher.platforms.base import (
    KeepsLogin,
    KeySeed,
    Quota,
    SupportsLookup,
    SupportsReadBack,
)
from publisher.platforms.errors import (
    ContentRejected,
    CredentialsRefused,
    MediaExpired,
    PlatformError,
    RateLimited,
    Unavailable,
    Unconfirmed,
    UnsupportedContent,
)
from publisher.platforms.registry import adapter_class
from publisher.platforms.transport import send_once
from publisher.platforms.x import client, tokens, upload
from publisher.platforms.x.adapter import Adapter
from publisher.platforms.x.timeline import number_at
from publisher.sandbox.faults import Fault
from publisher.sandbox.wire import Answer, Request
from publisher.sandbox.x.accounts import USER_ID, USER_NAME
from publisher.sandbox.x.windows import POSTS
from tests.local_x import CAPTION, LocalX, Wire, adapted, local_on, rendition, reply, served_wire
from tests.patience import PATIENCE


@pytest.fixture(scope="module")
def wire() -> Iterator[Wire]:
    yield from served_wire()


@pytest.fixture
def local(tmp_path: Path, wire: Wire) -> Iterator[LocalX]:
    yield from local_on(wire, tmp_path)


@pytest.fixture
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Pauses that would have been taken."""
    taken: list[float] = []
    for module in (upload, tokens, base):
        monkeypatch.setattr(module, "sleep", taken.append)
    return taken


# --- the straight way ------------------------------------------------------------------------


def test_the_adapter_is_found_and_can_look_up_and_read_back(local: LocalX) -> None:
    adapter = local.adapter()
    assert adapter_class("x") is Adapter
    assert isinstance(adapter, SupportsLookup)
    assert isinstance(adapter, SupportsReadBack)


def test_signed_requests_tell_whose_keys_they_are(local: LocalX) -> None:
    account = local.adapter().verify_credentials()
    assert (account.id, account.name, account.url) == (USER_ID, USER_NAME, f"https://x.com/{USER_NAME}")


@pytest.mark.parametrize("wrong", ["consumer_key", "consumer_secret", "access_token", "access_token_secret"])
def test_a_wrong_key_is_refused(local: LocalX, wrong: str) -> None:
    secrets = {**local.sandbox.credentials(), wrong: "Wrong00000000000000000000"}
    with pytest.raises(CredentialsRefused) as caught:
        Adapter.connect(local.connection(secrets)).verify_credentials()
    assert caught.value.status == 401


@pytest.mark.parametrize("alt_texts", [("One",), ("One", "Two & <2>", "Drei: Ü", "四" * 1000)])
def test_pictures_and_alt_texts_arrive_and_are_read_back(local: LocalX, alt_texts: tuple[str, ...]) -> None:
    adapter = local.adapter()
    media = local.upload(adapter, *alt_texts)
    publication = adapter.publish(adapted(CAPTION, *alt_texts), media, idempotency_key="x-1")
    [post] = local.sandbox.posts()
    assert publication.remote_id == post.id
    assert publication.url == f"https://x.com/i/web/status/{post.id}"
    assert publication.request_id
    assert post.caption == CAPTION
    assert [image.alt_text for image in post.images] == list(alt_texts)
    assert [image.width for image in post.images] == [64 + position for position in range(len(alt_texts))]
    assert [image.content for image in post.images] == [one.image.path.read_bytes() for one in media]
    shown = adapter.read_publication(publication.remote_id)
    assert shown is not None
    assert (shown.image_count, shown.alt_texts) == (len(alt_texts), alt_texts)
    assert shown.published_at is not None
    assert abs(shown.published_at - local.clock.now()) < timedelta(seconds=30)


def test_a_picture_without_alt_text_is_read_back_as_unknown(local: LocalX) -> None:
    adapter = local.adapter()
    publication = adapter.publish(adapted("Text", ""), local.upload(adapter, ""), idempotency_key="x-1")
    shown = adapter.read_publication(publication.remote_id)
    assert shown is not None
    assert shown.alt_texts == (None,)


def test_a_post_that_is_gone_is_read_as_none(local: LocalX) -> None:
    adapter = local.adapter()
    publication = adapter.publish(adapted("Text"), [], idempotency_key="x-1")
    adapter._client.request("DELETE", f"/2/tweets/{publication.remote_id}")
    assert adapter.read_publication(publication.remote_id) is None
    assert (
        adapter.find_publication(adapted("Text"), idempotency_key="x-1", since=local.clock.now()) is Absence.NOT_LISTED
    )


def test_the_key_is_the_seeds(now: datetime) -> None:
    seed = KeySeed(token="0123456789ab", title="Cell", created_at=now)
    assert Adapter.idempotency_key(seed) == "x-0123456789ab"


def test_nothing_secret_is_logged(local: LocalX, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    adapter = local.adapter()
    adapter.publish(adapted("Text", "alt"), local.upload(adapter, "alt"), idempotency_key="x-1")
    adapter.find_publication(adapted("Text", "alt"), idempotency_key="x-1", since=local.clock.now())
    assert "oauth_signature" not in caplog.text
    assert not [secret for secret in local.sandbox.credentials().values() if secret in caplog.text]


@pytest.mark.parametrize("library", ["tweepy", "oauthlib", "requests_oauthlib.oauth1_auth", "urllib3.connectionpool"])
def test_libraries_that_log_headers_are_quiet_wherever_the_adapter_is_used(library: str) -> None:
    program = (
        "import logging; logging.basicConfig(level=logging.DEBUG); import publisher.platforms.x.adapter; "
        f"print(logging.getLogger({library!r}).isEnabledFor(logging.INFO))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=PATIENCE, check=True)
    assert done.stdout.strip() == "False"


# --- media -----------------------------------------------------------------------------------


def test_an_animation_goes_in_chunks_and_is_waited_for(local: LocalX, pauses: list[float]) -> None:
    adapter = local.adapter()
    animation = local.picture(kind="gif", frames=4)
    media = adapter.upload_media(animation, "It moves", idempotency_key="x-1", position=0, total=1)
    assert pauses == [1.0, 1.0]
    adapter.publish(adapted("Look", "It moves"), [media], idempotency_key="x-1")
    [image] = local.sandbox.posts()[0].images
    assert (image.content, image.mime_type) == (animation.path.read_bytes(), "image/gif")
    assert image.alt_text == "It moves"


def test_a_big_picture_goes_in_chunks_and_arrives_whole(local: LocalX) -> None:
    picture = local.picture()
    content = picture.path.read_bytes() + bytes(range(256)) * 20_000
    picture.path.write_bytes(content)
    adapter = local.adapter()
    media = adapter.upload_media(picture, "Big", idempotency_key="x-1", position=0, total=1)
    assert local.requests["POST", f"/2/media/upload/{media.reference}/append"] == 6
    adapter.publish(adapted("Look", "Big"), [media], idempotency_key="x-1")
    assert local.sandbox.posts()[0].images[0].content == content


def test_an_animation_that_is_never_ready_is_not_waited_for_without_end(
    local: LocalX, pauses: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    still = {"id": "7", "processing_info": {"state": "in_progress", "check_after_secs": 3600}}
    monkeypatch.setattr(local.sandbox._media, "_status", lambda request: Answer.of_json(200, {"data": still}))
    with pytest.raises(Unavailable, match="still processing"):
        local.adapter().upload_media(local.picture(kind="gif", frames=2), "", idempotency_key="k", position=0, total=1)
    assert pauses
    assert sum(pauses) <= 130


def test_an_animation_among_others_is_not_sent(local: LocalX) -> None:
    with pytest.raises(UnsupportedContent):
        local.adapter().upload_media(local.picture(kind="gif"), "", idempotency_key="k", position=0, total=2)
    assert not local.requests


def test_what_is_no_picture_is_rejected(local: LocalX, tmp_path: Path) -> None:
    path = tmp_path / "broken.jpeg"
    path.write_bytes(b"no picture")
    with pytest.raises(ContentRejected):
        local.adapter().upload_media(rendition(path, (1, 1), "jpeg"), "", idempotency_key="k", position=0, total=1)


def test_an_alt_text_over_the_limit_is_rejected(local: LocalX) -> None:
    with pytest.raises(ContentRejected):
        local.upload(local.adapter(), "x" * 1001)


@pytest.mark.parametrize("expire", [lambda x: x.later(timedelta(hours=25)), lambda x: x.sandbox.forget_media()])
def test_pictures_that_x_no_longer_has_are_uploaded_again(local: LocalX, expire: Callable[[LocalX], None]) -> None:
    adapter = local.adapter()
    media = local.upload(adapter, "alt")
    expire(local)
    with pytest.raises(MediaExpired) as caught:
        adapter.publish(adapted("Text", "alt"), media, idempotency_key="x-1")
    assert caught.value.status == 400
    adapter.publish(adapted("Text", "alt"), local.upload(adapter, "alt"), idempotency_key="x-1")
    assert len(local.sandbox.posts()) == 1


def test_the_time_of_an_upload_follows_its_size(local: LocalX, monkeypatch: pytest.MonkeyPatch) -> None:
    """A picture of 4 MB takes two minutes on the slowest line that is allowed; an animation goes in smaller pieces."""
    allowed: dict[str, float] = {}

    def noting(*arguments: object, read_timeout: float, **options: object) -> requests.Response:
        allowed[urlsplit(str(arguments[2])).path] = read_timeout
        return send_once(*arguments, read_timeout=read_timeout, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(client, "send_once", noting)
    picture = local.picture()
    picture.path.write_bytes(picture.path.read_bytes() + bytes(4_000_000))
    adapter = Adapter.connect(replace(local.connection(), uplink_bytes_per_second=32_000.0))
    adapter.upload_media(picture, "", idempotency_key="x-1", position=0, total=1)
    picture.path.write_bytes(picture.path.read_bytes() + bytes(1_100_000))
    media = adapter.upload_media(picture, "", idempotency_key="x-1", position=0, total=1)
    assert 125 < allowed["/2/media/upload"] < 300
    assert 30 < allowed[f"/2/media/upload/{media.reference}/append"] < 125
    assert allowed["/2/media/upload/initialize"] <= 60


def test_five_pictures_are_refused_here_and_there(local: LocalX) -> None:
    adapter = local.adapter()
    media = local.upload(adapter, *"12345")
    with pytest.raises(UnsupportedContent):
        adapter.publish(adapted("Text"), media, idempotency_key="x-1")
    ids = [one.reference for one in media]
    with pytest.raises(ContentRejected):
        adapter._client.request("POST", "/2/tweets", json={"text": "Text", "media": {"media_ids": ids}})
    assert not local.sandbox.posts()


# --- texts -----------------------------------------------------------------------------------

TEXTS = [
    CAPTION,
    "Said &amp; done: &copy; 2026, a < b > c",
    "cafe\u0301 and Å\u030a, decomposed",
    "見てhttps://example.jpだよ",
    "Bare domains: example.org/a?b=1&c=2 and README.md",
    "\n Two  spaces\n\n\nand lines \t",
    "👩‍🔬 👨‍👩‍👧‍👦 🇨🇦 ends in a link https://example.org/a",
    "https://example.org",
    "Soft\u00adhyphen, zero\u200bwidth, \ufefffeff",
]


@pytest.mark.parametrize("images", [(), ("alt",), ("alt", "alt")])
@pytest.mark.parametrize("text", TEXTS)
def test_a_post_is_found_by_its_text_and_pictures(local: LocalX, text: str, images: tuple[str, ...]) -> None:
    adapter = local.adapter()
    adapter.publish(adapted("Another post", "alt"), local.upload(adapter, "alt"), idempotency_key="x-0")
    published = adapter.publish(adapted(text, *images), local.upload(adapter, *images), idempotency_key="x-1")
    adapter.publish(adapted(text + " not"), [], idempotency_key="x-2")
    found = adapter.find_publication(adapted(text, *images), idempotency_key="x-1", since=local.clock.now())
    assert isinstance(found, Publication)
    assert (found.remote_id, found.url) == (published.remote_id, published.url)
    other = adapted(text, *images, "one more")
    assert adapter.find_publication(other, idempotency_key="x-1", since=local.clock.now()) is Absence.NOT_LISTED


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"meta": {}},
        {"data": [], "meta": {"result_count": 3}},
        {"meta": {"result_count": 0}, "errors": [{"title": "Partial"}]},
        {"errors": [{"type": "https://api.x.com/2/problems/resource-not-found"}]},
    ],
)
def test_absence_is_not_claimed_on_an_incomplete_answer(
    local: LocalX, monkeypatch: pytest.MonkeyPatch, body: dict[str, object]
) -> None:
    monkeypatch.setattr(local.sandbox, "_timeline", lambda *_: Answer.of_json(200, body))
    with pytest.raises(Unavailable):
        local.adapter().find_publication(adapted("Absent"), idempotency_key="x-1", since=local.clock.now())


def test_a_text_over_the_limit_is_rejected(local: LocalX) -> None:
    adapter = local.adapter()
    adapter.publish(adapted("x" * 256 + " https://example.org/" + "y" * 200), [], idempotency_key="x-1")
    with pytest.raises(ContentRejected, match="not permitted"):
        adapter.publish(adapted("字" * 141), [], idempotency_key="x-2")
    assert len(local.sandbox.posts()) == 1


# --- faults ----------------------------------------------------------------------------------

FAULTS: list[tuple[str, type[PlatformError], int]] = [
    ("drop-before", Unconfirmed, 0),
    ("drop-after", Unconfirmed, 1),
    ("500-before", Unconfirmed, 0),
    ("500-after", Unconfirmed, 1),
    ("504-after", Unconfirmed, 1),
    ("truncate-after", Unconfirmed, 1),
    ("garbage-after", Unconfirmed, 1),
    ("slow-after:2", Unconfirmed, 1),
    ("429", RateLimited, 0),
    ("unauthorized", CredentialsRefused, 0),
    ("reject", ContentRejected, 0),
]


@pytest.mark.parametrize(("fault", "expected", "copies"), FAULTS)
def test_each_fault_ends_as_it_must_and_is_settled_by_looking(
    local: LocalX, fault: str, expected: type[PlatformError], copies: int
) -> None:
    media = local.upload(local.adapter(), "alt")
    post = adapted(CAPTION, "alt")
    adapter = Adapter.connect(local.connection(timeout=1.0 if "slow" in fault else 20.0))
    since = local.clock.now()
    local.faults.add("x", Fault.parse(fault))
    with pytest.raises(PlatformError) as caught:
        adapter.publish(post, media, idempotency_key="x-1")
    assert type(caught.value) is expected
    assert local.posting_requests == 1
    assert len(local.sandbox.posts()) == copies
    found = local.adapter().find_publication(post, idempotency_key="x-1", since=since)
    assert (found.remote_id if isinstance(found, Publication) else None) == (
        local.sandbox.posts()[0].id if copies else None
    )


def test_a_connection_that_is_reset_brings_no_copy(local: LocalX) -> None:
    """How far such a connection comes is a matter of microseconds; nothing is sent a second time."""
    adapter = local.adapter()
    local.faults.add("x", Fault.parse("refuse"))
    with pytest.raises((Unavailable, Unconfirmed)):
        adapter.publish(adapted(), [], idempotency_key="x-1")
    assert local.faults.summary() == {"x": {"refuse": 1}}
    assert (local.posting_requests, local.sandbox.posts()) == (0, [])


def test_a_platform_that_is_not_there_was_not_asked_to_publish(local: LocalX) -> None:
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        local.url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        with pytest.raises(Unavailable):
            local.adapter().publish(adapted(), [], idempotency_key="x-1")


def test_a_redirect_is_not_followed(local: LocalX, monkeypatch: pytest.MonkeyPatch) -> None:
    away = Answer(status=307, headers={"Location": f"{local.url}/2/elsewhere"})
    monkeypatch.setattr(local.sandbox, "_post", lambda request: away)
    with pytest.raises(Unconfirmed):
        local.adapter().publish(adapted(), [], idempotency_key="x-1")
    assert local.requests["POST", "/2/elsewhere"] == 0


def test_an_answer_without_an_id_is_unconfirmed(local: LocalX, monkeypatch: pytest.MonkeyPatch) -> None:
    odd = Answer.of_json(201, {"errors": [{"title": "Odd"}]})
    monkeypatch.setattr(local.sandbox, "_post", lambda request: odd)
    with pytest.raises(Unconfirmed):
        local.adapter().publish(adapted(), [], idempotency_key="x-1")


@pytest.mark.parametrize("make", [lambda: Answer.of_text(503, "busy"), lambda: Answer(status=500, cut_at=0)])
def test_trouble_with_an_upload_is_never_unconfirmed(
    local: LocalX, monkeypatch: pytest.MonkeyPatch, make: Callable[[], Answer]
) -> None:
    monkeypatch.setattr(local.sandbox._media, "answer", lambda request: make())
    with pytest.raises(Unavailable):
        local.upload(local.adapter(), "alt")


def test_a_second_send_makes_a_second_copy_only_where_x_forgets_duplicates(local: LocalX) -> None:
    adapter = local.adapter()
    adapter.publish(adapted(), [], idempotency_key="x-1")
    with pytest.raises(ContentRejected):
        adapter.publish(adapted(), [], idempotency_key="x-1")
    assert (len(local.sandbox.posts()), local.sandbox.refused_duplicates) == (1, [CAPTION])
    local.later(timedelta(days=8))
    adapter.publish(adapted(), [], idempotency_key="x-1")
    local.sandbox.refuse_duplicates = False
    adapter.publish(adapted(), [], idempotency_key="x-1")
    assert len(local.sandbox.posts()) == 3


# --- replies ---------------------------------------------------------------------------------


def test_a_reply_names_what_it_answers_and_is_read_back(local: LocalX) -> None:
    adapter = local.adapter()
    first = adapter.publish(adapted("One", "alt"), local.upload(adapter, "alt"), idempotency_key="x-1")
    second = adapter.publish(reply("Two", first.remote_id), [], idempotency_key="x-2")
    assert [post.detail["reply_to"] for post in local.sandbox.posts()] == ["", first.remote_id]
    answer = adapter._client.get_tweet(second.remote_id, tweet_fields=["referenced_tweets"])
    assert answer["data"]["referenced_tweets"] == [{"type": "replied_to", "id": first.remote_id}]
    shown = adapter.read_publication(second.remote_id)
    assert shown is not None
    assert (shown.image_count, shown.alt_texts) == (0, ())


def test_a_reply_is_found_below_the_post_that_it_answers_and_nowhere_else(local: LocalX) -> None:
    adapter = local.adapter()
    since = local.clock.now()
    first, other = (adapter.publish(adapted(text), [], idempotency_key="x-1") for text in ("One", "Other"))
    local.faults.add("x", Fault.parse("drop-after"))
    with pytest.raises(Unconfirmed):
        adapter.publish(reply("Same words", first.remote_id), [], idempotency_key="x-2")

    def find(post: AdaptedPost) -> str | None:
        found = adapter.find_publication(post, idempotency_key="x-2", since=since)
        return found.remote_id if isinstance(found, Publication) else None

    assert find(reply("Same words", first.remote_id)) == local.sandbox.posts()[-1].id
    assert find(reply("Same words", other.remote_id)) is None
    assert find(adapted("Same words")) is None


def test_a_refused_reply_says_that_the_post_before_it_stands(local: LocalX) -> None:
    local.sandbox.refuse_replies = True
    adapter = local.adapter()
    first = adapter.publish(adapted("One"), [], idempotency_key="x-1")
    with pytest.raises(ContentRejected, match="stands, and the thread ends there") as caught:
        adapter.publish(reply("Two", first.remote_id), [], idempotency_key="x-2")
    assert caught.value.status == 403
    assert caught.value.answer
    assert len(local.sandbox.posts()) == 1


def test_a_reply_waits_for_a_post_that_x_does_not_show_yet(local: LocalX) -> None:
    new = str(number_at(local.clock.now() - timedelta(minutes=14)))
    with pytest.raises(Unavailable, match="waits until X shows the post before it") as caught:
        local.adapter().publish(reply("Two", new), [], idempotency_key="x-2")
    assert caught.value.status == 403
    assert local.sandbox.posts() == []


def test_a_thread_ends_where_the_post_before_was_deleted(local: LocalX) -> None:
    local.set_our_clock(timedelta(hours=-3))
    old = str(number_at(local.sandbox.ledger.now() - timedelta(minutes=16)))
    with pytest.raises(ContentRejected, match="was deleted, or hidden"):
        local.adapter().publish(reply("Two", old), [], idempotency_key="x-2")
    assert local.sandbox.posts() == []


def test_a_reply_to_what_is_no_post_is_refused(local: LocalX) -> None:
    with pytest.raises(ContentRejected, match="no post's id") as caught:
        local.adapter().publish(reply("Two", "a-link"), [], idempotency_key="x-2")
    assert caught.value.status == 400


def test_an_account_without_credits_needs_a_person(local: LocalX) -> None:
    local.sandbox.credits = 1
    adapter = local.adapter()
    adapter.publish(adapted("One"), [], idempotency_key="x-1")
    with pytest.raises(CredentialsRefused, match="credits"):
        adapter.publish(adapted("Two"), [], idempotency_key="x-2")
    assert len(local.sandbox.posts()) == 1


def test_an_exhausted_window_says_when_it_opens(local: LocalX) -> None:
    local.sandbox.windows.limits[POSTS] = 1
    adapter = local.adapter()
    adapter.publish(adapted("One"), [], idempotency_key="x-1")
    with pytest.raises(RateLimited) as caught:
        adapter.publish(adapted("Two"), [], idempotency_key="x-2")
    wait = caught.value.retry_at - local.clock.now()
    assert timedelta(minutes=14) < wait <= timedelta(minutes=15)
    local.later(wait + timedelta(seconds=1))
    adapter.publish(adapted("Two"), [], idempotency_key="x-2")
    assert len(local.sandbox.posts()) == 2


def listening(local: LocalX) -> tuple[Adapter, dict[str, Quota]]:
    """An adapter, and the newest of each quota that it was told."""
    seen: dict[str, Quota] = {}
    connection = replace(local.connection(), quotas=lambda told: seen.update({quota.name: quota for quota in told}))
    return Adapter.connect(connection), seen


def test_each_endpoint_tells_what_is_left_of_its_own_window(local: LocalX) -> None:
    local.sandbox.windows.limits |= {POSTS: 100, "POST media upload": 500, "GET users tweets": 900}
    adapter, seen = listening(local)
    adapter.publish(adapted("Text", "alt"), local.upload(adapter, "alt"), idempotency_key="x-1")
    adapter.find_publication(adapted("Text", "alt"), idempotency_key="x-1", since=local.clock.now())
    adapter.publish(adapted("More"), [], idempotency_key="x-2")
    left = {name: (quota.kind, quota.maximum, quota.remaining) for name, quota in seen.items()}
    assert left == {
        "media upload, 15 min": ("media", 500, 499),
        "media metadata, 15 min": ("media", 10_000, 9_999),
        "posts, 15 min": ("posts", 100, 98),
        "reading users tweets, 15 min": ("reading", 900, 899),
    }
    waits = [quota.resets_at - local.clock.now() for quota in seen.values()]
    assert all(timedelta(minutes=14) < wait <= timedelta(minutes=15) for wait in waits)
    assert all(len(quota.name) <= 40 for quota in seen.values())


def test_the_day_of_app_and_account_is_told_where_x_tells_it(local: LocalX) -> None:
    local.sandbox.windows.posts_a_day = 17
    adapter, seen = listening(local)
    adapter.publish(adapted("One"), [], idempotency_key="x-1")
    assert {name: (seen[name].maximum, seen[name].remaining) for name in seen if "24 h" in name} == {
        "posts, app, 24 h": (17, 16),
        "posts, account, 24 h": (17, 16),
    }
    assert timedelta(hours=23) < seen["posts, app, 24 h"].resets_at - local.clock.now() <= timedelta(hours=24)


def test_a_refusal_tells_its_quota_too(local: LocalX) -> None:
    local.faults.add("x", Fault("429"))
    adapter, seen = listening(local)
    with pytest.raises(RateLimited) as caught:
        adapter.publish(adapted("One"), [], idempotency_key="x-1")
    assert (seen["posts, 15 min"].remaining, seen["posts, 15 min"].resets_at) == (0, caught.value.retry_at)


# --- OAuth 2 ---------------------------------------------------------------------------------


def test_tokens_that_are_fresh_are_used_as_they_are(local: LocalX) -> None:
    local.log_in(timedelta(hours=2))
    adapter = Adapter.connect(local.connection(local.app()))
    publication = adapter.publish(adapted("Text", "alt"), local.upload(adapter, "alt"), idempotency_key="x-1")
    found = adapter.find_publication(adapted("Text", "alt"), idempotency_key="x-1", since=local.clock.now())
    assert isinstance(found, Publication)
    assert found.remote_id == publication.remote_id
    assert local.sandbox.accounts.renewals == 0


def test_tokens_that_have_ended_are_renewed_once_and_stored(local: LocalX) -> None:
    before = local.log_in(timedelta(hours=2))
    local.later(timedelta(hours=1, minutes=56))
    adapter = Adapter.connect(local.connection(local.app()))
    adapter.publish(adapted("Text", "alt"), local.upload(adapter, "alt"), idempotency_key="x-1")
    after = local.session.load()
    assert local.sandbox.accounts.renewals == 1
    assert after["refresh_token"] != before["refresh_token"]
    assert datetime.fromisoformat(after["expires_at"]) - local.clock.now() > timedelta(hours=1, minutes=59)
    assert Adapter.connect(local.connection(local.app())).verify_credentials().id == USER_ID
    assert local.sandbox.accounts.renewals == 1


def test_many_workers_renew_once(local: LocalX) -> None:
    local.log_in(timedelta(0))
    together = Barrier(8)

    def ask(_: int) -> str:
        adapter = Adapter.connect(local.connection(local.app()))
        together.wait()
        return adapter.verify_credentials().id

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(ask, range(8))) == [USER_ID] * 8
    assert local.sandbox.accounts.renewals == 1


def test_a_renewal_elsewhere_is_waited_for_but_not_without_end(local: LocalX, pauses: list[float]) -> None:
    before = local.log_in(timedelta(0))
    with local.session.alone(), pytest.raises(Unavailable):
        Adapter.connect(local.connection(local.app())).verify_credentials()
    assert pauses
    assert local.sandbox.accounts.renewals == 0
    assert local.session.load() == before


def test_a_refused_renewal_keeps_the_session_and_says_what_to_run(local: LocalX) -> None:
    session = {**local.log_in(timedelta(0)), "refresh_token": "spent-refresh-token"}
    local.session.save(session)
    with pytest.raises(CredentialsRefused, match="publisher connect x-en") as caught:
        Adapter.connect(local.connection(local.app())).verify_credentials()
    assert local.session.load() == session
    assert "spent-refresh-token" not in f"{caught.value!r} {caught.value.answer}"


@pytest.mark.parametrize(
    "answer",
    [Answer(status=500, cut_at=0), Answer.of_json(500, {}), Answer.of_text(200, "{}"), Answer.of_text(200, "")],
)
def test_a_renewal_without_new_tokens_keeps_the_old_ones(
    local: LocalX, monkeypatch: pytest.MonkeyPatch, answer: Answer
) -> None:
    before = local.log_in(timedelta(0))
    with monkeypatch.context() as patch:
        patch.setitem(local.sandbox.accounts._pages, ("POST", "/2/oauth2/token"), lambda request: answer)
        with pytest.raises(Unavailable):
            Adapter.connect(local.connection(local.app())).verify_credentials()
    assert local.session.load() == before
    assert Adapter.connect(local.connection(local.app())).verify_credentials().id == USER_ID


def test_tokens_are_renewed_before_they_end(local: LocalX) -> None:
    before = local.log_in(timedelta(hours=2))
    adapter = Adapter.connect(local.connection(local.app()))
    assert isinstance(adapter, KeepsLogin)
    adapter.keep_login()
    assert local.session.load() == before
    local.later(timedelta(hours=1))
    adapter.keep_login()
    adapter.keep_login()
    assert local.sandbox.accounts.renewals == 1
    assert adapter.login_ends() is None
    local.later(timedelta(minutes=70))
    assert adapter.verify_credentials().id == USER_ID
    assert local.sandbox.accounts.renewals == 1


def test_a_refused_renewal_is_told_while_the_old_token_still_works(local: LocalX) -> None:
    session = local.log_in(timedelta(hours=1))
    local.session.save({**session, "refresh_token": "spent-refresh-token"})
    adapter = Adapter.connect(local.connection(local.app()))
    with pytest.raises(CredentialsRefused, match="publisher connect x-en"):
        adapter.keep_login()
    assert adapter.verify_credentials().id == USER_ID


def test_renewed_tokens_outlive_a_short_trouble_of_the_disk(
    local: LocalX, pauses: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    before = local.log_in(timedelta(0))
    troubles = [OSError(28, "No space left on device"), OSError(5, "Input/output error")]
    replace = os.replace

    def failing(source: str, target: Path) -> None:
        if troubles:
            raise troubles.pop()
        replace(source, target)

    monkeypatch.setattr("os.replace", failing)
    assert Adapter.connect(local.connection(local.app())).verify_credentials().id == USER_ID
    assert local.session.load()["refresh_token"] != before["refresh_token"]
    assert len(pauses) == 2
    assert local.requests["POST", "/2/oauth2/token"] == 1


def test_who_lost_its_turn_takes_what_somebody_else_has_stored(local: LocalX, monkeypatch: pytest.MonkeyPatch) -> None:
    local.log_in(timedelta(0))

    def overtaken(request: Request) -> Answer:
        local.log_in(timedelta(hours=2))
        return Answer.of_json(400, {"error": "invalid_request"})

    monkeypatch.setitem(local.sandbox.accounts._pages, ("POST", "/2/oauth2/token"), overtaken)
    assert Adapter.connect(local.connection(local.app())).verify_credentials().id == USER_ID


def test_a_log_in_that_can_not_be_renewed_says_when_it_ends(local: LocalX) -> None:
    session = local.log_in(timedelta(hours=1))
    del session["refresh_token"]
    local.session.save(session)
    adapter = Adapter.connect(local.connection(local.app()))
    adapter.keep_login()
    assert adapter.login_ends() == datetime.fromisoformat(session["expires_at"])
    local.later(timedelta(hours=1))
    with pytest.raises(CredentialsRefused, match="publisher connect x-en"):
        adapter.keep_login()
    assert local.requests["POST", "/2/oauth2/token"] == 0


def test_lasting_keys_never_end(local: LocalX) -> None:
    adapter = local.adapter()
    adapter.keep_login()
    assert adapter.login_ends() is None
    assert not local.requests


# --- connecting ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("names", "told"),
    [
        ((), "PUBLISHER_X_EN_CONSUMER_KEY"),
        (("consumer_key", "consumer_secret"), "PUBLISHER_X_EN_ACCESS_TOKEN, PUBLISHER_X_EN_ACCESS_TOKEN_SECRET"),
        (("client_id",), "run `publisher connect x-en`"),
    ],
)
def test_what_is_missing_is_named(local: LocalX, names: tuple[str, ...], told: str) -> None:
    with pytest.raises(CredentialsRefused, match=re.escape(told)):
        Adapter.connect(local.connection(dict.fromkeys(names, "value")))


def test_a_session_that_is_no_json_is_told(local: LocalX) -> None:
    local.session.path.parent.mkdir()
    local.session.path.write_text("{")
    with pytest.raises(CredentialsRefused, match="publisher connect x-en"):
        Adapter.connect(local.connection(local.app()))


class Person:
    """Opens the address, allows the app, and gives back what X shows."""

    def __init__(self, change: Callable[[str], str] = lambda answer: answer) -> None:
        self._change = change
        self._address = ""
        self.told: list[str] = []

    def tell(self, text: str) -> None:
        self.told.append(text)
        found = re.search(r"http://127\.0\.0\.1:\d+/\S+(?<![,.])", text)
        assert found is not None
        self._address = found.group()

    def ask(self, question: str, *, secret: bool = False) -> str:
        page = requests.get(self._address, timeout=PATIENCE)
        fields = re.findall(r'name="([^"]+)" value="([^"]+)"', page.text)
        form = {unescape(name): unescape(value) for name, value in fields}
        target = self._address.partition("?")[0]
        answer = requests.post(target, data=form, timeout=PATIENCE, allow_redirects=False)
        if answer.status_code == 302:
            return self._change(answer.headers["Location"])
        pin = re.search(r"<code>(\d+)</code>", answer.text)
        assert pin is not None
        return self._change(pin.group(1))


def test_a_person_connects_with_a_pin(local: LocalX) -> None:
    keys = {name: local.sandbox.credentials()[name] for name in ("consumer_key", "consumer_secret")}
    assert Adapter.authorize(local.connection(keys), Person()).name == USER_NAME
    assert local.session.path.stat().st_mode & 0o777 == 0o600
    adapter = Adapter.connect(local.connection(keys))
    adapter.publish(adapted("Text", "alt"), local.upload(adapter, "alt"), idempotency_key="x-1")
    assert len(local.sandbox.posts()) == 1


def test_a_wrong_pin_connects_nothing(local: LocalX) -> None:
    keys = {name: local.sandbox.credentials()[name] for name in ("consumer_key", "consumer_secret")}
    with pytest.raises(CredentialsRefused):
        Adapter.authorize(local.connection(keys), Person(lambda pin: f"1{pin}"))
    assert local.session.load() == {}


def test_a_person_connects_with_a_browser(local: LocalX) -> None:
    assert Adapter.authorize(local.connection(local.app()), Person()).id == USER_ID
    assert set(local.session.load()) == {"access_token", "refresh_token", "expires_at", "user_id"}
    local.later(timedelta(hours=3))
    assert Adapter.connect(local.connection(local.app())).verify_credentials().id == USER_ID
    assert local.session.load()["user_id"] == USER_ID
    assert local.sandbox.accounts.renewals == 1


def test_an_address_of_another_log_in_is_not_taken(local: LocalX) -> None:
    def forged(address: str) -> str:
        return address.replace(parse_qs(urlsplit(address).query)["state"][0], "forged")

    with pytest.raises(CredentialsRefused, match="does not belong to this log-in"):
        Adapter.authorize(local.connection(local.app()), Person(forged))
    assert local.requests["POST", "/2/oauth2/token"] == 0


def test_a_log_in_that_was_not_allowed_connects_nothing(local: LocalX) -> None:
    def denied(address: str) -> str:
        return re.sub("code=[^&]+", "error=access_denied", address)

    with pytest.raises(CredentialsRefused, match="access_denied"):
        Adapter.authorize(local.connection(local.app()), Person(denied))
    assert local.session.load() == {}


@pytest.mark.parametrize("oauth2", [False, True])
def test_a_browser_is_led_back_to_exactly_the_callback(local: LocalX, oauth2: bool) -> None:
    secrets = local.app() if oauth2 else {k: v for k, v in local.sandbox.credentials().items() if "consumer" in k}
    connection = local.connection(secrets)
    callback = "http://127.0.0.1:9/channels/callback"
    step = Adapter.begin_login(connection, callback)
    person = Person()
    person.tell(step.url)
    led = person.ask("")
    assert led.partition("?")[0] == callback
    answer = dict(parse_qsl(urlsplit(led).query))
    proof = "state" if oauth2 else "oauth_token"
    for wrong in ({}, {**answer, proof: "other"}, {proof: answer[proof], "denied": "1"}):
        with pytest.raises(CredentialsRefused):
            Adapter.finish_login(connection, step.kept, wrong)
    assert local.session.load() == {}
    assert Adapter.finish_login(connection, step.kept, answer).name == USER_NAME
    with pytest.raises(CredentialsRefused):
        Adapter.finish_login(connection, step.kept, answer)


def test_a_callback_that_could_leak_is_refused(local: LocalX) -> None:
    with pytest.raises(CredentialsRefused):
        Adapter.begin_login(local.connection(), "http://elsewhere.example/back")


@pytest.mark.parametrize("oauth2", [False, True])
def test_another_account_in_the_browser_is_not_connected(local: LocalX, oauth2: bool) -> None:
    secrets = local.app() if oauth2 else {k: v for k, v in local.sandbox.credentials().items() if "consumer" in k}
    with pytest.raises(CredentialsRefused, match="@someone_else"):
        Adapter.authorize(local.connection(secrets, account="@someone_else"), Person())
    assert local.session.load() == {}


# --- the sandbox itself ----------------------------------------------------------------------


def test_a_signed_request_can_not_be_replayed(local: LocalX) -> None:
    seen: list[requests.PreparedRequest] = []
    adapter = local.adapter()
    adapter._client.session.hooks["response"].append(lambda response, **_: seen.append(response.request))
    adapter.verify_credentials()
    with requests.Session() as session:
        assert session.send(seen[0], timeout=PATIENCE).status_code == 401


def test_the_timeline_takes_five_posts_at_least_and_knows_its_parameters(local: LocalX) -> None:
    adapter = local.adapter()
    future = (local.clock.now() + timedelta(minutes=1)).isoformat()
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


def test_posts_can_be_asked_for_since_one_of_them(local: LocalX) -> None:
    adapter = local.adapter()
    first, second = (adapter.publish(adapted(text), [], idempotency_key="x-1") for text in ("One", "Two"))
    page = adapter._client.get_users_tweets(USER_ID, since_id=first.remote_id)
    assert [tweet["id"] for tweet in page["data"]] == [second.remote_id]
    assert set(page["data"][0]) == {"id", "text", "edit_history_tweet_ids"}


def test_a_timeline_that_begins_at_a_time_may_show_nothing(local: LocalX) -> None:
    adapter = local.adapter()
    adapter.publish(adapted("One"), [], idempotency_key="x-1")
    local.sandbox.hides_time_windows = True
    past = (local.clock.now() - timedelta(hours=1)).isoformat()
    answer = adapter._client.request("GET", f"/2/users/{USER_ID}/tweets", params={"start_time": past})
    assert answer.json() == {"meta": {"result_count": 0}}
    assert adapter._client.request("GET", f"/2/users/{USER_ID}/tweets").json()["meta"]["result_count"] == 1


def test_the_number_of_a_post_carries_its_moment(local: LocalX) -> None:
    adapter = local.adapter()
    numbers = []
    for text in ("One", "Two", "Three"):
        numbers.append(int(adapter.publish(adapted(text), [], idempotency_key="x-1").remote_id))
        assert abs(moment_of(numbers[-1]) - local.clock.now()) < timedelta(seconds=30)
        local.later(timedelta(hours=1))
    local.later(timedelta(hours=-5))
    numbers.append(int(adapter.publish(adapted("Four"), [], idempotency_key="x-1").remote_id))
    assert numbers == sorted(set(numbers)), "a later post has a lower number"


def moment_of(number: int) -> datetime:
    return datetime.fromtimestamp(((number >> 22) + 1_288_834_974_657) / 1000, UTC)


def test_media_may_be_uploaded_as_json_too(local: LocalX) -> None:
    content = io.BytesIO()
    Image.new("RGB", (10, 10)).save(content, "PNG")
    wish = {"media": base64.b64encode(content.getvalue()).decode(), "media_category": "tweet_image"}
    answer = local.adapter()._client.request("POST", "/2/media/upload", json=wish)
    assert json.loads(answer.text)["data"]["image"] == {"image_type": "image/png", "w": 10, "h": 10}
