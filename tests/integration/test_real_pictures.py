"""Tests that real biomedical pictures arrive on all three platforms as their originals look."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from publisher.posts.drafts import ImageDraft
from tests.image_judge import REAL, pixels, real, similarity
from tests.outlet import PLATFORMS, Outlet

ALIKE = 0.95
"""Structural similarity to the master at the size that arrived."""


def arrived(content: bytes) -> Image.Image:
    with Image.open(io.BytesIO(content)) as image:
        image.load()
        return image


def without_padding(image: NDArray[np.float64], ratio: float) -> NDArray[np.float64]:
    """Returns the middle of a padded picture, with the original's ratio of width to height."""
    height, width = image.shape[:2]
    if width / height > ratio:
        inner = round(height * ratio)
        return image[:, (width - inner) // 2 : (width - inner) // 2 + inner]
    inner = round(width / ratio)
    return image[(height - inner) // 2 : (height - inner) // 2 + inner]


@pytest.mark.parametrize("name", REAL)
def test_a_real_picture_arrives_as_its_maker_made_it(outlet: Outlet, name: str) -> None:
    outlet.add_post(
        images=0,
        title=f"Seen through a microscope: {Path(name).stem}",
        pictures=(ImageDraft(file=real(name), alt_text="A stained specimen under the microscope"),),
    )
    outlet.pick()
    outlet.run_until_idle()
    master = pixels(real(name))
    ratio = master.shape[1] / master.shape[0]
    for platform in PLATFORMS:
        assert outlet.deliveries()[platform].state == "published"
        ((copied_image,),) = (copy.images for copy in outlet.copies(platform))
        image = arrived(copied_image.content)
        assert image.mode != "P"
        assert copied_image.alt_text == "A stained specimen under the microscope"
        assert image.width <= master.shape[1] or image.height <= master.shape[0]
        arrived_pixels = without_padding(np.asarray(image.convert("RGB"), dtype=np.float64), ratio)
        height, width = arrived_pixels.shape[:2]
        target = Image.fromarray(master.astype(np.uint8)).resize((width, height), Image.Resampling.LANCZOS)
        assert similarity(np.asarray(target, dtype=np.float64), arrived_pixels) > ALIKE
