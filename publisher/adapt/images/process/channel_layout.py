"""Finds the colour channels of a TIFF: where each is stored, its name and its colour."""

from __future__ import annotations

import math
import re
import struct
from dataclasses import dataclass
from html import unescape
from pathlib import Path

from publisher.adapt.images.process.tiff_header import TiffHeader, read_tags
from publisher.core.colour_channels import MAX_COLOUR_CHANNELS
from publisher.core.value_range import Limits

MAX_METADATA = 1 << 20
"""Characters of the metadata that are read: the channels stand in front of what describes single planes."""
MAX_NAME = 80

_ATTRIBUTES = r"((?:[^>\"']|\"[^\"]*\"|'[^']*')*+)>"
_PIXELS = re.compile(rf"<(?:\w+:)?Pixels\b{_ATTRIBUTES}")
_CHANNEL = re.compile(rf"<(?:\w+:)?Channel\b{_ATTRIBUTES}")
_PLANE = re.compile(rf"<(?:\w+:)?TiffData\b{_ATTRIBUTES}")
_END_OF_PIXELS = re.compile(r"</(?:\w+:)?Pixels>")
_ATTRIBUTE = re.compile(r"(\w+)\s*=\s*(?:\"([^\"]*)\"|'([^']*)')")
_IMAGEJ_NUMBER = re.compile(r"^(channels|slices|frames)=(\d{1,9})\s*$", re.MULTILINE)
_NO_COLOUR = "#ffffff"
_IMAGEJ_SIZES, _IMAGEJ_DATA = 50838, 50839
_LUT_BYTES = 768


@dataclass(frozen=True, slots=True)
class FoundChannel:
    """Names a colour channel and the place of its values."""

    name: str
    colour: str
    page: int
    band: int
    declared: Limits | None = None
    """The values that the file itself shows as black and as the colour."""


@dataclass(frozen=True, slots=True)
class ChannelLayout:
    """Holds the colour channels of a file, and of how many planes and times it is a stack."""

    channels: tuple[FoundChannel, ...]
    """None or several; a single one is an ordinary grey picture."""
    planes: int = 1
    times: int = 1
    shares_range: bool = False
    """What the first page says of its values holds for all channels."""


NO_CHANNELS = ChannelLayout(())
"""The layout of a picture with nothing to merge."""


def find_channels(path: Path, header: TiffHeader, description: str, pages: int) -> ChannelLayout:
    """Finds the colour channels by the metadata of OME or ImageJ, else by the samples of each pixel."""
    text = description[:MAX_METADATA]
    layout = NO_CHANNELS
    if not header.is_grey or header.has_transparency:
        return layout
    if "OME" in text and (found := _find_ome_channels(text, header.samples, pages)):
        layout = found
    elif text.startswith("ImageJ="):
        layout = _find_imagej_channels(path, text)
    elif header.samples > 2:
        layout = ChannelLayout(tuple(FoundChannel("", "", 0, band) for band in range(header.samples)))
    count = len(layout.channels)
    usable = 1 < count <= MAX_COLOUR_CHANNELS and all(channel.page < pages for channel in layout.channels)
    return layout if usable else ChannelLayout((), layout.planes, layout.times)


def _find_ome_channels(text: str, samples: int, pages: int) -> ChannelLayout | None:
    pixels = _PIXELS.search(text)
    if pixels is None:
        return None
    sizes = _attributes(pixels[1])
    count, planes, times = (_whole(sizes.get(f"Size{axis}", "1")) for axis in "CZT")
    end = _END_OF_PIXELS.search(text, pixels.end())
    inner = text[pixels.end() : end.start() if end else len(text)]
    described = [_attributes(match[1]) for match in _CHANNEL.finditer(inner)][:count]
    described += [{} for _number in range(min(count, MAX_COLOUR_CHANNELS + 1) - len(described))]
    colours = [_ome_colour(attributes.get("Color", "")) for attributes in described]
    if all(colour in ("", _NO_COLOUR) for colour in colours):
        # White is what programs write that know of no colour.
        colours = [""] * len(colours)
    is_interleaved = samples > 1 and samples == count
    step = _pages_between_channels(sizes.get("DimensionOrder", "XYCZT"), planes, times)
    own_pages = _planes_of_channels(inner, pages)
    return ChannelLayout(
        tuple(
            FoundChannel(
                " ".join(unescape(attributes.get("Name", "")).split())[:MAX_NAME],
                colour,
                0 if is_interleaved else own_pages.get(number, number * step),
                number if is_interleaved else 0,
            )
            for number, (attributes, colour) in enumerate(zip(described, colours, strict=True))
        ),
        planes,
        times,
        shares_range=True,
    )


def _pages_between_channels(order: str, planes: int, times: int) -> int:
    """Returns how many pages later the next channel of the same plane and time is. `order`: such as `XYZCT`."""
    sizes = {"Z": planes, "T": times}
    step = 1
    for axis in order[2:].partition("C")[0]:
        step *= sizes.get(axis, 1)
    return step


def _planes_of_channels(text: str, pages: int) -> dict[int, int]:
    """Returns the page of each channel that is named for its first plane and time."""
    found: dict[int, int] = {}
    for match in _PLANE.finditer(text):
        place = _attributes(match[1])
        if "IFD" not in place or _whole(place.get("FirstZ", "0"), 0) or _whole(place.get("FirstT", "0"), 0):
            continue
        if "FirstC" in place and (page := _whole(place["IFD"], 0)) < pages:
            found.setdefault(_whole(place["FirstC"], 0), page)
    return found


def _find_imagej_channels(path: Path, text: str) -> ChannelLayout:
    sizes = {name: int(number) for name, number in _IMAGEJ_NUMBER.findall(text)}
    count, planes, times = (max(1, sizes.get(name, 1)) for name in ("channels", "slices", "frames"))
    if not 1 < count <= MAX_COLOUR_CHANNELS:
        return ChannelLayout((), planes, times)
    colours, ranges = _imagej_display(path)
    colours = [*colours, *[""] * count][:count]
    ranges = [*ranges, *[None] * count][:count]
    if all(colour in ("", _NO_COLOUR) for colour in colours):
        colours = [""] * count
    channels = tuple(
        FoundChannel("", colour, number, 0, declared)
        for number, (colour, declared) in enumerate(zip(colours, ranges, strict=True))
    )
    return ChannelLayout(channels, planes, times)


def _imagej_display(path: Path) -> tuple[list[str], list[Limits | None]]:
    """Returns what ImageJ has written: the last entry of each look-up table, and the range of each channel."""
    try:
        tags = read_tags(path, (_IMAGEJ_SIZES, _IMAGEJ_DATA), max_values=MAX_METADATA)
        sizes, data = tags[_IMAGEJ_SIZES], bytes(tags[_IMAGEJ_DATA])
    except (struct.error, OverflowError, ValueError, KeyError):
        return [], []
    at = sizes[0]
    # After four bytes of magic, each kind of entry has its name and its number of entries.
    kinds = data[4:at]
    is_little = data[:4] == b"JIJI"
    colours: list[str] = []
    ranges: list[Limits | None] = []
    entries = 1
    for start in range(0, len(kinds) - 7, 8):
        name, number = kinds[start : start + 4], kinds[start + 4 : start + 8]
        plain_name = name[::-1] if is_little else name
        for size in sizes[entries : entries + int.from_bytes(number, "little" if is_little else "big")]:
            entry = data[at : at + size]
            if plain_name == b"luts" and len(entry) == _LUT_BYTES:
                colours.append("#" + "".join(f"{entry[255 + 256 * band]:02x}" for band in range(3)))
            elif plain_name == b"rang" and len(entry) == size <= MAX_COLOUR_CHANNELS * 16 and size % 16 == 0:
                limits = struct.unpack(f"{'<' if is_little else '>'}{size // 8}d", entry)
                ranges += [_range(*limits[pair : pair + 2]) for pair in range(0, len(limits), 2)]
            at += size
            entries += 1
    return colours, ranges


def _range(low: float, high: float) -> Limits | None:
    if not (math.isfinite(low) and math.isfinite(high) and low < high):
        return None
    return (int(low), int(high)) if low.is_integer() and high.is_integer() else (low, high)


def _attributes(text: str) -> dict[str, str]:
    return {match[1]: match[2] or match[3] or "" for match in _ATTRIBUTE.finditer(text)}


def _whole(text: str, least: int = 1) -> int:
    return max(least, int(text)) if text.isascii() and text.isdigit() and len(text) < 10 else least


def _ome_colour(text: str) -> str:
    """Returns the colour of an OME channel, which is one signed number: red, green, blue and opacity."""
    if not re.fullmatch(r"-?\d{1,10}", text):
        return ""
    return f"#{(int(text) & 0xFFFFFFFF) >> 8:06x}"
