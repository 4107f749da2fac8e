"""The two things that the child is asked to do: look at a picture, or render one."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyvips

from publisher.adapt.images.geometry import Layout, lay_out
from publisher.adapt.images.process.animation import render_animation
from publisher.adapt.images.process.encoding import Encoded, encode, looks_drawn
from publisher.adapt.images.process.framing import frame
from publisher.adapt.images.process.loading import SMALLEST_SIDE, Master, open_master
from publisher.adapt.images.process.measure import colour_difference, sample, similarity
from publisher.adapt.images.process.metadata import replace_metadata
from publisher.adapt.images.process.recognising import find_gutters, perceptual_hash
from publisher.adapt.images.process.refusal import Refused
from publisher.adapt.images.process.tone import DARK_BELOW, Developed, develop, pixel_box

LOOK_SIDE = 1000
LOSSLESS = ("png", "tiff", "gif", "webp")
"""Formats in which line figures come; in a JPEG nothing is left to keep lossless."""
SHRINK = 0.8
MAX_SHRINKS = 12
SMALL_BELOW = 1000


def inspect(source: Path) -> dict[str, Any]:
    """Decode the whole file once and tell what it is."""
    master = open_master(source)
    width, height = master.size
    scale = min(1.0, LOOK_SIDE / max(width, height))
    look = develop(master, None, max(1, round(width * scale)), max(1, round(height * scale)), "full", find_range=True)
    return {
        "format": master.format,
        "width": width,
        "height": height,
        "bits": master.bits,
        "frames": master.frames,
        "phash": perceptual_hash(look.image),
        "gutters": find_gutters(look.image),
        "warnings": _warnings(master, look),
    }


def _warnings(master: Master, look: Developed) -> list[str]:
    warnings = [note for note in look.notes if not note.startswith("16-bit")]
    width, height = master.size
    if look.value_range is not None and look.value_range[1] < DARK_BELOW:
        low, high = look.value_range
        warnings.append(
            f"The 16-bit values use only {low} to {high} of 65535: "
            "without the percentile window it looks dark; check the result."
        )
    if max(width, height) < SMALL_BELOW:
        warnings.append(f"Only {width} × {height} pixels: it is never enlarged, so it will look small.")
    if master.frames > 1 and master.format not in ("gif", "webp"):
        warnings.append(f"The file has {master.frames} pages: only the first is used.")
    return warnings


def render(source: Path, output: Path, spec: dict[str, Any]) -> dict[str, Any]:
    """Make the rendition that `spec` describes, write it to `output`, and report what was made."""
    if spec["animated"]:
        return render_animation(source, output, spec)
    shrink = 1.0
    for _ in range(MAX_SHRINKS):
        report = _render_at(source, output, spec, shrink)
        if report is not None:
            return report
        shrink *= SHRINK
    raise Refused(f"The picture can't be brought under {spec['max_bytes']} bytes: choose a simpler or smaller one.")


@dataclass(frozen=True, slots=True)
class _Canvas:
    """Finished pixels, and what is known of them."""

    image: Any
    layout: Layout
    figure: bool
    notes: list[str]

    def picture(self, image: Any) -> Any:
        """The part of this canvas, or of a copy of it, that shows the picture."""
        return image.crop(self.layout.left, self.layout.top, self.layout.width, self.layout.height)


def _render_at(source: Path, output: Path, spec: dict[str, Any], shrink: float) -> dict[str, Any] | None:
    """One try, straight from the original, at a share of the largest size. None: too many bytes."""
    canvas = _canvas(source, spec, shrink)
    encoded = encode(canvas.image, spec["formats"], spec["max_bytes"], figure=canvas.figure)
    if encoded is None:
        return None
    output.write_bytes(encoded.content)
    return {
        "format": encoded.format,
        "width": canvas.image.width,
        "height": canvas.image.height,
        "quality": encoded.quality,
        "notes": canvas.notes,
        **_measure(encoded, canvas),
    }


def _canvas(source: Path, spec: dict[str, Any], shrink: float) -> _Canvas:
    """The pixels to encode. On return the original is closed: its decoder may hold all of it."""
    master = open_master(source)
    box = spec["crop"] and tuple(spec["crop"][side] for side in ("left", "top", "width", "height"))
    _, _, width, height = pixel_box(box, *master.size)
    if min(width, height) < SMALLEST_SIDE:
        raise Refused(f"The part to show is {width} × {height} pixels: choose a larger part of the picture.")
    layout = _layout(width, height, spec, spec["max_width"], spec["max_height"])
    if shrink < 1:
        layout = _layout(width, height, spec, *_smaller(layout, shrink))
    developed = develop(master, box, layout.width, layout.height, spec["window"])
    image, notes = frame(developed.image, layout, spec["padding"], spec["credit_strip"])
    image = replace_metadata(
        image, creator=spec["creator"], copyright_notice=spec["copyright"], description=spec["description"]
    )
    notes = developed.notes + notes
    if box:
        notes.append(f"Shows {width} × {height} of the original's {master.size[0]} × {master.size[1]} pixels.")
    if shrink < 1:
        notes.append(f"Made smaller to stay under {spec['max_bytes']} bytes.")
    return _Canvas(image, layout, master.format in LOSSLESS and looks_drawn(developed.image), notes)


def _layout(width: int, height: int, spec: dict[str, Any], max_width: int, max_height: int) -> Layout:
    return lay_out(
        width,
        height,
        max_width=max_width,
        max_height=max_height,
        ratio=spec["canvas_ratio"],
        strip=bool(spec["credit_strip"]),
    )


def _smaller(layout: Layout, shrink: float) -> tuple[int, int]:
    return max(1, int(layout.canvas_width * shrink)), max(1, int(layout.canvas_height * shrink))


def _measure(encoded: Encoded, canvas: _Canvas) -> dict[str, float]:
    """The picture inside the rendition against the picture before encoding. Padding would flatter it."""
    if encoded.quality is None:
        return {"ssim": 1.0, "colour_difference": 0.0}
    if encoded.format != "jpeg":
        return {}  # A small look for the desk's own pages: nobody judges the picture by it.
    # To memory itself: libvips would first decode to memory of its own, for reading in any order.
    seen = pyvips.Image.jpegload_buffer(encoded.content, access="sequential").copy_memory()
    wanted, shown = sample(canvas.picture(canvas.image)), sample(canvas.picture(seen))
    return {
        "ssim": round(similarity(wanted, shown), 5),
        "colour_difference": round(colour_difference(wanted, shown), 3),
    }
