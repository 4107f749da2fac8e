"""What Instagram takes, its keys, and what is read back."""

from __future__ import annotations

import json
import socket
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from publisher.platforms.base import KeySeed, UploadedMedia
from publisher.platforms.errors import (
    ContentRejected,
    Unavailable,
    UnsupportedContent,
)
from publisher.platforms.instagram.adapter import Adapter
from publisher.platforms.instagram.problem_codes import InstagramPostProblem
from publisher.platforms.profiles import load_profile
from publisher.sandbox.wire import Answer, Request
from tests.contract.instagram.posts import picture, post_of, publish, upload
from tests.contract.platforms.instagram import CAPTION, KEY, Driver, Person

# --- publishing -------------------------------------------------------------------------------


def test_one_picture_arrives_as_it_was_made(desk: Driver) -> None:
    adapter, image = desk.adapter(), picture(desk.folder, width=1080, height=1350)
    media = upload(adapter, image)

    publication = adapter.publish(post_of(), media, idempotency_key=KEY)

    (post,) = desk.ledger.posts("instagram")
    (shown,) = post.images
    assert (publication.remote_id, publication.url) == (post.id, post.url)
    assert post.url.startswith("https://www.instagram.com/p/")
    assert (post.caption, post.idempotency_key) == (CAPTION, KEY)
    assert shown.content == image.path.read_bytes()
    assert shown.alt_text == "Picture 1"


def test_a_carousel_keeps_order_and_alt_texts(desk: Driver) -> None:
    pictures = [picture(desk.folder, grey=grey) for grey in (10, 120, 230)]
    adapter = desk.adapter()

    number = publish(adapter, *pictures)

    (post,) = desk.ledger.posts("instagram")
    assert (post.id, post.idempotency_key) == (number, KEY)
    assert [image.sha256 for image in post.images] == [one.sha256 for one in pictures]
    assert [image.alt_text for image in post.images] == ["Picture 1", "Picture 2", "Picture 3"]
    shown = adapter.read_publication(number)
    assert shown is not None
    assert shown.alt_texts == ("Picture 1", "Picture 2", "Picture 3")
    (body,) = desk.bodies()
    assert body["client_sidecar_id"] == body["upload_id"] == KEY


def test_a_picture_without_alt_text_sends_none(desk: Driver) -> None:
    adapter = desk.adapter()
    image = picture(desk.folder)
    media = adapter.upload_media(image, "", idempotency_key=KEY, position=0, total=1)

    number = adapter.publish(post_of(), [media], idempotency_key=KEY).remote_id

    assert "custom_accessibility_caption" not in desk.bodies()[0]
    shown = adapter.read_publication(number)
    assert shown is not None
    assert shown.alt_texts == ("",)


def test_a_platform_that_is_out_of_reach_leaves_nothing_unknown(desk: Driver) -> None:
    media = upload(desk.adapter(), picture(desk.folder))
    with socket.create_server(("127.0.0.1", 0)) as silent:
        stalled = f"http://127.0.0.1:{silent.getsockname()[1]}"
        adapter = desk.adapter(proxy=stalled, timeout=0.6)
        with pytest.raises(Unavailable):
            adapter.publish(post_of(), media, idempotency_key=KEY)
    # By now nobody listens there.
    with pytest.raises(Unavailable):
        adapter.publish(post_of(), media, idempotency_key=KEY)
    # A certificate that nobody vouches for.
    with pytest.raises(Unavailable):
        desk.adapter(ca_file=None).publish(post_of(), media, idempotency_key=KEY)

    assert desk.publishing_requests() == []


def test_the_environment_decides_neither_proxy_nor_certificates(desk: Driver, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"):
        monkeypatch.setenv(name, "/nowhere.pem")

    assert Adapter.authorize(desk.connection(), Person()).name == "picture.of.the.day"


@pytest.mark.parametrize("count", [0, 11])
def test_a_number_of_pictures_that_can_t_be_carried_is_not_sent(desk: Driver, count: int) -> None:
    adapter = desk.adapter()
    media = [UploadedMedia(image=picture(desk.folder), alt_text="", reference="1")] * count

    with pytest.raises(UnsupportedContent, match="1 to 10 pictures"):
        adapter.publish(post_of(count), media, idempotency_key=KEY)

    assert desk.requests == []


def test_only_jpeg_is_uploaded(desk: Driver) -> None:
    with pytest.raises(UnsupportedContent) as refused:
        upload(desk.adapter(), picture(desk.folder, image_format="png"))
    assert refused.value.problem == InstagramPostProblem.PICTURE_FORMAT(format="png")

    assert desk.requests == []


def test_an_earlier_answer_does_not_explain_a_later_error(desk: Driver) -> None:
    adapter, image = desk.adapter(), picture(desk.folder)
    desk.rewrite = lambda _request, _given: Answer.of_json(413, {"debug_info": {"message": "too large"}})
    with pytest.raises(ContentRejected):
        upload(adapter, image)

    with pytest.raises(Unavailable):
        upload(adapter, image.model_copy(update={"path": desk.folder / "gone.jpeg"}))


# --- keys -------------------------------------------------------------------------------------

INSTANT = datetime(2026, 5, 4, 9, 0, tzinfo=UTC)
TOKENS = st.text("0123456789abcdef", min_size=12, max_size=12)


def key_of(token: str, created_at: datetime = INSTANT) -> str:
    return Adapter.idempotency_key(KeySeed(token=token, title="A cell", created_at=created_at))


@given(token=TOKENS, seconds=st.integers(0, 10**9))
def test_a_key_is_a_time_in_milliseconds_near_the_true_one(token: str, seconds: int) -> None:
    created_at = INSTANT + timedelta(seconds=seconds)
    key = key_of(token, created_at)

    assert len(key) == 13
    assert key == key_of(token, created_at)
    assert abs(int(key) / 1000 - created_at.timestamp()) < 1000


@given(first=TOKENS, second=TOKENS)
def test_the_uploads_of_two_posts_never_share_an_id(first: str, second: str) -> None:
    keys = {int(key_of(first)), int(key_of(second))}

    assert len(keys) == 1 or abs(int.__sub__(*keys)) > load_profile("instagram").images.maximum


# --- reading back -----------------------------------------------------------------------------


def test_an_alt_text_that_the_platform_does_not_tell_is_not_called_missing(desk: Driver) -> None:
    adapter = desk.adapter()
    number = publish(adapter, picture(desk.folder))

    def silent(_request: Request, answer: Answer) -> Answer:
        page = json.loads(answer.body)
        del page["items"][0]["accessibility_caption"]
        return Answer.of_json(200, page)

    desk.rewrite = silent

    shown = adapter.read_publication(number)
    assert shown is not None
    assert shown.alt_texts == (None,)
