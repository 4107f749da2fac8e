"""Tests that the colour channels of a file are merged alike everywhere, in colours that somebody can choose."""

from __future__ import annotations

import contextlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner, Result
from numpy.typing import NDArray

from publisher.adapt.images.child_process import ImageRefused
from publisher.adapt.images.inspection import ImageFacts, inspect_image
from publisher.adapt.problem_codes import PictureWarning
from publisher.cli.main import cli
from publisher.core.colour_channels import MergedChannel, merge_of
from publisher.core.content import ColourChannelChoice, ImageChoices, RenditionSpec
from publisher.db.models import Post
from publisher.desk import Desk
from publisher.media import FolderStore
from publisher.posts.channel_texts import (
    ChannelTextInvalid,
    parse_channels,
    parse_merged,
    write_channels,
    write_merged,
)
from publisher.posts.drafts import ImageDraft, NewChoices, PostChanges, PostDraft
from publisher.posts.picture_channels import merge_of_picture
from publisher.posts.post_store import load_post
from publisher.posts.preview import preview
from publisher.posts.thumbnails import thumbnail_spec
from publisher.schedule.approval import NotApproved, every_problem
from publisher.schedule.post_queue import PostQueue
from tests.image_judge import BLOG, pixels, render
from tests.image_samples import cut, fluorescence, ome, write_pages_tiff

BLUE, GREEN, RED, WHITE = 0x0000FFFF, 0x00FF00FF, -0x00FFFF01, -1
Pages = list[NDArray[Any]]


def planes(top: int = 65535, kind: str = "uint16") -> Pages:
    """Draws three dyes, each as a plane of its own."""
    dyes = fluorescence(480, 320).numpy().astype(np.float64) / 255
    return [(dyes[:, :, dye] * top).astype(kind) for dye in range(3)]


def confocal(folder: Path, top: int = 65535, *, colours: tuple[int | None, ...] = (BLUE, GREEN, RED)) -> Path:
    names = ["DAPI", "Alexa &lt;488&gt;", "RFP"]
    return write_pages_tiff(folder / "confocal.ome.tif", planes(top), ome(names, list(colours)))


def add(desk: Desk, file: Path, **choices: Any) -> int:
    image = ImageDraft(file=file, alt_text="Cells on black", choices=NewChoices(**choices))
    draft = PostDraft(title="Cells", credit="Image by the bench", licence="CC BY 4.0", images=(image,))
    return PostQueue(desk).add(draft).id


def stored(desk: Desk, post_id: int) -> Post:
    with desk.database.reading() as session:
        return load_post(session, post_id)


def problems_of(desk: Desk, post_id: int, *, blocking: bool) -> dict[str, str]:
    with desk.database.reading() as session:
        problems = every_problem(session, load_post(session, post_id), desk)
    return {
        found.problem.problem.code.short_code: str(found) for found in problems if found.problem.blocking == blocking
    }


def choose(desk: Desk, post_id: int, **choices: Any) -> None:
    image = stored(desk, post_id).images[0]
    picture = ImageDraft(media=image.media_sha256, alt_text=image.alt_text, choices=NewChoices(**choices))
    PostQueue(desk).edit(post_id, PostChanges(images=(picture,)))


def run(desk: Desk, *arguments: str) -> Result:
    return CliRunner().invoke(cli, ["--config", str(desk.config), *arguments], env={"COLUMNS": "400"})


def colours_of(facts: ImageFacts) -> list[str]:
    return [channel.colour for channel in merge_of(facts.colour_channels)]


# --- what is found ---------------------------------------------------------------------------


def test_the_channels_of_an_ome_tiff_are_found(tmp_path: Path) -> None:
    facts = inspect_image(confocal(tmp_path, 4095))
    found = [(channel.name, channel.colour, channel.page) for channel in facts.colour_channels]
    assert found == [("DAPI", "#0000ff", 0), ("Alexa <488>", "#00ff00", 1), ("RFP", "#ff0000", 2)]
    assert [channel.values.detected for channel in facts.colour_channels] == [(0, 4095)] * 3
    assert not any(warning.code is PictureWarning.FIRST_PAGE_USED for warning in facts.warnings)


@pytest.mark.parametrize("colours", [(None, None, None), (WHITE, WHITE, WHITE)])
def test_channels_without_a_colour_get_one(colours: tuple[int | None, ...], tmp_path: Path) -> None:
    assert colours_of(inspect_image(confocal(tmp_path, colours=colours))) == ["#00ffff", "#ff00ff", "#ffff00"]


def test_a_colour_of_the_file_is_given_to_no_other_channel(tmp_path: Path) -> None:
    assert colours_of(inspect_image(confocal(tmp_path, colours=(None, 0x00FFFFFF, None)))) == [
        "#ff00ff", "#00ffff", "#ffff00",
    ]  # fmt: skip


def test_the_tables_of_imagej_give_the_colours(tmp_path: Path) -> None:
    text = "ImageJ=1.54f\nimages=2\nchannels=2\nmode=composite\nmin=0\nmax=4000\n"
    file = write_pages_tiff(tmp_path / "ij.tif", planes(4095)[:2], text, luts=["00ffff", "ff8000"])
    facts = inspect_image(file)
    assert colours_of(facts) == ["#00ffff", "#ff8000"]
    assert facts.colour_channels[0].values.detected == (0, 4000)
    assert facts.colour_channels[1].values.detected == (0, 4095)


@pytest.mark.parametrize(
    ("order", "sizes", "expected"),
    [
        ("XYZCT", 'SizeZ="2" SizeT="1"', [0, 2, 4]),
        ("XYCZT", 'SizeZ="2" SizeT="1"', [0, 1, 2]),
        ("XYZTC", 'SizeZ="1" SizeT="2"', [0, 2, 4]),
    ],
)
def test_of_a_stack_the_first_plane_is_shown_and_that_is_told(
    order: str, sizes: str, expected: list[int], tmp_path: Path
) -> None:
    pages = [page for page in planes(60000) for _ in range(2)]
    text = ome(["a", "b", "c"], [BLUE, GREEN, RED], sizes=sizes, order=order)
    facts = inspect_image(write_pages_tiff(tmp_path / "stack.tif", pages, text))
    assert [channel.page for channel in facts.colour_channels] == expected
    (told,) = (warning for warning in facts.warnings if warning.code is PictureWarning.FIRST_PLANE_USED)
    assert "Only the first plane of the first time is shown" in str(told)


def test_a_stack_without_channels_shows_its_first_plane(tmp_path: Path) -> None:
    text = ome(["a"], [None], sizes='SizeZ="3" SizeT="1"')
    facts = inspect_image(write_pages_tiff(tmp_path / "stack.tif", planes(60000), text))
    assert facts.colour_channels == ()
    assert [w.code for w in facts.warnings if w.code is not PictureWarning.FEW_PIXELS] == [
        PictureWarning.FIRST_PLANE_USED
    ]


def test_the_pages_that_the_metadata_names_are_taken(tmp_path: Path) -> None:
    inner = "".join(f'<TiffData IFD="{2 - number}" FirstC="{number}" FirstZ="0" FirstT="0"/>' for number in range(3))
    text = ome(["a", "b", "c"], [BLUE, GREEN, RED], inner=inner)
    facts = inspect_image(write_pages_tiff(tmp_path / "named.tif", planes(60000), text))
    assert [channel.page for channel in facts.colour_channels] == [2, 1, 0]


def test_several_samples_of_a_pixel_are_channels_too(store: FolderStore, tmp_path: Path) -> None:
    values = np.stack([*planes(255, "uint8"), *planes(255, "uint8")[:1]], axis=-1)
    file = write_pages_tiff(tmp_path / "four.tif", [values])
    facts = inspect_image(file)
    assert [channel.band for channel in facts.colour_channels] == [0, 1, 2, 3]
    assert facts.values is None
    made = render(store, file, BLOG, channels=merge_of(facts.colour_channels))
    assert pixels(made.path).mean() > 20


def test_pages_without_metadata_are_still_no_channels(tmp_path: Path) -> None:
    facts = inspect_image(write_pages_tiff(tmp_path / "plain.tif", planes(60000)))
    assert facts.colour_channels == ()
    assert any(warning.code is PictureWarning.FIRST_PAGE_USED for warning in facts.warnings)


def test_of_many_channels_the_first_are_shown(tmp_path: Path) -> None:
    pages = [plane for _ in range(4) for plane in planes(60000)]
    text = ome([f"m{number}" for number in range(12)], [None] * 12)
    facts = inspect_image(write_pages_tiff(tmp_path / "many.tif", pages, text))
    assert [channel.number for channel in merge_of(facts.colour_channels)] == [1, 2, 3]
    chosen = [ColourChannelChoice()] * 8 + [ColourChannelChoice(colour="#ff0000")]
    assert [channel.number for channel in merge_of(facts.colour_channels, chosen)] == [1, 2, 3, 9]


# --- odd and hostile files -------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        ome(["a"] * 9, [None] * 9),
        ome(["a", "b", "c"], [None] * 3, sizes='SizeZ="4000000000" SizeT="99999999999999"'),
        ome(["a", "b", "c"], [None] * 3).replace('SizeC="3"', 'SizeC="900000000"'),
        ome(["a", "b", "c"], [None] * 3).replace('Name="a"', 'Name="' + "<Channel " * 20_000),
        "<OME><Pixels SizeC='3'" + " a='" * 100_000,
        '<?xml version="1.0"?><!DOCTYPE OME [<!ENTITY a "aa"><!ENTITY b "&a;&a;">]><OME><Pixels SizeC="&b;"/></OME>',
        "ImageJ=1\nchannels=999999999\nslices=999999999\n",
        "ImageJ=1\nchannels=3\nslices=7\n",
    ],
)
def test_metadata_that_lies_leaves_the_first_page(text: str, tmp_path: Path) -> None:
    facts = inspect_image(write_pages_tiff(tmp_path / "odd.tif", planes(60000), text))
    assert (facts.width, facts.height) == (480, 320)
    assert len(facts.colour_channels) in (0, 3)


def test_a_page_of_another_size_is_refused(tmp_path: Path) -> None:
    first, second, _ = planes(60000)
    text = ome(["a", "b"], [None] * 2)
    with pytest.raises(ImageRefused, match="differ in size or kind"):
        inspect_image(write_pages_tiff(tmp_path / "odd.tif", [first, second[:100].copy()], text))


def test_a_page_that_is_cut_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ImageRefused):
        inspect_image(cut(confocal(tmp_path), tmp_path / "cut.tif", 0.9))


def test_broken_directories_harm_nothing(tmp_path: Path) -> None:
    content = confocal(tmp_path).read_bytes()
    chance = np.random.default_rng(5)
    for _ in range(15):
        broken = bytearray(content)
        for place in chance.integers(0, 900, 4):
            broken[place] = int(chance.integers(256))
        (tmp_path / "broken.tif").write_bytes(broken)
        with contextlib.suppress(ImageRefused):
            assert inspect_image(tmp_path / "broken.tif").width >= 64


def test_channels_behind_each_other_on_a_page_are_refused_by_name(tmp_path: Path) -> None:
    content = bytearray(write_pages_tiff(tmp_path / "planar.tif", [np.stack(planes(60000), axis=-1)]).read_bytes())
    # The tag of the resolution's place is turned into that of the order of channels.
    at = content.index((278).to_bytes(2, "little") + (4).to_bytes(2, "little"))
    content[at : at + 12] = (284).to_bytes(2, "little") + b"\x03\x00\x01\x00\x00\x00\x02\x00\x00\x00"
    (tmp_path / "planar.tif").write_bytes(content)
    with pytest.raises(ImageRefused, match="one behind the other"):
        inspect_image(tmp_path / "planar.tif")


# --- what is shown ---------------------------------------------------------------------------


def test_channels_are_added_in_their_colours(store: FolderStore, tmp_path: Path) -> None:
    file = confocal(tmp_path)
    made = pixels(render(store, file, BLOG, channels=merge_of(inspect_image(file).colour_channels)).path)
    expected = np.stack([plane / 257 for plane in reversed(planes())], axis=-1)
    assert np.abs(made - expected).mean() < 4
    white = [ColourChannelChoice(colour="#ffffff")] * 3
    grey = pixels(render(store, file, BLOG, channels=merge_of(inspect_image(file).colour_channels, white)).path)
    assert np.abs(grey - np.sum(planes(), axis=0)[:, :, None].clip(0, 65535) / 257).mean() < 4


def test_each_channel_has_its_own_range(store: FolderStore, tmp_path: Path) -> None:
    values = planes()
    dim = [values[0], (values[1] // 50), values[2]]
    text = ome(["a", "b", "c"], [RED, GREEN, BLUE])
    file = write_pages_tiff(tmp_path / "dim.tif", dim, text)
    facts = inspect_image(file)
    merged = merge_of(facts.colour_channels)
    assert [(channel.black, channel.white) for channel in merged] == [(0, 65535), (0, 2047), (0, 65535)]
    made = pixels(render(store, file, BLOG, channels=merged).path)
    assert made[:, :, 1].max() > 100


def test_a_crop_and_a_turn_show_the_same(store: FolderStore, tmp_path: Path) -> None:
    file = confocal(tmp_path)
    merged = merge_of(inspect_image(file).colour_channels)
    whole = pixels(render(store, file, BLOG, channels=merged).path)
    half = {"left": 0.5, "top": 0.0, "width": 0.5, "height": 1.0}
    part = pixels(render(store, file, BLOG, channels=merged, crop=half).path)
    assert np.abs(part - whole[:, 240:]).mean() < 2


def test_every_channel_and_thumbnail_shows_the_same_merge(desk: Desk, tmp_path: Path) -> None:
    chosen = parse_channels("magenta,off,green:percentile")
    post = stored(desk, add(desk, confocal(tmp_path), colour_channels=chosen))
    merged = merge_of_picture(post.images[0])
    assert [(channel.number, channel.colour) for channel in merged] == [(1, "#ff00ff"), (3, "#00ff00")]
    shown = preview(post, desk.targets, desk.people, desk.renderer)
    specs = [image.spec for channel in shown if channel.adapted for image in channel.adapted.images]
    media = post.images[0].media
    specs.append(thumbnail_spec(media.sha256, 160, media.values, merged=merged))
    assert {spec.channels for spec in specs} == {merged}
    assert {RenditionSpec.model_validate_json(spec.model_dump_json()).digest for spec in specs} == {
        spec.digest for spec in specs
    }
    for made in (made for channel in shown for made in channel.renditions):
        assert made is not None
        assert pixels(made.path).mean() > 5
        assert any("2 colour channels are merged" in str(note) for note in made.notes)


# --- what a person chooses -------------------------------------------------------------------


def test_how_it_is_merged_is_a_remark(desk: Desk, tmp_path: Path) -> None:
    post_id = add(desk, confocal(tmp_path), colour_channels=parse_channels(",off"))
    assert problems_of(desk, post_id, blocking=True) == {}
    remarks = problems_of(desk, post_id, blocking=False)
    assert remarks["colour-channels-some-shown"].startswith(
        "Picture 1 is merged of colour channels: DAPI in blue, RFP in red. Left out: Alexa <488>. To choose"
    )
    assert not any("only the first is" in text for text in remarks.values())
    PostQueue(desk).approve(post_id)


def test_dark_channels_wait_until_somebody_has_chosen(desk: Desk, tmp_path: Path) -> None:
    post_id = add(desk, confocal(tmp_path, 4095))
    with pytest.raises(NotApproved, match="DAPI from 0 to 4,095"):
        PostQueue(desk).approve(post_id)
    choose(desk, post_id, window="detected")
    PostQueue(desk).approve(post_id)
    assert stored(desk, post_id).state == "approved"


def test_one_dark_channel_of_several_is_a_remark(desk: Desk, tmp_path: Path) -> None:
    values = planes()
    file = write_pages_tiff(tmp_path / "dim.tif", [values[0], values[1] // 50], ome(["a", "b"], [RED, GREEN]))
    post_id = add(desk, file)
    assert problems_of(desk, post_id, blocking=True) == {}
    assert "so it shows b from 0 to 2,047" in problems_of(desk, post_id, blocking=False)["colour-channels-found"]
    choose(desk, post_id, colour_channels=parse_channels(",:full"))
    assert "b from 0 to 65,535" in problems_of(desk, post_id, blocking=False)["colour-channels-hidden"]


def test_something_has_to_be_shown(desk: Desk, tmp_path: Path) -> None:
    post_id = add(desk, confocal(tmp_path), colour_channels=parse_channels("off,off,off"))
    assert set(problems_of(desk, post_id, blocking=True)) >= {"colour-channels-left-out"}


def test_commands_tell_show_and_choose(desk: Desk, tmp_path: Path) -> None:
    file = confocal(tmp_path)
    arguments = ("--title", "Cells", "--credit", "Bench", "--image", str(file), "--alt", "Cells")
    added = run(desk, "add", *arguments, "--colour-channels", "1=grey,off")
    assert "merged of colour channels: DAPI in grey, RFP in red. Left out: Alexa" in " ".join(added.output.split())
    for command in (("show", "1"), ("preview", "1"), ("queue",)):
        assert "DAPI in grey" in " ".join(run(desk, *command).output.split()), command
    assert run(desk, "edit", "1", "--colour-channels", "mauve").exit_code == 2
    assert run(desk, "edit", "1", "--colour-channels", "x=red").exit_code == 2
    assert run(desk, "edit", "1", "--colour-channels", "red:half").exit_code == 2
    assert run(desk, "edit", "1", "--colour-channels", "#ff8800:detected,cyan").exit_code == 0
    assert "DAPI in #ff8800, Alexa <488> in cyan, RFP in red" in " ".join(run(desk, "approve", "1").output.split())
    windows = json.loads(run(desk, "preview", "1", "--json").stdout)[0]["windows"]
    assert [(window["window"], window["black"]) for window in windows] == [
        ("full", None), ("detected", None), ("percentile", None),
    ]  # fmt: skip


def test_a_post_file_chooses(desk: Desk, tmp_path: Path) -> None:
    confocal(tmp_path)
    picture = "images:\n  - file: confocal.ome.tif\n    alt: Cells\n    colour_channels: {}\n"
    text = f"---\ntitle: Cells\ncredit: Bench\n{picture}---\n"
    (tmp_path / "cells.md").write_text(text.format('"green, off"'), encoding="utf-8")
    assert run(desk, "add", str(tmp_path / "cells.md")).exit_code == 0
    chosen = ImageChoices.model_validate(stored(desk, 1).images[0].choices).colour_channels
    assert chosen == (ColourChannelChoice(colour="#00ff00"), ColourChannelChoice(shown=False))
    (tmp_path / "wrong.md").write_text(text.format("mauve"), encoding="utf-8")
    assert "“mauve” is no colour" in run(desk, "add", str(tmp_path / "wrong.md")).output


@pytest.mark.parametrize("text", ["", "green", "green,off", ",:detected", "#ff8800:full,green:off,on", "on", "off:off"])
def test_texts_are_read_as_they_are_written(text: str) -> None:
    chosen = ImageChoices.model_validate({"colour_channels": parse_channels(text)}).model_dump()["colour_channels"]
    written = write_channels(chosen)
    again = ImageChoices.model_validate({"colour_channels": parse_channels(written)}).model_dump()["colour_channels"]
    assert again == chosen


def test_merges_are_read_as_they_are_written(tmp_path: Path) -> None:
    channels = inspect_image(confocal(tmp_path)).colour_channels
    merged = (MergedChannel(1, 0, 0, "#ff8800", -3, 4095), MergedChannel(3, 2, 0, "#00ff00", -1.5, 1e30))
    assert parse_merged(write_merged(merged), channels) == merged
    for wrong in ("", "9~ff8800~1~2", "1~ff8800~1", "1~red~1~2", "1~ff8800~e~.", "0~ff8800~1~2"):
        with pytest.raises(ChannelTextInvalid):
            parse_merged(wrong, channels)
