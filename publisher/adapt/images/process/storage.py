"""Refuses pictures that are stored in a way which no decoder here reads, by a sentence that names it."""

from __future__ import annotations

from pathlib import Path

from publisher.adapt.images.process.errors import PictureRefused
from publisher.adapt.images.process.tiff_header import TiffHeader
from publisher.adapt.problem_codes import PictureProblem
from publisher.core.messages import Message, _

HEAD_BYTES = 4 << 20
"""Bytes in which the frame header of a JPEG is looked for: profiles and thumbnails stand before it."""

_READABLE_COMPRESSIONS = {1, 2, 3, 4, 5, 7, 8, 32773, 32946, 50001}
"""None, the fax codes, LZW, JPEG, Deflate twice, PackBits, WebP."""
_COMPRESSION_NAMES = {
    6: _("an old-style JPEG TIFF"),
    33003: _("a JPEG 2000 TIFF"),
    33004: _("a JPEG 2000 TIFF"),
    33005: _("a JPEG 2000 TIFF"),
    34712: _("a JPEG 2000 TIFF"),
    33007: _("a JPEG TIFF of another kind"),
    34676: _("a LogLuv TIFF"),
    34677: _("a LogLuv TIFF"),
    34887: _("a LERC TIFF"),
    34892: _("a DNG camera TIFF"),
    34925: _("an LZMA TIFF"),
    34926: _("a ZSTD TIFF"),
    50000: _("a ZSTD TIFF"),
    34933: _("a PNG TIFF"),
    34934: _("a JPEG XR TIFF"),
    22610: _("a JPEG XR TIFF"),
    50002: _("a JPEG XL TIFF"),
    52546: _("a JPEG XL TIFF"),
}
_HUFFMAN_FRAMES = {0xC0, 0xC1, 0xC2}
_LOSSLESS_FRAMES = {0xC3, 0xC7, 0xCB, 0xCF}
_FRAMES = {0xC0, 0xC1, 0xC2, 0xC3, 0xC5, 0xC6, 0xC7, 0xC9, 0xCA, 0xCB, 0xCD, 0xCE, 0xCF}
_WITHOUT_LENGTH = {0x01, *range(0xD0, 0xD9)}


def check_tiff_storage(header: TiffHeader) -> None:
    """Refuses a TIFF whose compression is not read: libvips would make black of its parts."""
    if header.compression not in _READABLE_COMPRESSIONS:
        kind = _COMPRESSION_NAMES.get(header.compression)
        _refuse(kind or _("a TIFF with compression {number}", number=header.compression))
    if header.has_separate_samples and header.samples > 1 and (header.is_grey or header.is_tiled):
        # libvips reads such grey ones without an error, and wrongly.
        _refuse(_("a TIFF that stores its channels one behind the other on one page"))
    if header.sample_format in (5, 6):
        _refuse(_("a TIFF of complex numbers"))
    if header.bits == 64 and not header.is_double:
        _refuse(_("a TIFF with 64 bits for each value"))


def check_jpeg_storage(path: Path) -> None:
    """Refuses a JPEG that is sound, but of a kind which is not read. Says nothing about damaged ones."""
    with path.open("rb") as file:
        head = file.read(HEAD_BYTES)
    frame = _find_frame(head)
    if frame is None:
        return
    marker, precision = frame
    if marker in _LOSSLESS_FRAMES:
        _refuse(_("a lossless JPEG"))
    if precision != 8:
        _refuse(_("a {bits}-bit JPEG", bits=precision))
    if marker not in _HUFFMAN_FRAMES and marker < 0xC9:
        _refuse(_("a hierarchical JPEG"))


def _find_frame(head: bytes) -> tuple[int, int] | None:
    """Finds the frame header: its marker and the bits per value."""
    at = 2
    while at + 5 <= len(head) and head[at] == 0xFF:
        marker = head[at + 1]
        if marker in _FRAMES:
            return marker, head[at + 4]
        if marker == 0xFF:
            at += 1
        elif marker in _WITHOUT_LENGTH:
            at += 2
        else:
            at += 2 + int.from_bytes(head[at + 2 : at + 4], "big")
    return None


def _refuse(kind: Message) -> None:
    raise PictureRefused(PictureProblem.STORAGE_UNSUPPORTED(kind=kind))
