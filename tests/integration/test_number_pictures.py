"""Tests that floating-point, signed and 32-bit pictures are shown, over a range that somebody chose."""

from __future__ import annotations

import contextlib
import json
import struct
import zlib
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pytest
from click.testing import CliRunner, Result
from numpy.typing import NDArray

from publisher.adapt.images.child_process import ImageRefused
from publisher.adapt.images.inspection import inspect_image
from publisher.adapt.problem_codes import PictureProblem, PictureWarning
from publisher.cli.main import cli
from publisher.core.value_range import ValueFacts, limits_of, window_of
from publisher.db.models import Post
from publisher.desk import Desk
from publisher.media import FolderStore
from publisher.posts.drafts import ImageDraft, NewChoices, PostChanges, PostDraft
from publisher.posts.post_store import load_post
from publisher.posts.preview import preview
from publisher.posts.thumbnails import thumbnail_spec
from publisher.schedule.approval import NotApproved, every_problem
from publisher.schedule.post_queue import PostQueue
from tests import image_samples as samples
from tests.image_judge import BLOG, GRID, pixels, render
from tests.image_samples import write_number_tiff

KINDS = ["int8", "int16", "int32", "uint32", "float32", "float64"]


def waves(kind: str, *, low: float = -100, high: float = 100) -> NDArray[Any]:
    """Draws waves whose values go from `low` to `high`."""
    x, y = np.arange(300) / 300, (np.arange(200) / 200)[:, None]
    values = (np.sin(x * 20) * np.sin(y * 14) + 1) / 2
    if kind == "uint32":
        low = 0
    return (low + values * (high - low)).astype(kind)


def facts_of(file: Path) -> ValueFacts:
    values = inspect_image(file).values
    assert values is not None
    return values


def add(desk: Desk, file: Path) -> int:
    image = ImageDraft(file=file, alt_text="Waves on grey")
    draft = PostDraft(title="Waves", credit="Image by the bench", licence="CC BY 4.0", images=(image,))
    return PostQueue(desk).add(draft).id


def stored(desk: Desk, post_id: int) -> Post:
    with desk.database.reading() as session:
        return load_post(session, post_id)


def run(desk: Desk, *arguments: str) -> Result:
    return CliRunner().invoke(cli, ["--config", str(desk.config), *arguments], env={"COLUMNS": "400"})


# --- what is found ---------------------------------------------------------------------------


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("kind", KINDS)
def test_the_values_of_every_kind_are_found(kind: str, order: Literal["<", ">"], tmp_path: Path) -> None:
    values = waves(kind)
    facts = inspect_image(write_number_tiff(tmp_path / "waves.tif", values, order=order))
    assert facts.bits == 8 * values.itemsize
    found = facts.values
    assert found is not None
    assert found.kind == kind
    assert found.minimum == pytest.approx(values.min(), abs=1e-4)
    assert found.maximum == pytest.approx(values.max(), abs=1e-4)
    low, high = np.quantile(values, [0.001, 0.999])
    assert found.low == pytest.approx(low, abs=1.0)
    assert found.high == pytest.approx(high, abs=1.0)
    assert found.needs_choice
    assert found.appearance(found.detected) is None


@pytest.mark.parametrize("kind", KINDS)
def test_a_range_is_shown_as_black_to_white(kind: str, store: FolderStore, tmp_path: Path) -> None:
    values = waves(kind)
    file = write_number_tiff(tmp_path / "waves.tif", values)
    made = render(store, file, BLOG, window=window_of("detected", facts_of(file)))
    low, high = limits_of("detected", facts_of(file))
    expected = ((values.astype(np.float64) - low) / (high - low)).clip(0, 1) * 255
    assert np.abs(pixels(made.path).mean(axis=2) - expected).mean() < 2
    assert any(note.code.short_code == "numbers-mapped" for note in made.notes)


@pytest.mark.parametrize("kind", ["float32", "int16"])
def test_colours_with_such_values_are_shown(kind: str, store: FolderStore, tmp_path: Path) -> None:
    dyes = samples.fluorescence(300, 200).numpy().astype(np.float64)
    values = (dyes / 255 * 900 - 300).astype(kind)
    file = write_number_tiff(tmp_path / "dyes.tif", values)
    facts = facts_of(file)
    made = render(store, file, BLOG, window=(-300, 600))
    assert (facts.minimum, facts.maximum) == (values.min(), values.max())
    assert np.abs(pixels(made.path) - dyes).mean() < 6


def test_what_is_no_number_is_told_and_black(store: FolderStore, tmp_path: Path) -> None:
    values = waves("float32", low=5, high=9)
    values[:40, :50], values[40:50, :50], values[50:60, :50] = np.nan, np.inf, -np.inf
    file = write_number_tiff(tmp_path / "holes.tif", values)
    facts = inspect_image(file)
    assert facts.values is not None
    assert facts.values.unusable == 60 * 50
    assert np.allclose((facts.values.minimum, facts.values.maximum), (5, 9), atol=0.01)
    told = [warning for warning in facts.warnings if warning.code is PictureWarning.VALUES_NOT_FINITE]
    assert [str(warning) for warning in told] == [
        "3,000 of its values are no finite numbers: they count for no range, and are shown as black."
    ]
    made = pixels(render(store, file, BLOG, window=(0.0, 9.0)).path)
    assert made[5:55, 5:45].max() < 8
    assert made[100:, 100:].mean() > 150


def test_a_picture_without_any_number_is_black(store: FolderStore, tmp_path: Path) -> None:
    file = write_number_tiff(tmp_path / "none.tif", np.full((80, 100), np.nan, np.float32))
    facts = facts_of(file)
    assert facts.unusable == 8000
    assert pixels(render(store, file, BLOG, window=window_of(None, facts)).path).max() == 0


@pytest.mark.parametrize("outlier", [1e30, -3e38, 1e9])
def test_an_outlier_does_not_darken_all(outlier: float, store: FolderStore, tmp_path: Path) -> None:
    values = waves("float32", low=2, high=3)
    values[0, 0] = outlier
    file = write_number_tiff(tmp_path / "one.tif", values)
    facts = facts_of(file)
    assert np.allclose(facts.detected, (2, 3), atol=0.02)
    made = render(store, file, BLOG, window=window_of(None, facts))
    assert 90 < pixels(made.path).mean() < 165


@pytest.mark.parametrize("top", [1.5e308, 1e-310, 1e-30])
def test_the_largest_and_smallest_numbers_can_be_shown(top: float, store: FolderStore, tmp_path: Path) -> None:
    file = write_number_tiff(
        tmp_path / "edge.tif",
        waves("float64", low=-top, high=top) if top < 1 else ((waves("float64", low=-1, high=1)) * top),
    )
    facts = facts_of(file)
    made = render(store, file, BLOG, window=window_of("full", facts))
    assert made.width == 300
    if top > 1e-100:
        assert 90 < pixels(made.path).mean() < 165


@pytest.mark.parametrize("value", [0.0, -7.5, 1e20])
def test_a_picture_of_one_number_can_be_made(value: float, store: FolderStore, tmp_path: Path) -> None:
    file = write_number_tiff(tmp_path / "flat.tif", np.full((80, 100), value, np.float32))
    facts = facts_of(file)
    for choice in ("full", "detected", "percentile", None):
        assert render(store, file, BLOG, window=window_of(choice, facts)).width == 100


def test_numbers_from_0_to_1_keep_their_black_and_white(tmp_path: Path) -> None:
    facts = facts_of(write_number_tiff(tmp_path / "share.tif", waves("float32", low=0.1, high=0.8)))
    assert facts.detected == (0, 1)
    faint = facts_of(write_number_tiff(tmp_path / "faint.tif", waves("float32", low=0.001, high=0.1)))
    assert np.allclose(faint.detected, (0.001, 0.1), atol=0.001)


def test_the_range_that_imagej_showed_comes_first(tmp_path: Path) -> None:
    text = "ImageJ=1.54f\nmin=-2.5\nmax=40.25\n"
    facts = facts_of(write_number_tiff(tmp_path / "ij.tif", waves("float32"), description=text))
    assert facts.detected == (-2.5, 40.25)
    assert ValueFacts.from_json(json.loads(json.dumps(facts.to_json()))) == facts


# --- 64-bit files that are damaged or odd ----------------------------------------------------


@pytest.mark.parametrize("kind", ["float32", "float64", "int16"])
def test_damaged_files_are_refused(kind: str, tmp_path: Path) -> None:
    file = write_number_tiff(tmp_path / "waves.tif", waves(kind))
    with pytest.raises(ImageRefused) as refusal:
        inspect_image(samples.cut(file, tmp_path / "cut.tif", 0.7))
    assert refusal.value.problem.code in (PictureProblem.DAMAGED, PictureProblem.UNREADABLE)


def test_deflated_64_bit_numbers_are_read(tmp_path: Path) -> None:
    values = waves("float64")
    facts = facts_of(write_number_tiff(tmp_path / "waves.tif", values, deflated=True))
    assert facts.maximum == values.max()


def test_a_64_bit_file_that_unpacks_to_more_is_bounded(tmp_path: Path) -> None:
    bomb = zlib.compress(bytes(400_000_000), 9)
    file = write_number_tiff(tmp_path / "bomb.tif", waves("float64"), deflated=True, packed=bomb)
    assert facts_of(file).maximum == 0
    short = write_number_tiff(tmp_path / "short.tif", waves("float64"), deflated=True, packed=zlib.compress(b"0" * 99))
    with pytest.raises(ImageRefused, match="damaged"):
        inspect_image(short)


@pytest.mark.parametrize("kind", ["complex64", "int64", "uint64"])
def test_kinds_that_are_not_read_are_named(kind: str, tmp_path: Path) -> None:
    with pytest.raises(ImageRefused) as refusal:
        inspect_image(write_number_tiff(tmp_path / "odd.tif", np.ones((80, 100), kind)))
    assert ("complex numbers" if kind == "complex64" else "64 bits for each value") in str(refusal.value)


def test_hostile_tags_are_refused(tmp_path: Path) -> None:
    content = bytearray(write_number_tiff(tmp_path / "waves.tif", waves("float64")).read_bytes())
    chance = np.random.default_rng(7)
    for _ in range(25):
        broken = bytearray(content)
        for place in chance.integers(0, 200, 3):
            broken[place] = int(chance.integers(256))
        (tmp_path / "broken.tif").write_bytes(broken)
        with contextlib.suppress(ImageRefused):
            assert inspect_image(tmp_path / "broken.tif").width >= 64
    huge = content.replace(struct.pack("<HHII", 256, 4, 1, 300), struct.pack("<HHII", 256, 4, 1, 4_000_000))
    (tmp_path / "huge.tif").write_bytes(huge)
    with pytest.raises(ImageRefused, match="megapixels"):
        inspect_image(tmp_path / "huge.tif")


# --- what a person chooses -------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["float32", "int16"])
def test_approval_waits_until_somebody_has_chosen(kind: str, desk: Desk, tmp_path: Path) -> None:
    post_id = add(desk, write_number_tiff(tmp_path / "waves.tif", waves(kind)))
    with pytest.raises(NotApproved, match=r"no black and no white of their own: they go from -(100|99) to "):
        PostQueue(desk).approve(post_id)
    media = stored(desk, post_id).images[0].media_sha256
    chosen = ImageDraft(media=media, alt_text="Waves on grey", choices=NewChoices(window="percentile"))
    PostQueue(desk).edit(post_id, PostChanges(images=(chosen,)))
    PostQueue(desk).approve(post_id)
    post = stored(desk, post_id)
    assert post.state == "approved"
    with desk.database.reading() as session:
        problems = every_problem(session, load_post(session, post_id), desk)
    assert not any("black" in str(problem) for problem in problems)


def test_every_channel_and_thumbnail_shows_the_same_values(desk: Desk, tmp_path: Path) -> None:
    post = stored(desk, add(desk, write_number_tiff(tmp_path / "waves.tif", waves("float32"))))
    media = post.images[0].media
    assert media.values is not None
    shown = preview(post, desk.targets, desk.people, desk.renderer)
    windows = {image.spec.window for channel in shown if channel.adapted for image in channel.adapted.images}
    windows.add(thumbnail_spec(media.sha256, 160, media.values).window)
    assert windows == {media.values.detected}
    assert all(made is not None for channel in shown for made in channel.renditions)


def test_commands_tell_show_and_choose(desk: Desk, tmp_path: Path) -> None:
    file = write_number_tiff(tmp_path / "waves.tif", waves("float32"))
    added = run(desk, "add", "--title", "Waves", "--credit", "Bench", "--image", str(file), "--alt", "Waves")
    assert "stores its values as 32-bit floating-point numbers" in added.output
    for command in (("show", "1"), ("approve", "1"), ("queue",), ("preview", "1")):
        assert "stores its values as 32-bit" in " ".join(run(desk, *command).output.split()), command
    rows = json.loads(run(desk, "preview", "1", "--json").stdout)
    assert {row["window"] for row in rows[0]["windows"]} == {"full", "detected", "percentile"}
    assert run(desk, "edit", "1", "--window", "detected").exit_code == 0
    assert run(desk, "approve", "1").exit_code == 0


def test_a_crop_shows_the_values_of_the_whole(store: FolderStore, tmp_path: Path) -> None:
    values = np.full((400, 800), -50.0, np.float32)
    values[:, 400:] = 50
    file = write_number_tiff(tmp_path / "halves.tif", values)
    half = {"left": 0.5, "top": 0.0, "width": 0.4, "height": 1.0}
    made = render(store, file, GRID, window=(-100.0, 100.0), crop=half)
    middle = pixels(made.path)[made.height // 2, made.width // 2]
    assert middle.mean() == pytest.approx(191, abs=2)
