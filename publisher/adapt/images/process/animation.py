"""Animations that stay animations: every frame and its time kept, scaled once if they must be."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyvips

from publisher.adapt.images.geometry import lay_out
from publisher.adapt.images.process.loading import load, open_master
from publisher.adapt.images.process.refusal import Refused, explain

SHRINK = 0.8
MAX_SHRINKS = 8


def render_animation(source: Path, output: Path, spec: dict[str, Any]) -> dict[str, Any]:
    """Write the animation to `output` within the pixels and bytes of `spec`, and report what was made.

    Raises:
        Refused: it can't be decoded, or would have to become too small.
    """
    master = open_master(source)
    kind = master.format if master.format in spec["formats"] else "gif"
    width, height = master.image.width, master.image.height
    whole = lay_out(width, height, max_width=spec["max_width"], max_height=spec["max_height"])
    scale = whole.width / width
    for _ in range(MAX_SHRINKS):
        size = (max(1, round(width * scale)), max(1, min(round(height * scale), spec["max_height"])))
        content = _animation(source, master.format, kind, size)
        if len(content) <= spec["max_bytes"]:
            output.write_bytes(content)
            note = f"The animation is kept, with all its {master.frames} frames."
            return {"format": kind, "width": size[0], "height": size[1], "quality": None, "notes": [note]}
        scale *= SHRINK
    raise Refused(f"The animation can't be brought under {spec['max_bytes']} bytes: export it shorter or smaller.")


def _animation(source: Path, source_kind: str, kind: str, size: tuple[int, int]) -> bytes:
    try:
        strip = load(source, source_kind, n=-1)
        frame_height = strip.get("page-height")
        if size != (strip.width, frame_height):
            strip = strip.resize(size[0] / strip.width, vscale=size[1] / frame_height, kernel="lanczos3").copy()
            strip.set_type(pyvips.GValue.gint_type, "page-height", size[1])
        # Frames, times and loops are what remains of the metadata.
        if kind == "webp":
            content: bytes = strip.webpsave_buffer(lossless=True, keep="none")
        else:
            content = strip.gifsave_buffer(effort=7, reuse=True, keep="none")
    except pyvips.Error as error:
        raise explain(error) from error
    return content
