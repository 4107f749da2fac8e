"""Detects the format of a file by its first bytes. Its name plays no part."""

from __future__ import annotations

from pathlib import Path

from publisher.adapt.images.process.errors import PictureRefused
from publisher.adapt.problem_codes import PictureProblem
from publisher.core.messages import _
from publisher.core.problems import Problem

HEAD_BYTES = 1024
PNG_HEAD_BYTES = 1 << 20
"""Bytes in which a PNG says that it moves: its profile stands before that."""

_MAGIC = (
    (b"\xff\xd8\xff", "jpeg"),
    (b"\x89PNG\r\n\x1a\n", "png"),
    (b"II*\x00", "tiff"),
    (b"MM\x00*", "tiff"),
    (b"II+\x00", "tiff"),
    (b"MM\x00+", "tiff"),
    (b"GIF87a", "gif"),
    (b"GIF89a", "gif"),
)
_BRANDS = {b"avif": "avif", b"avis": "avif", b"heic": "heic", b"heix": "heic", b"heim": "heic", b"heis": "heic"}
_NOT_PICTURES = (
    (b"%PDF", _("a PDF document")),
    (b"%!", _("a PostScript file")),
    (b"\xc5\xd0\xd3\xc6", _("a PostScript file")),
    (b"8BPS", _("a Photoshop file")),
    (b"BM", _("a BMP file")),
    (b"\x00\x00\x00\x0cjP", _("a JPEG 2000 file")),
    (b"PK\x03\x04", _("a ZIP archive or an Office document")),
    (b"\x00\x00\x00\x0cJXL", _("a JPEG XL file")),
    (b"\xff\x0a", _("a JPEG XL file")),
)
_ACCEPTED_FORMATS = _("JPEG, PNG, TIFF, WebP, AVIF, HEIC or GIF")


def detect_format(path: Path) -> str:
    """Detects the format of the file: jpeg, png, tiff, webp, avif, heic or gif.

    Raises:
        PictureRefused: it is something else; the problem says what.
    """
    with path.open("rb") as file:
        head = file.read(HEAD_BYTES)
    for magic, name in _MAGIC:
        if head.startswith(magic):
            return name
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return "webp"
    if head[4:8] == b"ftyp":
        return _detect_heif_format(head)
    raise PictureRefused(_refusal(head))


def _detect_heif_format(head: bytes) -> str:
    size = int.from_bytes(head[:4], "big")
    brands = [head[8:12], *(head[at : at + 4] for at in range(16, min(size, len(head)), 4))]
    for brand in brands:
        if brand in _BRANDS:
            return _BRANDS[brand]
    raise PictureRefused(PictureProblem.FILE_IS_VIDEO(formats=_ACCEPTED_FORMATS))


def _refusal(head: bytes) -> Problem:
    if not head.strip(b"\x00"):
        return PictureProblem.FILE_EMPTY()
    for magic, kind in _NOT_PICTURES:
        if head.startswith(magic):
            return PictureProblem.FILE_OF_OTHER_KIND(kind=kind, formats=_ACCEPTED_FORMATS)
    start = head.lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if b"<svg" in start:
        return PictureProblem.FILE_IS_DRAWING(formats=_ACCEPTED_FORMATS)
    if start.startswith((b"<!doctype html", b"<html", b"<?xml")):
        return PictureProblem.FILE_IS_WEB_PAGE(formats=_ACCEPTED_FORMATS)
    return PictureProblem.FILE_UNKNOWN(formats=_ACCEPTED_FORMATS)


def is_animated_png(path: Path) -> bool:
    """Tells whether a PNG moves: libvips reads its first frame alone, and does not say that there are others."""
    with path.open("rb") as file:
        head = file.read(PNG_HEAD_BYTES)
    return head.startswith(b"\x89PNG") and b"acTL" in head.partition(b"IDAT")[0]
