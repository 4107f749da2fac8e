"""Tests that large pictures use the bytes they have, that their likeness is true, and that old renditions stay."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import pyvips

from publisher.adapt.images.plans import plan_images
from publisher.adapt.images.process.encoding import Canvas, encode
from publisher.adapt.images.process.quality_metrics import compare
from publisher.adapt.images.process.sampling import SMALL_TILE, TILE, take_tiles
from publisher.adapt.images.rendering import Renderer
from publisher.core.content import RENDITION_RECIPE, ImageFormat, RenditionSpec, SourceImage
from publisher.media import FolderStore
from publisher.platforms.profiles import ImageLimits
from tests import image_samples as samples
from tests.image_judge import content, pixels, render, similarity

LARGE: dict[str, Any] = {"formats": ("jpeg",), "max_bytes": 5_000_000, "max_width": 2600, "max_height": 2600}


def uneven(width: int, height: int) -> pyvips.Image:
    """Draws a picture that has detail in one corner only."""
    plain = samples.from_array(np.full((height, width, 3), (30, 30, 60), np.uint8))
    return plain.insert(samples.tissue(width // 3, height // 3), width // 2 + 5, height // 2 + 7).copy_memory()


def encoded_bytes(image: pyvips.Image, quality: int) -> int:
    return len(image.jpegsave_buffer(Q=quality, subsample_mode="off", optimize_coding=True, interlace=True))


@pytest.mark.parametrize("draw", [samples.tissue, samples.fluorescence, uneven])
@pytest.mark.parametrize("max_bytes", [500_000, 900_000])
def test_a_large_picture_has_the_best_quality_that_its_bytes_allow(
    store: FolderStore, tmp_path: Path, draw: Any, max_bytes: int
) -> None:
    image = draw(1500, 1200)
    rendition = render(store, samples.save(image, tmp_path / "large.png"), LARGE, max_bytes=max_bytes)
    assert rendition.bytes <= max_bytes
    assert rendition.quality is not None
    if rendition.quality < 98:
        assert encoded_bytes(image, rendition.quality + 1) > max_bytes - 1000


def squared_error(image: pyvips.Image, jpeg: bytes) -> float:
    error = image.cast("float") - pyvips.Image.jpegload_buffer(jpeg).cast("float")
    return float((error * error).avg())


@pytest.mark.parametrize("size", [(600, 450), (1500, 1125)])
def test_trellis_quantisation_is_taken_where_it_is_closer_at_equal_bytes(
    store: FolderStore, tmp_path: Path, size: tuple[int, int]
) -> None:
    image = samples.tissue(*size)
    plain = image.jpegsave_buffer(Q=62, subsample_mode="off", optimize_coding=True, interlace=True, keep="none")
    original = samples.save(image, tmp_path / "tissue.png")
    rendition = render(store, original, LARGE, max_bytes=len(plain) + 500)
    made = rendition.path.read_bytes()
    assert rendition.quality is not None
    assert 62 < rendition.quality < 80
    assert len(made) <= len(plain) + 500
    assert squared_error(image, made) < 0.98 * squared_error(image, plain)
    assert rendition.ssim == pytest.approx(similarity(pixels(original), pixels(rendition.path)), abs=0.01)


@pytest.mark.parametrize(("draw", "quality"), [(samples.fluorescence, 70), (samples.tissue, 86)])
def test_trellis_quantisation_is_left_where_it_gains_nothing(
    store: FolderStore, tmp_path: Path, draw: Any, quality: int
) -> None:
    image = draw(1500, 1125)
    plain = image.jpegsave_buffer(Q=quality, subsample_mode="off", optimize_coding=True, interlace=True, keep="none")
    original = samples.save(image, tmp_path / "picture.png")
    rendition = render(store, original, LARGE, max_bytes=len(plain) + 500)
    made = rendition.path.read_bytes()
    assert rendition.quality == quality
    assert squared_error(image, made) == pytest.approx(squared_error(image, plain))


@pytest.mark.parametrize("draw", [samples.tissue, samples.fluorescence, uneven, samples.line_figure])
@pytest.mark.parametrize("ratio", [None, 0.8])
def test_likeness_of_a_large_picture_agrees_with_an_independent_measure(
    store: FolderStore, tmp_path: Path, draw: Any, ratio: float | None
) -> None:
    original = samples.save(draw(1500, 1200), tmp_path / "large.png")
    rendition = render(store, original, LARGE, max_bytes=400_000, canvas_ratio=ratio)
    shown = content(rendition, 1500, 1200)
    assert rendition.ssim == pytest.approx(similarity(pixels(original), shown), abs=0.02)
    assert (rendition.height > 1200) is (ratio is not None)


@pytest.mark.parametrize("draw", [samples.tissue, samples.fluorescence, uneven, samples.line_figure])
@pytest.mark.parametrize("subsample", ["off", "on"])
def test_tiles_stand_for_the_whole(draw: Any, subsample: str) -> None:
    image = draw(1500, 1200)
    tiles = take_tiles(image, (0, 0, 1500, 1200))
    assert tiles is not None
    assert tiles.width * tiles.height < 1500 * 1200 / 3
    decoded = [
        pyvips.Image.jpegload_buffer(part.jpegsave_buffer(Q=75, subsample_mode=subsample)) for part in (image, tiles)
    ]
    whole, sampled = compare(image, decoded[0]), compare(tiles, decoded[1], TILE)
    assert sampled.ssim == pytest.approx(whole.ssim, abs=0.006)
    assert sampled.colour_difference == pytest.approx(whole.colour_difference, rel=0.15, abs=0.05)
    if subsample == "off":
        seen = take_tiles(decoded[0], (0, 0, 1500, 1200))
        assert (seen - decoded[1]).abs().max() == 0


@pytest.mark.parametrize("draw", [samples.tissue, samples.fluorescence, uneven, samples.line_figure])
def test_small_tiles_stand_for_the_whole_of_a_fine_jpeg(draw: Any) -> None:
    canvas = Canvas(draw(1500, 1200), (0, 0, 1500, 1200))
    encoded = encode(canvas, ["jpeg"], 10**7, lossless_original=True)
    assert encoded is not None
    assert encoded.sample is not None
    assert (encoded.quality, encoded.sample.tile_side) == (98, SMALL_TILE)
    whole = compare(canvas.image, pyvips.Image.jpegload_buffer(encoded.content))
    small = compare(encoded.sample.image, pyvips.Image.jpegload_buffer(encoded.encoded_sample), SMALL_TILE)
    assert small.ssim == pytest.approx(whole.ssim, abs=0.001)
    assert small.colour_difference == pytest.approx(whole.colour_difference, abs=0.1)


@pytest.mark.parametrize("place", [(0, 0, 860, 700), (37, 5, 4000, 90), (3, 3, 90, 4000)])
def test_a_small_or_narrow_part_is_its_own_sample(place: tuple[int, int, int, int]) -> None:
    assert take_tiles(samples.tissue(4100, 4100), place) is None


def test_a_platform_that_keeps_its_bytes_gets_the_finest_quantisation(store: FolderStore, tmp_path: Path) -> None:
    original = samples.save(samples.fluorescence(1400, 1400), tmp_path / "cells.png")
    rendition = render(store, original, LARGE)
    assert rendition.quality == 98
    assert np.abs(pixels(original) - pixels(rendition.path)).mean() < 1.5


@pytest.mark.parametrize("formats", [("jpeg",), ("png", "jpeg")])
def test_the_same_picture_gives_the_same_bytes(tmp_path: Path, formats: tuple[ImageFormat, ...]) -> None:
    original = samples.save(samples.tissue(1500, 1200), tmp_path / "large.png")
    made = [render(FolderStore(tmp_path / name), original, LARGE, formats=formats, max_bytes=500_000) for name in "ab"]
    assert made[0].path != made[1].path
    assert made[0].sha256 == made[1].sha256


def test_a_delivery_that_began_with_an_older_recipe_keeps_its_rendition(store: FolderStore, tmp_path: Path) -> None:
    original = samples.save(samples.tissue(300, 200), tmp_path / "t.png")
    frozen = '{"source":"%s","formats":["jpeg"],"max_bytes":100000,"max_width":300,"max_height":300}'
    former = RenditionSpec.model_validate_json(frozen % store.put(original.read_bytes()))
    stored = Renderer(store).render(former)
    assert RenditionSpec.model_validate_json(former.model_dump_json()).digest == former.digest
    assert Renderer(store).stored(former.digest) == stored
    present = former.model_copy(update={"recipe": RENDITION_RECIPE})
    assert present.digest != former.digest
    assert Renderer(store).stored(present.digest) is None


def test_a_rendition_name_without_a_number_is_that_of_older_programs() -> None:
    spec = RenditionSpec(source="ab" * 32, formats=("jpeg",), max_bytes=1000, max_width=10, max_height=20)
    assert spec.digest == "bd39fca5d705799ff04890b05bc28374a754569821cf80e93797ddf397839536"


def test_channels_are_planned_with_the_present_recipe() -> None:
    image = SourceImage(media="ab" * 32, format="png", width=800, height=600, alt_text="Cells")
    (planned,), _problems = plan_images(
        [image], ImageLimits(maximum=1, formats=("jpeg",), max_bytes=10**6, max_width=500, max_height=500)
    )
    assert planned.spec.recipe == RENDITION_RECIPE
