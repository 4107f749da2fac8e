"""Merges colour channels into red, green and blue."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyvips

from publisher.adapt.images.process.conversion import Box, ConvertedPicture, scale_image
from publisher.adapt.images.process.errors import PictureRefused, decoding_refusal
from publisher.adapt.images.process.loading import OpenedOriginal, open_plane
from publisher.adapt.images.process.number_values import has_number_values, spread_numbers
from publisher.adapt.problem_codes import PictureProblem, RenditionNote
from publisher.core.colour_channels import MergedChannel
from publisher.core.value_range import MAX_VALUE


def merge_channels(
    source: Path,
    original: OpenedOriginal,
    channels: Sequence[MergedChannel],
    box: Box | None,
    size: tuple[int, int],
) -> ConvertedPicture:
    """Converts the colour channels, or their part in `box`, to one picture of exactly this upright size.

    Each is spread between its black and its white, multiplied with its colour, and added to the others, as the
    programs of microscopes do.

    Raises:
        Refused: the file ends early or is damaged.
    """
    try:
        merged = None
        for channel in channels:
            light = _light_of(source, original, channel, box, size)
            part = light * [int(channel.colour[at : at + 2], 16) for at in (1, 3, 5)]
            merged = part if merged is None else merged + part
        if merged is None:
            raise PictureRefused(PictureProblem.NO_COLOUR_CHANNEL())
        # The cast clips at 255.
        image = merged.rint().cast("uchar").copy(interpretation="srgb")
        image.set_type(pyvips.GValue.gint_type, "orientation", original.orientation)
        image = image.copy_memory()
        notes = [RenditionNote.CHANNELS_MERGED(count=len(channels))]
        return ConvertedPicture(image.autorot().copy_memory() if original.orientation > 1 else image, notes)
    except pyvips.Error as error:
        raise decoding_refusal(error) from error


def _light_of(
    source: Path, original: OpenedOriginal, channel: MergedChannel, box: Box | None, size: tuple[int, int]
) -> Any:
    """Returns the values of a channel between 0 and 1, scaled."""
    plane = open_plane(source, channel.page, channel.band)
    if (plane.width, plane.height) != (original.image.width, original.image.height):
        raise PictureRefused(PictureProblem.CHANNELS_DIFFER())
    low, high = channel.black, channel.white
    if has_number_values(plane):
        plane, low, high = spread_numbers(plane, low, high), 0, MAX_VALUE
    scaled = scale_image(plane, original, box, *size)
    light = (scaled - low) / max(1, high - low)
    return (light < 0).ifthenelse(0, (light > 1).ifthenelse(1, light))
