"""Checks that the data of a JPEG end where its picture ends.

libvips stops reading at the last row. Behind a hole in the data, as a lost block of a disk leaves, a decoder goes on
with false pixels and has data left over, or too few, at the end: that is told only to whoever reads on to it.
"""

from __future__ import annotations

from pathlib import Path

SMALLEST = {"min_height": 1, "min_width": 1, "min_factor": 8}
"""Pixels at an eighth of the size: all data are read, and little is computed."""
_INKS = ("CMYK", "YCCK")


def has_sound_jpeg_data(path: Path) -> bool:
    """Tells whether a JPEG that libvips reads is read by libjpeg-turbo to its end without a warning.

    Damage after which the data end where they should is not seen, nor any in a file of a kind that only libvips reads.
    """
    # It needs NumPy, which takes memory: only a process that checks a JPEG loads it.
    import simplejpeg  # noqa: PLC0415

    content = path.read_bytes()
    try:
        model = simplejpeg.decode_jpeg_header(content, strict=False)[2]
    except ValueError:
        # Colours that are stored at a rare share of the resolution: nothing is known of its data.
        return True
    colours = "CMYK" if model in _INKS else "GRAY"
    try:
        simplejpeg.decode_jpeg(content, colours, strict=True, **SMALLEST)
    except ValueError:
        return False
    return True
