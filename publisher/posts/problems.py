"""Finds what is wrong with the content of a post, whatever its day is."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from publisher.adapt.posts import Target
from publisher.adapt.problem_codes import PictureWarning
from publisher.adapt.text.mentions import PeopleDirectory
from publisher.core.content import LANGUAGE_CAPTION_PREFIX, ContentProblem, language_caption_key
from publisher.core.messages import Message, _
from publisher.core.problems import Problem
from publisher.db.models import Post
from publisher.posts.channel_posts import adapt_for_channels
from publisher.posts.picture_channels import channel_problems
from publisher.posts.picture_values import value_problems
from publisher.posts.problem_codes import PostContentProblem


@dataclass(frozen=True, slots=True)
class PostProblem:
    """Holds a problem of a post, and the channels that have it. No channels: it is the post's own."""

    problem: ContentProblem
    channels: tuple[str, ...] = ()

    @property
    def text(self) -> Message | Problem:
        """What is wrong, after the names of the channels."""
        problem = self.problem.problem
        if not self.channels:
            return problem
        return _("{channels:list}: {problem}", channels=list(self.channels), problem=problem)

    def __str__(self) -> str:
        return str(self.text)

    def to_json(self) -> dict[str, Any]:
        """Returns the problem as programs get it, with its text for the present reader."""
        return {**problem_to_json(self.problem), "channels": list(self.channels)}


def problem_to_json(problem: ContentProblem) -> dict[str, Any]:
    """Returns a problem as programs get it, with its text for the present reader."""
    return {"field": problem.field, "blocking": problem.blocking, **problem.problem.to_json_with_text()}


def content_problems(post: Post, targets: Mapping[str, Target], people: PeopleDirectory) -> tuple[PostProblem, ...]:
    """Finds what is wrong with a post whatever its day is: the same for as long as nobody changes it."""
    shared: dict[ContentProblem, list[str]] = {}
    for channel_post in adapt_for_channels(post, targets, people):
        for problem in channel_post.problems:
            shared.setdefault(problem, []).append(channel_post.channel)
    of_channels = (PostProblem(problem, tuple(channels)) for problem, channels in shared.items())
    return (*map(PostProblem, own_problems(post, targets)), *of_channels)


def own_problems(post: Post, targets: Mapping[str, Target]) -> tuple[ContentProblem, ...]:
    """Finds what is wrong with a post whatever the channel."""
    return (
        *_unread_captions(post, targets),
        *_unread_framings(post, targets),
        *value_problems(post),
        *channel_problems(post),
        *_picture_warnings(post),
    )


def blocking_first(problems: tuple[PostProblem, ...]) -> tuple[PostProblem, ...]:
    """Sorts problems: those that block the approval come first."""
    return tuple(sorted(problems, key=lambda problem: not problem.problem.blocking))


def _picture_warnings(post: Post) -> tuple[ContentProblem, ...]:
    """Returns the warnings of the inspection of the originals; none of them blocks."""
    return tuple(
        ContentProblem(
            field=f"images[{number}]",
            problem=PostContentProblem.PICTURE_WARNING(picture=number + 1, warning=warning),
            blocking=False,
        )
        for number, image in enumerate(post.images)
        for warning in image.media.warnings
        # Older versions of the program have stored what `value_problems` finds.
        if warning.code is not PictureWarning.DARK_VALUES or image.media.values is None
    )


def _unread_captions(post: Post, targets: Mapping[str, Target]) -> tuple[ContentProblem, ...]:
    """Finds captions written by hand that no channel would show."""
    known = {*targets, *(language_caption_key(target.language) for target in targets.values())}
    return tuple(
        ContentProblem(field=f"captions.{key}", problem=_unread_caption(key, known))
        for key in post.captions
        if key not in known
    )


def _unread_framings(post: Post, targets: Mapping[str, Target]) -> tuple[ContentProblem, ...]:
    """Finds framings of pictures for channels that are not there."""
    return tuple(
        ContentProblem(field=f"images[{number}].channels", problem=_unread_framing(number + 1, channel, targets))
        for number, image in enumerate(post.images)
        for channel in image.choices.get("channels") or ()
        if channel not in targets
    )


def _unread_framing(picture: int, channel: str, targets: Mapping[str, Target]) -> Problem:
    if near := difflib.get_close_matches(channel, sorted(targets), n=1):
        return PostContentProblem.FRAMING_FOR_MISSPELT_CHANNEL(picture=picture, channel=channel, near=near[0])
    return PostContentProblem.FRAMING_FOR_UNKNOWN_CHANNEL(picture=picture, channel=channel)


def _unread_caption(key: str, known: set[str]) -> Problem:
    near = difflib.get_close_matches(key, sorted(known), n=1)
    language = key.removeprefix(LANGUAGE_CAPTION_PREFIX)
    if language == key:
        if near:
            return PostContentProblem.CAPTION_FOR_MISSPELT_CHANNEL(channel=key, near=near[0])
        return PostContentProblem.CAPTION_FOR_UNKNOWN_CHANNEL(channel=key)
    if near:
        return PostContentProblem.CAPTION_FOR_MISSPELT_LANGUAGE(language=language, near=near[0])
    return PostContentProblem.CAPTION_FOR_UNKNOWN_LANGUAGE(language=language)
