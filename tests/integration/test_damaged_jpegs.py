"""Tests that a JPEG with damaged data is refused or told, and that no sound one is."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import pytest
import pyvips
from PIL import Image as PillowImage

from publisher.adapt.images.inspection import ImageRefused, inspect_image
from publisher.adapt.problem_codes import PictureWarning
from tests import image_samples as samples

HOLE = 65536
"""Bytes: what a lost block of a disk or of a transfer takes."""
SOUND: dict[str, dict[str, Any]] = {
    "grey": {"mode": "L"},
    "inks": {"mode": "CMYK"},
    "progressive": {"progressive": True},
    "restarts": {"restart_marker_rows": 1},
    "own tables": {"optimize": True},
    "not subsampled": {"subsampling": "4:4:4"},
    "subsampled once": {"subsampling": "4:2:2"},
    "colours as they are": {"keep_rgb": True},
}


def data_start(content: bytes) -> int:
    """Returns where the data of the first scan begin."""
    at = 2
    while content[at + 1] != 0xDA:
        at += 2 + int.from_bytes(content[at + 2 : at + 4], "big")
    return at + 2 + int.from_bytes(content[at + 2 : at + 4], "big")


def is_told(path: Path) -> bool:
    """Tells whether a file is refused, or has the warning."""
    try:
        facts = inspect_image(path)
    except ImageRefused:
        return True
    return PictureWarning.DATA_MAY_BE_DAMAGED in [warning.code for warning in facts.warnings]


@pytest.mark.parametrize("own_tables", [False, True])
def test_a_jpeg_with_a_hole_in_its_data_is_told(own_tables: bool, tmp_path: Path) -> None:
    picture = samples.tissue(1600, 1200)
    content = picture.jpegsave_buffer(Q=92, optimize_coding=own_tables)
    places = random.Random(8).sample(range(data_start(content), len(content) - HOLE - 2), 4)
    for place in places:
        damaged = content[:place] + bytes(HOLE) + content[place + HOLE :]
        path = tmp_path / f"{place}.jpg"
        path.write_bytes(damaged)
        assert is_told(path), place


def test_libvips_alone_does_not_see_the_hole(tmp_path: Path) -> None:
    content = samples.tissue(1600, 1200).jpegsave_buffer(Q=92)
    middle = (data_start(content) + len(content) - HOLE) // 2
    damaged = content[:middle] + bytes(HOLE) + content[middle + HOLE :]
    pyvips.Image.jpegload_buffer(damaged, access="sequential", fail_on="warning").copy_memory()


@pytest.mark.parametrize("kind", SOUND)
def test_a_sound_jpeg_is_not_told_to_be_damaged(kind: str, tmp_path: Path) -> None:
    picture = samples.tissue(640, 480)
    options = dict(SOUND[kind])
    image = PillowImage.frombytes("RGB", (640, 480), bytes(picture.write_to_memory()))
    path = tmp_path / "sound.jpg"
    image.convert(options.pop("mode", "RGB")).save(path, quality=92, **options)
    assert not is_told(path)


@pytest.mark.parametrize("appended", [b"\x00" * 1000, b"\xff\xd8\xff\xe0 another picture"])
def test_what_follows_the_picture_is_no_damage(appended: bytes, tmp_path: Path) -> None:
    path = samples.save(samples.tissue(640, 480), tmp_path / "sound.jpg")
    path.write_bytes(path.read_bytes() + appended)
    assert not is_told(path)


def test_a_rare_subsampling_that_only_libvips_reads_is_no_damage(tmp_path: Path) -> None:
    content = bytearray(samples.tissue(640, 480).jpegsave_buffer(Q=92, subsample_mode="off"))
    # The sampling of the first component: four by two pixels to one of colour.
    content[content.index(b"\xff\xc0") + 11] = 0x42
    path = tmp_path / "rare.jpg"
    path.write_bytes(content)
    assert not is_told(path)
