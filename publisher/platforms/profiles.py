"""Reads a platform's limits and habits as data from the files in its folder."""

from __future__ import annotations

import pkgutil
import tomllib
from collections.abc import Mapping
from functools import cache
from importlib import resources
from importlib.resources.abc import Traversable
from typing import Literal, Self

from pydantic import Field, model_validator

from publisher import platforms
from publisher.core.content import Fit, Frozen, ImageFormat

Limit = Literal["text", "tags", "images", "image_bytes", "alt_text"]
Unit = Literal["code_points", "utf16", "graphemes"]
OWN = "own"
"""Value of `unit` for a platform that counts by rules of its own."""


class TextLimits(Frozen):
    unit: Unit | Literal["own"]
    rules_of: str = ""
    """The platform whose rules count, where `unit` is `own`; set by `load_profile`."""
    limit: int
    max_bytes: int | None = None
    """A second limit in UTF-8 bytes, where the platform has one."""
    rich: bool = False
    """The platform keeps headings, emphasis and links."""
    block_limit: int | None = None
    """Limit of one text block, in `unit`, where the platform counts blocks."""

    @model_validator(mode="after")
    def _rules_belong_to_own_units(self) -> Self:
        if (self.unit == OWN) != bool(self.rules_of):
            raise ValueError(f"rules belong to the unit {OWN!r}, and only to it")
        return self


class TagLimits(Frozen):
    maximum: int
    max_length: int = 100
    where: Literal["caption", "field"] = "caption"
    middle_dot: bool = False
    """The platform accepts the Catalan l·l in a hashtag."""


class AnimationLimits(Frozen):
    max_bytes: int
    max_width: int
    max_height: int
    max_frames: int | None = None
    alone: bool = False
    """The platform accepts an animation only as the one picture of a post."""


class ImageLimits(Frozen):
    maximum: int
    minimum: int = 1
    formats: tuple[ImageFormat, ...]
    max_bytes: int
    max_total_bytes: int | None = None
    max_width: int
    max_height: int
    min_ratio: float | None = None
    max_ratio: float | None = None
    """Width over height."""
    same_ratio_as_first: bool = False
    animation: AnimationLimits | None = None
    """None: the platform shows no animations."""
    fit: Fit = "pad"
    feed_width: int = 600
    """Pixels of the column in which followers see pictures, on a computer."""
    feed_height: int | None = None
    """Pixels above which a picture is not shown whole. None: however tall it is."""


class AltTextLimits(Frozen):
    unit: Unit = "code_points"
    limit: int


class PublishingHabits(Frozen):
    timeout_seconds: float
    """The longest that the publishing request may take."""
    settle_seconds: float
    """How long after it was accepted a post is read for the first time."""
    listing_lag_seconds: float
    """So long after an unknown outcome a listing may lack the post: as late as the request may be carried out, and then
    as late as the platform was reported to list a new post."""
    listing_lag_source: str
    """Where the lag of listings was reported."""
    minimum_gap_seconds: float = 0.0
    """The least time between two posts of one channel, so that the pace is human."""


class Prices(Frozen):
    """Holds a platform's prices in US dollars."""

    post: float
    post_with_link: float
    alt_text: float = 0.0
    newest_posts: float = 0.0
    """Price of reading the account's newest posts, just before each post that is no reply."""
    post_read: float = 0.0
    """Price of each post that is read."""


class Profile(Frozen):
    label: str
    text: TextLimits
    tags: TagLimits
    mentions_maximum: int | None = None
    typed_mentions: bool = True
    """A name that is typed with `@` tags the account of that name."""
    images: ImageLimits
    alt_text: AltTextLimits
    publishing: PublishingHabits
    prices: Prices | None = None
    links: Literal["allowed", "dead", "priced"] = "allowed"
    """`dead`: a URL in the caption can't be followed; `priced`: it raises the price of the post."""
    preview: Literal["article", "text_first", "carousel"] = "article"
    """Layout of the desk's preview: pictures above the text and its tags, text above the pictures, or a carousel
    of pictures, all of one shape, above the text."""
    threads: bool = False
    """The adapter publishes the replies that continue a post, each of them once."""
    post_url: str = ""
    """Pattern of a post's address with `{account}` and `{id}`, where ids make addresses."""
    account_url: str = ""
    """Pattern of the address at which followers find an account, with `{account}`. Empty: there is none."""
    notes: tuple[str, ...] = Field(default=())
    """Notes about this platform for staff and operators."""

    def with_limits(self, limits: Mapping[Limit, int]) -> Profile:
        """Returns this profile with a channel's own limits, such as a longer X text."""
        text = self.text.model_copy(update={"limit": limits.get("text", self.text.limit)})
        tags = self.tags.model_copy(update={"maximum": limits.get("tags", self.tags.maximum)})
        images = self.images.model_copy(
            update={
                "maximum": limits.get("images", self.images.maximum),
                "max_bytes": limits.get("image_bytes", self.images.max_bytes),
            }
        )
        alt = self.alt_text.model_copy(update={"limit": limits.get("alt_text", self.alt_text.limit)})
        return self.model_copy(update={"text": text, "tags": tags, "images": images, "alt_text": alt})


@cache
def load_profile(platform: str) -> Profile:
    """Loads the profile of a platform that `platform_names` lists."""
    values = tomllib.loads(_file_of(platform, "profile.toml").read_text(encoding="utf-8"))
    if values["text"]["unit"] == OWN:
        values["text"]["rules_of"] = platform
    return Profile.model_validate(values)


@cache
def platform_names() -> tuple[str, ...]:
    """Lists the platforms, which are the packages inside `publisher.platforms`, in alphabetical order."""
    return tuple(sorted(module.name for module in pkgutil.iter_modules(platforms.__path__) if module.ispkg))


def starter_text(platform: str, name: str) -> str:
    """Returns what a platform adds to the files of a new desk; empty where it has no such file.

    `name`: `caption.j2` its caption template, `starter.toml` a channel in the configuration, `env.example` its secrets.
    """
    file = _file_of(platform, name)
    return file.read_text(encoding="utf-8") if file.is_file() else ""


def _file_of(platform: str, name: str) -> Traversable:
    return resources.files(f"publisher.platforms.{platform}") / name
