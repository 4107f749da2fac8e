"""Files that can't be read row by row: how much memory opening them takes, told by the header."""

from __future__ import annotations

from typing import Any

from publisher.adapt.images.process.refusal import Refused

MAX_HELD = 1_000_000_000
"""Bytes that the decoder of one picture may hold, beside what the rendition itself takes."""

_WHOLE = {"webp": 9, "avif": 15, "heic": 12}
"""Bytes per pixel, as measured: the decoder's own copies and its result."""
_NAMES = {
    "jpeg": "a progressive JPEG",
    "png": "an interlaced PNG",
    "webp": "a WebP file",
    "avif": "an AVIF file",
    "heic": "a HEIC file",
}


def check_held(kind: str, width: int, height: int, image: Any = None) -> None:
    """Refuse a picture that opening it would make too large for memory.

    `image` is the opened one, whose header tells how a JPEG or PNG is stored.
    """
    if width * height * _bytes_per_pixel(kind, image) > MAX_HELD:
        raise Refused(
            f"The picture is {width} × {height} pixels as {_NAMES[kind]}, which can only be opened whole, "
            "in more than 1 GB of memory: export it as a TIFF or a baseline JPEG, or smaller."
        )


def _bytes_per_pixel(kind: str, image: Any) -> int:
    if kind in _WHOLE:
        return _WHOLE[kind]
    if not (image.get_typeof("interlaced") and image.get("interlaced")):
        return 0
    bands: int = image.bands
    if kind == "jpeg":
        # All coefficients, in 16 bits each, until the last scan is read.
        return bands if image.get("jpeg-chroma-subsample") == "4:2:0" else 2 * bands
    return bands * (2 if image.format == "ushort" else 1)
