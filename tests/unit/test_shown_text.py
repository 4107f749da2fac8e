"""Tests that a shown text is compared with the text that was sent."""

from __future__ import annotations

import pytest

from publisher.core.content import AdaptedPost
from publisher.platforms.text_difference import TextDifference, first_difference
from publisher.platforms.tumblr import public_text as tumblr_text
from publisher.platforms.x import public_text as x_text
from tests.fakes import adapted_post

SENT = "Cells & light <night>: café example.org/a and https://example.org/b, too"
SHOWN = "Cells & light <night>: café https://t.co/Abc1 and https://t.co/Def2, too"


def post(caption: str, *, images: int = 1, reply_to: str = "") -> AdaptedPost:
    picture = adapted_post().images
    return adapted_post().model_copy(
        update={"caption": caption, "images": picture * images, "reply_to": reply_to, "blocks": ()}
    )


@pytest.mark.parametrize(
    ("sent", "shown"),
    [
        ("One two", "One two"),
        ("  One\n\ntwo ", "One two"),
        ("cafe\u0301", "café"),
        ("zero\u200bwidth", "zerowidth"),
    ],
)
def test_what_reads_the_same_is_no_difference(sent: str, shown: str) -> None:
    assert first_difference(sent, shown) is None


@pytest.mark.parametrize(
    ("sent", "shown", "difference"),
    [
        ("one two three", "one TWO three", TextDifference("two three", "TWO three")),
        ("one two", "one", TextDifference("two", "")),
        ("one", "one more", TextDifference("", "more")),
        ("1 2 3 4 5 6 7 8 9 10", "", TextDifference("1 2 3 4 5 6 7 8 …", "")),
    ],
)
def test_the_first_words_that_differ_are_named(sent: str, shown: str, difference: TextDifference) -> None:
    assert first_difference(sent, shown) == difference


def test_x_puts_short_links_into_a_text_and_adds_one_for_the_pictures() -> None:
    assert x_text.text_difference(post(SENT), f"{SHOWN} https://t.co/Media3") is None
    assert x_text.text_difference(post(SENT), SHOWN) is None
    assert x_text.text_difference(post(SENT, images=0), SHOWN) is None
    assert x_text.text_difference(post("Thanks", images=0, reply_to="5"), "@picture_desk Thanks") is None


def test_x_shows_another_text() -> None:
    cut = x_text.text_difference(post(SENT), SHOWN.removesuffix(", too"))
    assert cut == TextDifference("too", "")
    assert x_text.text_difference(post("A word", images=0), "A https://t.co/Abc1") == TextDifference(
        "word", "https://t.co/Abc1"
    )


def test_x_escapes_are_undone_once() -> None:
    assert x_text.text_of({"text": "1 &lt; 2 &amp;amp; 3"}) == "1 < 2 &amp; 3"
    assert x_text.text_of({"text": "short …", "note_tweet": {"text": "the whole"}}) == "the whole"
    assert x_text.text_of({}) is None


def test_tumblr_shows_blocks() -> None:
    adapted = post("A heading\n\nA text")
    assert (
        tumblr_text.text_difference(adapted, tumblr_text.text_of([{"text": "A heading"}, {"text": "A text "}])) is None
    )
    assert tumblr_text.text_difference(adapted, tumblr_text.text_of([{"text": "A heading"}])) == TextDifference(
        "A text", ""
    )


@pytest.mark.parametrize(
    ("state", "visible"),
    [("published", True), ("draft", False), ("queued", False), ("transcoding", False), ("private", False)],
)
def test_only_what_is_published_is_seen_on_tumblr(state: str, visible: bool) -> None:
    assert tumblr_text.is_visible({"state": state}) is visible
