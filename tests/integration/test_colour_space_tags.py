"""Tests that what the tags of a finished picture say of its colours is true: they are sRGB."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image as PillowImage

from publisher.adapt.images.inspection import inspect_image
from publisher.core.colour_channels import merge_of
from publisher.core.value_range import window_of
from publisher.media import FolderStore
from tests import image_samples as samples
from tests.image_judge import BLOG, opened, pixels, render

COLOUR_SPACE, SUB_IFD, INTEROP_IFD, INTEROP_INDEX = 0xA001, 0x8769, 0xA005, 1
SRGB, UNCALIBRATED, ADOBE_RGB = 1, 65535, 2
PRIMARIES = {"jpeg": {}, "png": {"formats": ("png",)}, "webp": {"formats": ("webp",)}}


def tagged_jpeg(path: Path, colour_space: int, *, wide: bool = True) -> Path:
    """Writes a JPEG as a camera does: in wide colours with their profile, and with tags that say so."""
    plain = samples.tissue(300, 200)
    file = samples.wide_gamut_jpeg(plain, path) if wide else samples.save(plain, path)
    with PillowImage.open(file) as picture:
        exif = PillowImage.Exif()
        exif.get_ifd(SUB_IFD)[COLOUR_SPACE] = colour_space
        exif.get_ifd(INTEROP_IFD)[INTEROP_INDEX] = "R03"
        profile = picture.info.get("icc_profile")
        more: dict[str, Any] = {"icc_profile": profile} if profile else {}
        content = io.BytesIO()
        picture.save(content, format="JPEG", quality=98, subsampling=0, exif=exif, **more)
    path.write_bytes(content.getvalue())
    return path


def says_srgb(path: Path) -> bool:
    """Decides whether every tag of the file that names its colours names sRGB."""
    picture = opened(path)
    exif = picture.getexif()
    return (
        exif.get_ifd(SUB_IFD).get(COLOUR_SPACE) == SRGB
        and not exif.get_ifd(INTEROP_IFD)
        and "icc_profile" not in picture.info
    )


@pytest.mark.parametrize("kind", PRIMARIES)
@pytest.mark.parametrize("colour_space", [SRGB, ADOBE_RGB, UNCALIBRATED])
def test_the_tags_of_every_format_say_srgb(kind: str, colour_space: int, store: FolderStore, tmp_path: Path) -> None:
    file = tagged_jpeg(tmp_path / "camera.jpg", colour_space)
    made = render(store, file, BLOG | PRIMARIES[kind])
    assert made.format == kind
    assert says_srgb(made.path)
    # The pixels are what the tags say: those of the sRGB picture from which the file was made.
    difference = pixels(made.path) - samples.tissue(300, 200).numpy()
    assert np.abs(difference.mean(axis=(0, 1))).max() < 2


@pytest.mark.parametrize("kind", PRIMARIES)
def test_they_do_so_with_every_text_and_none(kind: str, store: FolderStore, tmp_path: Path) -> None:
    file = tagged_jpeg(tmp_path / "camera.jpg", ADOBE_RGB, wide=False)
    texts: list[dict[str, Any]] = [
        {},
        {"creator": "Ada", "copyright": "Ada (CC BY 4.0)", "description": "Cells"},
        {"creator": "Núria", "description": "cèl·lules", "credit_strip": "Núria"},
        {"canvas_ratio": 0.8, "padding": "blur"},
    ]
    for text in texts:
        assert says_srgb(render(store, file, BLOG | PRIMARIES[kind], **text).path)


def test_pictures_of_numbers_and_of_channels_say_so_too(store: FolderStore, tmp_path: Path) -> None:
    values = samples.fluorescence(300, 200).numpy().astype(np.float32)
    number = samples.write_number_tiff(tmp_path / "number.tif", values[:, :, 0])
    assert says_srgb(render(store, number, BLOG, window=window_of("detected", inspect_image(number).values)).path)
    planes = [values[:, :, dye].astype(np.uint16) for dye in range(3)]
    file = samples.write_pages_tiff(tmp_path / "three.tif", planes, samples.ome(["a", "b", "c"], [None] * 3))
    assert says_srgb(render(store, file, BLOG, channels=merge_of(inspect_image(file).colour_channels)).path)


@pytest.mark.parametrize("kind", ["gif", "webp"])
def test_animations_have_no_tags_of_colours(kind: str, store: FolderStore, tmp_path: Path) -> None:
    file = samples.animation(tmp_path / "moving.gif", 200, 100, 4)
    made = render(store, file, BLOG, formats=(kind,), animated=True)
    picture = opened(made.path)
    assert not picture.getexif()
    assert "icc_profile" not in picture.info
