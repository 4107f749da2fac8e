"""Opens picture files, and checks type, header and profile before any pixel is decoded."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyvips

from publisher.adapt.images.process.decoder_memory import check_decoder_memory
from publisher.adapt.images.process.errors import PictureRefused
from publisher.adapt.images.process.sniffing import detect_format
from publisher.adapt.problem_codes import PictureProblem

MIN_SIDE = 64
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
_COLOUR_LAYOUTS |= {("rgb", 3), ("cmyk", 4), ("lab", 3)}
_FIRST_SIDEWAYS = 5
"""EXIF orientations from this one on swap width and height."""


@dataclass(frozen=True, slots=True)
class OpenedOriginal:
    """Holds an opened original, not yet decoded: its pixels can be read once, from top to bottom."""

    image: Any
    format: str
    frames: int
    orientation: int

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
        return 16 if self.image.format == "ushort" else 8


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
    orientation = image.get("orientation") if image.get_typeof("orientation") else 1
    _check_pixels(image)
    if kind in ("gif", "webp") and frames * image.width * image.height > MAX_ANIMATION_PIXELS:
        size = {"width": image.width, "height": image.height}
        raise PictureRefused(PictureProblem.ANIMATION_TOO_LARGE(frames=frames, **size))
    return OpenedOriginal(image, kind, frames, orientation)


def load(path: Path, kind: str, **options: Any) -> Any:
    """Opens the file with the loader of its kind and checks its size. Damage that is met later raises too."""
    try:
        image = _LOADERS[kind](str(path), access="sequential", fail_on="error", **options)
    except pyvips.Error as error:
        raise PictureRefused(PictureProblem.UNREADABLE()) from error
    height = image.get("page-height") if image.get_typeof("page-height") else image.height
    check_size(image.width, height)
    check_decoder_memory(kind, image.width, height, image)
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
