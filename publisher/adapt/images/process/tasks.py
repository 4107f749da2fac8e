"""Carries out the two tasks of the child process: inspecting a picture, and rendering one."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyvips

from publisher.adapt.images.geometry import Layout, lay_out
from publisher.adapt.images.process.analysis import find_gutters, perceptual_hash
from publisher.adapt.images.process.animation import render_animation
from publisher.adapt.images.process.conversion import (
    DARK_BELOW_VALUE,
    ConvertedPicture,
    convert_picture,
    pixel_box,
)
from publisher.adapt.images.process.encoding import Encoded, encode, is_line_figure
from publisher.adapt.images.process.errors import PictureRefused
from publisher.adapt.images.process.framing import frame
from publisher.adapt.images.process.loading import MIN_SIDE, OpenedOriginal, open_original
from publisher.adapt.images.process.metadata import replace_metadata
from publisher.adapt.images.process.quality_metrics import colour_difference, similarity, take_sample
from publisher.adapt.problem_codes import PictureProblem, PictureWarning, RenditionNote
from publisher.core.problems import Problem

INSPECTION_SIDE = 1000
LOSSLESS_FORMATS = ("png", "tiff", "gif", "webp")
"""Formats in which line figures come; a JPEG has lost its exact pixels already."""
SHRINK = 0.8
MAX_SHRINKS = 12
SMALL_BELOW_SIDE = 1000


def inspect(source: Path) -> dict[str, Any]:
    """Decodes the whole file once and reports its facts."""
    original = open_original(source)
    width, height = original.size
    scale = min(1.0, INSPECTION_SIDE / max(width, height))
    preview = convert_picture(
        original, None, max(1, round(width * scale)), max(1, round(height * scale)), "full", find_range=True
    )
    return {
        "format": original.format,
        "width": width,
        "height": height,
        "bits": original.bits,
        "frames": original.frames,
        "phash": perceptual_hash(preview.image),
        "gutters": find_gutters(preview.image),
        "warnings": [warning.to_json() for warning in _warnings(original, preview)],
    }


def _warnings(original: OpenedOriginal, preview: ConvertedPicture) -> list[Problem]:
    warnings = [note for note in preview.notes if note.code is not RenditionNote.VALUES_MAPPED]
    width, height = original.size
    if preview.value_range is not None and preview.value_range[1] < DARK_BELOW_VALUE:
        low, high = preview.value_range
        warnings.append(PictureWarning.DARK_VALUES(low=low, high=high))
    if max(width, height) < SMALL_BELOW_SIDE:
        warnings.append(PictureWarning.FEW_PIXELS(width=width, height=height))
    if original.frames > 1 and original.format not in ("gif", "webp"):
        warnings.append(PictureWarning.FIRST_PAGE_USED(count=original.frames))
    return warnings


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
class _Canvas:
    """Holds finished pixels, and what is known of them."""

    image: Any
    layout: Layout
    figure: bool
    notes: list[Problem]

    def picture(self, image: Any) -> Any:
        """Returns the part of this canvas, or of a copy of it, that shows the picture."""
        return image.crop(self.layout.left, self.layout.top, self.layout.width, self.layout.height)


def _render_at(source: Path, output: Path, spec: dict[str, Any], shrink: float) -> dict[str, Any] | None:
    """Renders once, straight from the original, at a share of the largest size. None: too many bytes."""
    canvas = _make_canvas(source, spec, shrink)
    encoded = encode(canvas.image, spec["formats"], spec["max_bytes"], figure=canvas.figure)
    if encoded is None:
        return None
    output.write_bytes(encoded.content)
    return {
        "format": encoded.format,
        "width": canvas.image.width,
        "height": canvas.image.height,
        "quality": encoded.quality,
        "notes": [note.to_json() for note in canvas.notes],
        **_measure_quality(encoded, canvas),
    }


def _make_canvas(source: Path, spec: dict[str, Any], shrink: float) -> _Canvas:
    """Makes the pixels to encode. On return the original is closed: its decoder may hold all of it."""
    original = open_original(source)
    box = spec["crop"] and tuple(spec["crop"][side] for side in ("left", "top", "width", "height"))
    _, _, width, height = pixel_box(box, *original.size)
    if min(width, height) < MIN_SIDE:
        raise PictureRefused(PictureProblem.PART_TOO_SMALL(width=width, height=height))
    layout = _make_layout(width, height, spec, spec["max_width"], spec["max_height"])
    if shrink < 1:
        layout = _make_layout(width, height, spec, *_shrink_size(layout, shrink))
    converted = convert_picture(original, box, layout.width, layout.height, spec["window"])
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
    return _Canvas(image, layout, original.format in LOSSLESS_FORMATS and is_line_figure(converted.image), notes)


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


def _measure_quality(encoded: Encoded, canvas: _Canvas) -> dict[str, float]:
    """Compares the picture inside the rendition with the one before encoding, without the padding, which is equal."""
    if encoded.quality is None:
        return {"ssim": 1.0, "colour_difference": 0.0}
    if encoded.format != "jpeg":
        return {}  # A small preview for the desk's own pages: nobody judges the picture by it.
    # To memory itself: libvips would first decode to memory of its own, for reading in any order.
    decoded = pyvips.Image.jpegload_buffer(encoded.content, access="sequential").copy_memory()
    expected, actual = take_sample(canvas.picture(canvas.image)), take_sample(canvas.picture(decoded))
    return {
        "ssim": round(similarity(expected, actual), 5),
        "colour_difference": round(colour_difference(expected, actual), 3),
    }
