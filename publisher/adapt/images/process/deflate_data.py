"""Checks the checksums of a TIFF with Deflate, which libtiff does not read."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterable
from pathlib import Path

from publisher.adapt.images.process.errors import PictureRefused
from publisher.adapt.images.process.tiff_header import read_tags
from publisher.adapt.problem_codes import PictureProblem

_DEFLATED = (8, 32946)
_WIDTH, _HEIGHT, _BITS, _COMPRESSION, _SAMPLES = 256, 257, 258, 259, 277
_PARTS = ((273, 279), (324, 325))
"""Where strips, and where tiles start, and how many bytes each has."""
_TAGS = (_WIDTH, _HEIGHT, _BITS, _COMPRESSION, _SAMPLES, *_PARTS[0], *_PARTS[1])
MAX_PARTS = 1_000_000
MAX_PADDING = 3
"""Tiles reach over the border: by so many times the pixels at most, and no further, their data are read."""
CHUNK = 1 << 20


def has_sound_deflate_data(path: Path, pages: Iterable[int]) -> bool:
    """Tells whether the data of these pages have an end. True for a TIFF without Deflate.

    Raises:
        PictureRefused: a checksum is another than that of the data.
    """
    is_sound = True
    for page in pages:
        try:
            tags = read_tags(path, _TAGS, page=page, max_values=MAX_PARTS)
        except (struct.error, OverflowError, ValueError):
            # The decoder read it all the same: nothing is known of its data.
            continue
        if tags.get(_COMPRESSION, (1,))[0] not in _DEFLATED:
            continue
        try:
            is_sound = _have_ends(path, tags) and is_sound
        except zlib.error as error:
            raise PictureRefused(PictureProblem.DAMAGED()) from error
    return is_sound


def _have_ends(path: Path, tags: dict[int, tuple[int, ...]]) -> bool:
    """Tells whether each strip or tile has an end. Raises zlib.error."""
    values = tags.get(_WIDTH, (0,))[0] * tags.get(_HEIGHT, (0,))[0] * tags.get(_SAMPLES, (1,))[0]
    left = MAX_PADDING * values * tags.get(_BITS, (8,))[0] // 8 + CHUNK
    with path.open("rb") as file:
        for starts, sizes in _PARTS:
            for start, size in zip(tags.get(starts, ()), tags.get(sizes, ()), strict=False):
                file.seek(start)
                packed, decoder = file.read(size), zlib.decompressobj()
                while packed and not decoder.eof and left > 0:
                    left -= len(decoder.decompress(packed, CHUNK))
                    packed = decoder.unconsumed_tail
                if left > 0 and size and not decoder.eof:
                    return False
    return True
