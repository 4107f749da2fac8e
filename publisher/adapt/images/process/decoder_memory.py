"""Estimates the memory that decoding takes for files that can't be read row by row, from their header."""

from __future__ import annotations

from typing import Any

from publisher.adapt.images.process.errors import PictureRefused
from publisher.adapt.problem_codes import PictureProblem
from publisher.core.messages import _

MAX_DECODER_BYTES = 1_000_000_000
"""Bytes that the decoder of one picture may use, besides what the rendition itself takes."""

_BYTES_PER_PIXEL = {"webp": 9, "avif": 15, "heic": 12}
"""Bytes per pixel, as measured: the decoder's own copies and its result."""
_FORMAT_NAMES = {
    "jpeg": _("a progressive JPEG"),
    "png": _("an interlaced PNG"),
    "webp": _("a WebP file"),
    "avif": _("an AVIF file"),
    "heic": _("a HEIC file"),
}


def check_decoder_memory(kind: str, width: int, height: int, image: Any = None) -> None:
    """Refuses a picture whose decoder would need too much memory.

    `image` is the opened picture, whose header says how a JPEG or PNG is stored.
    """
    if width * height * _bytes_per_pixel(kind, image) > MAX_DECODER_BYTES:
        problem = PictureProblem.ONLY_OPENED_WHOLE(width=width, height=height, format=_FORMAT_NAMES[kind])
        raise PictureRefused(problem)


def _bytes_per_pixel(kind: str, image: Any) -> int:
    if kind in _BYTES_PER_PIXEL:
        return _BYTES_PER_PIXEL[kind]
    if not (image.get_typeof("interlaced") and image.get("interlaced")):
        return 0
    bands: int = image.bands
    if kind == "jpeg":
        # All coefficients, in 16 bits each, until the last scan is read.
        return bands if image.get("jpeg-chroma-subsample") == "4:2:0" else 2 * bands
    return bands * (2 if image.format == "ushort" else 1)
