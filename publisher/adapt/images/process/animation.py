"""Renders animations: keeps every frame and its time, scales them once where that is necessary."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyvips

from publisher.adapt.images.geometry import lay_out
from publisher.adapt.images.process.errors import PictureRefused, decoding_refusal
from publisher.adapt.images.process.gif_blocks import is_cut_gif
from publisher.adapt.images.process.loading import load, open_original
from publisher.adapt.problem_codes import PictureProblem, RenditionNote

MIN_SCALE = 0.17
"""No animation is made smaller than this share of the size that it would have without a limit of bytes."""
MIN_STEP, MAX_STEP = 0.5, 0.95
RUNS, RUN_FRAMES = 3, 4
"""So many runs of neighbouring frames are the sample: what changes between frames decides the bytes."""
MAX_SAMPLE_PIXELS = 50_000_000
"""Of a larger sample, in all its frames, each estimate decodes the frames again."""
FILLED_SHARE = 0.97
"""An estimate aims at this share of the limit, because it may be too low."""

CAREFUL_EFFORT, QUICK_EFFORT = 7, 3
MAX_CAREFUL_PIXELS = 5_000_000
"""In all frames. Searching the palettes of new sizes carefully takes five times as long, for 8 % of the bytes."""


@dataclass(frozen=True, slots=True)
class _Animation:
    """Holds an animation that is saved in different sizes."""

    source: Path
    source_kind: str
    kind: str
    frames: int
    sample: list[Any] = field(default_factory=list)
    """Decoded runs of frames, once an estimate needed them: to reach a frame, a GIF is decoded from its start."""

    def save(self, size: tuple[int, int]) -> bytes:
        """Decodes every frame and saves the animation in this size."""
        return self._encode(load(self.source, self.source_kind, n=-1), size)

    def estimate(self, size: tuple[int, int]) -> float:
        """Estimates the bytes of the animation in this size, from some of its frames."""
        first, further = 0.0, 0.0
        for run in range(RUNS):
            strip = self._load_run(run)
            further += len(self._encode(strip, size))
            first += len(self._encode(_first_frame(strip), size))
        change = max(0.0, further - first) / RUNS / (RUN_FRAMES - 1)
        return first / RUNS + (self.frames - 1) * change

    def _load_run(self, run: int) -> Any:
        if run < len(self.sample):
            return self.sample[run]
        strip = load(self.source, self.source_kind, page=run * (self.frames - RUN_FRAMES) // (RUNS - 1), n=RUN_FRAMES)
        try:
            strip = strip.copy_memory()
        except pyvips.Error as error:
            raise decoding_refusal(error) from error
        if RUNS * strip.width * strip.height <= MAX_SAMPLE_PIXELS:
            self.sample.append(strip)
        return strip

    @property
    def is_short(self) -> bool:
        """Tells whether a sample would have about as many frames as the whole."""
        return self.frames <= RUNS * RUN_FRAMES

    def _encode(self, strip: Any, size: tuple[int, int]) -> bytes:
        try:
            frame_height = strip.get("page-height") if strip.get_typeof("page-height") else strip.height
            if size != (strip.width, frame_height):
                strip = strip.resize(size[0] / strip.width, vscale=size[1] / frame_height, kernel="lanczos3").copy()
                strip.set_type(pyvips.GValue.gint_type, "page-height", size[1])
            # Frames, times and loops stay; all other metadata is removed.
            if self.kind == "webp":
                content: bytes = strip.webpsave_buffer(lossless=True, keep="none")
            else:
                is_large = self.frames * size[0] * size[1] > MAX_CAREFUL_PIXELS
                effort = QUICK_EFFORT if is_large else CAREFUL_EFFORT
                content = strip.gifsave_buffer(effort=effort, reuse=True, keep="none")
        except pyvips.Error as error:
            raise decoding_refusal(error) from error
        return content


def _first_frame(strip: Any) -> Any:
    frame = strip.crop(0, 0, strip.width, strip.get("page-height")).copy()
    frame.set_type(pyvips.GValue.gint_type, "n-pages", 1)
    return frame


def render_animation(source: Path, output: Path, spec: dict[str, Any]) -> dict[str, Any]:
    """Writes the animation to `output` within the pixels and bytes of `spec`, and reports what was made.

    Raises:
        Refused: it can't be decoded, or would have to become too small.
    """
    original = open_original(source)
    kind = original.format if original.format in spec["formats"] else "gif"
    animation = _Animation(source, original.format, kind, original.frames)
    width, height = original.image.width, original.image.height
    whole = lay_out(width, height, max_width=spec["max_width"], max_height=spec["max_height"])
    largest = whole.width, max(1, min(whole.height, spec["max_height"]))
    size, content = _fit_bytes(animation, largest, spec["max_bytes"])
    output.write_bytes(content)
    notes = [RenditionNote.ANIMATION_KEPT(count=original.frames)]
    if size != largest:
        notes.append(RenditionNote.MADE_SMALLER(bytes=spec["max_bytes"]))
    return {
        "format": kind,
        "width": size[0],
        "height": size[1],
        "quality": None,
        "notes": [note.to_json() for note in notes],
    }


def _fit_bytes(animation: _Animation, largest: tuple[int, int], max_bytes: int) -> tuple[tuple[int, int], bytes]:
    """Finds a size in which the animation has few enough bytes. Searches on a sample, and saves all of it rarely."""
    scale, correction, expected = 1.0, 1.0, 0.0
    while scale >= MIN_SCALE:
        size = max(1, round(largest[0] * scale)), max(1, round(largest[1] * scale))
        expected = 0.0 if animation.is_short else animation.estimate(size) * correction
        if expected <= max_bytes or (scale == 1.0 and expected * FILLED_SHARE**4 <= max_bytes):
            content = animation.save(size)
            if len(content) <= max_bytes:
                return size, content
            correction *= len(content) / expected if expected else 1.0
            expected = float(len(content))
        scale *= min(MAX_STEP, max(MIN_STEP, (max_bytes * FILLED_SHARE / expected) ** 0.5))
    raise PictureRefused(
        PictureProblem.ANIMATION_TOO_LARGE_FOR_CHANNEL(
            maximum=max_bytes, size=round(expected), width=size[0], height=size[1], frames=animation.frames
        )
    )


def check_animation(source: Path, kind: str) -> None:
    """Decodes every frame, so that a damaged one is refused here and not when the animation is to go out."""
    if kind == "gif" and is_cut_gif(source):
        raise PictureRefused(PictureProblem.DAMAGED())
    try:
        load(source, kind, n=-1).avg()
    except pyvips.Error as error:
        raise decoding_refusal(error) from error
