"""Tests what the demo says of the copies that a platform holds."""

from __future__ import annotations

from publisher.cli.demo_check import differences
from publisher.db.models import Delivery
from tests.fakes import FakeRenderer, adapted_post

COPY = {"platform": "fake", "caption": "A title", "images": [{"sha256": "1" * 64, "alt_text": "alt"}]}


def said(copies: int, earlier: dict[str, int]) -> list[str]:
    delivery = Delivery(channel_name="fake", state="published", adapted=adapted_post().model_dump(mode="json"), part=0)
    return [str(text) for text in differences([delivery], [COPY] * copies, FakeRenderer(), earlier)]


def test_a_copy_of_a_former_day_is_no_second_copy() -> None:
    assert said(1, {}) == []
    assert said(3, {"fake": 2}) == []
    assert said(3, {"fake": 1}) == ["copies of “A title” on fake: 3 instead of 2"]
    assert said(2, {}) == ["copies of “A title” on fake: 2 instead of 1"]
