"""Takes tiles of a picture from all over it, as a sample that is encoded and measured in place of the whole."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pyvips

TILE, SMALL_TILE = 96, 48
TILES_ACROSS = 8
ALIGNMENT = 16
"""Tiles start at multiples of this, as the blocks of a JPEG do: encoded, a tile's blocks are those of the whole."""
MIN_SAVING = 1.5
"""A picture must have so many times the pixels of its tiles, or it is its own sample."""


Part = tuple[int, int, int, int]
"""Left, top, width and height of a part of the canvas, in pixels."""


def has_tiles(part: Part, side: int = TILE) -> bool:
    """Tells whether a part is large enough for tiles of it."""
    _, _, width, height = part
    is_wide = min(width, height) >= side + ALIGNMENT
    return is_wide and width * height >= MIN_SAVING * (TILES_ACROSS * side) ** 2


def take_tiles(canvas: Any, part: Part, side: int = TILE) -> Any | None:
    """Returns an even grid of tiles of this part of the canvas, side by side in memory; None: the part is small.

    Many small tiles are better than few large ones: pictures are uneven. `side`: that of a tile, in pixels.
    """
    if not has_tiles(part, side):
        return None
    left, top, width, height = part
    columns, rows = _starts(left, width, side), _starts(top, height, side)
    # One band of rows after the other is taken out and cut here: a crop for each tile takes ten times as long.
    lines = (line for y in rows for line in _tile_lines(canvas.crop(0, y, canvas.width, side), columns, side))
    size = side * len(columns), side * len(rows)
    tiles = pyvips.Image.new_from_memory(b"".join(lines), *size, canvas.bands, "uchar")
    return tiles.copy(interpretation=canvas.interpretation).copy_memory()


def _tile_lines(band: Any, columns: list[int], side: int) -> Iterator[memoryview]:
    """Yields the pixels of tiles that stand beside each other in an 8-bit band of their height, line by line."""
    pixels = memoryview(bytes(band.write_to_memory()))
    # Each look at a property of an image takes longer than to copy a line.
    width, bands = band.width, band.bands
    for line in range(side):
        for x in columns:
            start = (line * width + x) * bands
            yield pixels[start : start + side * bands]


def _starts(start: int, length: int, side: int) -> list[int]:
    """Returns where tiles start along one side, from border to border, each place once."""
    first = -(-start // ALIGNMENT)
    last = (start + length - side) // ALIGNMENT
    places = (first + round((last - first) * place / (TILES_ACROSS - 1)) for place in range(TILES_ACROSS))
    return [place * ALIGNMENT for place in dict.fromkeys(places) if last >= first]


def tile_interiors(tiles: Any, side: int, margin: int) -> Any:
    """Returns an image of the size of `tiles`: 1 where a pixel is at least `margin` from its tile's border, else 0."""
    kept = side - 2 * margin
    inside = (pyvips.Image.black(kept, kept) + 1).embed(margin, margin, side, side).copy_memory()
    return inside.replicate(tiles.width // side, tiles.height // side)
