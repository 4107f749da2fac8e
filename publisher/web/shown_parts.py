"""Says which part of each picture of a post the channels show."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from publisher.core.content import AdaptedPost, Box
from publisher.core.messages import Message, _, ngettext
from publisher.core.value_range import WindowChoice
from publisher.db.models import Media, Post, PostImage
from publisher.posts.channel_texts import write_channels


@dataclass(frozen=True, slots=True)
class ShownPart:
    """Names the channels that show the same part of a picture."""

    channels: Sequence[str]
    text: Message
    box: Box | None = None
    """Where it is cropped. None: it is not."""


@dataclass(frozen=True, slots=True)
class ShownPicture:
    """Holds which parts of a picture are shown. `number`: the one that its fields have in the form."""

    number: int
    media: Media
    parts: Sequence[ShownPart]
    window: WindowChoice | None = None
    """Which values of it staff chose to show."""
    colour_channels: str = ""
    """How staff chose to merge its colour channels, as in the address of a thumbnail."""

    @property
    def is_whole_everywhere(self) -> bool:
        return len(self.parts) == 1 and self.parts[0].text == ALL_OF_IT


ALL_OF_IT = _("all of it")
NOTHING = _("not shown")


def shown_pictures(post: Post, adapted: Sequence[AdaptedPost], numbers: Sequence[int] = ()) -> list[ShownPicture]:
    """Lists the pictures of a post with the part that each channel shows, as the adapted posts have it."""
    return [
        ShownPicture(
            numbers[place] if place < len(numbers) else place,
            image.media,
            _parts(image, adapted),
            image.choices.get("window"),
            write_channels(image.choices.get("colour_channels")),
        )
        for place, image in enumerate(post.images)
    ]


def _parts(image: PostImage, adapted: Sequence[AdaptedPost]) -> list[ShownPart]:
    """Groups the channels by what they show, in the order of their first."""
    channels: dict[tuple[Box | None, ...], list[str]] = {}
    for channel_post in adapted:
        boxes = tuple(shown.spec.crop for shown in channel_post.images if shown.spec.source == image.media_sha256)
        channels.setdefault(boxes, []).append(channel_post.channel)
    return [
        ShownPart(names, _describe(boxes), boxes[0] if len(boxes) == 1 else None) for boxes, names in channels.items()
    ]


def _describe(boxes: Sequence[Box | None]) -> Message:
    if not boxes:
        return NOTHING
    if len(boxes) > 1:
        return ngettext("all of it, then {count} panel", "all of it, then {count} panels", count=len(boxes) - 1)
    box = boxes[0]
    if box is None:
        return ALL_OF_IT
    return _(
        "cropped to {width} % of its width and {height} % of its height",
        width=round(100 * box.width),
        height=round(100 * box.height),
    )
