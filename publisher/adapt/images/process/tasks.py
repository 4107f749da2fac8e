"""Carries out the two tasks of the child process: inspecting a picture, and rendering one."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import pyvips

from publisher.adapt.images.geometry import Layout, lay_out
from publisher.adapt.images.process.analysis import find_gutters, perceptual_hash
from publisher.adapt.images.process.animation import check_animation, render_animation
from publisher.adapt.images.process.conversion import ConvertedPicture, convert_picture, pixel_box
from publisher.adapt.images.process.deflate_data import has_sound_deflate_data
from publisher.adapt.images.process.encoding import Canvas, Encoded, encode
from publisher.adapt.images.process.errors import PictureRefused
from publisher.adapt.images.process.framing import frame
from publisher.adapt.images.process.jpeg_data import has_sound_jpeg_data
from publisher.adapt.images.process.loading import (
    MIN_SIDE,
    UNDECLARED_CHANNEL,
    OpenedOriginal,
    open_original,
    open_plane,
)
from publisher.adapt.images.process.merging import merge_channels
from publisher.adapt.images.process.metadata import replace_metadata
from publisher.adapt.images.process.quality_metrics import compare
from publisher.adapt.images.process.sniffing import is_animated_png
from publisher.adapt.images.process.values import measure_values, summarize_channels, tails_of
from publisher.adapt.images.process.webp_data import has_sound_webp_data
from publisher.adapt.problem_codes import PictureProblem, PictureWarning, RenditionNote
from publisher.core.colour_channels import ColourChannel, MergedChannel, merge_of
from publisher.core.problems import Problem
from publisher.core.value_range import Appearance, ValueFacts, appearance_between

INSPECTION_SIDE = 1000
LOSSLESS_FORMATS = ("png", "tiff", "gif", "webp")
"""Formats in which line figures come; a JPEG has lost its exact pixels already."""
_RANGE_NOTES = (RenditionNote.VALUES_MAPPED, RenditionNote.NUMBERS_MAPPED, RenditionNote.CHANNELS_MERGED)
SHRINK = 0.8
MAX_SHRINKS = 12
SMALL_BELOW_SIDE = 1000
_APPEARANCES = {
    Appearance.BLACK: PictureWarning.NEARLY_BLACK,
    Appearance.WHITE: PictureWarning.NEARLY_WHITE,
    Appearance.FLAT: PictureWarning.NEARLY_EVEN,
}


def inspect(source: Path) -> dict[str, Any]:
    """Decodes the whole file and reports its facts: once, and anew for the values of one with more than 8 bits."""
    original = open_original(source)
    if original.format in ("gif", "webp") and original.frames > 1:
        check_animation(source, original.format)
    width, height = original.size
    scale = min(1.0, INSPECTION_SIDE / max(width, height))
    size = max(1, round(width * scale)), max(1, round(height * scale))
    channels = _measure_channels(source, original)
    if channels:
        values = summarize_channels([channel.values for channel in channels])
        preview = merge_channels(source, original, merge_of(channels), None, size)
    else:
        values = measure_values(lambda: open_original(source).image)
        window = values.detected if values and not values.has_screen_range else "full"
        preview = convert_picture(original, None, *size, window)
    return {
        "format": original.format,
        "width": width,
        "height": height,
        "bits": original.bits,
        "frames": original.frames,
        "values": values and values.to_json(),
        "colour_channels": [channel.to_json() for channel in channels],
        "phash": perceptual_hash(preview.image),
        "gutters": find_gutters(preview.image),
        "warnings": [warning.to_json() for warning in _warnings(source, original, preview, values)],
    }


def _measure_channels(source: Path, original: OpenedOriginal) -> list[ColourChannel]:
    """Decodes every colour channel of a file that has several, and returns what they hold."""
    measured: list[ColourChannel] = []
    for channel in original.layout.channels:
        values = measure_values(partial(open_plane, source, channel.page, channel.band), eight_bits=True)
        if values is not None:
            of_first = measured[0].values.declared if measured and original.layout.shares_range else None
            declared = channel.declared or values.declared or of_first
            values = replace(values, declared=declared)
            measured.append(ColourChannel(channel.name, channel.colour, channel.page, channel.band, values))
    return measured


def _warnings(
    source: Path, original: OpenedOriginal, preview: ConvertedPicture, values: ValueFacts | None
) -> list[Problem]:
    warnings = [note for note in preview.notes if note.code not in _RANGE_NOTES]
    if values and values.unusable:
        warnings.append(PictureWarning.VALUES_NOT_FINITE(count=values.unusable))
    width, height = original.size
    if original.image.get_typeof(UNDECLARED_CHANNEL):
        warnings.append(PictureWarning.UNDECLARED_CHANNEL_LEFT_OUT())
    if original.bits == 8:
        warnings += _appearance_warnings(preview.image)
    if not _has_sound_data(source, original):
        warnings.append(PictureWarning.DATA_MAY_BE_DAMAGED())
    if is_animated_png(source):
        warnings.append(PictureWarning.FIRST_FRAME_OF_PNG())
    if max(width, height) < SMALL_BELOW_SIDE:
        warnings.append(PictureWarning.FEW_PIXELS(width=width, height=height))
    layout = original.layout
    if layout.planes > 1 or layout.times > 1:
        warnings.append(PictureWarning.FIRST_PLANE_USED(planes=layout.planes, times=layout.times))
    elif original.frames > 1 and original.format not in ("gif", "webp") and not layout.channels:
        warnings.append(PictureWarning.FIRST_PAGE_USED(count=original.frames))
    return warnings


def _has_sound_data(source: Path, original: OpenedOriginal) -> bool:
    """Tells whether nothing is left over behind the picture, where that can be told."""
    if original.format == "jpeg":
        return has_sound_jpeg_data(source)
    if original.format == "tiff":
        return has_sound_deflate_data(source, sorted({channel.page for channel in original.layout.channels} or {0}))
    return original.format != "webp" or original.frames > 1 or has_sound_webp_data(source)


def _appearance_warnings(preview: Any) -> list[Problem]:
    """Tells what is hard to see. Of a picture with 16 bits, its values tell it, and a person chooses the range."""
    looks = appearance_between(*tails_of(preview.colourspace("b-w").cast("uchar")))
    return [_APPEARANCES[looks]()] if looks else []


def render(source: Path, output: Path, spec: dict[str, Any]) -> dict[str, Any]:
    """Makes the rendition that `spec` describes, writes it to `output`, and reports what was made."""
    if spec["animated"]:
        return render_animation(source, output, spec)
    shrink = 1.0
    for _ in range(MAX_SHRINKS):
        report = _render_at(source, output, spec, shrink)
        if report is not None:
            return report
        shrink *= SHRINK
    raise PictureRefused(PictureProblem.TOO_MANY_BYTES(bytes=spec["max_bytes"]))


@dataclass(frozen=True, slots=True)
class _Framed:
    """Holds finished pixels, and what is known of them."""

    image: Any
    layout: Layout
    from_lossless: bool
    """Whether the original is of a format that keeps exact pixels."""
    notes: list[Problem]

    @property
    def picture_part(self) -> tuple[int, int, int, int]:
        """Returns left, top, width and height of the picture inside its padding."""
        return self.layout.left, self.layout.top, self.layout.width, self.layout.height


def _render_at(source: Path, output: Path, spec: dict[str, Any], shrink: float) -> dict[str, Any] | None:
    """Renders once, straight from the original, at a share of the largest size. None: too many bytes."""
    framed = _frame_picture(source, spec, shrink)
    canvas = Canvas(framed.image, framed.picture_part)
    encoded = encode(canvas, spec["formats"], spec["max_bytes"], lossless_original=framed.from_lossless)
    if encoded is None:
        return None
    output.write_bytes(encoded.content)
    return {
        "format": encoded.format,
        "width": framed.image.width,
        "height": framed.image.height,
        "quality": encoded.quality,
        "notes": [note.to_json() for note in framed.notes],
        **_measure_likeness(encoded, canvas),
    }


def _frame_picture(source: Path, spec: dict[str, Any], shrink: float) -> _Framed:
    """Makes the pixels to encode. On return the original is closed: its decoder may hold all of it."""
    original = open_original(source)
    box = spec["crop"] and tuple(spec["crop"][side] for side in ("left", "top", "width", "height"))
    _, _, width, height = pixel_box(box, *original.size)
    if min(width, height) < MIN_SIDE:
        raise PictureRefused(PictureProblem.PART_TOO_SMALL(width=width, height=height))
    layout = _make_layout(width, height, spec, spec["max_width"], spec["max_height"])
    if shrink < 1:
        layout = _make_layout(width, height, spec, *_shrink_size(layout, shrink))
    channels = [MergedChannel(**channel) for channel in spec["channels"]]
    converted = (
        merge_channels(source, original, channels, box, (layout.width, layout.height))
        if channels
        else convert_picture(original, box, layout.width, layout.height, spec["window"])
    )
    image, notes = frame(converted.image, layout, spec["padding"], spec["credit_strip"])
    image = replace_metadata(
        image, creator=spec["creator"], copyright_notice=spec["copyright"], description=spec["description"]
    )
    notes = converted.notes + notes
    if box:
        whole = {"whole_width": original.size[0], "whole_height": original.size[1]}
        notes.append(RenditionNote.PART_SHOWN(width=width, height=height, **whole))
    if shrink < 1:
        notes.append(RenditionNote.MADE_SMALLER(bytes=spec["max_bytes"]))
    return _Framed(image, layout, original.format in LOSSLESS_FORMATS, notes)


def _make_layout(width: int, height: int, spec: dict[str, Any], max_width: int, max_height: int) -> Layout:
    return lay_out(
        width,
        height,
        max_width=max_width,
        max_height=max_height,
        ratio=spec["canvas_ratio"],
        strip=bool(spec["credit_strip"]),
    )


def _shrink_size(layout: Layout, shrink: float) -> tuple[int, int]:
    return max(1, int(layout.canvas_width * shrink)), max(1, int(layout.canvas_height * shrink))


def _measure_likeness(encoded: Encoded, canvas: Canvas) -> dict[str, float]:
    """Compares the picture inside the rendition with the one before encoding, without the padding, which is equal.

    Of a large picture the tiles are compared. The blocks of a JPEG don't depend on each other: tiles encoded alike are,
    pixel for pixel, what decoding the whole would show there.
    """
    if encoded.quality is None:
        return {"ssim": 1.0, "colour_difference": 0.0}
    sample = encoded.sample
    if sample is None:
        return {}  # A small preview for the desk's own pages: nobody judges the picture by it.
    # To memory itself: libvips would first decode to memory of its own, for reading in any order.
    decoded = pyvips.Image.jpegload_buffer(encoded.encoded_sample, access="sequential").copy_memory()
    if sample.tile_side is None:
        likeness = compare(sample.image.crop(*canvas.picture_part), decoded.crop(*canvas.picture_part))
    else:
        likeness = compare(sample.image, decoded, sample.tile_side)
    return {"ssim": round(likeness.ssim, 5), "colour_difference": round(likeness.colour_difference, 3)}
