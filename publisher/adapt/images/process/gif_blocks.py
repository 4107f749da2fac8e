"""Walks through the blocks of a GIF, to find whether the file was cut off: libvips doesn't tell."""

from __future__ import annotations

from pathlib import Path

_IMAGE, _EXTENSION = 0x2C, 0x21


def is_cut_gif(path: Path) -> bool:
    """Tells whether the file ends inside a block. One that ends between two, without a trailer, is taken as whole."""
    content = path.read_bytes()
    if len(content) < 13:
        return True
    at = 13 + _colour_table_bytes(content[10])
    while at < len(content):
        if content[at] == _EXTENSION:
            at += 2
        elif content[at] == _IMAGE and at + 10 <= len(content):
            at += 11 + _colour_table_bytes(content[at + 9])
        else:
            # The trailer, or what no GIF has; an image block without its header is cut.
            return content[at] == _IMAGE
        while at < len(content) and content[at]:
            at += 1 + content[at]
        if at >= len(content):
            return True
        at += 1
    return at > len(content)


def _colour_table_bytes(flags: int) -> int:
    return 3 * 2 ** ((flags & 7) + 1) if flags & 0x80 else 0
