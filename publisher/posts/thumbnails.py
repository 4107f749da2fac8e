"""Makes small copies of originals, which show the same values as what goes out."""

from __future__ import annotations

from dataclasses import dataclass

from publisher.adapt.images.rendering import ImageRefused, Renderer
from publisher.core.colour_channels import MergedChannel, merge_of
from publisher.core.content import ColourChannelChoice, ImageChoices, ImageFormat, Rendition, RenditionSpec
from publisher.core.value_range import (
    CHOICES,
    FULL_RANGE,
    Limits,
    ValueFacts,
    Window,
    WindowChoice,
    limits_of,
    window_of,
)
from publisher.db.models import Post, PostImage

SAMPLE_WIDTH = 640


@dataclass(frozen=True, slots=True)
class WindowSample:
    """Shows what one choice makes of a picture with 16 bits."""

    picture: int
    """Its number, from 1 on."""
    window: WindowChoice
    limits: Limits | None
    """What is black and what is white. None: each of its colour channels has its own."""
    rendition: Rendition


def thumbnail_spec(
    sha256: str,
    width: int,
    facts: ValueFacts | None = None,
    choice: WindowChoice | None = None,
    *,
    merged: tuple[MergedChannel, ...] = (),
    image_format: ImageFormat = "webp",
) -> RenditionSpec:
    """Returns the spec of a small copy of the whole original.

    `facts`: which values it has, where they are known. `choice`: what staff chose to show of them, or what is shown.
    `merged`: how its colour channels are merged, where it has several.
    """
    window: Window = "percentile"
    if merged:
        window = "full"
    elif facts is not None:
        window = window_of(choice, facts)
    return RenditionSpec(
        source=sha256,
        formats=(image_format,),
        max_bytes=20_000 + width * width,
        max_width=width,
        max_height=width,
        window=window,
        channels=merged,
    )


def _without_windows(image: PostImage) -> list[ColourChannelChoice]:
    chosen = ImageChoices.model_validate(image.choices).colour_channels or ()
    return [
        choice.model_copy(update={"window": None, "shown": choice.shown or bool(choice.window) or None})
        if choice.shown is not False
        else choice
        for choice in chosen
    ]


def window_samples(post: Post, renderer: Renderer) -> list[WindowSample]:
    """Makes a small copy of each picture with more than 8 bits for each choice, so that a person can compare them."""
    samples = []
    for number, image in enumerate(post.images, start=1):
        facts = image.media.values
        channels = image.media.colour_channels
        if not channels and (facts is None or facts.detected == facts.percentiles == FULL_RANGE):
            continue
        for choice in CHOICES[:1] if facts and facts.is_even and not channels else CHOICES:
            merged = merge_of(channels, _without_windows(image), choice)
            limits = limits_of(choice, facts) if facts and not merged else None
            spec = thumbnail_spec(image.media_sha256, SAMPLE_WIDTH, facts, choice, merged=merged, image_format="jpeg")
            try:
                samples.append(WindowSample(number, choice, limits, renderer.render(spec)))
            except ImageRefused:
                # The previews of the channels say why.
                break
    return samples
