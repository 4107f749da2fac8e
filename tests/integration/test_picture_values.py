"""Tests that pictures with 12 bits in 16 are seen, alike everywhere, and only as somebody chose."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import pyvips
from click.testing import CliRunner, Result
from numpy.typing import NDArray
from sqlalchemy import select, update

from publisher.adapt.images.inspection import inspect_image
from publisher.cli.main import cli
from publisher.core.content import ImageChoices
from publisher.core.value_range import FULL_RANGE, Appearance, ValueFacts, window_of
from publisher.db.models import Media, Post
from publisher.desk import Desk
from publisher.media import FolderStore
from publisher.posts.drafts import ImageDraft, NewChoices, PostChanges, PostDraft
from publisher.posts.picture_values import examine_oldest_pictures, examine_pictures
from publisher.posts.post_store import load_post
from publisher.posts.preview import preview
from publisher.posts.thumbnails import thumbnail_spec
from publisher.schedule.approval import NotApproved, every_problem
from publisher.schedule.post_queue import PostQueue
from tests import image_samples as samples
from tests.image_judge import BLOG, GRID, pixels, render

OME = (
    '<?xml version="1.0"?><OME xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06"><Image ID="Image:0"><Pixels '
    'ID="Pixels:0" Type="uint16" SignificantBits="12" SizeX="480" SizeY="320"/></Image></OME>'
)


def cells(top: int, *, bands: int = 1, bottom: int = 0, seed: int = 1) -> Any:
    """Draws cells with 16-bit values from `bottom` to `top`."""
    dyes = samples.fluorescence(480, 320, seed=seed).numpy().astype(np.float64) / 255
    values = dyes if bands == 3 else dyes.max(axis=2, keepdims=True)
    return samples.from_array((bottom + values * (top - bottom)).round().astype(np.uint16))


def grey_tiff(folder: Path) -> Path:
    return samples.save(cells(4095), folder / "grey.tif")


def rgb_tiff(folder: Path) -> Path:
    return samples.save(cells(4095, bands=3), folder / "rgb.tif")


def grey_png(folder: Path) -> Path:
    return samples.save(cells(4095), folder / "grey.png")


def rgb_png(folder: Path) -> Path:
    return samples.save(cells(4095, bands=3), folder / "rgb.png")


def ome_tiff(folder: Path) -> Path:
    # A hot pixel hides the 12 bits, which the metadata names.
    values = cells(3500).numpy()
    values[0, 0] = 65535
    return described(values, OME, folder / "cells.ome.tif")


def described(values: NDArray[Any], text: str, path: Path) -> Path:
    image = samples.from_array(values.reshape(values.shape[0], values.shape[1], -1)).copy()
    image.set_type(pyvips.GValue.gstr_type, "image-description", text)
    return samples.save(image, path)


MICROSCOPE_FILES = [grey_tiff, rgb_tiff, grey_png, rgb_png, ome_tiff]


def add(desk: Desk, file: Path, window: Any = None) -> int:
    choices = NewChoices(window=window)
    image = ImageDraft(file=file, alt_text="Cells on black", choices=choices)
    draft = PostDraft(title="Cells", credit="Image by the bench", licence="CC BY 4.0", images=(image,))
    return PostQueue(desk).add(draft).id


def run(desk: Desk, *arguments: str) -> Result:
    return CliRunner().invoke(cli, ["--config", str(desk.config), *arguments], env={"COLUMNS": "300"})


def stored(desk: Desk, post_id: int) -> Post:
    with desk.database.reading() as session:
        return load_post(session, post_id)


def codes(desk: Desk, post_id: int, *, blocking: bool) -> list[str]:
    with desk.database.reading() as session:
        problems = every_problem(session, load_post(session, post_id), desk)
    return [found.problem.problem.code.short_code for found in problems if found.problem.blocking == blocking]


def choose(desk: Desk, post_id: int, window: Any) -> None:
    image = stored(desk, post_id).images[0]
    picture = ImageDraft(media=image.media_sha256, alt_text=image.alt_text, choices=NewChoices(window=window))
    PostQueue(desk).edit(post_id, PostChanges(images=(picture,)))


# --- what is found ---------------------------------------------------------------------------


@pytest.mark.parametrize("make", MICROSCOPE_FILES)
def test_twelve_bits_in_sixteen_are_found(make: Callable[[Path], Path], tmp_path: Path) -> None:
    values = inspect_image(make(tmp_path)).values
    assert values is not None
    assert values.detected == (0, 4095)
    assert values.appearance() is Appearance.BLACK
    assert window_of(None, values) == window_of("detected", values) == (0, 4095)
    assert window_of("full", values) == "full"


@pytest.mark.parametrize(
    ("bottom", "top", "appearance", "detected"),
    [
        (0, 65535, None, FULL_RANGE),
        (0, 30000, None, (0, 32767)),
        (60000, 65535, Appearance.WHITE, None),
        (32768, 36863, Appearance.FLAT, None),
        (300, 700, Appearance.BLACK, (0, 1023)),
        (3800, 4095, Appearance.BLACK, None),
    ],
)
def test_what_can_be_seen_is_judged_by_the_values(
    bottom: int, top: int, appearance: Appearance | None, detected: tuple[int, int] | None, tmp_path: Path
) -> None:
    values = inspect_image(samples.save(cells(top, bottom=bottom), tmp_path / "cells.tif")).values
    assert values is not None
    assert (values.minimum, values.maximum) == (bottom, top)
    assert values.appearance() is appearance
    assert values.detected == (detected or values.percentiles)
    assert values.appearance(values.detected) is None


def test_the_range_that_imagej_showed_comes_first(tmp_path: Path) -> None:
    values = cells(4095).numpy()
    text = "ImageJ=1.54f\nimages=1\nmin=120.0\nmax=2200.0\n"
    facts = inspect_image(described(values, text, tmp_path / "ij.tif")).values
    assert facts is not None
    assert facts.detected == (120, 2200)
    wrong = inspect_image(described(values, text.replace("2200", "90"), tmp_path / "wrong.tif")).values
    assert wrong is not None
    assert wrong.detected == (0, 4095)


def test_hidden_pixels_do_not_count(tmp_path: Path) -> None:
    image = cells(4095, bands=3)
    hole = (pyvips.Image.black(480, 320) + 65535).draw_rect(0, 0, 0, 480, 100, fill=True).cast("ushort")
    colours = (hole == 0).ifthenelse(50_000, image)
    clear = colours.bandjoin(hole).copy(interpretation="rgb16")
    values = inspect_image(samples.save(clear, tmp_path / "clear.png")).values
    assert values is not None
    assert values.detected == (0, 4095)
    assert values.high < 4096


def test_pictures_with_8_bits_have_no_range(tmp_path: Path) -> None:
    assert inspect_image(samples.save(samples.fluorescence(200, 200), tmp_path / "plain.png")).values is None


@pytest.mark.parametrize("value", [0, 700, 65535])
def test_a_picture_of_one_value_is_told_and_can_be_made(store: FolderStore, tmp_path: Path, value: int) -> None:
    flat = samples.save(samples.from_array(np.full((200, 200, 1), value, np.uint16)), tmp_path / "one.tif")
    values = inspect_image(flat).values
    assert values is not None
    assert values.appearance() in (Appearance.BLACK, Appearance.WHITE)
    for choice in ("full", "detected", "percentile", None):
        assert render(store, flat, BLOG, window=window_of(choice, values)).width == 200


# --- what is shown ---------------------------------------------------------------------------


@pytest.mark.parametrize("make", MICROSCOPE_FILES)
def test_no_channel_gets_a_black_picture(make: Callable[[Path], Path], desk: Desk, tmp_path: Path) -> None:
    post = stored(desk, add(desk, make(tmp_path)))
    shown = preview(post, desk.targets, desk.people, desk.renderer)
    means = [pixels(made.path).mean() for channel in shown for made in channel.renditions if made]
    assert len(means) == len(desk.targets)
    plain = render(desk.store, make(tmp_path), BLOG)
    assert pixels(plain.path).mean() < 5
    assert min(means) > 10 * pixels(plain.path).mean()


@pytest.mark.parametrize("choice", ["full", "detected", "percentile"])
def test_every_channel_and_thumbnail_shows_the_same_values(desk: Desk, tmp_path: Path, choice: Any) -> None:
    chance = np.random.default_rng(3)
    noisy = chance.normal(900, 400, (600, 900, 1)).clip(0, 4095)
    file = samples.save(samples.from_array(noisy.astype(np.uint16)), tmp_path / "noise.tif")
    post = stored(desk, add(desk, file, choice))
    shown = preview(post, desk.targets, desk.people, desk.renderer)
    windows = {image.spec.window for channel in shown if channel.adapted for image in channel.adapted.images}
    media = post.images[0].media
    windows.add(thumbnail_spec(media.sha256, 160, media.values, choice).window)
    assert media.values is not None
    assert windows == {window_of(choice, media.values)}
    notes = {str(note) for channel in shown for made in channel.renditions if made for note in made.notes}
    assert len({note for note in notes if "16-bit" in note}) == 1


def test_a_crop_shows_the_values_of_the_whole(store: FolderStore, tmp_path: Path) -> None:
    # The bright cell lies outside of the crop: by itself, the crop would be spread much wider.
    values = np.full((400, 800, 1), 500, np.uint16)
    values[:, 400:] = 4000
    file = samples.save(samples.from_array(values), tmp_path / "halves.tif")
    half = {"left": 0.0, "top": 0.0, "width": 0.4, "height": 1.0}
    made = render(store, file, BLOG, window=(0, 4095), crop=half)
    assert pixels(made.path).mean() == pytest.approx(500 * 255 / 4095, abs=1)


def test_a_range_is_spread_before_the_profile_maps_the_colours(store: FolderStore, tmp_path: Path) -> None:
    bright = samples.save(cells(65535, bands=3), tmp_path / "bright.tif", profile="p3")
    dim = samples.save(cells(4095, bands=3), tmp_path / "dim.tif", profile="p3")
    one, other = render(store, bright, GRID), render(store, dim, GRID, window=(0, 4095))
    assert np.abs(pixels(one.path) - pixels(other.path)).mean() < 1


def test_specs_of_former_versions_keep_their_digests() -> None:
    plain = thumbnail_spec("ab" * 32, 160)
    assert plain.digest == "508e9599058d9e575d1cd2d6f84aac43994ad3e61b5df8de2691ff0772f2780a"
    assert plain.model_copy(update={"window": "full"}).digest == (
        "2ebf01a4fbae9862fb69fe1f97bc0f02307870ed13b923696d604bd6158b6d51"
    )
    again = type(plain).model_validate_json(plain.model_copy(update={"window": (3, 4095)}).model_dump_json())
    assert again.window == (3, 4095)


# --- what a person chooses -------------------------------------------------------------------


def test_approval_waits_until_somebody_has_chosen(desk: Desk, tmp_path: Path) -> None:
    post_id = add(desk, grey_tiff(tmp_path))
    assert codes(desk, post_id, blocking=True) == ["picture-nearly-black"]
    with pytest.raises(NotApproved) as refusal:
        PostQueue(desk).approve(post_id)
    assert "nearly black" in str(refusal.value)
    choose(desk, post_id, "detected")
    assert codes(desk, post_id, blocking=True) == []
    PostQueue(desk).approve(post_id)
    assert stored(desk, post_id).state == "approved"


def test_for_a_picture_of_one_value_no_range_is_proposed(desk: Desk, tmp_path: Path) -> None:
    even = samples.from_array(np.full((200, 200, 1), 700, np.uint16))
    post_id = add(desk, samples.save(even, tmp_path / "even.tif"))
    assert codes(desk, post_id, blocking=True) == ["picture-even"]
    with pytest.raises(NotApproved, match="Every value of picture 1 is 700") as refusal:
        PostQueue(desk).approve(post_id)
    assert "Proposed" not in str(refusal.value)
    facts = stored(desk, post_id).images[0].media.values
    assert facts is not None
    assert facts.detected == facts.full == FULL_RANGE
    choose(desk, post_id, "full")
    PostQueue(desk).approve(post_id)


def test_black_can_be_chosen_and_is_told(desk: Desk, tmp_path: Path) -> None:
    post_id = add(desk, grey_tiff(tmp_path), "full")
    assert codes(desk, post_id, blocking=True) == []
    assert "little-seen-as-chosen" in codes(desk, post_id, blocking=False)
    PostQueue(desk).approve(post_id)


def test_a_dark_picture_in_which_enough_is_seen_has_a_remark(desk: Desk, tmp_path: Path) -> None:
    post_id = add(desk, samples.save(cells(30000), tmp_path / "dark.tif"))
    assert "picture-dark" in codes(desk, post_id, blocking=False)
    assert codes(desk, post_id, blocking=True) == []


def test_commands_tell_show_and_choose(desk: Desk, tmp_path: Path) -> None:
    file = grey_tiff(tmp_path)
    added = run(desk, "add", "--title", "Cells", "--credit", "Bench", "--image", str(file), "--alt", "Cells")
    assert "Picture 1 is nearly black over its full range" in added.output
    assert "publisher edit 1 --window 1=detected" in added.output
    for command in ("show", "approve", "queue"):
        assert "nearly black" in run(desk, command, *([] if command == "queue" else ["1"])).output, command
    seen = run(desk, "preview", "1")
    assert seen.exit_code == 1
    assert "nearly black" in seen.output
    files = {name: pixels(Path(path)).mean() for name, path in _choices(desk)}
    assert files["full"] < 5
    assert files["detected"] > 10 * files["full"]
    assert run(desk, "edit", "1", "--window", "7=full").exit_code == 2
    assert run(desk, "edit", "1", "--window", "half").exit_code == 2
    assert run(desk, "edit", "1", "--window", "1=detected").exit_code == 0
    post = stored(desk, 1)
    assert ImageChoices.model_validate(post.images[0].choices).window == "detected"
    assert post.images[0].alt_text == "Cells"
    assert run(desk, "approve", "1").exit_code == 0


def _choices(desk: Desk) -> list[tuple[str, str]]:
    rows = json.loads(run(desk, "preview", "1", "--json").stdout)
    return [(choice["window"], choice["path"]) for choice in rows[0]["windows"]]


def test_a_post_file_chooses(desk: Desk, tmp_path: Path) -> None:
    grey_tiff(tmp_path)
    text = "---\ntitle: Cells\ncredit: Bench\nimages:\n  - file: grey.tif\n    alt: Cells\n    window: detected\n---\n"
    (tmp_path / "cells.md").write_text(text, encoding="utf-8")
    assert run(desk, "add", str(tmp_path / "cells.md"), "--approve").exit_code == 0
    assert stored(desk, 1).state == "approved"


# --- pictures from an older desk -------------------------------------------------------------


def forget_values(desk: Desk) -> None:
    with desk.database.writing() as session:
        session.execute(update(Media).values(value_facts=None))


def values_of(desk: Desk) -> ValueFacts | None:
    with desk.database.reading() as session:
        return session.scalars(select(Media)).one().values


def test_the_values_of_an_older_picture_are_found_when_it_is_approved(desk: Desk, tmp_path: Path) -> None:
    post_id = add(desk, grey_tiff(tmp_path))
    forget_values(desk)
    assert codes(desk, post_id, blocking=True) == []
    with pytest.raises(NotApproved, match="nearly black"):
        PostQueue(desk).approve(post_id)
    assert values_of(desk) is not None


def test_the_values_of_older_pictures_are_found_in_the_background(desk: Desk, tmp_path: Path) -> None:
    add(desk, grey_tiff(tmp_path))
    forget_values(desk)
    examine_oldest_pictures(desk.database, desk.store, set())
    found = values_of(desk)
    assert found is not None
    assert found.detected == (0, 4095)


def test_an_older_picture_without_its_file_is_left_alone(desk: Desk, tmp_path: Path) -> None:
    add(desk, grey_tiff(tmp_path))
    forget_values(desk)
    for file in (tmp_path / "desk").rglob("*.tif"):
        file.unlink()
    for file in (tmp_path / "desk" / "media").rglob("*"):
        if file.is_file():
            file.unlink()
    failed: set[str] = set()
    examine_oldest_pictures(desk.database, desk.store, failed)
    assert len(failed) == 1
    examine_pictures(desk.database, desk.store, failed)
    assert values_of(desk) is None
