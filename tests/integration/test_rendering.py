"""Tests that renditions are faithful to their originals, in the right colours and frames."""

from __future__ import annotations

import os
import subprocess
import sys
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageCms, ImageDraw, ImageFont
from PIL.JpegImagePlugin import get_sampling

from publisher.adapt.images.inspection import inspect_image
from publisher.core.content import Box
from publisher.media import FolderStore
from tests import image_samples as samples
from tests.image_judge import BLOG, GRID, REAL, TIGHT, content, opened, pixels, real, render, similarity

# --- faithful --------------------------------------------------------------------------------


@pytest.mark.parametrize("settings", [GRID, BLOG, TIGHT], ids=["grid", "blog", "tight"])
@pytest.mark.parametrize("name", REAL)
def test_a_rendition_looks_like_its_master(store: FolderStore, name: str, settings: dict[str, Any]) -> None:
    master = pixels(real(name))
    height, width, _ = master.shape
    rendition = render(store, real(name), settings)
    rendered = content(rendition, width, height)
    assert similarity(master, rendered) > 0.96
    assert np.abs(master - rendered).mean() < 4
    assert rendition.bytes <= settings["max_bytes"]
    assert rendition.path.stat().st_size == rendition.bytes
    if settings is GRID:
        assert rendition.width / rendition.height == pytest.approx(0.8, abs=0.004)
        assert rendition.width / rendition.height >= 0.8 - 1e-6


@pytest.mark.parametrize("name", REAL)
def test_a_jpeg_rendition_is_full_colour_progressive_srgb_and_bare(store: FolderStore, name: str) -> None:
    image = opened(render(store, real(name), GRID).path)
    assert image.format == "JPEG"
    assert image.mode == "RGB"
    assert get_sampling(image) == 0
    assert image.info["progressive"]
    assert "icc_profile" not in image.info


def test_saturated_colours_survive_a_tight_limit_undivided(store: FolderStore, tmp_path: Path) -> None:
    original = samples.save(samples.fluorescence(1000, 800), tmp_path / "f.png")
    rendition = render(store, original, TIGHT)
    assert get_sampling(opened(rendition.path)) == 0
    assert 0.8 * TIGHT["max_bytes"] < rendition.bytes <= TIGHT["max_bytes"]


def test_the_measured_similarity_agrees_with_an_independent_measure(store: FolderStore, tmp_path: Path) -> None:
    original = samples.save(samples.tissue(900, 700), tmp_path / "t.png")
    rendition = render(store, original, TIGHT)
    assert rendition.ssim == pytest.approx(similarity(pixels(original), pixels(rendition.path)), abs=0.02)
    assert rendition.colour_difference is not None
    assert 0 < rendition.colour_difference < 5


def test_a_picture_too_heavy_at_any_quality_is_made_smaller_and_says_so(store: FolderStore, tmp_path: Path) -> None:
    original = samples.save(samples.tissue(900, 700), tmp_path / "t.png")
    rendition = render(store, original, TIGHT, max_bytes=25_000)
    assert rendition.bytes <= 25_000
    assert rendition.width < 900
    assert any("smaller" in str(note) for note in rendition.notes)


def test_nothing_is_enlarged(store: FolderStore) -> None:
    rendition = render(store, real("cell.png"), BLOG)
    assert (rendition.width, rendition.height) == (550, 660)


# --- figures and transparency ----------------------------------------------------------------


def test_a_line_figure_stays_lossless_where_png_is_taken(store: FolderStore, tmp_path: Path) -> None:
    original = samples.save(samples.line_figure(900, 700), tmp_path / "plot.png")
    rendition = render(store, original, BLOG)
    image = opened(rendition.path)
    assert (rendition.format, rendition.quality, image.mode) == ("png", None, "RGB")
    assert np.array_equal(pixels(rendition.path), pixels(original))
    assert render(store, original, GRID).format == "jpeg"


def with_letters(width: int, height: int) -> Any:
    picture = Image.new("RGB", (width, height), "white")
    pen = ImageDraw.Draw(picture)
    for line in range(30):
        text = f"Fig. {line}: p < 0.05, n = {37 * line}, mean ± s.d. of three experiments"
        pen.text((width // 30, height * line // 31), text, fill="black", font=ImageFont.load_default(height // 50))
    return samples.from_array(np.asarray(picture))


@pytest.mark.parametrize("draw", [samples.line_figure, with_letters], ids=["curves", "letters"])
@pytest.mark.parametrize("side", [700, 1500], ids=["whole", "in tiles"])
def test_a_scaled_line_figure_stays_lossless_and_is_smaller_for_it(
    store: FolderStore, tmp_path: Path, draw: Any, side: int
) -> None:
    original = samples.save(draw(2400, 1800), tmp_path / "figure.png")
    small = {**BLOG, "max_width": side, "max_height": side}
    lossless, lossy = render(store, original, small), render(store, original, small, formats=("jpeg",))
    assert (lossless.format, lossless.quality, lossy.format) == ("png", None, "jpeg")
    assert len(np.unique(pixels(lossless.path).reshape(-1, 3), axis=0)) > 100
    assert lossless.bytes < lossy.bytes
    assert np.abs(pixels(lossless.path) - pixels(lossy.path)).mean() < 2


def test_a_line_figure_with_too_many_bytes_for_a_png_becomes_a_jpeg(store: FolderStore, tmp_path: Path) -> None:
    original = samples.save(with_letters(2400, 1800).resize(0.61), tmp_path / "figure.png")
    rendition = render(store, original, BLOG, max_bytes=150_000)
    assert (rendition.format, rendition.bytes <= 150_000) == ("jpeg", True)


@pytest.mark.parametrize("kind", ["photo.png", "photo.tif"])
def test_a_smooth_photograph_is_no_line_figure(store: FolderStore, tmp_path: Path, kind: str) -> None:
    picture = samples.fluorescence(1400, 1100).gaussblur(1.5).cast("uchar").copy(interpretation="srgb")
    assert render(store, samples.save(picture, tmp_path / kind), BLOG).format == "jpeg"


def test_a_photograph_in_a_png_becomes_a_jpeg(store: FolderStore, tmp_path: Path) -> None:
    original = samples.save(samples.fluorescence(600, 500), tmp_path / "photo.png")
    assert render(store, original, BLOG).format == "jpeg"


def test_transparency_stands_on_white_without_dark_rims(store: FolderStore, tmp_path: Path) -> None:
    plain = samples.save(samples.line_figure(1200, 900), tmp_path / "plain.png")
    glass = samples.save(samples.on_glass(samples.line_figure(1200, 900)), tmp_path / "glass.png")
    small = {**BLOG, "max_width": 500, "max_height": 500}
    rendition, wanted = render(store, glass, small), render(store, plain, small)
    assert np.array_equal(pixels(rendition.path), pixels(wanted.path))
    assert any("white" in str(note) for note in rendition.notes)
    assert not wanted.notes


# --- colour ----------------------------------------------------------------------------------


def by_profile(path: Path) -> NDArray[np.float64]:
    image = opened(path)
    profile = ImageCms.ImageCmsProfile(BytesIO(image.info["icc_profile"]))
    srgb = ImageCms.profileToProfile(
        image, profile, ImageCms.createProfile("sRGB"), ImageCms.Intent.PERCEPTUAL, outputMode="RGB"
    )
    assert srgb is not None
    return np.asarray(srgb, dtype=np.float64)


@pytest.mark.parametrize("make", [samples.wide_gamut_jpeg, samples.ink_jpeg], ids=["Display P3", "CMYK"])
def test_colours_are_converted_by_the_profile(store: FolderStore, tmp_path: Path, make: Any) -> None:
    original = make(samples.tissue(600, 480), tmp_path / "colour.jpg")
    rendition = render(store, original, BLOG)
    assert np.abs(by_profile(original) - pixels(rendition.path)).mean() < 2.5
    assert not rendition.notes


def test_an_absurd_profile_is_set_aside_with_a_remark(store: FolderStore, tmp_path: Path) -> None:
    fair = samples.save(samples.tissue(300, 200), tmp_path / "fair.jpg", Q=95)
    odd = tmp_path / "odd.jpg"
    odd.write_bytes(samples.with_profile(fair.read_bytes(), b"\x00\x01garbage" * 90))
    rendition = render(store, odd, BLOG)
    assert np.abs(pixels(fair) - pixels(rendition.path)).mean() < 2
    assert any("colour profile" in str(note) for note in rendition.notes)
    assert any("colour profile" in str(warning) for warning in inspect_image(odd).warnings)


def test_sixteen_bits_are_mapped_over_their_full_range(store: FolderStore, tmp_path: Path) -> None:
    original = samples.save(samples.ramp_16(512, 200), tmp_path / "ramp.tif")
    rendition = render(store, original, BLOG)
    assert pixels(rendition.path).mean() == pytest.approx(127.5, abs=0.6)
    assert any("16-bit values from 0 to 65535" in str(note) for note in rendition.notes)


def test_twelve_bits_in_sixteen_are_stretched_on_request(store: FolderStore, tmp_path: Path) -> None:
    original = samples.save(samples.ramp_16(512, 200, top=4095), tmp_path / "dark.tif")
    dark, stretched = render(store, original, BLOG), render(store, original, BLOG, window="percentile")
    assert pixels(dark.path).mean() < 10
    assert pixels(stretched.path).mean() == pytest.approx(127.5, abs=1.5)
    assert len(np.unique(pixels(stretched.path))) > 200


# --- turning, cutting, framing ---------------------------------------------------------------


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_crop_of_a_turned_picture_is_cut_where_staff_saw_it(
    store: FolderStore, tmp_path: Path, orientation: int
) -> None:
    original = samples.telling_jpeg(samples.corners(400, 300), tmp_path / "turned.jpg", orientation=orientation)
    upright = pixels(original)
    height, width, _ = upright.shape
    box = Box(left=0.1, top=0.3, width=0.6, height=0.5)
    rendition = render(store, original, BLOG, crop=box)
    wanted = upright[round(0.3 * height) : round(0.8 * height), round(0.1 * width) : round(0.7 * width)]
    assert (rendition.height, rendition.width) == wanted.shape[:2]
    assert np.abs(pixels(rendition.path) - wanted).mean() < 3
    facts = inspect_image(original)
    assert (facts.width, facts.height) == (width, height)


@pytest.mark.parametrize(
    ("padding", "colour"), [("edge", (0, 0, 0)), ("#30f0a0", (0x30, 0xF0, 0xA0))], ids=["edge", "colour"]
)
def test_padding_has_the_colour_it_should_have(
    store: FolderStore, tmp_path: Path, padding: str, colour: tuple[int, int, int]
) -> None:
    original = samples.save(samples.fluorescence(900, 300), tmp_path / "wide.png")
    rendition = render(store, original, GRID, padding=padding)
    assert np.abs(pixels(rendition.path)[:200] - colour).max() <= 4
    assert any("Padded above and below" in str(note) for note in rendition.notes)


def test_an_even_border_is_continued(store: FolderStore, tmp_path: Path) -> None:
    even = samples.from_array(np.full((300, 900, 3), (212, 190, 201), np.uint8))
    rendition = render(store, samples.save(even, tmp_path / "even.png"), GRID)
    assert np.abs(pixels(rendition.path) - (212, 190, 201)).max() <= 2


def test_a_blurred_backdrop_fills_the_canvas_and_spares_the_picture(store: FolderStore, tmp_path: Path) -> None:
    original = samples.save(samples.tissue(900, 400), tmp_path / "wide.png")
    rendition = render(store, original, GRID, padding="blur")
    above = pixels(rendition.path)[:200]
    assert 20 < above.mean() < 140
    assert similarity(pixels(original), content(rendition, 900, 400)) > 0.96


def letters_are_there(**environment: str) -> bool:
    """Tells whether the rendering process would find a font, in a process of its own."""
    question = "from publisher.adapt.images.process.framing import has_font; print(has_font())"
    answer = subprocess.run(
        [sys.executable, "-c", question], env={**os.environ, **environment}, capture_output=True, text=True, check=True
    )
    return answer.stdout.strip() == "True"


def test_a_machine_without_fonts_is_recognised(tmp_path: Path) -> None:
    (tmp_path / "fonts.conf").write_text(f"<fontconfig><dir>{tmp_path}</dir></fontconfig>", encoding="utf-8")
    assert not letters_are_there(FONTCONFIG_FILE=str(tmp_path / "fonts.conf"))


@pytest.mark.skipif(not letters_are_there(), reason="no font is installed on this machine")
def test_a_credit_strip_stands_below_the_picture_and_outside_it(store: FolderStore, tmp_path: Path) -> None:
    original = samples.save(samples.tissue(800, 600), tmp_path / "t.png")
    rendition = render(store, original, BLOG, credit_strip="Image: A. Maker & Núria <Lab> (CC BY 4.0)")
    rendered = pixels(rendition.path)
    assert (rendition.width, rendition.height) == (800, 640)
    assert similarity(pixels(original), rendered[:600]) > 0.96
    assert rendered[602:].std() > 20
    assert rendered[602:, :5].std() < 10
