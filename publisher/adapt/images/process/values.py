"""Finds which values the original of a picture has, and what its file says about them."""

from __future__ import annotations

import math
import re
from array import array
from collections.abc import Callable, Sequence
from itertools import accumulate
from typing import Any

import pyvips

from publisher.adapt.images.process.errors import decoding_refusal
from publisher.adapt.images.process.number_values import has_number_values, measure_numbers
from publisher.core.value_range import FULL_RANGE, MAX_VALUE, Limits, ValueFacts, ValueKind

_DEEP_LAYOUTS = ("grey16", "rgb16")
_WHOLE_FORMATS = {"ushort": 16, "short": 15, "int": 31, "uint": 32}
"""Formats of whole numbers, with the bits that a positive one can have."""
_TAIL_SHARE = 0.001
_DESCRIPTION = "image-description"
_SIGNIFICANT_BITS = re.compile(r"<(?:\w+:)?Pixels\b[^>]*\bSignificantBits=\"(\d{1,2})\"")
"""In the metadata of an OME-TIFF."""
_DISPLAY_RANGE = re.compile(r"^(min|max)=(-?\d{1,40}(?:\.\d{1,40})?(?:[eE][+-]?\d{1,3})?)\s*$", re.MULTILINE)
"""In what ImageJ writes into a TIFF: the values that it showed as black and as white."""


def measure_values(open_image: Callable[[], Any], *, eight_bits: bool = False) -> ValueFacts | None:
    """Decodes every pixel and returns which values they have, transparent ones left out.

    `open_image` opens the file anew. None: it has 8 bits, which are measured for `eight_bits` alone.

    Raises:
        Refused: the file ends early or is damaged.
    """
    image = open_image()
    try:
        if has_number_values(image):
            return measure_numbers(open_image, _declared_range(image))
        if image.format == "uchar":
            return _summarize(_count_values(image), None, "uint8") if eight_bits else None
        if image.interpretation == "lab":
            return None  # Of 8 bits, or of numbers that say themselves what is black and what is white.
        if image.format != "ushort" or image.interpretation not in _DEEP_LAYOUTS:
            # L*a*b* and CMYK say themselves what is black and what is white.
            return ValueFacts(minimum=0, maximum=MAX_VALUE, low=0, high=MAX_VALUE)
        return _summarize(_count_values(image), _declared_range(image), "uint16")
    except pyvips.Error as error:
        raise decoding_refusal(error) from error


def tails_of(grey: Any) -> Limits:
    """Returns the 0.1 and 99.9 percentiles of a grey picture with 8 bits."""
    return _summarize(_sum_bands(grey.hist_find(), 1), None, "uint8").percentiles


def _count_values(image: Any) -> list[int]:
    """Counts how often each value occurs, over all channels but that of transparency."""
    if not image.hasalpha():
        return _sum_bands(image.hist_find(), image.bands)
    colours, alpha = image.extract_band(0, n=image.bands - 1), image[image.bands - 1]
    visible = (alpha == 0).ifthenelse(0, colours).bandjoin(alpha)
    histogram = visible.hist_find()
    counts = _sum_bands(histogram, colours.bands)
    transparent = int(histogram[visible.bands - 1].getpoint(0, 0)[0])
    counts[0] -= transparent * colours.bands
    return counts


def _sum_bands(histogram: Any, bands: int) -> list[int]:
    summed = pyvips.Image.sum([histogram[band] for band in range(bands)]).cast("uint")
    return array("I", bytes(summed.write_to_memory())).tolist()


def _summarize(counts: list[int], declared: Limits | None, kind: ValueKind) -> ValueFacts:
    used = [value for value, count in enumerate(counts) if count]
    if not used:
        return ValueFacts(minimum=0, maximum=0, low=0, high=0, declared=declared, kind=kind)
    tail = sum(counts) * _TAIL_SHARE
    high = len(counts) - 1 - _value_at_count(counts[::-1], tail)
    low = _value_at_count(counts, tail)
    return ValueFacts(minimum=used[0], maximum=used[-1], low=low, high=high, declared=declared, kind=kind)


def _value_at_count(counts: list[int], target: float) -> int:
    return next((value for value, total in enumerate(accumulate(counts)) if total > target), len(counts) - 1)


def summarize_channels(channels: Sequence[ValueFacts]) -> ValueFacts | None:
    """Returns which values the channels have together. None: they have 8 bits."""
    if channels[0].kind == "uint8":
        return None
    return ValueFacts(
        minimum=min(channel.minimum for channel in channels),
        maximum=max(channel.maximum for channel in channels),
        low=min(channel.low for channel in channels),
        high=max(channel.high for channel in channels),
        kind=channels[0].kind,
        unusable=sum(channel.unusable for channel in channels),
    )


def _declared_range(image: Any) -> Limits | None:
    """Returns the range of values that the metadata of a TIFF names, where it names a sensible one."""
    if not image.get_typeof(_DESCRIPTION):
        return None
    text = str(image.get(_DESCRIPTION))
    if match := _SIGNIFICANT_BITS.search(text):
        bits = int(match[1])
        return (0, 2**bits - 1) if image.format in _WHOLE_FORMATS and 8 <= bits < _WHOLE_FORMATS[image.format] else None
    limits = {name: float(value) for name, value in _DISPLAY_RANGE.findall(text)}
    if not text.startswith("ImageJ=") or limits.keys() != {"min", "max"}:
        return None
    if has_number_values(image):
        numbers = limits["min"], limits["max"]
        return numbers if -math.inf < numbers[0] < numbers[1] < math.inf else None
    window = round(limits["min"]), round(limits["max"])
    return window if window[0] < window[1] <= MAX_VALUE and window != FULL_RANGE else None
