"""Previews a post on each channel beside its form, by the same adaptation as publishing."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from cachetools import LRUCache

from publisher.adapt.images.geometry import lay_out
from publisher.adapt.posts import adapt_post
from publisher.adapt.text.rich_html import describe_length, rich_parts
from publisher.core.content import AdaptedImage, AdaptedPost, Box, RenditionSpec
from publisher.core.problems import Problem
from publisher.db.models import Media, Post
from publisher.desk import Desk
from publisher.posts.channel_posts import ChannelPost, adapt_for_channels, source_post
from publisher.posts.problems import PostProblem
from publisher.web.form_field_names import anchor_of

MAX_SPECS = 2000


class RecentSpecs:
    """Remembers the specs of recently previewed pictures, which are rendered when a page fetches them by digest."""

    def __init__(self) -> None:
        self._specs: LRUCache[str, RenditionSpec] = LRUCache(MAX_SPECS)
        self._lock = threading.Lock()

    def remember(self, spec: RenditionSpec) -> str:
        digest = spec.digest
        with self._lock:
            self._specs[digest] = spec
        return digest

    def get(self, digest: str) -> RenditionSpec | None:
        with self._lock:
            return self._specs.get(digest)


@dataclass(frozen=True, slots=True)
class FieldProblem:
    """A problem, and the form field in which it is solved."""

    problem: Problem
    blocking: bool
    anchor: str

    @property
    def message(self) -> str:
        return str(self.problem)


@dataclass(frozen=True, slots=True)
class PreviewImage:
    """A picture of a preview: the digest that it is fetched by, and its size in pixels."""

    digest: str
    alt_text: str
    width: int
    height: int


@dataclass(frozen=True, slots=True)
class ChannelPreview:
    """The preview of a post on one channel."""

    channel: str
    layout: str
    """As the platform's profile says under `preview`."""
    label: str
    account: str
    adapted: AdaptedPost | None
    """None: the channel leaves the post out."""
    parts: Sequence[tuple[str, Sequence[Any]]]
    length: str
    is_too_long: bool
    images: Sequence[PreviewImage]
    has_own_caption: bool
    """Its caption was written by hand."""
    problems: Sequence[FieldProblem]


@dataclass(frozen=True, slots=True)
class ApprovalBlocker:
    """A problem that has to be solved before a post can be approved."""

    problem: Problem
    anchor: str
    channels: Sequence[str] = ()
    """Empty: every channel, or the post itself."""

    @property
    def message(self) -> str:
        return str(self.problem)


def channel_previews(desk: Desk, post: Post, specs: RecentSpecs, numbers: Sequence[int] = ()) -> list[ChannelPreview]:
    """Previews the post on every channel, in the configuration's order. No picture is rendered.

    `numbers`: the numbers of the post's pictures in the form.
    """
    return [
        _preview(desk, post, channel_post, specs, numbers)
        for channel_post in adapt_for_channels(post, desk.targets, desk.people)
    ]


def _preview(
    desk: Desk, post: Post, channel_post: ChannelPost, specs: RecentSpecs, numbers: Sequence[int]
) -> ChannelPreview:
    channel = desk.settings.channels[channel_post.channel]
    adapted = channel_post.adapted
    return ChannelPreview(
        channel=channel_post.channel,
        layout=desk.targets[channel_post.channel].profile.preview,
        label=desk.targets[channel_post.channel].profile.label,
        account=channel.account,
        adapted=adapted,
        parts=rich_parts(adapted.blocks) if adapted else (),
        length=describe_length(adapted) if adapted else "",
        is_too_long=bool(adapted and adapted.count > adapted.limit),
        images=[_preview_image(post, image, specs) for image in adapted.images] if adapted else (),
        has_own_caption=bool(post.captions.get(channel_post.channel, "").strip()),
        problems=_field_problems(channel_post, desk.targets[channel_post.channel].language, post, numbers),
    )


def _preview_image(post: Post, adapted: AdaptedImage, specs: RecentSpecs) -> PreviewImage:
    # Previews leave out the metadata inside the file, so that typing an alt text renders no picture again.
    spec = adapted.spec.model_copy(update={"creator": "", "copyright": "", "description": ""})
    source = next(image.media for image in post.images if image.media_sha256 == spec.source)
    width, height = finished_size(spec, source)
    return PreviewImage(specs.remember(spec), adapted.alt_text, width, height)


def finished_size(spec: RenditionSpec, source: Media) -> tuple[int, int]:
    """Returns the width and the height that a rendition has, in pixels."""
    part = spec.crop or Box(left=0, top=0, width=1, height=1)
    size = lay_out(
        max(1, round(part.width * source.width)),
        max(1, round(part.height * source.height)),
        max_width=spec.max_width,
        max_height=spec.max_height,
        ratio=spec.canvas_ratio,
        strip=bool(spec.credit_strip),
    )
    return size.canvas_width, size.canvas_height


def _field_problems(channel_post: ChannelPost, language: str, post: Post, numbers: Sequence[int]) -> list[FieldProblem]:
    adapted_language = channel_post.adapted.language if channel_post.adapted else post.language
    translated = adapted_language if adapted_language != post.language else ""
    problems = []
    for problem in channel_post.problems:
        missing = problem.field == "language" and language != post.language
        anchor = anchor_of(problem.field, channel=channel_post.channel, translated=translated, numbers=numbers)
        problems.append(FieldProblem(problem.problem, problem.blocking, f"tr-{language}-title" if missing else anchor))
    return sorted(problems, key=lambda problem: not problem.blocking)


def approval_blockers(
    of_post: Sequence[PostProblem], previews: Sequence[ChannelPreview], numbers: Sequence[int]
) -> list[ApprovalBlocker]:
    """Lists once each problem for which approval would be refused.

    `of_post`: the problems of the post itself. `numbers`: the numbers of its pictures in the form.
    """
    channels_by_problem: dict[tuple[Problem, str], list[str]] = {}
    for preview in previews:
        for problem in preview.problems:
            if problem.blocking:
                channels_by_problem.setdefault((problem.problem, problem.anchor), []).append(preview.channel)
    showing = sum(1 for preview in previews if preview.adapted)
    of_channels = [
        ApprovalBlocker(problem, anchor, () if len(channels) == showing else channels)
        for (problem, anchor), channels in channels_by_problem.items()
    ]
    own = [
        ApprovalBlocker(problem.problem.problem, anchor_of(problem.problem.field, numbers=numbers))
        for problem in of_post
        if problem.problem.blocking
    ]
    return sorted((*own, *of_channels), key=lambda blocker: bool(blocker.channels))


def template_captions(desk: Desk, post: Post) -> Mapping[str, str]:
    """Renders each channel's template for the post without its handwritten captions."""
    captions = {}
    for name, target in desk.targets.items():
        source = source_post(post, target.language) or source_post(post, post.language)
        if source is not None and not target.broken:
            bare = source.model_copy(update={"captions": {}})
            captions[name] = adapt_post(bare, target, desk.people).caption
    return captions
