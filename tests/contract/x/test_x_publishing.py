"""What X takes: pictures, animations, texts."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from urllib.parse import urlsplit

import pytest
import requests

from publisher.core.content import Absence, Publication
from publisher.platforms.base import (
    KeySeed,
)
from publisher.platforms.errors import (
    ContentRejected,
    MediaExpired,
    Unavailable,
    UnsupportedContent,
)
from publisher.platforms.transport import send_once
from publisher.platforms.x import client
from publisher.platforms.x.adapter import Adapter
from publisher.platforms.x.problem_codes import XProblem
from publisher.sandbox.wire import Answer
from tests.contract.platforms.x import CAPTION, Driver, adapted
from tests.waiting import TIMEOUT

# --- the straight way -------------------------------------------------------------------------


@pytest.mark.parametrize("alt_texts", [("One",), ("One", "Two & <2>", "Drei: Ü", "四" * 1000)])
def test_pictures_and_alt_texts_arrive_and_are_read_back(desk: Driver, alt_texts: tuple[str, ...]) -> None:
    adapter = desk.adapter()
    media = desk.upload(adapter, alt_texts)
    publication = adapter.publish(adapted(CAPTION, *alt_texts), media, idempotency_key="x-1")
    [post] = desk.sandbox.posts()
    assert publication.remote_id == post.id
    assert publication.url == f"https://x.com/i/web/status/{post.id}"
    assert publication.request_id
    assert post.caption == CAPTION
    assert [image.alt_text for image in post.images] == list(alt_texts)
    assert [image.width for image in post.images] == [60] * len(alt_texts)
    assert [image.content for image in post.images] == [one.image.path.read_bytes() for one in media]
    shown = adapter.read_publication(publication.remote_id)
    assert shown is not None
    assert (shown.image_count, shown.alt_texts) == (len(alt_texts), alt_texts)
    assert shown.published_at is not None
    assert abs(shown.published_at - desk.clock.now()) < timedelta(seconds=30)


def test_the_key_is_the_seeds(now: datetime) -> None:
    seed = KeySeed(token="0123456789ab", title="Cell", created_at=now)
    assert Adapter.idempotency_key(seed) == "x-0123456789ab"


def test_libraries_that_log_headers_are_quiet_wherever_the_adapter_is_used() -> None:
    libraries = ["tweepy", "oauthlib", "requests_oauthlib.oauth1_auth", "urllib3.connectionpool"]
    program = (
        "import logging; logging.basicConfig(level=logging.DEBUG); import publisher.platforms.x.adapter; "
        f"print([logging.getLogger(name).isEnabledFor(logging.INFO) for name in {libraries!r}])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=TIMEOUT, check=True)
    assert done.stdout.strip() == str([False] * len(libraries))


# --- media ------------------------------------------------------------------------------------


def test_an_animation_goes_in_chunks_and_is_waited_for(desk: Driver, pauses: list[float]) -> None:
    adapter = desk.adapter()
    animation = desk.picture(kind="gif", frames=4)
    media = adapter.upload_media(animation, "It moves", idempotency_key="x-1", position=0, total=1)
    assert pauses == [1.0, 1.0]
    adapter.publish(adapted("Look", "It moves"), [media], idempotency_key="x-1")
    [image] = desk.sandbox.posts()[0].images
    assert (image.content, image.mime_type) == (animation.path.read_bytes(), "image/gif")
    assert image.alt_text == "It moves"


def test_a_big_picture_goes_in_chunks_and_arrives_whole(desk: Driver) -> None:
    picture = desk.picture()
    content = picture.path.read_bytes() + bytes(range(256)) * 20_000
    picture.path.write_bytes(content)
    adapter = desk.adapter()
    media = adapter.upload_media(picture, "Big", idempotency_key="x-1", position=0, total=1)
    assert desk.count("POST", f"/2/media/upload/{media.reference}/append") == 6
    adapter.publish(adapted("Look", "Big"), [media], idempotency_key="x-1")
    assert desk.sandbox.posts()[0].images[0].content == content


def test_an_animation_that_is_never_ready_is_not_waited_for_without_end(
    desk: Driver, pauses: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    still = {"id": "7", "processing_info": {"state": "in_progress", "check_after_secs": 3600}}
    monkeypatch.setattr(desk.sandbox._media, "_status", lambda request: Answer.of_json(200, {"data": still}))
    with pytest.raises(Unavailable, match="Uploading picture 1 to X: X was still processing it") as caught:
        desk.adapter().upload_media(desk.picture(kind="gif", frames=2), "", idempotency_key="k", position=0, total=1)
    assert caught.value.problem.code is XProblem.MEDIA_STILL_PROCESSING
    assert pauses
    assert sum(pauses) <= 130


def test_an_animation_among_others_is_not_sent(desk: Driver) -> None:
    with pytest.raises(UnsupportedContent) as caught:
        desk.adapter().upload_media(desk.picture(kind="gif"), "", idempotency_key="k", position=0, total=2)
    assert caught.value.problem.code is XProblem.ANIMATION_NOT_ALONE
    assert not desk.requests


def test_what_is_no_picture_is_rejected(desk: Driver) -> None:
    picture = desk.picture()
    picture.path.write_bytes(b"no picture")
    with pytest.raises(ContentRejected):
        desk.adapter().upload_media(picture, "", idempotency_key="k", position=0, total=1)


def test_an_alt_text_over_the_limit_is_rejected(desk: Driver) -> None:
    with pytest.raises(ContentRejected):
        desk.upload(desk.adapter(), ["x" * 1001])


@pytest.mark.parametrize("expire", [lambda x: x.pass_time(timedelta(hours=25)), lambda x: x.sandbox.forget_media()])
def test_pictures_that_x_no_longer_has_are_uploaded_again(desk: Driver, expire: Callable[[Driver], None]) -> None:
    adapter = desk.adapter()
    media = desk.upload(adapter, ["alt"])
    expire(desk)
    with pytest.raises(MediaExpired) as caught:
        adapter.publish(adapted("Text", "alt"), media, idempotency_key="x-1")
    assert caught.value.status == 400
    adapter.publish(adapted("Text", "alt"), desk.upload(adapter, ["alt"]), idempotency_key="x-1")
    assert len(desk.sandbox.posts()) == 1


def test_the_time_of_an_upload_follows_its_size(desk: Driver, monkeypatch: pytest.MonkeyPatch) -> None:
    """A picture of 4 MB takes two minutes on the slowest line that is allowed; an animation goes in smaller pieces."""
    allowed: dict[str, float] = {}

    def noting(*arguments: object, read_timeout: float, **options: object) -> requests.Response:
        allowed[urlsplit(str(arguments[2])).path] = read_timeout
        return send_once(*arguments, read_timeout=read_timeout, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(client, "send_once", noting)
    picture = desk.picture()
    picture.path.write_bytes(picture.path.read_bytes() + bytes(4_000_000))
    adapter = Adapter.connect(replace(desk.connection(), uplink_bytes_per_second=32_000.0))
    adapter.upload_media(picture, "", idempotency_key="x-1", position=0, total=1)
    picture.path.write_bytes(picture.path.read_bytes() + bytes(1_100_000))
    media = adapter.upload_media(picture, "", idempotency_key="x-1", position=0, total=1)
    assert 125 < allowed["/2/media/upload"] < 300
    assert 30 < allowed[f"/2/media/upload/{media.reference}/append"] < 125
    assert allowed["/2/media/upload/initialize"] <= 60


def test_five_pictures_are_refused_here_and_there(desk: Driver) -> None:
    adapter = desk.adapter()
    media = desk.upload(adapter, [*"12345"])
    with pytest.raises(UnsupportedContent):
        adapter.publish(adapted("Text"), media, idempotency_key="x-1")
    ids = [one.reference for one in media]
    with pytest.raises(ContentRejected):
        adapter._client.request("POST", "/2/tweets", json={"text": "Text", "media": {"media_ids": ids}})
    assert not desk.sandbox.posts()


# --- texts ------------------------------------------------------------------------------------

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
def test_a_post_is_found_by_its_text_and_pictures(desk: Driver, text: str, images: tuple[str, ...]) -> None:
    adapter = desk.adapter()
    adapter.publish(adapted("Another post", "alt"), desk.upload(adapter, ["alt"]), idempotency_key="x-0")
    published = adapter.publish(adapted(text, *images), desk.upload(adapter, images), idempotency_key="x-1")
    adapter.publish(adapted(text + " not"), [], idempotency_key="x-2")
    found = adapter.find_publication(adapted(text, *images), idempotency_key="x-1", since=desk.clock.now())
    assert isinstance(found, Publication)
    assert (found.remote_id, found.url) == (published.remote_id, published.url)
    other = adapted(text, *images, "one more")
    assert adapter.find_publication(other, idempotency_key="x-1", since=desk.clock.now()) is Absence.NOT_LISTED


def test_a_text_over_the_limit_is_rejected(desk: Driver) -> None:
    adapter = desk.adapter()
    adapter.publish(adapted("x" * 256 + " https://example.org/" + "y" * 200), [], idempotency_key="x-1")
    with pytest.raises(ContentRejected, match="not permitted") as caught:
        adapter.publish(adapted("字" * 141), [], idempotency_key="x-2")
    assert caught.value.problem.code is XProblem.REFUSED
    assert len(desk.sandbox.posts()) == 1


# --- faults -----------------------------------------------------------------------------------


def test_a_second_send_makes_a_second_copy_only_where_x_forgets_duplicates(desk: Driver) -> None:
    adapter = desk.adapter()
    adapter.publish(adapted(), [], idempotency_key="x-1")
    with pytest.raises(ContentRejected):
        adapter.publish(adapted(), [], idempotency_key="x-1")
    assert (len(desk.sandbox.posts()), desk.sandbox.refused_duplicates) == (1, [CAPTION])
    desk.pass_time(timedelta(days=8))
    adapter.publish(adapted(), [], idempotency_key="x-1")
    desk.sandbox.refuse_duplicates = False
    adapter.publish(adapted(), [], idempotency_key="x-1")
    assert len(desk.sandbox.posts()) == 3
