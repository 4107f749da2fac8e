"""Opens TIFF files with 64-bit floating-point numbers, which libvips can't."""

from __future__ import annotations

import struct
import sys
import zlib
from array import array
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyvips

from publisher.adapt.images.process.errors import PictureRefused
from publisher.adapt.images.process.tiff_header import read_tags
from publisher.adapt.problem_codes import PictureProblem

MAX_PIXELS = 25_000_000
"""All of it is held in memory, more than once."""
MAX_PARTS = 1_000_000

_WIDTH, _HEIGHT, _COMPRESSION, _PREDICTOR = 256, 257, 259, 317
_STRIP_STARTS, _STRIP_ROWS, _STRIP_SIZES = 273, 278, 279
_TILE_WIDTH, _TILE_HEIGHT, _TILE_STARTS, _TILE_SIZES = 322, 323, 324, 325
_TAGS = (
    *(_WIDTH, _HEIGHT, _COMPRESSION, _PREDICTOR, _STRIP_STARTS, _STRIP_ROWS, _STRIP_SIZES),
    *(_TILE_WIDTH, _TILE_HEIGHT, _TILE_STARTS, _TILE_SIZES),
)
_PLAIN, _DEFLATED = 1, (8, 32946)
_BYTES = 8


@dataclass(frozen=True, slots=True)
class _Part:
    """Places a strip or a tile."""

    start: int
    size: int
    left: int
    top: int


def open_doubles(path: Path) -> Any:
    """Opens the first page of a TIFF with one 64-bit floating-point number for each pixel, decoded in memory.

    Raises:
        PictureRefused: it is damaged, too large, or stored in a way that is not read.
    """
    try:
        tags = read_tags(path, _TAGS, max_values=MAX_PARTS)
        width, height = tags[_WIDTH][0], tags[_HEIGHT][0]
        if width * height > MAX_PIXELS:
            megapixels = MAX_PIXELS // 1_000_000
            raise PictureRefused(PictureProblem.TOO_MANY_PIXELS(width=width, height=height, megapixels=megapixels))
        if tags.get(_PREDICTOR, (1,))[0] != 1 or tags.get(_COMPRESSION, (1,))[0] not in (_PLAIN, *_DEFLATED):
            raise PictureRefused(PictureProblem.UNREADABLE())
        pixels = _decode(path, tags, width, height)
    except (struct.error, OverflowError, ValueError, KeyError, IndexError, zlib.error) as error:
        raise PictureRefused(PictureProblem.DAMAGED()) from error
    return pyvips.Image.new_from_memory(pixels.tobytes(), width, height, 1, "double").copy(interpretation="b-w")


def _decode(path: Path, tags: dict[int, tuple[int, ...]], width: int, height: int) -> array[float]:
    is_tiled = _TILE_STARTS in tags
    part_width = tags[_TILE_WIDTH][0] if is_tiled else width
    part_height = tags[_TILE_HEIGHT][0] if is_tiled else min(height, tags.get(_STRIP_ROWS, (height,))[0])
    if part_width * part_height > MAX_PIXELS:
        raise ValueError("a part is larger than any picture")
    rows = bytearray(width * height * _BYTES)
    with path.open("rb") as file:
        is_little = file.read(2) == b"II"
        for part in _parts(tags, width, height, part_width, part_height):
            file.seek(part.start)
            data = file.read(min(part.size, part_width * part_height * _BYTES + (1 << 20)))
            if tags.get(_COMPRESSION, (1,))[0] in _DEFLATED:
                data = zlib.decompressobj().decompress(data, part_width * part_height * _BYTES)
            _place(rows, data, part, (part_width, part_height), (width, height))
    pixels = array("d", bytes(rows))
    if is_little != (sys.byteorder == "little"):
        pixels.byteswap()
    return pixels


def _parts(tags: dict[int, tuple[int, ...]], width: int, height: int, wide: int, high: int) -> list[_Part]:
    is_tiled = _TILE_STARTS in tags
    starts, sizes = tags[_TILE_STARTS if is_tiled else _STRIP_STARTS], tags[_TILE_SIZES if is_tiled else _STRIP_SIZES]
    columns, rows = -(-width // wide), -(-height // high)
    return [
        _Part(starts[number], sizes[number], number % columns * wide, number // columns * high)
        for number in range(columns * rows)
    ]


def _place(rows: bytearray, data: bytes, part: _Part, size: tuple[int, int], whole: tuple[int, int]) -> None:
    """Copies the rows of a part to their place. Raises ValueError: the part ends early."""
    shown = min(size[0], whole[0] - part.left) * _BYTES
    for row in range(min(size[1], whole[1] - part.top)):
        start = row * size[0] * _BYTES
        line = data[start : start + shown]
        if len(line) != shown:
            raise ValueError("a part ends early")
        at = ((part.top + row) * whole[0] + part.left) * _BYTES
        rows[at : at + shown] = line
