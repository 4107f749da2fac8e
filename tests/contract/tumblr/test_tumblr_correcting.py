"""What a correction on Tumblr must leave alone."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from publisher.core.content import AdaptedPost, Span, TextBlock
from publisher.platforms.abilities import CorrectionEnd
from publisher.platforms.errors import ContentRejected
from publisher.platforms.problem_codes import CorrectionProblem
from tests.contract.platforms.tumblr import Driver


def test_a_video_that_somebody_added_there_is_not_removed(desk: Driver) -> None:
    before = desk.post()
    number = desk.publish()
    (copy,) = desk.copies()
    video = {"type": "video", "url": "https://example.org/film"}
    content = [*copy.detail["content"], video]
    desk.ledger.change(replace(copy, detail={**copy.detail, "content": content}))
    after = before.model_copy(update={"tags": (*before.tags, "mended")})
    with pytest.raises(ContentRejected) as refused:
        desk.adapter().correct(number, before=before, after=after)
    assert refused.value.problem.code is CorrectionProblem.CHANGED_THERE
    assert desk.copies()[0].detail["content"] == content


def text_of(detail: dict[str, Any]) -> dict[str, Any]:
    block: dict[str, Any] = detail["content"][-1]
    return block


def marks_of(detail: dict[str, Any]) -> list[dict[str, Any]]:
    marks: list[dict[str, Any]] = text_of(detail)["formatting"]
    return marks


def with_marks(detail: dict[str, Any], *marks: dict[str, Any]) -> dict[str, Any]:
    return {**detail, "content": [*detail["content"][:-1], {**text_of(detail), "formatting": list(marks)}]}


TEXT = "Two cells divide. Seen by Ada."
CHANGED_BY_HAND: dict[str, Callable[[dict[str, Any]], dict[str, Any]]] = {
    "another source": lambda detail: {**detail, "source_url": "https://example.org/by-hand"},
    "no source": lambda detail: {**detail, "source_url": ""},
    "a word in italics": lambda detail: with_marks(
        detail, *marks_of(detail), {"start": 18, "end": 22, "type": "italic"}
    ),
    "another link": lambda detail: with_marks(
        detail, *({**mark, **({"url": "https://example.org/x"} if "url" in mark else {})} for mark in marks_of(detail))
    ),
    "no formatting": with_marks,
    "a heading": lambda detail: {
        **detail,
        "content": [*detail["content"][:-1], {**text_of(detail), "subtype": "quote"}],
    },
}
SAME_FOR_READERS: dict[str, Callable[[dict[str, Any]], dict[str, Any]]] = {
    "a divided range": lambda detail: with_marks(
        detail,
        *(mark for mark in marks_of(detail) if mark["type"] != "bold"),
        {"start": 0, "end": 4, "type": "bold"},
        {"start": 4, "end": 9, "type": "bold"},
    ),
    "a source behind a redirection": lambda detail: {
        **detail, "source_url": "https://href.li/?" + detail["source_url"],
    },
    "a source with a slash": lambda detail: {**detail, "source_url": detail["source_url"] + "/"},
}  # fmt: skip


def publish_formatted(desk: Driver) -> tuple[str, AdaptedPost]:
    """Publishes a text with formatting, and returns the number of its post and what was sent."""
    spans = (Span(start=0, end=9, kind="bold"), Span(start=26, end=29, kind="link", url="https://example.org/ada"))
    update = {"caption": TEXT, "blocks": (TextBlock(text=TEXT, spans=spans),), "link": "https://example.org/cells"}
    before = desk.post().model_copy(update=update)
    return desk.publish(post=before), before


@pytest.mark.parametrize("change", CHANGED_BY_HAND.values(), ids=CHANGED_BY_HAND.keys())
def test_formatting_and_source_that_somebody_changed_there_are_kept(
    desk: Driver, change: Callable[[dict[str, Any]], dict[str, Any]]
) -> None:
    number, before = publish_formatted(desk)
    (copy,) = desk.copies()
    by_hand = change(copy.detail)
    assert by_hand != copy.detail
    desk.ledger.change(replace(copy, detail=by_hand))
    after = before.model_copy(update={"tags": (*before.tags, "mended")})
    with pytest.raises(ContentRejected) as refused:
        desk.adapter().correct(number, before=before, after=after)
    assert refused.value.problem.code is CorrectionProblem.CHANGED_THERE
    assert desk.copies()[0].detail == by_hand


@pytest.mark.parametrize("change", SAME_FOR_READERS.values(), ids=SAME_FOR_READERS.keys())
def test_what_tumblr_writes_in_its_own_way_is_no_change(
    desk: Driver, change: Callable[[dict[str, Any]], dict[str, Any]]
) -> None:
    number, before = publish_formatted(desk)
    (copy,) = desk.copies()
    desk.ledger.change(replace(copy, detail=change(copy.detail)))
    assert desk.adapter().correct(number, before=before, after=before) is CorrectionEnd.SHOWN_ALREADY
    after = before.model_copy(update={"tags": (*before.tags, "mended")})
    assert desk.adapter().correct(number, before=before, after=after) is CorrectionEnd.SENT
    assert "mended" in desk.copies()[0].tags


def test_formatting_and_source_alone_are_corrected(desk: Driver) -> None:
    number, before = publish_formatted(desk)
    plain = before.model_copy(update={"blocks": (TextBlock(text=TEXT),), "link": "https://example.org/others"})
    assert desk.adapter().correct(number, before=before, after=plain) is CorrectionEnd.SENT
    assert desk.adapter().correct(number, before=before, after=plain) is CorrectionEnd.SHOWN_ALREADY
    (copy,) = desk.copies()
    assert (text_of(copy.detail).get("formatting"), copy.detail["source_url"]) == (None, "https://example.org/others")


def with_rows(detail: dict[str, Any], *rows: list[int]) -> dict[str, Any]:
    return {**detail, "layout": [{"type": "rows", "display": [{"blocks": row} for row in rows]}]}


ARRANGED_BY_HAND: dict[str, Callable[[dict[str, Any]], dict[str, Any]]] = {
    "the second picture first": lambda detail: with_rows(detail, [1, 0], [2]),
    "a row for each picture": lambda detail: with_rows(detail, [0], [1], [2]),
    "no layout": lambda detail: {**detail, "layout": []},
    "the text above": lambda detail: with_rows(detail, [2], [0, 1]),
    "the text first": lambda detail: with_rows(
        {**detail, "content": [detail["content"][-1], *detail["content"][:-1]]}, [0], [1, 2]
    ),
}
ARRANGED_AS_SENT: dict[str, Callable[[dict[str, Any]], dict[str, Any]]] = {
    "a layout of another kind beside it": lambda detail: {
        **detail, "layout": [{"type": "ask", "blocks": []}, *detail["layout"]],
    },
    "an empty text in a row of its own": lambda detail: with_rows(
        {**detail, "content": [*detail["content"], {"type": "text", "text": " "}]}, [0, 1], [2], [3]
    ),
}  # fmt: skip


def publish_two_pictures(desk: Driver) -> tuple[str, AdaptedPost]:
    """Publishes two pictures beside each other, and returns the number of the post and what was sent."""
    before = desk.post(2).model_copy(update={"caption": TEXT, "blocks": (TextBlock(text=TEXT),)})
    return desk.publish(count=2, post=before), before


@pytest.mark.parametrize("change", ARRANGED_BY_HAND.values(), ids=ARRANGED_BY_HAND.keys())
def test_pictures_that_somebody_put_elsewhere_stay_there(
    desk: Driver, change: Callable[[dict[str, Any]], dict[str, Any]]
) -> None:
    number, before = publish_two_pictures(desk)
    (copy,) = desk.copies()
    by_hand = change(copy.detail)
    assert by_hand != copy.detail
    desk.ledger.change(replace(copy, detail=by_hand))
    after = before.model_copy(update={"tags": (*before.tags, "mended")})
    with pytest.raises(ContentRejected) as refused:
        desk.adapter().correct(number, before=before, after=after)
    assert refused.value.problem.code is CorrectionProblem.CHANGED_THERE
    assert desk.copies()[0].detail == by_hand


@pytest.mark.parametrize("change", ARRANGED_AS_SENT.values(), ids=ARRANGED_AS_SENT.keys())
def test_a_layout_that_shows_the_same_is_no_change(
    desk: Driver, change: Callable[[dict[str, Any]], dict[str, Any]]
) -> None:
    number, before = publish_two_pictures(desk)
    (copy,) = desk.copies()
    desk.ledger.change(replace(copy, detail=change(copy.detail)))
    after = before.model_copy(update={"tags": (*before.tags, "mended")})
    assert desk.adapter().correct(number, before=before, after=after) is CorrectionEnd.SENT
