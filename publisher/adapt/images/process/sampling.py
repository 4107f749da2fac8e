"""Takes tiles of a picture from all over it, as a sample that is encoded and measured in place of the whole."""

from __future__ import annotations

from typing import Any

import pyvips

TILE = 96
TILES_ACROSS = 8
ALIGNMENT = 16
"""Tiles start at multiples of this, as the blocks of a JPEG do: encoded, a tile's blocks are those of the whole."""
MIN_SAVING = 1.5
"""A picture must have so many times the pixels of its tiles, or it is its own sample."""


def take_tiles(canvas: Any, left: int, top: int, width: int, height: int) -> Any | None:
    """Returns an even grid of tiles of this part of the canvas, side by side in memory; None: the part is small.

    Many small tiles are better than few large ones: pictures are uneven.
    """
    if width * height < MIN_SAVING * (TILES_ACROSS * TILE) ** 2:
        return None
    columns, rows = _starts(left, width), _starts(top, height)
    tiles = [canvas.crop(x, y, TILE, TILE) for y in rows for x in columns]
    return pyvips.Image.arrayjoin(tiles, across=len(columns)).copy_memory()


def _starts(start: int, length: int) -> list[int]:
    """Returns where tiles start along one side, from border to border, each place once."""
    first = -(-start // ALIGNMENT)
    last = (start + length - TILE) // ALIGNMENT
    places = (first + round((last - first) * place / (TILES_ACROSS - 1)) for place in range(TILES_ACROSS))
    return [place * ALIGNMENT for place in dict.fromkeys(places) if last >= first]


def tile_interiors(tiles: Any, margin: int) -> Any:
    """Returns an image of the size of `tiles`: 1 where a pixel is at least `margin` from its tile's border, else 0."""
    side = TILE - 2 * margin
    inside = (pyvips.Image.black(side, side) + 1).embed(margin, margin, TILE, TILE).copy_memory()
    return inside.replicate(tiles.width // TILE, tiles.height // TILE)
