"""Pixels: cut, scale once, turn upright, and bring whatever colour model to 8-bit sRGB."""

from __future__ import annotations

from array import array
from dataclasses import dataclass
from typing import Any

import pyvips

from publisher.adapt.images.process.loading import Master, usable_profile
from publisher.adapt.images.process.refusal import explain

Box = tuple[float, float, float, float]
"""Left, top, width and height, in fractions of the upright picture."""

TOP_OF_16_BITS = 65535
DARK_BELOW = 40_000
"""16-bit pictures whose brightest values stay below this hold 12- or 14-bit data and look dark."""

_TAIL = 0.001


@dataclass(frozen=True, slots=True)
class Developed:
    image: Any
    """8-bit sRGB, in memory, without an orientation."""
    notes: list[str]
    """What staff should know about its colours."""
    value_range: tuple[int, int] | None
    """Where the values of a 16-bit picture lie; see `used_range`."""


def develop(
    master: Master, box: Box | None, width: int, height: int, window: str, *, find_range: bool = False
) -> Developed:
    """The picture, or the part in `box`, at exactly this upright size. Decodes the file to its end.

    `find_range` asks for the value range of a 16-bit picture where the window would not need it.

    Raises:
        Refused: the file ends early or is damaged.
    """
    find_range = find_range or window == "percentile"
    try:
        scaled = _scaled(master, box, width, height)
        if scaled.format == "ushort" and find_range:
            # Looked at twice, and a file can be read only once. Otherwise 16 bits are never held whole.
            scaled = scaled.copy_memory()
        see_through = scaled.hasalpha()
        colours = scaled.extract_band(0, n=scaled.bands - 1) if see_through else scaled
        colours, notes = _managed(colours, usable_profile(master.image))
        value_range = None
        if colours.format == "ushort":
            value_range = used_range(colours) if find_range else None
            low, high = value_range if value_range and window == "percentile" else (0, TOP_OF_16_BITS)
            colours = _to_8_bits(colours, low, high)
            notes.append(f"16-bit values from {low} to {high} are shown as black to white.")
        if colours.interpretation != "srgb" or colours.bands != 3:
            colours = colours.colourspace("srgb")
        image = colours.cast("uchar")
        if see_through:
            image, opaque = _without_alpha(image, scaled[scaled.bands - 1])
            notes += [] if opaque else ["Transparent areas stand on white."]
        else:
            image = image.copy_memory()
        return Developed(image.autorot().copy_memory() if master.orientation > 1 else image, notes, value_range)
    except pyvips.Error as error:
        raise explain(error) from error


def used_range(image: Any) -> tuple[int, int]:
    """Where the values of a 16-bit image lie: its 0.1 and 99.9 percentiles, over all channels."""
    histogram = image.hist_find()
    summed = pyvips.Image.sum([histogram[band] for band in range(histogram.bands)]).cast("uint")
    counts = array("I", bytes(summed.write_to_memory()))
    tail = sum(counts) * _TAIL
    return _reaches(counts, tail), len(counts) - 1 - _reaches(counts[::-1], tail)


def _reaches(counts: array[int], enough: float) -> int:
    total = 0
    for value, count in enumerate(counts):
        total += count
        if total > enough:
            return value
    return len(counts) - 1


def pixel_box(box: Box | None, width: int, height: int) -> tuple[int, int, int, int]:
    """The box in whole pixels, inside the picture and never empty: left, top, width, height."""
    if box is None:
        return 0, 0, width, height
    left = min(round(box[0] * width), width - 1)
    top = min(round(box[1] * height), height - 1)
    right = min(max(round((box[0] + box[2]) * width), left + 1), width)
    bottom = min(max(round((box[1] + box[3]) * height), top + 1), height)
    return left, top, right - left, bottom - top


def _scaled(master: Master, box: Box | None, width: int, height: int) -> Any:
    """The picture as it lies in the file, on white where it is transparent, not yet decoded."""
    image = master.image
    if image.hasalpha():
        # Before scaling: scaling first would mix hidden colours into the edges.
        white = _opaque(image)
        image = image.flatten(background=[white]).bandjoin(image[image.bands - 1])
    if box is not None:
        image = image.crop(*_as_stored(pixel_box(box, *master.size), master))
    wide, high = (height, width) if master.sideways else (width, height)
    if (wide, high) != (image.width, image.height):
        image = image.resize(wide / image.width, vscale=high / image.height, kernel="lanczos3")
    return image


def _without_alpha(colours: Any, alpha: Any) -> tuple[Any, bool]:
    """The colours in memory, and whether nothing shone through. Both are read from the file in one pass."""
    opaque = (alpha >= _opaque(alpha)).copy(interpretation="b-w")
    joined = colours.bandjoin(opaque).copy_memory()
    return joined.extract_band(0, n=3).copy_memory(), joined[3].min() == 255


def _opaque(image: Any) -> int:
    return TOP_OF_16_BITS if image.format == "ushort" else 255


def _as_stored(box: tuple[int, int, int, int], master: Master) -> tuple[int, int, int, int]:
    """A box of the upright picture where it lies in the file, before the EXIF orientation is applied."""
    left, top, width, height = box
    right, bottom = master.size[0] - left - width, master.size[1] - top - height
    stored_left, stored_top = {
        1: (left, top),
        2: (right, top),
        3: (right, bottom),
        4: (left, bottom),
        5: (top, left),
        6: (top, right),
        7: (bottom, right),
        8: (bottom, left),
    }.get(master.orientation, (left, top))
    return (stored_left, stored_top, height, width) if master.sideways else (stored_left, stored_top, width, height)


def _managed(image: Any, profile_usable: bool | None) -> tuple[Any, list[str]]:
    """The image in a colour model of the screen: by its profile, or by the best guess, which is told."""
    notes = []
    managed = _with_profile(image) if profile_usable else None
    if profile_usable is not None and managed is None:
        notes.append("The colour profile in the file is unusable, so its colours are read as sRGB.")
    if managed is None and image.interpretation == "cmyk":
        notes = ["CMYK without a usable colour profile: the colours are a guess, so check them."]
        managed = image.icc_transform("srgb", input_profile="cmyk", intent="perceptual")
    return image if managed is None else managed, notes


def _with_profile(image: Any) -> Any | None:
    deep = image.format == "ushort" and image.interpretation != "cmyk"
    try:
        return image.icc_transform("srgb", embedded=True, intent="perceptual", depth=16 if deep else 8)
    except pyvips.Error:
        return None


def _to_8_bits(image: Any, low: int, high: int) -> Any:
    stretched = ((image - low) * (255.0 / max(1, high - low))).rint()
    # The cast clips at 0 and 255.
    return stretched.cast("uchar").copy(interpretation="b-w" if image.bands == 1 else "srgb")
