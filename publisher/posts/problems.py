"""Finds what is wrong with the content of a post, whatever its day is."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import dataclass

from publisher.adapt.posts import Target
from publisher.adapt.text.mentions import PeopleDirectory
from publisher.core.content import LANGUAGE_CAPTION_PREFIX, Problem, language_caption_key
from publisher.db.models import Post
from publisher.posts.channel_posts import adapt_for_channels


@dataclass(frozen=True, slots=True)
class PostProblem:
    """Holds a problem of a post, and the channels that have it. No channels: it is the post's own."""

    problem: Problem
    channels: tuple[str, ...] = ()

    def __str__(self) -> str:
        return f"{', '.join(self.channels)}: {self.problem.message}" if self.channels else self.problem.message


def content_problems(post: Post, targets: Mapping[str, Target], people: PeopleDirectory) -> tuple[PostProblem, ...]:
    """Finds what is wrong with a post whatever its day is: the same for as long as nobody changes it."""
    shared: dict[Problem, list[str]] = {}
    for channel_post in adapt_for_channels(post, targets, people):
        for problem in channel_post.problems:
            shared.setdefault(problem, []).append(channel_post.channel)
    of_channels = (PostProblem(problem, tuple(channels)) for problem, channels in shared.items())
    return (*map(PostProblem, own_problems(post, targets)), *of_channels)


def own_problems(post: Post, targets: Mapping[str, Target]) -> tuple[Problem, ...]:
    """Finds what is wrong with a post whatever the channel."""
    return (*_unread_captions(post, targets), *_picture_warnings(post))


def blocking_first(problems: tuple[PostProblem, ...]) -> tuple[PostProblem, ...]:
    """Sorts problems: those that block the approval come first."""
    return tuple(sorted(problems, key=lambda problem: not problem.problem.blocking))


def _picture_warnings(post: Post) -> tuple[Problem, ...]:
    """Returns the warnings of the inspection of the originals; none of them blocks."""
    return tuple(
        Problem(field=f"images[{number}]", message=f"Picture {number + 1}: {warning}", blocking=False)
        for number, image in enumerate(post.images)
        for warning in image.media.warnings
    )


def _unread_captions(post: Post, targets: Mapping[str, Target]) -> tuple[Problem, ...]:
    """Finds captions written by hand that no channel would show."""
    known = {*targets, *(language_caption_key(target.language) for target in targets.values())}
    problems = []
    for key in post.captions:
        if key not in known:
            near = difflib.get_close_matches(key, sorted(known), n=1)
            hint = f"did you mean {near[0]!r}?" if near else "remove it."
            language = key.removeprefix(LANGUAGE_CAPTION_PREFIX)
            addressee = f"the channel {key!r}" if language == key else f"channels in the language {language!r}"
            verb = "is" if language == key else "are"
            message = f"A caption was written for {addressee}, which {verb} not there; {hint}"
            problems.append(Problem(field=f"captions.{key}", message=message))
    return tuple(problems)
