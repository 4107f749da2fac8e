"""Renders what staff see before they approve: the text, pictures and problems of every channel."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from publisher.adapt.images.inspection import ImageRefused
from publisher.adapt.images.rendering import Renderer
from publisher.adapt.posts import Target
from publisher.adapt.text.mentions import PeopleDirectory
from publisher.core.content import AdaptedPost, ContentProblem, Rendition, RenditionSpec
from publisher.db.models import Post
from publisher.posts.channel_posts import ChannelPost, adapt_for_channels
from publisher.posts.problem_codes import PostContentProblem

MIN_SIMILARITY = 0.90
MAX_COLOUR_DIFFERENCE = 3.0
"""Beyond these two limits a rendition visibly differs from the master; good ones stay above 0.95 and below 2.8."""


@dataclass(frozen=True, slots=True)
class RenderedPost:
    """Holds one channel's text and pictures of a post, made by the same code that publishing uses."""

    channel: str
    adapted: AdaptedPost | None
    """None: the channel leaves the post out, because a translation is missing."""
    renditions: tuple[Rendition | None, ...]
    """One per picture; None where it could not be made, and `problems` says why."""
    problems: tuple[ContentProblem, ...]
    """Everything that is wrong, with the text and with the pictures."""
    picture_problems: tuple[ContentProblem, ...] = ()
    """What is wrong with the finished pictures; one that could not be made blocks."""


def preview(
    post: Post, targets: Mapping[str, Target], people: PeopleDirectory, renderer: Renderer
) -> tuple[RenderedPost, ...]:
    """Renders a post for every channel. Pictures that were not rendered before take a few seconds."""
    pictures = [image.media_sha256 for image in post.images]
    channel_posts = adapt_for_channels(post, targets, people)
    return tuple(_preview(channel_post, pictures, renderer) for channel_post in channel_posts)


def _preview(channel_post: ChannelPost, pictures: Sequence[str], renderer: Renderer) -> RenderedPost:
    if channel_post.adapted is None:
        return RenderedPost(channel_post.channel, None, (), ())
    renditions: list[Rendition | None] = []
    problems: list[ContentProblem] = []
    for number, image in enumerate(channel_post.adapted.images, start=1):
        # A picture that is split becomes several; the problem belongs to the one that staff handed in.
        field = f"images[{pictures.index(image.spec.source)}]"
        try:
            rendition = renderer.render(image.spec)
        except ImageRefused as error:
            renditions.append(None)
            problems.append(ContentProblem(field=field, problem=error.problem))
        else:
            renditions.append(rendition)
            problems.extend(_visible_loss(rendition, image.spec, number, field))
    every_problem = (*channel_post.problems, *problems)
    return RenderedPost(channel_post.channel, channel_post.adapted, tuple(renditions), every_problem, tuple(problems))


def _visible_loss(rendition: Rendition, spec: RenditionSpec, number: int, field: str) -> tuple[ContentProblem, ...]:
    """Returns a problem where a finished picture visibly differs from its master."""
    is_unlike = rendition.ssim is not None and rendition.ssim < MIN_SIMILARITY
    is_discoloured = rendition.colour_difference is not None and rendition.colour_difference > MAX_COLOUR_DIFFERENCE
    place = {"picture": number, "bytes": spec.max_bytes}
    likeness = {"likeness": f"{rendition.ssim or 0:.2f}", "likeness_minimum": f"{MIN_SIMILARITY:.2f}"}
    colours = {
        "difference": f"{rendition.colour_difference or 0:.1f}",
        "difference_maximum": f"{MAX_COLOUR_DIFFERENCE:.1f}",
    }
    if is_unlike and is_discoloured:
        problem = PostContentProblem.PICTURE_UNLIKE_ORIGINAL(**place, **likeness, **colours)
    elif is_unlike:
        problem = PostContentProblem.LOOKS_UNLIKE_ORIGINAL(**place, **likeness)
    elif is_discoloured:
        problem = PostContentProblem.COLOURS_UNLIKE_ORIGINAL(**place, **colours)
    else:
        return ()
    return (ContentProblem(field=field, problem=problem, blocking=False),)
