"""Checks that the data of a still WebP end where its picture ends.

Its data have no checksum: behind a hole, libwebp goes on with false pixels, and mostly has data left over at the end.
The decoder tells of data that are missing, and not of those that are left over. So the last bytes are cut off: where
it does not miss them, it had left them over.
"""

from __future__ import annotations

import struct
from pathlib import Path

import pyvips

LAST_BYTES = 16
"""Of sound files each decoder missed the last four already."""
_HEAD = 12
_PICTURES = (b"VP8 ", b"VP8L")


def has_sound_webp_data(path: Path) -> bool:
    """Tells whether the decoder needs the data of the picture to their end."""
    shortened = _without_last_bytes(path.read_bytes())
    if shortened is None:
        return True
    try:
        # The whole picture is decoded for its first pixel.
        pyvips.Image.webpload_buffer(shortened, access="sequential", fail_on="warning").crop(0, 0, 1, 1).avg()
    except pyvips.Error:
        return True
    return False


def _without_last_bytes(content: bytes) -> bytes | None:
    """Returns the file with nothing behind its picture, of which the last bytes are cut off. None: it has none."""
    at = _HEAD
    while at + 8 <= len(content):
        kind, size = struct.unpack_from("<4sI", content, at)
        if kind in _PICTURES and size > 2 * LAST_BYTES:
            kept = size - LAST_BYTES
            chunks = content[_HEAD:at] + struct.pack("<4sI", kind, kept) + content[at + 8 : at + 8 + kept]
            chunks += bytes(kept % 2)
            return b"RIFF" + struct.pack("<I", 4 + len(chunks)) + b"WEBP" + chunks
        at += 8 + size + size % 2
    return None
