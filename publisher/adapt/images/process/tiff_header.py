"""Reads how a TIFF stores its pixels, from the tags of one of its pages."""

from __future__ import annotations

import struct
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

MAX_TAGS = 4096
MAX_VALUES = 64

MAX_PAGES = 10_000

PHOTOMETRIC = 262
_SAMPLES_PER_PIXEL, _COMPRESSION, _EXTRA_SAMPLES = 277, 259, 338
_BITS, _SAMPLE_FORMAT, _PLANAR, _TILE_WIDTH = 258, 339, 284, 322
_TAGS = (_SAMPLES_PER_PIXEL, _COMPRESSION, PHOTOMETRIC, _EXTRA_SAMPLES, _BITS, _SAMPLE_FORMAT, _PLANAR, _TILE_WIDTH)
_KIND_LETTERS = {1: "B", 3: "H", 4: "I", 7: "B", 16: "Q"}
_COLOUR_SAMPLES = {0: 1, 1: 1, 2: 3, 5: 4, 6: 3, 8: 3}
"""Channels that carry colour, by photometric interpretation: grey twice, RGB, CMYK, YCbCr, L*a*b*."""
_TRANSPARENCY = (1, 2)
"""Kinds of extra channels that are transparency: already multiplied into the colours, or not."""


@dataclass(frozen=True, slots=True)
class TiffHeader:
    """Holds how a page of a TIFF stores its pixels."""

    compression: int
    photometric: int | None
    samples: int
    extra_samples: tuple[int, ...]
    bits: int
    sample_format: int
    """1: unsigned, 2: signed, 3: floating-point numbers."""
    has_separate_samples: bool
    """The channels of a pixel do not stand beside each other."""
    is_tiled: bool

    @property
    def is_double(self) -> bool:
        """Tells whether each pixel is one 64-bit floating-point number."""
        return self.bits == 64 and self.sample_format == 3 and self.samples == 1

    @property
    def has_transparency(self) -> bool:
        """Tells whether it declares an extra channel as transparency."""
        return any(kind in _TRANSPARENCY for kind in self.extra_samples)

    @property
    def is_grey(self) -> bool:
        """Tells whether its first channel is grey, and no other one carries colour."""
        return self.photometric in (0, 1)

    @property
    def is_lab(self) -> bool:
        """Tells whether the colours are L*a*b*, in one of its three encodings."""
        return self.photometric in (8, 9, 10)

    @property
    def is_byte_lab(self) -> bool:
        """Tells whether the colours are L*a*b*, in 8 bits each, with nothing besides."""
        return self.photometric in (8, 9) and self.bits == 8 and self.samples == 3

    @property
    def undeclared_samples(self) -> int:
        """Returns how many channels, the last ones, hold neither colour nor declared transparency."""
        colours = _COLOUR_SAMPLES.get(self.photometric if self.photometric is not None else -1)
        if colours is None or self.samples <= colours or self.has_transparency:
            return 0
        return self.samples - colours


def read_tiff_header(path: Path, page: int = 0) -> TiffHeader | None:
    """Reads the tags of a page, the first one by default. None: they can't be read."""
    try:
        tags = read_tags(path, _TAGS, page=page)
    except (struct.error, OverflowError, ValueError):
        return None
    return TiffHeader(
        compression=tags.get(_COMPRESSION, (1,))[0],
        photometric=tags[PHOTOMETRIC][0] if PHOTOMETRIC in tags else None,
        samples=tags.get(_SAMPLES_PER_PIXEL, (1,))[0],
        extra_samples=tags.get(_EXTRA_SAMPLES, ()),
        bits=tags.get(_BITS, (1,))[0],
        sample_format=tags.get(_SAMPLE_FORMAT, (1,))[0],
        has_separate_samples=tags.get(_PLANAR, (1,))[0] == 2,
        is_tiled=_TILE_WIDTH in tags,
    )


def read_tags(
    path: Path, wanted: Collection[int], *, page: int = 0, max_values: int = MAX_VALUES
) -> dict[int, tuple[int, ...]]:
    """Reads the values of these tags of a page, as whole numbers; those of an 8-bit tag are its bytes.

    Raises:
        struct.error, OverflowError, ValueError: the file is damaged, or has no such page.
    """
    with path.open("rb") as file:
        layout = _Layout.of(file)
        entries = _page_entries(file, layout, page)
        return {
            tag: _read_values(file, layout, kind, min(number, max_values), value)
            for tag, kind, number, value in entries
            if tag in wanted and kind in _KIND_LETTERS and number
        }


def find_value(path: Path, tag: int, value: int) -> tuple[int, bytes]:
    """Finds where the number of a tag of the first page stands in the file, and how `value` would be written there.

    Raises:
        struct.error, OverflowError, ValueError: the file is damaged, or the tag is not one 16-bit number.
    """
    with path.open("rb") as file:
        layout = _Layout.of(file)
        for number, (found, kind, count, _value) in enumerate(_page_entries(file, layout, 0)):
            if found == tag and (kind, count) == (3, 1):
                start, entry, inside = (8, 20, 12) if layout.big else (2, 12, 8)
                return layout.first + start + number * entry + inside, struct.pack(f"{layout.order}H", value)
    raise ValueError("the file has no such tag")


@dataclass(frozen=True, slots=True)
class _Layout:
    """Holds how the numbers of the file's structure are written."""

    order: str
    big: bool
    first: int
    """Where the first page's tags begin."""

    @classmethod
    def of(cls, file: BinaryIO) -> _Layout:
        head = file.read(16)
        order = "<" if head[:2] == b"II" else ">"
        big = struct.unpack_from(order + "H", head, 2)[0] == 43  # BigTIFF: 64-bit offsets.
        return cls(order, big, struct.unpack_from(order + ("Q" if big else "I"), head, 8 if big else 4)[0])


def _page_entries(file: BinaryIO, layout: _Layout, page: int) -> list[tuple[int, int, int, bytes]]:
    offset = layout.first
    entry = struct.Struct(layout.order + ("HHQ8s" if layout.big else "HHI4s"))
    for _page in range(min(page, MAX_PAGES)):
        file.seek(entry.size * _count_entries(file, layout, offset), 1)
        size = 8 if layout.big else 4
        offset = struct.unpack(layout.order + ("Q" if layout.big else "I"), file.read(size))[0]
        if not offset:
            raise ValueError("the file has no such page")
    count = _count_entries(file, layout, offset)
    data = file.read(entry.size * min(count, MAX_TAGS))
    return [entry.unpack_from(data, at) for at in range(0, len(data) - entry.size + 1, entry.size)]


def _count_entries(file: BinaryIO, layout: _Layout, offset: int) -> int:
    file.seek(offset)
    count: int = struct.unpack(layout.order + ("Q" if layout.big else "H"), file.read(8 if layout.big else 2))[0]
    return count


def _read_values(file: BinaryIO, layout: _Layout, kind: int, number: int, value: bytes) -> tuple[int, ...]:
    values = struct.Struct(f"{layout.order}{number}{_KIND_LETTERS[kind]}")
    if values.size > len(value):
        file.seek(struct.unpack(layout.order + ("Q" if layout.big else "I"), value)[0])
        value = file.read(values.size)
    return values.unpack_from(value)
