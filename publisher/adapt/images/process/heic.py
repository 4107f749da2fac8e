"""Opens HEIC pictures, which libvips as shipped can't."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pi_heif
import pyvips

from publisher.adapt.images.process.errors import PictureRefused
from publisher.adapt.problem_codes import PictureProblem


def open_heic(path: Path, check_size: Callable[[int, int], None]) -> Any:
    """Opens the primary picture of a HEIC file, upright, in 8 bits, with its colour profile."""
    try:
        container = pi_heif.open_heif(str(path))
        check_size(*container.size)
        picture = container.to_pillow()
    except (ValueError, OSError, RuntimeError, SyntaxError, EOFError) as error:
        raise PictureRefused(PictureProblem.DAMAGED()) from error
    bands = len(picture.getbands())
    image = pyvips.Image.new_from_memory(picture.tobytes(), picture.width, picture.height, bands, "uchar")
    image = image.copy(interpretation="srgb" if bands >= 3 else "b-w")
    profile = picture.info.get("icc_profile")
    if profile:
        image.set_type(pyvips.GValue.blob_type, "icc-profile-data", profile)
    return image
