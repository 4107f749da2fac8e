"""Tests that people type the values that are black and white, of a whole picture and of each colour channel."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError

from publisher.adapt.images.inspection import inspect_image
from publisher.core.colour_channels import merge_of
from publisher.core.content import ColourChannelChoice, ImageChoices
from publisher.core.value_range import window_of
from publisher.core.window_choice import read_window, write_window
from publisher.desk import Desk
from publisher.media import FolderStore
from publisher.posts.channel_texts import ChannelTextInvalid, parse_channels, write_channels
from publisher.posts.picture_channels import merge_of_picture
from publisher.posts.preview import preview
from publisher.posts.thumbnails import thumbnail_spec
from tests.image_judge import BLOG, pixels, render
from tests.image_samples import write_pages_tiff
from tests.integration.test_colour_channels import add, confocal, problems_of, run, stored


@pytest.mark.parametrize(
    ("typed", "read"),
    [
        ("200-3000", (200, 3000)),
        ("200..3000", (200, 3000)),
        (" -20.5 .. -3 ", (-20.5, -3)),
        ("-5--2", (-5, -2)),
        ("1e-3-0.5", (0.001, 0.5)),
        ([0, 4095], (0, 4095)),
        (["0.25", " 1.0 "], (0.25, 1)),
        ("detected", "detected"),
        (None, None),
    ],
)
def test_ranges_are_read_as_people_type_them(typed: Any, read: Any) -> None:
    assert read_window(typed) == read
    assert read_window(write_window(read) or None) == read


@pytest.mark.parametrize(
    ("typed", "sentence"),
    [
        ("3000-200", "black is 3,000 and white is 200; the value of black must be the smaller one"),
        ("5-5", "must be the smaller one"),
        ("half", "“half” is neither one of full, detected, percentile nor a range"),
        ("200", "write the values of black and of white, such as 200-3000"),
        ([1, 2, 3], "a range has two numbers"),
        (7, "a range has two numbers"),
        ({"low": 1}, "a range has two numbers"),
        (["", "3"], "a range needs both values"),
        (["0,5", "3"], "“0,5” is no number"),
        ([True, 3], "“True” is no number"),
        (["nan", "3"], "“nan” is no number"),
        ([1, "9e999"], "“9e999” is too large a number"),
    ],
)
def test_what_is_no_range_is_told_in_a_sentence(typed: Any, sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence.replace("(", r"\(")) as caught:
        read_window(typed)
    assert sentence in str(caught.value.args[0])
    with pytest.raises(ValidationError):
        ImageChoices.model_validate({"colour_channels": [{"window": typed}]})


@pytest.mark.parametrize("text", ["green:200..3000", ",:-0.5..1", ":off,#ff8800:0..1e-05"])
def test_typed_values_of_channels_are_written_as_they_are_read(text: str) -> None:
    assert write_channels(parse_channels(text)) == text
    with pytest.raises(ChannelTextInvalid, match="smaller one"):
        parse_channels("red:9-1")


def test_every_channel_and_thumbnail_shows_the_typed_values(desk: Desk, tmp_path: Path) -> None:
    chosen = parse_channels("magenta:200-3000,off,green:10-900.5")
    post = stored(desk, add(desk, confocal(tmp_path, 4095), colour_channels=chosen))
    merged = merge_of_picture(post.images[0])
    assert [(one.number, one.black, one.white) for one in merged] == [(1, 200, 3000), (3, 10, 900.5)]
    shown = preview(post, desk.targets, desk.people, desk.renderer)
    media = post.images[0].media
    specs = [image.spec for channel in shown if channel.adapted for image in channel.adapted.images]
    specs.append(thumbnail_spec(media.sha256, 160, media.values, merged=merged))
    assert {spec.channels for spec in specs} == {merged}
    assert set(problems_of(desk, post.id or 0, blocking=True)) == set()


def test_typed_values_are_black_and_the_full_colour(store: FolderStore, tmp_path: Path) -> None:
    values = np.tile(np.linspace(0, 4000, 400).astype(np.uint16), (300, 1))
    picture = write_pages_tiff(tmp_path / "grey.tif", [values])
    made = pixels(render(store, picture, BLOG, window=window_of((1000, 3000), None)).path)[150, :, 0]
    assert made[95] <= 2
    assert abs(int(made[200]) - 128) <= 3
    assert made[305] >= 253


def test_one_typed_range_holds_for_the_channels_without_their_own(tmp_path: Path) -> None:
    choices = ImageChoices.model_validate(
        {"window": [5, 900], "colour_channels": [{"window": "full"}, {"window": "1-2"}]}
    )
    channels = inspect_image(confocal(tmp_path, 4095)).colour_channels
    merged = merge_of(channels, choices.colour_channels or (), choices.window)
    assert [(one.black, one.white) for one in merged] == [(0, 65535), (1, 2), (5, 900)]


def test_typed_values_in_which_little_is_seen_are_a_remark(desk: Desk, tmp_path: Path) -> None:
    post_id = add(desk, confocal(tmp_path, 4095), colour_channels=parse_channels(":0-4000,:0-4000,:60000-65000"))
    assert problems_of(desk, post_id, blocking=True) == {}
    assert "RFP from 60,000 to 65,000" in problems_of(desk, post_id, blocking=False)["colour-channels-hidden"]


def test_show_writes_choices_as_the_options_read_them(desk: Desk, tmp_path: Path) -> None:
    add(desk, confocal(tmp_path, 4095), window=(5, 900), colour_channels=parse_channels("grey:200-3000,:detected,off"))
    shown = run(desk, "show", "1").output
    assert "window: 5..900" in shown
    assert "colour_channels: grey:200..3000,:detected,:off" in shown


def test_commands_and_post_files_take_typed_values(desk: Desk, tmp_path: Path) -> None:
    picture = confocal(tmp_path, 4095)
    (tmp_path / "cells.md").write_text(
        f'+++\ntitle = "Cells"\n[[images]]\nfile = "{picture.name}"\nalt = "Cells"\nwindow = "5-900"\n'
        'colour_channels = "green:200-3000"\n+++\n',
        encoding="utf-8",
    )
    assert run(desk, "add", str(tmp_path / "cells.md")).exit_code == 0
    choices = ImageChoices.model_validate(stored(desk, 1).images[0].choices)
    assert choices.window == (5, 900)
    assert choices.colour_channels == (ColourChannelChoice(colour="#00ff00", window=(200, 3000)),)
    wrong = run(desk, "edit", "1", "--colour-channels", "green:3000-200")
    assert wrong.exit_code == 2
    assert "black is 3,000 and white is 200; the value of black must be the smaller one" in wrong.output
    assert "nor a range" in run(desk, "edit", "1", "--window", "1=half").output
    assert run(desk, "edit", "1", "--window", "1=10-20", "--colour-channels", "1=,green:-3-7").exit_code == 0
    choices = ImageChoices.model_validate(stored(desk, 1).images[0].choices)
    assert choices.window == (10, 20)
    assert choices.colour_channels == (ColourChannelChoice(), ColourChannelChoice(colour="#00ff00", window=(-3, 7)))
    text = (tmp_path / "cells.md").read_text(encoding="utf-8").replace("5-900", "900-5")
    (tmp_path / "wrong.md").write_text(text, encoding="utf-8")
    assert "black is 900 and white is 5" in run(desk, "add", str(tmp_path / "wrong.md"), "--again").output
