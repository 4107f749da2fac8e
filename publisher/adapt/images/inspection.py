"""Inspects a file that somebody wants to use as a picture."""

from __future__ import annotations

import tempfile
from pathlib import Path

from publisher.adapt.images.child_process import ImageRefused, run_image_process
from publisher.core.colour_channels import ColourChannel
from publisher.core.content import Fraction, Frozen, SourceFormat
from publisher.core.problems import Problem
from publisher.core.value_range import ValueFacts

__all__ = ["ImageFacts", "ImageRefused", "inspect_image"]


class ImageFacts(Frozen):
    """Holds what decoding an original once, whole, shows of it."""

    format: SourceFormat
    width: int
    height: int
    """Pixels, after the EXIF orientation is applied."""
    bits: int
    frames: int
    values: ValueFacts | None = None
    """Which values its pixels have. None: it has 8 bits."""
    colour_channels: tuple[ColourChannel, ...] = ()
    """Where it has several that have to be merged."""
    phash: str
    """256-bit perceptual hash, in hexadecimal."""
    gutters: tuple[Fraction, ...]
    """Where gaps between panels were found: x positions."""
    warnings: tuple[Problem, ...]
    """What staff should know before they use it."""


def inspect_image(path: Path) -> ImageFacts:
    """Decodes the file in a child process and returns its facts. Its name plays no part.

    Raises:
        ImageRefused: it is no picture, or a damaged one, or one that is too large.
    """
    with tempfile.TemporaryDirectory(prefix="publisher-") as scratch:
        answer = run_image_process({"task": "inspect", "source": str(path.resolve())}, scratch=Path(scratch))
    return ImageFacts.model_validate(answer)
