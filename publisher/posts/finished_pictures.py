"""Makes the pictures that every channel would get of a post, before the post is approved."""

from __future__ import annotations

from collections.abc import Mapping

from publisher.adapt.images.child_process import ImageProcessFailed
from publisher.adapt.images.rendering import Renderer
from publisher.adapt.posts import Target
from publisher.adapt.text.mentions import PeopleDirectory
from publisher.core.content import ContentProblem
from publisher.core.logs import get_logger
from publisher.core.messages import _
from publisher.db.models import Post
from publisher.media import MediaUnreachable
from publisher.posts.errors import MachineError
from publisher.posts.preview import preview
from publisher.posts.problems import PostProblem


def make_pictures(
    post: Post, targets: Mapping[str, Target], people: PeopleDirectory, renderer: Renderer
) -> tuple[PostProblem, ...]:
    """Makes the pictures of every channel, and returns what is wrong with them. One that can't be made blocks.

    What was made before is not made again; publishing finds all of them made.

    Raises:
        MachineError: this machine can't make them now, whatever they are like.
    """
    shared: dict[ContentProblem, list[str]] = {}
    try:
        rendered = preview(post, targets, people, renderer)
    except MediaUnreachable as error:
        raise MachineError(
            _(
                "the pictures of post {post} can't be made now: {why:clause}; nothing was changed, try again later",
                post=post.id,
                why=error.text,
            )
        ) from error
    except ImageProcessFailed as error:
        get_logger("pictures").exception("the pictures of a post can't be made", post=post.id)
        raise MachineError(
            _(
                "the pictures of post {post} can't be made, through a fault of the program or of its installation; its "
                "log says more, and nothing was changed",
                post=post.id,
            )
        ) from error
    for channel in rendered:
        for problem in channel.picture_problems:
            shared.setdefault(problem, []).append(channel.channel)
    return tuple(PostProblem(problem, tuple(channels)) for problem, channels in shared.items())
