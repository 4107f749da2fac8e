"""Measures how close a rendition is to the picture that it was made from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

_SIGMA = 1.5
_STABILISER_1 = (0.01 * 255) ** 2
_STABILISER_2 = (0.03 * 255) ** 2
_STEP = 3
"""Colours are compared at every third pixel of every third row: no multiple of a JPEG block's eight."""


@dataclass(frozen=True, slots=True)
class Sample:
    """Holds what comparing an 8-bit sRGB image needs: less than half of its bytes."""

    lightness: Any
    colours: Any


def take_sample(image: Any) -> Sample:
    """Takes the sample of an image, in memory."""
    return Sample(image.colourspace("b-w").copy_memory(), image.subsample(_STEP, _STEP).copy_memory())


def similarity(first: Sample, second: Sample) -> float:
    """Returns the structural similarity (SSIM) of two images of one size, by their lightness: 1 is equal."""
    x, y = first.lightness.cast("float"), second.lightness.cast("float")
    mean_x, mean_y = _blur(x), _blur(y)
    squares, product = mean_x * mean_x + mean_y * mean_y, mean_x * mean_y
    spread = _blur(x * x + y * y) - squares
    shared = _blur(x * y) - product
    top = (product * 2 + _STABILISER_1) * (shared * 2 + _STABILISER_2)
    bottom = (squares + _STABILISER_1) * (spread + _STABILISER_2)
    return float((top / bottom).avg())


def colour_difference(first: Sample, second: Sample) -> float:
    """Returns the mean CIE76 difference of two images of one size: about 2 can just be seen side by side."""
    return float(first.colours.dE76(second.colours).avg())


def _blur(image: Any) -> Any:
    return image.gaussblur(_SIGMA, precision="float")
