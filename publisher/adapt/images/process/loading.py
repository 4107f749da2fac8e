"""Opens picture files, and checks type, header and profile before any pixel is decoded."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyvips

from publisher.adapt.images.process.channel_layout import NO_CHANNELS, ChannelLayout, find_channels
from publisher.adapt.images.process.decoder_memory import check_decoder_memory
from publisher.adapt.images.process.double_tiff import open_doubles
from publisher.adapt.images.process.errors import PictureRefused
from publisher.adapt.images.process.lab_tiff import open_lab
from publisher.adapt.images.process.number_values import bits_of, has_number_values
from publisher.adapt.images.process.sniffing import detect_format
from publisher.adapt.images.process.storage import check_jpeg_storage, check_tiff_storage
from publisher.adapt.images.process.tiff_header import read_tiff_header
from publisher.adapt.problem_codes import PictureProblem
from publisher.core.messages import _

MIN_SIDE = 64
DESCRIPTION = "image-description"
MAX_PIXELS = 200_000_000
MAX_ASPECT = 20
MAX_ANIMATION_PIXELS = 300_000_000
MAX_PROFILE_BYTES = 4_000_000

_LOADERS = {
    "jpeg": pyvips.Image.jpegload,
    "png": pyvips.Image.pngload,
    "tiff": pyvips.Image.tiffload,
    "webp": pyvips.Image.webpload,
    "avif": pyvips.Image.heifload,
    "gif": pyvips.Image.gifload,
}
_COLOUR_LAYOUTS = {
    ("b-w", 1),
    ("b-w", 2),
    ("grey16", 1),
    ("grey16", 2),
    ("srgb", 3),
    ("srgb", 4),
    ("rgb16", 3),
    ("rgb16", 4),
}
_COLOUR_LAYOUTS |= {("rgb", 3), ("cmyk", 4)}
_LAB_FORMATS = {"lab": "float", "labs": "short"}
"""L*a*b* as libvips unpacks it: from 8 and from 16 bits."""
UNDECLARED_CHANNEL = "publisher-undeclared-channel"
"""Field of an opened image that says that a channel, neither colour nor transparency, was left out."""
_FIRST_SIDEWAYS = 5
"""EXIF orientations from this one on swap width and height."""


@dataclass(frozen=True, slots=True)
class OpenedOriginal:
    """Holds an opened original, not yet decoded: its pixels can be read once, from top to bottom."""

    image: Any
    format: str
    frames: int
    orientation: int
    layout: ChannelLayout = NO_CHANNELS
    """The colour channels of a TIFF."""

    @property
    def size(self) -> tuple[int, int]:
        """Returns width and height in pixels, after the orientation is applied."""
        wide, high = self.image.width, self.image.height
        return (high, wide) if self.is_sideways else (wide, high)

    @property
    def is_sideways(self) -> bool:
        """Tells whether the file stores the picture turned by a quarter."""
        return self.orientation >= _FIRST_SIDEWAYS

    @property
    def bits(self) -> int:
        if has_number_values(self.image):
            return bits_of(self.image)
        return 16 if self.image.format in ("ushort", "short") else 8


def open_original(path: Path) -> OpenedOriginal:
    """Opens the first frame or page of the file, with its header checked and no pixel decoded.

    Raises:
        Refused: not a picture, or one that must not or can't be decoded.
    """
    kind = detect_format(path)
    if kind == "heic":
        # Pillow costs more to import than all the rest, and few originals are HEIC.
        from publisher.adapt.images.process.heic import open_heic  # noqa: PLC0415

        image, frames = open_heic(path, _check_heic), 1
    else:
        image = load(path, kind)
        frames = image.get("n-pages") if image.get_typeof("n-pages") else 1
    layout = _find_layout(path, image, frames) if kind == "tiff" else NO_CHANNELS
    if layout.channels and image.bands > 1:
        image = image.extract_band(0)
    orientation = image.get("orientation") if image.get_typeof("orientation") else 1
    _check_pixels(image)
    if kind in ("gif", "webp") and frames * image.width * image.height > MAX_ANIMATION_PIXELS:
        size = {"width": image.width, "height": image.height}
        raise PictureRefused(PictureProblem.ANIMATION_TOO_LARGE(frames=frames, **size))
    return OpenedOriginal(image, kind, frames, orientation, layout)


def _find_layout(path: Path, image: Any, pages: int) -> ChannelLayout:
    header = read_tiff_header(path)
    description = str(image.get(DESCRIPTION)) if image.get_typeof(DESCRIPTION) else ""
    return NO_CHANNELS if header is None else find_channels(path, header, description, pages)


def open_plane(path: Path, page: int, band: int) -> Any:
    """Opens one colour channel of a TIFF, not yet decoded.

    Raises:
        Refused: it can't be read.
    """
    header = read_tiff_header(path, page)
    if header is not None:
        check_tiff_storage(header)
    try:
        image = (
            open_doubles(path)
            if header is not None and header.is_double and page == 0
            else _LOADERS["tiff"](str(path), access="sequential", fail_on="warning", page=page)
        )
    except pyvips.Error as error:
        raise PictureRefused(PictureProblem.UNREADABLE()) from error
    check_size(image.width, image.height)
    if image.format not in ("uchar", "ushort") and not has_number_values(image):
        raise PictureRefused(PictureProblem.VALUES_UNSUPPORTED(format=str(image.format)))
    if band >= image.bands:
        raise PictureRefused(PictureProblem.CHANNELS_DIFFER())
    plane = image.extract_band(band) if image.bands > 1 else image
    return plane.copy(interpretation="grey16" if plane.format == "ushort" else "b-w")


def load(path: Path, kind: str, **options: Any) -> Any:
    """Opens the file with the loader of its kind and checks its size. Damage that is met later raises too."""
    header = read_tiff_header(path) if kind == "tiff" else None
    if header is not None:
        check_tiff_storage(header)
        if header.is_double:
            image = open_doubles(path)
            check_size(image.width, image.height)
            return image
    elif kind == "jpeg":
        check_jpeg_storage(path)
    try:
        image = (
            open_lab(path, header)
            if header is not None and header.is_byte_lab
            else _LOADERS[kind](str(path), access="sequential", fail_on="warning", **options)
        )
    except (pyvips.Error, struct.error, OverflowError, ValueError) as error:
        if header is not None and header.is_lab:
            raise PictureRefused(PictureProblem.STORAGE_UNSUPPORTED(kind=_("an L*a*b* TIFF of a rare kind"))) from error
        raise PictureRefused(PictureProblem.UNREADABLE()) from error
    height = image.get("page-height") if image.get_typeof("page-height") else image.height
    check_size(image.width, height)
    check_decoder_memory(kind, image.width, height, image)
    if header is not None and header.undeclared_samples == 1 and image.hasalpha():
        # libvips takes it for transparency; what a microscope or editor keeps there is often nearly empty.
        image = image.extract_band(0, n=image.bands - 1)
        image.set_type(pyvips.GValue.gint_type, UNDECLARED_CHANNEL, 1)
    return image


def _check_heic(width: int, height: int) -> None:
    check_size(width, height)
    check_decoder_memory("heic", width, height)


def check_size(width: int, height: int) -> None:
    """Refuses a picture that is too large, too small or too narrow by its header."""
    if width * height > MAX_PIXELS:
        megapixels = MAX_PIXELS // 1_000_000
        raise PictureRefused(PictureProblem.TOO_MANY_PIXELS(width=width, height=height, megapixels=megapixels))
    if min(width, height) < MIN_SIDE:
        raise PictureRefused(PictureProblem.TOO_SMALL(width=width, height=height, minimum=MIN_SIDE))
    if max(width, height) > MAX_ASPECT * min(width, height):
        raise PictureRefused(PictureProblem.TOO_NARROW(width=width, height=height, maximum=MAX_ASPECT))


def _check_pixels(image: Any) -> None:
    if image.interpretation in _LAB_FORMATS and image.format == _LAB_FORMATS[image.interpretation]:
        if image.bands != 3:
            raise PictureRefused(PictureProblem.CHANNELS_UNSUPPORTED(channels=image.bands))
        return
    if has_number_values(image):
        if image.bands not in (1, 3):
            raise PictureRefused(PictureProblem.CHANNELS_UNSUPPORTED(channels=image.bands))
        return
    if image.format not in ("uchar", "ushort"):
        raise PictureRefused(PictureProblem.VALUES_UNSUPPORTED(format=str(image.format)))
    if (image.interpretation, image.bands) not in _COLOUR_LAYOUTS:
        raise PictureRefused(PictureProblem.CHANNELS_UNSUPPORTED(channels=image.bands))


def has_usable_profile(image: Any) -> bool | None:
    """Tells whether the embedded ICC profile can be trusted. None: there is none."""
    if not image.get_typeof("icc-profile-data"):
        return None
    profile = bytes(image.get("icc-profile-data"))
    colour_spaces = {1: b"GRAY", 2: b"GRAY", 3: b"RGB ", 4: b"CMYK" if image.interpretation == "cmyk" else b"RGB "}
    return (
        128 <= len(profile) <= MAX_PROFILE_BYTES
        and int.from_bytes(profile[:4], "big") == len(profile)
        and profile[36:40] == b"acsp"
        and profile[16:20] == colour_spaces[image.bands]
    )
