"""Converts a picture to upright 8-bit sRGB: crops it, scales it once, and maps its colours."""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import pyvips

from publisher.adapt.images.process.errors import decoding_refusal
from publisher.adapt.images.process.loading import OpenedOriginal, has_usable_profile
from publisher.adapt.images.process.number_values import has_number_values, spread_numbers
from publisher.adapt.problem_codes import PictureWarning, RenditionNote
from publisher.core.problems import Problem
from publisher.core.value_range import FULL_RANGE, MAX_VALUE, Limits, Number

Box = tuple[float, float, float, float]
"""Left, top, width and height, in fractions of the upright picture."""

_TAIL_SHARE = 0.001


@dataclass(frozen=True, slots=True)
class ConvertedPicture:
    """Holds the finished pixels of a picture, and what was done to its colours."""

    image: Any
    """8-bit sRGB, in memory, without an orientation."""
    notes: list[Problem]
    """What staff should know about its colours."""


def convert_picture(
    original: OpenedOriginal, box: Box | None, width: int, height: int, window: str | Sequence[Number]
) -> ConvertedPicture:
    """Converts the picture, or the part in `box`, to exactly this upright size. Decodes the file to its end.

    `window`: the two values that become black and white; of a 16-bit picture also `full`, or `percentile`, which finds
    them in this size and part.

    Raises:
        Refused: the file ends early or is damaged.
    """
    try:
        numbers: Limits | None = None
        if has_number_values(original.image):
            numbers = _number_limits(window)
            # Before scaling, which would spread what is no number.
            original = replace(original, image=spread_numbers(original.image, *numbers))
            window = "full"
        spread = None if isinstance(window, str) or not _is_deep(original.image) else (window[0], window[1])
        scaled = scale_image(original.image, original, box, width, height, spread)
        if scaled.format == "ushort" and window == "percentile":
            # It is read twice, and a file can be read only once. Otherwise 16 bits are never held whole.
            scaled = scaled.copy_memory()
        has_alpha = scaled.hasalpha()
        colours = scaled.extract_band(0, n=scaled.bands - 1) if has_alpha else scaled
        if spread and not has_alpha:
            # Before the profile, as if the maker had spread the values in the colours of the file.
            colours = _spread(colours, *spread)
        colours, notes = _to_screen_colours(colours, has_usable_profile(original.image))
        if colours.format == "ushort":
            limits = used_range(colours) if window == "percentile" else FULL_RANGE
            colours = _to_8_bits(colours, *limits)
            low, high = numbers or spread or limits
            code = RenditionNote.NUMBERS_MAPPED if numbers else RenditionNote.VALUES_MAPPED
            notes.append(code(low=low, high=high))
        if colours.interpretation != "srgb" or colours.bands != 3:
            colours = colours.colourspace("srgb")
        image = colours.cast("uchar")
        if has_alpha:
            image, opaque = _without_alpha(image, scaled[scaled.bands - 1])
            if opaque < 1:
                notes.append(PictureWarning.TRANSPARENT() if opaque else PictureWarning.NOWHERE_OPAQUE())
        else:
            image = image.copy_memory()
        return ConvertedPicture(image.autorot().copy_memory() if original.orientation > 1 else image, notes)
    except pyvips.Error as error:
        raise decoding_refusal(error) from error


def _number_limits(window: str | Sequence[Number]) -> Limits:
    """Returns the values that are black and white in a picture whose values have none of their own."""
    if isinstance(window, str):
        raise ValueError("such a picture is rendered with two values")
    return window[0], window[1]


def used_range(image: Any) -> tuple[int, int]:
    """Returns the range of values of a 16-bit image: its 0.1 and 99.9 percentiles, over all channels."""
    histogram = image.hist_find()
    summed = pyvips.Image.sum([histogram[band] for band in range(histogram.bands)]).cast("uint")
    counts = array("I", bytes(summed.write_to_memory()))
    tail = sum(counts) * _TAIL_SHARE
    return _value_at_count(counts, tail), len(counts) - 1 - _value_at_count(counts[::-1], tail)


def _value_at_count(counts: array[int], target: float) -> int:
    total = 0
    for value, count in enumerate(counts):
        total += count
        if total > target:
            return value
    return len(counts) - 1


def pixel_box(box: Box | None, width: int, height: int) -> tuple[int, int, int, int]:
    """Returns the box in whole pixels, inside the picture and never empty: left, top, width, height."""
    if box is None:
        return 0, 0, width, height
    left = min(round(box[0] * width), width - 1)
    top = min(round(box[1] * height), height - 1)
    right = min(max(round((box[0] + box[2]) * width), left + 1), width)
    bottom = min(max(round((box[1] + box[3]) * height), top + 1), height)
    return left, top, right - left, bottom - top


def _is_deep(image: Any) -> bool:
    return bool(image.format == "ushort" and image.interpretation != "cmyk")


def scale_image(
    image: Any, original: OpenedOriginal, box: Box | None, width: int, height: int, spread: Limits | None = None
) -> Any:
    """Crops and scales the image as it is stored, on white where it is transparent, without decoding it yet.

    `spread`: the values of one with transparency that become black and white.
    """
    if image.hasalpha():
        # Before scaling: scaling first would mix hidden colours into the edges. The values of the picture are spread
        # before that: mixed with white, they would be out of the range.
        white, alpha = _opaque_value(image), image[image.bands - 1]
        if spread:
            image = _spread(image.extract_band(0, n=image.bands - 1), *spread).bandjoin(alpha)
        image = image.flatten(background=[white]).bandjoin(alpha)
    if box is not None:
        image = image.crop(*_stored_box(pixel_box(box, *original.size), original))
    wide, high = (height, width) if original.is_sideways else (width, height)
    if (wide, high) != (image.width, image.height):
        image = image.resize(wide / image.width, vscale=high / image.height, kernel="lanczos3")
    return image


def _without_alpha(colours: Any, alpha: Any) -> tuple[Any, float]:
    """Returns the colours in memory, and the share that is opaque. Both are read from the file in one pass."""
    opaque = (alpha >= _opaque_value(alpha)).copy(interpretation="b-w")
    joined = colours.bandjoin(opaque).copy_memory()
    return joined.extract_band(0, n=3).copy_memory(), joined[3].avg() / 255


def _opaque_value(image: Any) -> int:
    return MAX_VALUE if image.format == "ushort" else 255


def _stored_box(box: tuple[int, int, int, int], original: OpenedOriginal) -> tuple[int, int, int, int]:
    """Converts a box of the upright picture to the stored one, before the EXIF orientation is applied."""
    left, top, width, height = box
    right, bottom = original.size[0] - left - width, original.size[1] - top - height
    stored_left, stored_top = {
        1: (left, top),
        2: (right, top),
        3: (right, bottom),
        4: (left, bottom),
        5: (top, left),
        6: (top, right),
        7: (bottom, right),
        8: (bottom, left),
    }.get(original.orientation, (left, top))
    return (
        (stored_left, stored_top, height, width) if original.is_sideways else (stored_left, stored_top, width, height)
    )


def _to_screen_colours(image: Any, profile_usable: bool | None) -> tuple[Any, list[Problem]]:
    """Converts to a colour model of the screen, by the embedded profile or by the best guess, which gets a note."""
    if image.interpretation in ("lab", "labs"):
        # The white of such a file is D50, as in profiles; the colour model of libvips has D65.
        return image.colourspace("lab").icc_export(output_profile="srgb", intent="perceptual"), []
    managed = _with_profile(image) if profile_usable else None
    notes = []
    if managed is None and image.interpretation == "cmyk":
        notes.append(PictureWarning.COLOURS_GUESSED())
        managed = image.icc_transform("srgb", input_profile="cmyk", intent="perceptual")
    elif managed is None and profile_usable is not None:
        notes.append(PictureWarning.PROFILE_UNUSABLE())
    return image if managed is None else managed, notes


def _with_profile(image: Any) -> Any | None:
    deep = image.format == "ushort" and image.interpretation != "cmyk"
    try:
        return image.icc_transform("srgb", embedded=True, intent="perceptual", depth=16 if deep else 8)
    except pyvips.Error:
        return None


def _spread(image: Any, low: Number, high: Number) -> Any:
    """Spreads the values from `low` to `high` over all 16 bits; those outside become black and white."""
    return (
        ((image - low) * (MAX_VALUE / max(1, high - low)))
        .rint()
        .cast("ushort")
        .copy(interpretation=image.interpretation)
    )


def _to_8_bits(image: Any, low: int, high: int) -> Any:
    stretched = ((image - low) * (255.0 / max(1, high - low))).rint()
    # The cast clips at 0 and 255.
    return stretched.cast("uchar").copy(interpretation="b-w" if image.bands == 1 else "srgb")
