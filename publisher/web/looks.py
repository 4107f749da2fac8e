"""What each channel will show of a post, beside its form: the preview that publishing would make, for a page."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from publisher.adapt.posts import adapt_post
from publisher.adapt.rich_html import length_told, rich_parts
from publisher.content import AdaptedPost, Problem, RenditionSpec
from publisher.db.models import Post
from publisher.desk import Desk
from publisher.post_queue.channels import ChannelPost, adapt_for_channels, source_post
from publisher.web.forms import anchor_of

MOST_SPECS = 2000


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
            while len(self._specs) > MOST_SPECS:
                self._specs.popitem(last=False)
        return digest

    def get(self, digest: str) -> RenditionSpec | None:
        with self._lock:
            return self._specs.get(digest)


@dataclass(frozen=True, slots=True)
class Told:
    """A problem, and the field of the form that mends it."""

    message: str
    blocking: bool
    anchor: str


@dataclass(frozen=True, slots=True)
class Look:
    """One channel's view of a post."""

    channel: str
    platform: str
    label: str
    account: str
    adapted: AdaptedPost | None
    """None: the channel leaves the post out."""
    parts: Sequence[tuple[str, Sequence[Any]]]
    length: str
    over: bool
    digests: Sequence[str]
    by_hand: bool
    problems: Sequence[Told]

    @property
    def blocking(self) -> int:
        return sum(problem.blocking for problem in self.problems)


def looks_of(desk: Desk, post: Post, specs: Specs) -> list[Look]:
    """The post on every channel, in the configuration's order. Quick: no picture is made."""
    return [_look(desk, post, each, specs) for each in adapt_for_channels(post, desk.targets, desk.people)]


def _look(desk: Desk, post: Post, each: ChannelPost, specs: Specs) -> Look:
    channel = desk.settings.channels[each.channel]
    adapted = each.adapted
    return Look(
        channel=each.channel,
        platform=channel.platform,
        label=desk.targets[each.channel].profile.label,
        account=channel.account,
        adapted=adapted,
        parts=rich_parts(adapted.blocks) if adapted else (),
        length=length_told(adapted) if adapted else "",
        over=bool(adapted and adapted.count > adapted.limit),
        digests=[specs.remember(image.spec) for image in adapted.images] if adapted else (),
        by_hand=bool(post.captions.get(each.channel, "").strip()),
        problems=_told(each.problems, each.channel),
    )


def _told(problems: Sequence[Problem], channel: str) -> list[Told]:
    told = [Told(each.message, each.blocking, anchor_of(each.field, channel)) for each in problems]
    return sorted(told, key=lambda each: not each.blocking)


def template_captions(desk: Desk, post: Post) -> Mapping[str, str]:
    """What each channel's template would make of the post if nobody had written a caption by hand."""
    made = {}
    for name, target in desk.targets.items():
        source = source_post(post, target.language) or source_post(post, post.language)
        if source is not None:
            bare = source.model_copy(update={"captions": {}})
            made[name] = adapt_post(bare, target, desk.people).caption
    return made
