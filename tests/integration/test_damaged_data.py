"""Tests that WebP and packed TIFF pictures with damaged data are refused or told, and that no sound one is."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import pytest
import pyvips
from PIL import Image as PillowImage

from publisher.adapt.images.inspection import ImageRefused, inspect_image
from tests import image_samples as samples
from tests.integration.test_damaged_jpegs import is_told

HOLE = 4000
WEBP: dict[str, dict[str, Any]] = {
    "lossy": {"Q": 85},
    "small": {"Q": 30, "effort": 0},
    "lossless": {"lossless": True},
    "nearly lossless": {"near_lossless": True, "Q": 60},
    "alpha": {"Q": 80},
}
TIFF: dict[str, dict[str, Any]] = {
    "deflate": {"compression": "deflate"},
    "deflate, predicted": {"compression": "deflate", "predictor": "horizontal"},
    "deflate, tiles": {"compression": "deflate", "tile": True, "bigtiff": True},
    "lzw": {"compression": "lzw"},
    "packbits": {"compression": "packbits"},
}


def save(kind: dict[str, Any], folder: Path, suffix: str, *, alpha: bool = False) -> Path:
    picture = samples.tissue(700, 500, seed=4)
    return samples.save(samples.on_glass(picture) if alpha else picture, folder / f"sound{suffix}", **kind)


def with_hole(sound: Path, place: int) -> Path:
    content = sound.read_bytes()
    damaged = sound.with_name(f"{place}{sound.suffix}")
    damaged.write_bytes(content[:place] + bytes(HOLE) + content[place + HOLE :])
    return damaged


@pytest.mark.parametrize("kind", ["lossy", "small", "lossless", "nearly lossless"])
def test_a_webp_with_a_hole_in_its_data_is_told(kind: str, tmp_path: Path) -> None:
    sound = save(WEBP[kind], tmp_path, ".webp")
    for place in random.Random(8).sample(range(1000, sound.stat().st_size - HOLE - 200), 4):
        assert is_told(with_hole(sound, place)), place


def test_libvips_alone_does_not_see_the_hole_of_a_webp(tmp_path: Path) -> None:
    damaged = with_hole(save(WEBP["lossy"], tmp_path, ".webp"), 30_000)
    pyvips.Image.webpload(str(damaged), fail_on="warning").copy_memory()


@pytest.mark.parametrize("kind", WEBP)
def test_a_sound_webp_is_not_told_to_be_damaged(kind: str, tmp_path: Path) -> None:
    assert not is_told(save(WEBP[kind], tmp_path, ".webp", alpha=kind == "alpha"))


def test_a_webp_with_metadata_behind_its_picture_is_sound(tmp_path: Path) -> None:
    path = tmp_path / "sound.webp"
    picture = PillowImage.frombytes("RGB", (640, 480), bytes(samples.tissue(640, 480).write_to_memory()))
    picture.save(path, exif=b"Exif\0\0MM\0*\0\0\0\x08\0\0\0\0\0\0", xmp=b"<x/>", quality=80)
    assert not is_told(path)
    path.write_bytes(path.read_bytes() + b"appended")
    assert not is_told(path)


@pytest.mark.parametrize("kind", TIFF)
def test_a_packed_tiff_with_a_hole_in_its_data_is_told(kind: str, tmp_path: Path) -> None:
    sound = save(TIFF[kind], tmp_path, ".tif")
    assert not is_told(sound)
    for place in random.Random(8).sample(range(2000, sound.stat().st_size - HOLE - 9000), 4):
        assert is_told(with_hole(sound, place)), place


def test_a_flipped_bit_of_a_deflate_tiff_is_refused_on_each_channel(tmp_path: Path) -> None:
    dyes = samples.fluorescence(480, 320).numpy().astype("uint16") * 16
    text = samples.ome(["a", "b", "c"], [None] * 3)
    plain = samples.write_pages_tiff(tmp_path / "plain.tif", [dyes[:, :, dye].copy() for dye in range(3)], text)
    pages = pyvips.Image.new_from_file(str(plain), n=3)
    sound = tmp_path / "sound.tif"
    pages.tiffsave(str(sound), compression="deflate", page_height=320)
    facts = inspect_image(sound)
    assert len(facts.colour_channels) == 3
    content = bytearray(sound.read_bytes())
    # In the data of the last page.
    content[int(len(content) * 0.8)] ^= 0x10
    sound.write_bytes(content)
    with pytest.raises(ImageRefused, match="damaged"):
        inspect_image(sound)
