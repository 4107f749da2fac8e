"""Encodes finished pixels at the best quality that fits the channel's limit."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from publisher.adapt.images.process.metadata import KEPT

MAX_QUALITY, MIN_QUALITY = 95, 50
SCREEN_QUALITY = 80
SUBSAMPLE_BELOW_QUALITY = 72
"""Only under this quality is halving the colour resolution the smaller harm, and only for pale pictures."""
PALE_BELOW_SHARE = 0.05
MIN_FIGURE_FLATNESS = 0.5
MAX_FIGURE_COLOURS = 512

_TOLERANCE = 0.03
_TYPICAL_SLOPE = -0.62
_MAX_TRIES = 8


@dataclass(frozen=True, slots=True)
class Encoded:
    """Holds an encoded picture."""

    content: bytes
    format: str
    quality: int | None
    """None: lossless."""


def encode(canvas: Any, formats: list[str], max_bytes: int, *, figure: bool) -> Encoded | None:
    """Encodes the canvas in the best of the formats within `max_bytes`; None if it must have fewer pixels.

    A line figure stays lossless where PNG is taken and small enough. Everything else is JPEG with
    full colour resolution: halved, the saturated colours of a fluorescence image smear at any quality.
    """
    if "png" in formats and (figure or "jpeg" not in formats):
        content = canvas.pngsave_buffer(compression=9, filter="all", keep=KEPT)
        if len(content) <= max_bytes:
            return Encoded(content, "png", None)
    if formats == ["webp"]:
        return _encode_webp(canvas, max_bytes)
    if "jpeg" not in formats:
        return None
    full = best_quality(lambda quality: _encode_jpeg(canvas, quality, "off"), max_bytes)
    if (full is None or full[0] < SUBSAMPLE_BELOW_QUALITY) and saturated_share(canvas) < PALE_BELOW_SHARE:
        halved = best_quality(lambda quality: _encode_jpeg(canvas, quality, "on"), max_bytes)
        full = halved or full
    return Encoded(full[1], "jpeg", full[0]) if full else None


def _encode_webp(canvas: Any, max_bytes: int) -> Encoded | None:
    """Encodes a small WebP preview for the desk's own pages; no channel takes WebP."""
    content: bytes = canvas.webpsave_buffer(Q=SCREEN_QUALITY, effort=2, smart_subsample=True, keep=KEPT)
    return Encoded(content, "webp", SCREEN_QUALITY) if len(content) <= max_bytes else None


def _encode_jpeg(canvas: Any, quality: int, subsample: str) -> bytes:
    content: bytes = canvas.jpegsave_buffer(
        Q=quality, subsample_mode=subsample, optimize_coding=True, interlace=True, keep=KEPT
    )
    return content


def saturated_share(image: Any) -> float:
    """Returns the share of pixels with a strong colour, 0 to 1."""
    hsv = image.resize(min(1.0, 256 / max(image.width, image.height))).colourspace("hsv")
    return float(((hsv[1] > 128) & (hsv[2] > 48)).avg()) / 255


def is_line_figure(image: Any) -> bool:
    """Tells whether this is a line figure: mostly flat areas, in few colours."""
    shifted = image.crop(1, 0, image.width - 1, image.height)
    same = (image.crop(0, 0, image.width - 1, image.height) == shifted).bandand()
    if float(same.avg()) / 255 < MIN_FIGURE_FLATNESS:
        return False
    bins = image.hist_find_ndim(bins=32)
    used = float((bins > 0).avg()) / 255 * int(bins.width * bins.height * bins.bands)
    return used < MAX_FIGURE_COLOURS


def best_quality(encode_at: Callable[[int], bytes], max_bytes: int) -> tuple[int, bytes] | None:
    """Finds the highest quality, up to 3 % of unused bytes, at which the encoding fits; None if none does.

    The logarithm of the size is nearly linear in the logarithm of the quantiser's scale, so a
    bracketed secant there needs three or four encodings.
    """
    content = encode_at(MAX_QUALITY)
    high = (MAX_QUALITY, _log_excess(content, max_bytes))
    if high[1] <= 0:
        return MAX_QUALITY, content
    low: tuple[int, float] | None = None
    best: tuple[int, bytes] | None = None
    slope = _TYPICAL_SLOPE
    for _ in range(_MAX_TRIES):
        quality = _next_quality(low, high, slope)
        content = encode_at(quality)
        point = (quality, _log_excess(content, max_bytes))
        slope = _slope(high, point)
        if point[1] <= 0:
            low, best = point, (quality, content)
        elif quality == MIN_QUALITY:
            return None
        else:
            high = point
        if low is not None and (low[1] > -_TOLERANCE or high[0] - low[0] <= 1):
            break
    return best


def _next_quality(low: tuple[int, float] | None, high: tuple[int, float], slope: float) -> int:
    start = low or high
    aim = _log_quantiser_scale(start[0]) + (-_TOLERANCE / 2 - start[1]) / slope
    quality = math.floor((200 - math.exp(aim)) / 2)
    return min(max(quality, low[0] + 1 if low else MIN_QUALITY), high[0] - 1)


def _slope(first: tuple[int, float], second: tuple[int, float]) -> float:
    slope = (second[1] - first[1]) / (_log_quantiser_scale(second[0]) - _log_quantiser_scale(first[0]))
    return slope if slope < 0 else _TYPICAL_SLOPE


def _log_excess(content: bytes, max_bytes: int) -> float:
    return math.log(len(content) / max_bytes)


def _log_quantiser_scale(quality: int) -> float:
    """Returns the logarithm of libjpeg's quantiser scale, for qualities from 50 on."""
    return math.log(200 - 2 * quality)
