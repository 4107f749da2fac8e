"""Computes where a picture stands on its canvas, for planning and for rendering."""

from __future__ import annotations

import math
from dataclasses import dataclass

STRIP_SHARE = 0.05
"""Height of a credit strip, as a share of the picture's width."""

_TOLERANCE = 1e-6
_MIN_PADDING = 1.5
"""Padding thinner than this many pixels would be a hairline: the picture is stretched by it instead."""


@dataclass(frozen=True, slots=True)
class Layout:
    """Places a picture on a canvas, in pixels. The credit strip is right below it; both together are centred."""

    width: int
    height: int
    strip_height: int
    canvas_width: int
    canvas_height: int

    @property
    def left(self) -> int:
        return (self.canvas_width - self.width) // 2

    @property
    def top(self) -> int:
        return (self.canvas_height - self.height - self.strip_height) // 2

    @property
    def ratio(self) -> float:
        return self.canvas_width / self.canvas_height


def lay_out(
    width: int, height: int, *, max_width: int, max_height: int, ratio: float | None = None, strip: bool = False
) -> Layout:
    """Fits a picture of `width` x `height` onto a canvas of `ratio` within the maxima; never enlarges it.

    Where whole pixels can't meet `ratio` exactly, the canvas is nearer to a square: platforms bound
    ratios on both sides of it, so that rounding never crosses a bound.
    """
    block_height = height + (width * STRIP_SHARE if strip else 0.0)
    is_wide = ratio is not None and width / block_height > ratio
    whole_width, whole_height = float(width), block_height
    if ratio is not None:
        whole_width, whole_height = (width, width / ratio) if is_wide else (block_height * ratio, block_height)
    scale = min(1.0, max_width / whole_width, max_height / whole_height)
    strip_height = math.floor(width * scale * STRIP_SHARE + _TOLERANCE) if strip else 0
    if ratio is None:
        picture = (_round(width * scale), min(_round(height * scale), max_height - strip_height))
        return Layout(*picture, strip_height, picture[0], picture[1] + strip_height)
    picture = (_floor(width * scale), _floor(height * scale))
    block = picture[1] + strip_height
    if is_wide:
        canvas = (picture[0], _ceil(picture[0] / ratio) if ratio > 1 else _floor(picture[0] / ratio))
    else:
        canvas = (_floor(block * ratio) if ratio > 1 else _ceil(block * ratio), block)
    return _without_thin_padding(Layout(*picture, strip_height, *canvas))


def _without_thin_padding(layout: Layout) -> Layout:
    beside = layout.canvas_width - layout.width
    above = layout.canvas_height - layout.height - layout.strip_height
    return Layout(
        layout.canvas_width if beside <= _MIN_PADDING else layout.width,
        layout.height + above if above <= _MIN_PADDING else layout.height,
        layout.strip_height,
        layout.canvas_width,
        layout.canvas_height,
    )


def _round(value: float) -> int:
    return max(1, round(value))


def _ceil(value: float) -> int:
    return math.ceil(value - _TOLERANCE)


def _floor(value: float) -> int:
    return max(1, math.floor(value + _TOLERANCE))
