"""How close a rendition is to the picture that it was made from."""

from __future__ import annotations

from typing import Any

_SIGMA = 1.5
_SMALL_1 = (0.01 * 255) ** 2
_SMALL_2 = (0.03 * 255) ** 2


def similarity(first: Any, second: Any) -> float:
    """Structural similarity (SSIM) of two 8-bit sRGB images of one size, by their lightness: 1 is equal."""
    x, y = first.colourspace("b-w").cast("float"), second.colourspace("b-w").cast("float")
    mean_x, mean_y = _blur(x), _blur(y)
    square_x, square_y, product = mean_x * mean_x, mean_y * mean_y, mean_x * mean_y
    spread = _blur(x * x) - square_x + _blur(y * y) - square_y
    shared = _blur(x * y) - product
    top = (product * 2 + _SMALL_1) * (shared * 2 + _SMALL_2)
    bottom = (square_x + square_y + _SMALL_1) * (spread + _SMALL_2)
    return float((top / bottom).avg())


def colour_difference(first: Any, second: Any) -> float:
    """The mean CIE76 difference of two sRGB images of one size: about 2 can just be seen side by side."""
    return float(first.dE76(second).avg())


def _blur(image: Any) -> Any:
    return image.gaussblur(_SIGMA, precision="float")
