"""Renders animations: keeps every frame and its time, scales them once where that is necessary."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyvips

from publisher.adapt.images.geometry import lay_out
from publisher.adapt.images.process.errors import PictureRefused, decoding_refusal
from publisher.adapt.images.process.loading import load, open_original
from publisher.adapt.problem_codes import PictureProblem, RenditionNote

SHRINK = 0.8
MAX_SHRINKS = 8


def render_animation(source: Path, output: Path, spec: dict[str, Any]) -> dict[str, Any]:
    """Writes the animation to `output` within the pixels and bytes of `spec`, and reports what was made.

    Raises:
        Refused: it can't be decoded, or would have to become too small.
    """
    original = open_original(source)
    kind = original.format if original.format in spec["formats"] else "gif"
    width, height = original.image.width, original.image.height
    whole = lay_out(width, height, max_width=spec["max_width"], max_height=spec["max_height"])
    scale = whole.width / width
    for _ in range(MAX_SHRINKS):
        size = (max(1, round(width * scale)), max(1, min(round(height * scale), spec["max_height"])))
        content = _encode_animation(source, original.format, kind, size)
        if len(content) <= spec["max_bytes"]:
            output.write_bytes(content)
            note = RenditionNote.ANIMATION_KEPT(count=original.frames).to_json()
            return {"format": kind, "width": size[0], "height": size[1], "quality": None, "notes": [note]}
        scale *= SHRINK
    raise PictureRefused(PictureProblem.ANIMATION_TOO_MANY_BYTES(bytes=spec["max_bytes"]))


def _encode_animation(source: Path, source_kind: str, kind: str, size: tuple[int, int]) -> bytes:
    try:
        strip = load(source, source_kind, n=-1)
        frame_height = strip.get("page-height")
        if size != (strip.width, frame_height):
            strip = strip.resize(size[0] / strip.width, vscale=size[1] / frame_height, kernel="lanczos3").copy()
            strip.set_type(pyvips.GValue.gint_type, "page-height", size[1])
        # Frames, times and loops stay; all other metadata is removed.
        if kind == "webp":
            content: bytes = strip.webpsave_buffer(lossless=True, keep="none")
        else:
            content = strip.gifsave_buffer(effort=7, reuse=True, keep="none")
    except pyvips.Error as error:
        raise decoding_refusal(error) from error
    return content
