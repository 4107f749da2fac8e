"""Measures how close a rendition is to the picture that it was made from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pyvips

from publisher.adapt.images.process.sampling import tile_interiors

_SIGMA = 1.5
_REACH = 4
"""So far the weights of a pixel's surroundings reach, in pixels."""
_STABILISER_1 = (0.01 * 255) ** 2
_STABILISER_2 = (0.03 * 255) ** 2
_STEP = 3
"""Colours are compared at every third pixel of every third row: no multiple of a JPEG block's eight."""
_MAX_ERROR_SHARE = 0.975
"""At more than this share of the other's squared error, which of two pictures looks better is open."""


@dataclass(frozen=True, slots=True)
class Likeness:
    """Says how close two images are."""

    ssim: float
    """Structural similarity of their lightness: 1 is equal."""
    colour_difference: float
    """Mean CIE76 difference: about 2 can just be seen side by side."""


def compare(first: Any, second: Any, tile_side: int | None = None) -> Likeness:
    """Compares two 8-bit sRGB images of one size. `tile_side`: they are tiles of this size of larger ones."""
    x, y = (image.colourspace("b-w").copy_memory() for image in (first, second))
    ssim = _similarity_map(x.cast("float"), y.cast("float"))
    colours = _colour_difference(first, second)
    if tile_side is None:
        return Likeness(float(ssim.avg()), colours)
    inside = tile_interiors(first, tile_side, _REACH)
    return Likeness(float((ssim * inside).avg() / inside.avg()), colours)


def is_closer(image: Any, first: bytes, second: bytes) -> bool:
    """Tells whether the first JPEG of an 8-bit sRGB image is surely closer to it than the second, in no colour less.

    Tried on ten pictures at three qualities: wherever this was true, SSIMULACRA2 rose, by 0.2 to 5.
    """
    near, far = (_distance(image, content) for content in (first, second))
    return near[0] < _MAX_ERROR_SHARE * far[0] and near[1] <= far[1]


def _distance(image: Any, content: bytes) -> tuple[float, float]:
    """Returns the mean squared error of a JPEG of the image, and the mean difference of its colours."""
    decoded = pyvips.Image.jpegload_buffer(content, access="sequential").copy_memory()
    error = image.cast("float") - decoded.cast("float")
    return float((error * error).avg()), _colour_difference(image, decoded)


def _colour_difference(first: Any, second: Any) -> float:
    return float(first.subsample(_STEP, _STEP).dE76(second.subsample(_STEP, _STEP)).avg())


def _similarity_map(x: Any, y: Any) -> Any:
    """Returns the structural similarity (SSIM) of two images around each pixel."""
    mean_x, mean_y = _blur(x), _blur(y)
    squares, product = mean_x * mean_x + mean_y * mean_y, mean_x * mean_y
    spread = _blur(x * x + y * y) - squares
    shared = _blur(x * y) - product
    top = (product * 2 + _STABILISER_1) * (shared * 2 + _STABILISER_2)
    bottom = (squares + _STABILISER_1) * (spread + _STABILISER_2)
    return top / bottom


def _blur(image: Any) -> Any:
    return image.gaussblur(_SIGMA, precision="float")
