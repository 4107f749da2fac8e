"""Records every post that a sandbox platform has accepted, so that a test can count copies."""

from __future__ import annotations

import hashlib
import random
import threading
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerImage:
    sha256: str
    width: int
    height: int
    mime_type: str
    alt_text: str | None
    content: bytes = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class FormerText:
    """Holds what a post said until somebody changed it."""

    until: datetime
    caption: str
    tags: tuple[str, ...]
    alt_texts: tuple[str | None, ...]
    detail: dict[str, Any] = field(default_factory=dict, repr=False)

    def as_json(self) -> dict[str, Any]:
        return {
            "until": self.until.isoformat(),
            "caption": self.caption,
            "tags": list(self.tags),
            "alt_texts": list(self.alt_texts),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerPost:
    """Describes a post as a follower would see it."""

    platform: str
    account: str
    id: str
    at: datetime
    url: str
    caption: str
    """All text that followers read, headings included."""
    tags: tuple[str, ...]
    images: tuple[LedgerImage, ...]
    idempotency_key: str | None
    """The key as this platform saw it, where it sees one."""
    detail: dict[str, Any] = field(default_factory=dict)
    """The platform's own record, for its read-back answers and its page."""
    edits: tuple[FormerText, ...] = ()
    """What it said before each change, oldest first."""

    def edited(self, changed: LedgerPost, now: datetime) -> LedgerPost:
        """Returns the post with what `changed` says. It keeps its id, its time and its place."""
        former = FormerText(
            until=now,
            caption=self.caption,
            tags=self.tags,
            alt_texts=tuple(image.alt_text for image in self.images),
            detail=self.detail,
        )
        return replace(changed, id=self.id, at=self.at, url=self.url, edits=(*self.edits, former))

    def as_json(self) -> dict[str, Any]:
        return {
            "platform": self.platform,
            "account": self.account,
            "id": self.id,
            "at": self.at.isoformat(),
            "url": self.url,
            "caption": self.caption,
            "tags": list(self.tags),
            "images": [
                {
                    "sha256": image.sha256,
                    "width": image.width,
                    "height": image.height,
                    "mime_type": image.mime_type,
                    "bytes": len(image.content),
                    "alt_text": image.alt_text,
                }
                for image in self.images
            ],
            "idempotency_key": self.idempotency_key,
            "edits": [former.as_json() for former in self.edits],
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class ListingLag:
    """Says how much later a post is listed than it exists: seconds that are drawn between two bounds for each post."""

    min_seconds: float = 0.0
    max_seconds: float = 0.0
    seed: int = 0
    hides_ids: bool = False
    """Whether the post can't be read by its id, too, before the listings show it."""


class _LagDraw:
    """Draws lags from a random generator of its own, so that the same seed draws the same seconds."""

    def __init__(self, bounds: ListingLag) -> None:
        self.bounds = bounds
        self._random = random.Random(bounds.seed)  # noqa: S311 - a seed that can be repeated is the point

    def draw(self) -> timedelta:
        return timedelta(seconds=self._random.uniform(self.bounds.min_seconds, self.bounds.max_seconds))


class Ledger:
    """Holds posts in the order in which they were accepted, and their images."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._posts: list[LedgerPost] = []
        self._images: dict[str, LedgerImage] = {}
        self._lags: dict[str, _LagDraw] = {}
        self._listed_at: dict[tuple[str, str], datetime] = {}
        self._readable_at: dict[tuple[str, str], datetime] = {}
        """By platform and id of a post."""
        self._offset = timedelta(0)
        self._last_id = 0

    def now(self) -> datetime:
        """Returns the platforms' time: the system's, shifted like the outlet's clock."""
        return datetime.now(UTC) + self._offset

    def shift(self, offset: timedelta) -> None:
        self._offset = offset

    def next_id(self) -> int:
        """Returns a new number, larger than every earlier one."""
        with self._lock:
            self._last_id += 1
            return self._last_id

    def add(self, post: LedgerPost) -> None:
        with self._lock:
            self._posts.append(post)
            self._set_visibility(post)
            self._images.update({image.sha256: image for image in post.images})

    def change(self, changed: LedgerPost) -> None:
        """Puts a changed post in the place of the one with its id. Raises LookupError where there is none."""
        with self._lock:
            places = [
                place
                for place, post in enumerate(self._posts)
                if (post.platform, post.id) == (changed.platform, changed.id)
            ]
            if not places:
                raise LookupError(f"there is no post {changed.id} on {changed.platform}")
            self._posts[places[0]] = changed

    def posts(self, platform: str | None = None, account: str | None = None) -> list[LedgerPost]:
        """Returns the posts of a platform and an account, oldest first."""
        with self._lock:
            return [
                post for post in self._posts if platform in (None, post.platform) and account in (None, post.account)
            ]

    def listed_posts(self, platform: str, now: datetime) -> list[LedgerPost]:
        """Returns the posts that the platform's listings show by `now`, oldest first."""
        return [post for post in self.posts(platform) if self._listed_at[platform, post.id] <= now]

    def readable_posts(self, platform: str, now: datetime) -> list[LedgerPost]:
        """Returns the posts that can be read by their ids by `now`, oldest first."""
        return [post for post in self.posts(platform) if self._readable_at[platform, post.id] <= now]

    def set_listing_lag(self, platform: str, lag: ListingLag) -> None:
        """Sets how much later the posts are listed that a platform accepts from now on."""
        with self._lock:
            self._lags[platform] = _LagDraw(lag)

    def _set_visibility(self, post: LedgerPost) -> None:
        key = post.platform, post.id
        self._listed_at[key] = self._readable_at[key] = datetime.min.replace(tzinfo=UTC)
        lag = self._lags.get(post.platform)
        if lag is None or not lag.bounds.max_seconds:
            return
        self._listed_at[key] = post.at + lag.draw()
        if lag.bounds.hides_ids:
            self._readable_at[key] = self._listed_at[key]

    def image(self, sha256: str) -> LedgerImage | None:
        with self._lock:
            return self._images.get(sha256)

    def clear(self) -> None:
        with self._lock:
            self._posts.clear()
            self._images.clear()
            self._listed_at.clear()
            self._readable_at.clear()


def image_of(content: bytes, *, width: int, height: int, mime_type: str, alt_text: str | None) -> LedgerImage:
    return LedgerImage(
        sha256=hashlib.sha256(content).hexdigest(),
        width=width,
        height=height,
        mime_type=mime_type,
        alt_text=alt_text,
        content=content,
    )
