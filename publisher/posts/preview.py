"""What staff see before they approve: every channel's text, its finished pictures, its problems."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from publisher.adapt.images.inspection import ImageRefused
from publisher.adapt.images.rendering import Renderer
from publisher.adapt.posts import Target
from publisher.adapt.text.mentions import People
from publisher.core.content import AdaptedPost, Problem, Rendition, RenditionSpec
from publisher.db.models import Post
from publisher.posts.channel_posts import ChannelPost, adapt_for_channels

LEAST_SIMILARITY = 0.90
MAX_COLOUR_DIFFERENCE = 3.0
"""Beyond these a rendition visibly differs from the master: faithful ones stay above 0.95 and below 2.8."""


@dataclass(frozen=True, slots=True)
class RenderedPost:
    """One channel's view of a post, made by the same code that publishing uses."""

    channel: str
    adapted: AdaptedPost | None
    """None: the channel leaves the post out, for want of a translation."""
    renditions: tuple[Rendition | None, ...]
    """One per picture; None where it could not be made, and `problems` says why."""
    problems: tuple[Problem, ...]


def preview(post: Post, targets: Mapping[str, Target], people: People, renderer: Renderer) -> tuple[RenderedPost, ...]:
    """The post on every channel. Renders the pictures that were not rendered before: seconds, not more."""
    pictures = [image.media_sha256 for image in post.images]
    return tuple(_preview(each, pictures, renderer) for each in adapt_for_channels(post, targets, people))


def _preview(each: ChannelPost, pictures: Sequence[str], renderer: Renderer) -> RenderedPost:
    if each.adapted is None:
        return RenderedPost(each.channel, None, (), ())
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
    return RenderedPost(each.channel, each.adapted, tuple(renditions), tuple(problems))


def _loss(rendition: Rendition, spec: RenditionSpec, shown: int, field: str) -> tuple[Problem, ...]:
    """What a finished picture lost against its master, where that can be seen."""
    lost = []
    if rendition.ssim is not None and rendition.ssim < LEAST_SIMILARITY:
        lost.append(f"its likeness is {rendition.ssim:.2f} and should be at least {LEAST_SIMILARITY:.2f}")
    if rendition.colour_difference is not None and rendition.colour_difference > MAX_COLOUR_DIFFERENCE:
        lost.append(
            f"its colour difference is {rendition.colour_difference:.1f} and should be at most "
            f"{MAX_COLOUR_DIFFERENCE:.1f}"
        )
    if not lost:
        return ()
    message = (
        f"Finished picture {shown} visibly differs from its master: {', '.join(lost)}; choose a fit that shows less "
        f"of it at once, or raise the channel's image_bytes limit, which is {spec.max_bytes:,} here."
    )
    return (Problem(field=field, message=message, blocking=False),)
