"""Tests that channels have names for people, and platforms marks of our own."""

from __future__ import annotations

from pathlib import Path

import pytest

from publisher.alerts.problem_codes import AlertHeadline
from publisher.core.event_names import event_sentence
from publisher.core.messages import Reader, _, reading_as
from publisher.delivery.problem_codes import PausedChannelProblem
from publisher.platforms.profiles import platform_names
from publisher.settings import Settings
from publisher.settings.channel_names import channel_names
from publisher.web.platform_marks import platform_mark


def settings(**channels: str) -> Settings:
    tables = {
        name: {"platform": platform, "account": f"{name}.account", "caption": "caption.j2"}
        for name, platform in channels.items()
    }
    outlet = {"name": "A", "time_zone": "UTC", "hour": "09:00"}
    return Settings.model_validate({"file": Path("publisher.toml"), "outlet": outlet, "channels": tables})


@pytest.mark.parametrize("platform", platform_names())
def test_every_platform_has_a_mark_that_assistive_programs_pass_over(platform: str) -> None:
    mark = platform_mark(platform)
    assert mark.startswith('<span class="mark" aria-hidden="true"><svg')
    assert "<script" not in mark


def test_a_channel_is_called_by_its_platform_and_one_of_several_by_account() -> None:
    names = channel_names(settings(main="tumblr", catalan="tumblr", pics="instagram"))
    assert names == {
        "main": "Tumblr (main.account)", "catalan": "Tumblr (catalan.account)", "pics": "Instagram",
    }  # fmt: skip


def test_texts_call_channels_as_their_reader_does() -> None:
    reader = Reader(channel_names={"x": "X", "pics": "Instagram"})
    paused = PausedChannelProblem.CHANNEL_PAUSED(channel="pics", why="a test")
    with reading_as(reader):
        assert str(AlertHeadline.CHANNEL_PAUSED(channel="pics")) == "Instagram: the channel is paused"
        assert str(AlertHeadline.CHANNEL_PAUSED(channel="gone")) == "gone: the channel is paused"
        assert str(_("Left: {channels:list}.", channels=["x", "pics"])) == "Left: X, Instagram."
        assert str(_("raise channels.{channel:key}", channel="x")) == "raise channels.x"
        assert str(_("{title} on {place}", title="x", place=_("{channel}, part {part}", channel="x", part=2))) == (
            "x on X, part 2"
        )
        assert str(event_sentence("delivery pending", "pics")) == "It waits to be sent to Instagram"
        assert str(paused) == "The channel Instagram is paused: a test. Once that is mended, run: publisher resume pics"
    assert "pics" in str(paused)
