"""Opens TIFF files with L*a*b* colours of 8 bits, which libvips refuses.

It reads them as an RGB file: from a source that shows another colour model in the file's tags, and all else as it is.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyvips

from publisher.adapt.images.process.tiff_header import PHOTOMETRIC, TiffHeader, find_value

_RGB = 2
_SIGNED = 8
"""The colour model CIE L*a*b*, whose a* and b* are signed; those of ICC L*a*b* have an offset instead."""
_OFFSET = 128
_PROFILE = "icc-profile-data"
_sources: list[Any] = []
"""Images read from them for as long as they are used, but don't hold them: they stay until this process ends."""


def open_lab(path: Path, header: TiffHeader) -> Any:
    """Opens the first page, not yet decoded, as floating-point L*a*b*.

    Raises:
        pyvips.Error: it can't be read.
        struct.error, OverflowError, ValueError: its tags are damaged.
    """
    source = _open_as_rgb(path)
    image = pyvips.Image.tiffload_source(source, access="sequential", fail_on="warning")
    lightness, others = image[0] * (100 / 255), image.extract_band(1, n=2)
    is_signed = header.photometric == _SIGNED
    others = (others >= _OFFSET).ifthenelse(others - 2 * _OFFSET, others) if is_signed else others - _OFFSET
    colours = lightness.bandjoin(others).cast("float").copy(interpretation="lab")
    if colours.get_typeof(_PROFILE):
        colours.remove(_PROFILE)  # It says no more than that these are such colours.
    return colours


def _open_as_rgb(path: Path) -> Any:
    place, value = find_value(path, PHOTOMETRIC, _RGB)
    file = path.open("rb")

    def read(size: int) -> bytes:
        start = file.tell()
        content = bytearray(file.read(size))
        for offset, byte in enumerate(value):
            if 0 <= place + offset - start < len(content):
                content[place + offset - start] = byte
        return bytes(content)

    source = pyvips.SourceCustom()
    source.on_read(read)
    source.on_seek(file.seek)
    _sources.append(source)
    return source
