"""What each channel will show of a post, beside its form: the preview that publishing would make, for a page."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from publisher.adapt.images.geometry import lay_out
from publisher.adapt.posts import adapt_post
from publisher.adapt.text.rich_html import length_told, rich_parts
from publisher.core.content import AdaptedImage, AdaptedPost, Box, RenditionSpec
from publisher.db.models import Post
from publisher.desk import Desk
from publisher.posts.approval import own_problems
from publisher.posts.channel_posts import ChannelPost, adapt_for_channels, source_post
from publisher.web.forms import anchor_of

MAX_SPECS = 2000


class Specs:
    """The pictures that previews asked for of late: a page fetches each by its digest, and only then it is made."""

    def __init__(self) -> None:
        self._specs: OrderedDict[str, RenditionSpec] = OrderedDict()
        self._lock = threading.Lock()

    def remember(self, spec: RenditionSpec) -> str:
        digest = spec.digest
        with self._lock:
            self._specs[digest] = spec
            self._specs.move_to_end(digest)
            while len(self._specs) > MAX_SPECS:
                self._specs.popitem(last=False)
        return digest

    def get(self, digest: str) -> RenditionSpec | None:
        with self._lock:
            return self._specs.get(digest)


@dataclass(frozen=True, slots=True)
class FieldProblem:
    """A problem, and the field of the form that mends it."""

    message: str
    blocking: bool
    anchor: str


@dataclass(frozen=True, slots=True)
class PreviewImage:
    """A finished picture: the digest that it is fetched by, and its size in pixels."""

    digest: str
    alt_text: str
    width: int
    height: int


@dataclass(frozen=True, slots=True)
class ChannelPreview:
    """One channel's view of a post."""

    channel: str
    layout: str
    """As the platform's profile says under `preview`."""
    label: str
    account: str
    adapted: AdaptedPost | None
    """None: the channel leaves the post out."""
    parts: Sequence[tuple[str, Sequence[Any]]]
    length: str
    over: bool
    shots: Sequence[PreviewImage]
    by_hand: bool
    problems: Sequence[FieldProblem]


@dataclass(frozen=True, slots=True)
class ToDo:
    """What has to be done before a post can be approved."""

    message: str
    anchor: str
    channels: Sequence[str] = ()
    """Empty: whatever the channel."""


def channel_previews(desk: Desk, post: Post, specs: Specs, numbers: Sequence[int] = ()) -> list[ChannelPreview]:
    """The post on every channel, in the configuration's order. Quick: no picture is made.

    `numbers`: what the form calls the post's pictures.
    """
    return [_look(desk, post, each, specs, numbers) for each in adapt_for_channels(post, desk.targets, desk.people)]


def _look(desk: Desk, post: Post, each: ChannelPost, specs: Specs, numbers: Sequence[int]) -> ChannelPreview:
    channel = desk.settings.channels[each.channel]
    adapted = each.adapted
    return ChannelPreview(
        channel=each.channel,
        layout=desk.targets[each.channel].profile.preview,
        label=desk.targets[each.channel].profile.label,
        account=channel.account,
        adapted=adapted,
        parts=rich_parts(adapted.blocks) if adapted else (),
        length=length_told(adapted) if adapted else "",
        over=bool(adapted and adapted.count > adapted.limit),
        shots=[_shot(post, image, specs) for image in adapted.images] if adapted else (),
        by_hand=bool(post.captions.get(each.channel, "").strip()),
        problems=_told(each, desk.targets[each.channel].language, post, numbers),
    )


def _shot(post: Post, image: AdaptedImage, specs: Specs) -> PreviewImage:
    # Nobody sees what is written inside the file: without it, typing an alt text makes no picture anew.
    spec = image.spec.model_copy(update={"creator": "", "copyright": "", "description": ""})
    source = next(each.media for each in post.images if each.media_sha256 == spec.source)
    part = spec.crop or Box(left=0, top=0, width=1, height=1)
    size = lay_out(
        max(1, round(part.width * source.width)),
        max(1, round(part.height * source.height)),
        max_width=spec.max_width,
        max_height=spec.max_height,
        ratio=spec.canvas_ratio,
        strip=bool(spec.credit_strip),
    )
    return PreviewImage(specs.remember(spec), image.alt_text, size.canvas_width, size.canvas_height)


def _told(each: ChannelPost, language: str, post: Post, numbers: Sequence[int]) -> list[FieldProblem]:
    shown = each.adapted.language if each.adapted else post.language
    translated = shown if shown != post.language else ""
    told = []
    for problem in each.problems:
        missing = problem.field == "language" and language != post.language
        anchor = anchor_of(problem.field, channel=each.channel, translated=translated, numbers=numbers)
        told.append(FieldProblem(problem.message, problem.blocking, f"tr-{language}-title" if missing else anchor))
    return sorted(told, key=lambda each: not each.blocking)


def to_do(desk: Desk, post: Post, looks: Sequence[ChannelPreview]) -> list[ToDo]:
    """What approval would refuse, whatever the day, each thing once."""
    found: dict[tuple[str, str], list[str]] = {}
    for look in looks:
        for each in look.problems:
            if each.blocking:
                found.setdefault((each.message, each.anchor), []).append(look.channel)
    showing = sum(1 for look in looks if look.adapted)
    of_channels = [
        ToDo(message, anchor, () if len(channels) == showing else channels)
        for (message, anchor), channels in found.items()
    ]
    own = [each for each in own_problems(post, desk.targets) if each.blocking]
    of_post = [ToDo(each.message, anchor_of(each.field)) for each in own]
    return sorted((*of_post, *of_channels), key=lambda each: bool(each.channels))


def template_captions(desk: Desk, post: Post) -> Mapping[str, str]:
    """What each channel's template would make of the post if nobody had written a caption by hand."""
    made = {}
    for name, target in desk.targets.items():
        source = source_post(post, target.language) or source_post(post, post.language)
        if source is not None and not target.broken:
            bare = source.model_copy(update={"captions": {}})
            made[name] = adapt_post(bare, target, desk.people).caption
    return made
