"""What a Tumblr post looks like when it is published."""

from __future__ import annotations

import re
from dataclasses import replace
from itertools import chain

import pytest
from hypothesis import given
from hypothesis import strategies as st

from publisher.core.content import Rendition
from publisher.core.problems import ProblemCode
from publisher.platforms.base import (
    KeySeed,
)
from publisher.platforms.errors import (
    PlatformError,
    Unavailable,
    UnsupportedContent,
)
from publisher.platforms.tumblr.adapter import Adapter
from publisher.platforms.tumblr.npf import rows
from publisher.platforms.tumblr.problem_codes import TumblrPostProblem
from publisher.sandbox.tumblr.blog import BLOG
from tests.contract.platforms.tumblr import KEY, NOW, POST, Driver


def test_one_picture_with_everything_that_belongs_to_it(desk: Driver) -> None:
    adapter = desk.adapter()
    publication = desk.send(adapter, desk.upload(adapter, 1))
    (copy,) = desk.copies()
    assert publication.remote_id == copy.id
    assert publication.url == copy.url == f"https://{BLOG}.tumblr.com/post/{copy.id}/{KEY}"
    assert copy.idempotency_key == KEY
    assert copy.tags == ("cell biology", "mitosis")
    assert copy.detail["source_url"] == "https://example.org/cells"
    (image,) = copy.images
    assert (image.alt_text, image.mime_type, image.width, image.height) == ("Cell 0", "image/jpeg", 60, 60)
    assert image.content == desk.picture(0).path.read_bytes()
    assert copy.detail["layout"] == []


def test_the_text_keeps_its_form(desk: Driver) -> None:
    desk.publish(desk.adapter())
    image, *texts = desk.copies()[0].detail["content"]
    assert image["type"] == "image"
    assert texts == [
        {"type": "text", "text": "A cell divides", "subtype": "heading1"},
        {
            "type": "text",
            "text": "Two of them 🔬 now.",
            "formatting": [
                {"start": 0, "end": 3, "type": "bold"},
                {"start": 14, "end": 17, "type": "link", "url": "https://example.org/"},
            ],
        },
        {"type": "text", "text": "Where", "subtype": "heading2"},
        {"type": "text", "text": "one", "subtype": "unordered-list-item"},
        {"type": "text", "text": "two", "subtype": "ordered-list-item"},
        {"type": "text", "text": "three", "subtype": "indented"},
    ]


def test_three_pictures_share_a_row_in_their_order(desk: Driver) -> None:
    desk.publish(desk.adapter(), 3)
    (copy,) = desk.copies()
    assert [image.alt_text for image in copy.images] == ["Cell 0", "Cell 1", "Cell 2"]
    assert len({image.sha256 for image in copy.images}) == 3
    display = copy.detail["layout"][0]["display"]
    assert display[0] == {"blocks": [0, 1, 2]}
    assert display[1:] == [{"blocks": [number]} for number in range(3, 9)]


@given(st.integers(1, 30), st.integers(0, 20))
def test_rows_name_every_block_once_and_are_even(images: int, texts: int) -> None:
    laid_out = [row["blocks"] for row in rows(images, texts)]
    assert list(chain.from_iterable(laid_out)) == list(range(images + texts))
    pictures = laid_out[: len(laid_out) - texts]
    assert max(map(len, pictures)) <= 3
    assert max(map(len, pictures)) - min(map(len, pictures)) <= 1
    assert all(len(row) == 1 for row in laid_out[len(pictures) :])


def test_a_caption_without_blocks_is_cut_at_blank_lines(desk: Driver) -> None:
    desk.publish(desk.adapter(), post=POST.model_copy(update={"blocks": (), "caption": "One.\n\nTwo,\nstill two."}))
    assert desk.copies()[0].caption == "One.\n\nTwo,\nstill two."


def test_a_post_without_pictures_is_plain_json(desk: Driver) -> None:
    desk.publish(desk.adapter(), 0)
    assert desk.posted()[0].mime_type == "application/json"
    assert desk.copies()[0].images == ()


def test_the_request_holds_json_first_and_nothing_in_its_address(desk: Driver) -> None:
    desk.publish(desk.adapter(), 2)
    (request,) = desk.posted()
    assert request.query == {}
    assert [(part.name, part.file_name, part.mime_type) for part in request.parts()] == [
        ("json", None, "application/json"),
        ("image0", "image0.jpeg", "image/jpeg"),
        ("image1", "image1.jpeg", "image/jpeg"),
    ]
    assert request.headers["user-agent"].startswith("publisher")


@pytest.mark.parametrize("kind", ["png", "gif"])
def test_other_formats_go_out_as_they_are(desk: Driver, kind: str) -> None:
    adapter = desk.adapter()
    media = adapter.upload_media(desk.picture(kind=kind), "Alt", idempotency_key=KEY, position=0, total=1)
    desk.send(adapter, [media])
    assert desk.copies()[0].images[0].mime_type == f"image/{kind}"


def test_a_picture_that_tumblr_does_not_take_is_refused_before_sending(desk: Driver) -> None:
    adapter = desk.adapter()
    webp, large, gone = desk.picture(kind="webp"), desk.picture(1), desk.picture(2)
    large.path.write_bytes(b"x" * 10_000_001)
    gone.path.unlink()
    expected: list[tuple[Rendition, type[PlatformError], ProblemCode, str]] = [
        (webp, UnsupportedContent, TumblrPostProblem.PICTURE_FORMAT, "no webp"),
        (large, UnsupportedContent, TumblrPostProblem.PICTURE_TOO_LARGE, "10000001 bytes"),
        (gone, Unavailable, TumblrPostProblem.PICTURE_GONE, "made again"),
    ]
    for picture, kind, code, message in expected:
        with pytest.raises(kind, match=message) as refused:
            adapter.upload_media(picture, "Alt", idempotency_key=KEY, position=0, total=1)
        assert refused.value.problem.code is code
    assert desk.requests == []


def test_what_cannot_be_carried_is_told_before_anything_is_sent(desk: Driver) -> None:
    adapter = desk.adapter()
    with pytest.raises(UnsupportedContent, match="write the tag “one, two” without one"):
        desk.publish(adapter, post=POST.model_copy(update={"tags": ("fine", "one, two")}))
    media = desk.upload(adapter, 5)
    for each in media:
        each.image.path.write_bytes(b"x" * 9_000_000)
    with pytest.raises(UnsupportedContent, match="45000000 bytes together"):
        desk.send(adapter, media)
    media[0].image.path.unlink()
    with pytest.raises(Unavailable, match="nothing was sent"):
        desk.send(adapter, media)
    assert desk.requests == []


@given(st.text(max_size=300), st.text("0123456789abcdef", min_size=12, max_size=12))
def test_a_key_is_a_short_slug_that_holds_the_whole_token(title: str, token: str) -> None:
    key = Adapter.idempotency_key(KeySeed(token=token, title=title, created_at=NOW))
    assert re.fullmatch(r"[0-9a-f]{12}(?:-[a-z0-9]+)*", key)
    assert key.startswith(token)
    assert len(key) <= 60


def test_a_key_reads_like_its_title() -> None:
    seed = KeySeed(token="0123456789ab", title="La cèl·lula: Größe & “ordre”", created_at=NOW)
    assert Adapter.idempotency_key(seed) == "0123456789ab-la-cel-lula-grosse-ordre"
    long = KeySeed(token="0123456789ab", title="Mitochondria " * 5, created_at=NOW)
    assert Adapter.idempotency_key(long) == "0123456789ab-mitochondria-mitochondria-mitochondria"
    assert Adapter.idempotency_key(replace(seed, title="細胞")) == "0123456789ab"
