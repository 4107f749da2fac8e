"""What staff see before they approve: every channel's text, its finished pictures, its problems."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from publisher.adapt.inspection import ImageRefused
from publisher.adapt.people import People
from publisher.adapt.posts import Target
from publisher.adapt.rendering import Renderer
from publisher.content import AdaptedPost, Problem, Rendition
from publisher.db.models import Post
from publisher.post_queue.channels import ChannelPost, adapt_for_channels


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
    return tuple(_preview(each, renderer) for each in adapt_for_channels(post, targets, people))


def _preview(each: ChannelPost, renderer: Renderer) -> ChannelPreview:
    if each.adapted is None:
        return ChannelPreview(each.channel, None, (), ())
    renditions: list[Rendition | None] = []
    problems = list(each.problems)
    for number, image in enumerate(each.adapted.images):
        try:
            renditions.append(renderer.render(image.spec))
        except ImageRefused as error:
            renditions.append(None)
            problems.append(Problem(field=f"images[{number}]", message=str(error)))
    return ChannelPreview(each.channel, each.adapted, tuple(renditions), tuple(problems))
