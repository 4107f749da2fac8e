"""What staff see before they approve: every channel's text, its finished pictures, its problems."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from publisher.adapt.inspection import ImageRefused
from publisher.adapt.people import People
from publisher.adapt.posts import Target
from publisher.adapt.rendering import Renderer
from publisher.content import AdaptedPost, Problem, Rendition, RenditionSpec
from publisher.db.models import Post
from publisher.post_queue.channels import ChannelPost, adapt_for_channels

LEAST_SIMILARITY = 0.90
MOST_COLOUR_DIFFERENCE = 3.0
"""Beyond these a rendition visibly differs from the master: faithful ones stay above 0.95 and below 2.8."""


@dataclass(frozen=True, slots=True)
class ChannelPreview:
    """One channel's view of a post, made by the same code that publishing uses."""

    channel: str
    adapted: AdaptedPost | None
    """None: the channel leaves the post out, for want of a translation."""
    renditions: tuple[Rendition | None, ...]
    """One per picture; None where it could not be made, and `problems` says why."""
    problems: tuple[Problem, ...]


def preview(
    post: Post, targets: Mapping[str, Target], people: People, renderer: Renderer
) -> tuple[ChannelPreview, ...]:
    """The post on every channel. Renders the pictures that were not rendered before: seconds, not more."""
    pictures = [image.media_sha256 for image in post.images]
    return tuple(_preview(each, pictures, renderer) for each in adapt_for_channels(post, targets, people))


def _preview(each: ChannelPost, pictures: Sequence[str], renderer: Renderer) -> ChannelPreview:
    if each.adapted is None:
        return ChannelPreview(each.channel, None, (), ())
    renditions: list[Rendition | None] = []
    problems = list(each.problems)
    for shown, image in enumerate(each.adapted.images, start=1):
        # A picture that is split is shown as several; staff mend the one that they handed in.
        field = f"images[{pictures.index(image.spec.source)}]"
        try:
            rendition = renderer.render(image.spec)
        except ImageRefused as error:
            renditions.append(None)
            problems.append(Problem(field=field, message=str(error)))
        else:
            renditions.append(rendition)
            problems.extend(_loss(rendition, image.spec, shown, field))
    return ChannelPreview(each.channel, each.adapted, tuple(renditions), tuple(problems))


def _loss(rendition: Rendition, spec: RenditionSpec, shown: int, field: str) -> tuple[Problem, ...]:
    """What a finished picture lost against its master, where that can be seen."""
    lost = []
    if rendition.ssim is not None and rendition.ssim < LEAST_SIMILARITY:
        lost.append(f"its likeness is {rendition.ssim:.2f} and should be at least {LEAST_SIMILARITY:.2f}")
    if rendition.colour_difference is not None and rendition.colour_difference > MOST_COLOUR_DIFFERENCE:
        lost.append(
            f"its colour difference is {rendition.colour_difference:.1f} and should be at most "
            f"{MOST_COLOUR_DIFFERENCE:.1f}"
        )
    if not lost:
        return ()
    message = (
        f"Finished picture {shown} visibly differs from its master: {', '.join(lost)}; choose a fit that shows less "
        f"of it at once, or raise the channel's image_bytes limit, which is {spec.max_bytes:,} here."
    )
    return (Problem(field=field, message=message, blocking=False),)
