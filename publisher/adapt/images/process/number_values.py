"""Handles floating-point, signed and 32-bit values, which have no black and white of their own."""

from __future__ import annotations

from array import array
from collections.abc import Callable
from itertools import accumulate
from typing import Any

from publisher.core.value_range import MAX_VALUE, Limits, Number, ValueFacts, ValueKind

KINDS: dict[str, ValueKind] = {
    "char": "int8",
    "short": "int16",
    "int": "int32",
    "uint": "uint32",
    "float": "float32",
    "double": "float64",
}
"""By the format that libvips has for them."""
_BITS: dict[ValueKind, int] = {"int8": 8, "int16": 16, "int32": 32, "uint32": 32, "float32": 32, "float64": 64}

_LARGEST = 1.7976931348623157e308
"""Comparing with it is false for NaN and for infinity."""
_SAMPLES = 250_000
"""So many values give the range in which all of them are then counted."""
_TAIL_SHARE = 0.001
_MARGIN = 0.1
_SMALLEST_SPAN = 1e-300


def has_number_values(image: Any) -> bool:
    """Tells whether the image has values of such a kind."""
    return image.format in KINDS and image.interpretation not in ("lab", "labs")


def bits_of(image: Any) -> int:
    """Returns how many bits each value of such an image has."""
    return _BITS[KINDS[image.format]]


def spread_numbers(image: Any, low: Number, high: Number) -> Any:
    """Spreads the values from `low` to `high` over 16 bits: what lies outside, and NaN, becomes black or white.

    Infinite values become black too, as NaN does.
    """
    values = image.cast("double")
    level = (values / 2 - low / 2) * (MAX_VALUE / max(high / 2 - low / 2, _SMALLEST_SPAN))
    # Both comparisons are false for NaN.
    shown = (level > 0) & _is_finite(values)
    interpretation = "grey16" if image.bands == 1 else "rgb16"
    # The cast clips at the largest value.
    return shown.ifthenelse(level.rint(), 0).cast("ushort").copy(interpretation=interpretation)


def measure_numbers(open_image: Callable[[], Any], declared: Limits | None) -> ValueFacts:
    """Decodes every pixel three times and returns which values they have. `open_image` opens the file anew."""
    image = open_image()
    kind = KINDS[image.format]
    finite = _is_finite(image.cast("double"))
    unusable = round((1 - finite.avg() / 255) * image.width * image.height * image.bands)
    least, greatest = _extremes(open_image)
    if least > greatest:
        return ValueFacts(0, 0, 0, 0, declared, kind, unusable)
    low, high = _percentiles(open_image, least, greatest)
    if kind not in ("float32", "float64"):
        least, greatest, low, high = round(least), round(greatest), round(low), round(high)
    return ValueFacts(least, greatest, low, high, declared, kind, unusable)


def _is_finite(values: Any) -> Any:
    return values.abs() <= _LARGEST


def _extremes(open_image: Callable[[], Any]) -> tuple[Number, Number]:
    """Returns the least and the greatest finite value; where there is none, the first is the larger."""
    values = open_image().cast("double")
    finite = _is_finite(values)
    pair = finite.ifthenelse(values, _LARGEST).bandjoin(finite.ifthenelse(values, -_LARGEST))
    statistics = pair.stats()
    bands = values.bands
    least = min(statistics.getpoint(0, band + 1)[0] for band in range(bands))
    return least, max(statistics.getpoint(1, band + 1)[0] for band in range(bands, 2 * bands))


def _percentiles(open_image: Callable[[], Any], least: Number, greatest: Number) -> tuple[Number, Number]:
    """Returns the percentiles: counted in 65,536 steps of the range that a sample of the pixels has, and a margin."""
    start, end = _sample_range(open_image(), least, greatest)
    if not start < end:
        return start, start
    values = open_image().cast("double")
    level = ((values / 2 - start / 2) * ((MAX_VALUE - 1) / max(end / 2 - start / 2, _SMALLEST_SPAN))).rint() + 1
    # 0 is left for what is no number.
    counted = _is_finite(values).ifthenelse((level < 1).ifthenelse(1, level), 0)
    histogram = counted.cast("ushort").hist_find()
    summed = sum((histogram[band] for band in range(1, histogram.bands)), histogram[0]).cast("uint")
    counts = array("I", bytes(summed.write_to_memory())).tolist()
    counts[0] = 0
    tail = sum(counts) * _TAIL_SHARE
    step = (end / 2 - start / 2) / (MAX_VALUE - 1) * 2

    def value_at(place: int) -> Number:
        return min(greatest, max(least, start + (place - 1) * step))

    low = next((place for place, total in enumerate(accumulate(counts)) if total > tail), 1)
    below = next((place for place, total in enumerate(accumulate(counts[::-1])) if total > tail), 0)
    return value_at(low), value_at(len(counts) - 1 - below)


def _sample_range(image: Any, least: Number, greatest: Number) -> tuple[Number, Number]:
    """Returns the range between the percentiles of some of the values, with a margin, within all of them."""
    step = max(1, int((image.width * image.height * image.bands / _SAMPLES) ** 0.5))
    sample = image.subsample(step, step).cast("double")
    values = sorted(value for value in array("d", bytes(sample.write_to_memory())) if abs(value) <= _LARGEST)
    if not values:
        return least, greatest
    tail = int(len(values) * _TAIL_SHARE / 2)
    start, end = values[tail], values[-1 - tail]
    margin = (end / 2 - start / 2) * 2 * _MARGIN
    return max(least, start - margin), min(greatest, end + margin)
