"""Every post that a sandbox platform has accepted, so that a test can count copies."""

from __future__ import annotations

import hashlib
import random
import threading
from dataclasses import dataclass, field
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
class LedgerPost:
    """A post as a follower would see it."""

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
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class ListingLag:
    """How much later than it exists a post is shown: seconds drawn between two bounds, for each post anew."""

    shortest: float = 0.0
    longest: float = 0.0
    seed: int = 0
    hides_ids: bool = False
    """Whether the post can't be read by its id either before the listings show it."""


class _Lag:
    """A lag with its own chance, so that the same seed draws the same seconds."""

    def __init__(self, wish: ListingLag) -> None:
        self.wish = wish
        self._chance = random.Random(wish.seed)  # noqa: S311 - a seed that can be repeated is the point

    def draw(self) -> timedelta:
        return timedelta(seconds=self._chance.uniform(self.wish.shortest, self.wish.longest))


class Ledger:
    """Posts in the order in which they were accepted, and the images that belong to them."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._posts: list[LedgerPost] = []
        self._images: dict[str, LedgerImage] = {}
        self._lags: dict[str, _Lag] = {}
        self._listed_at: dict[tuple[str, str], datetime] = {}
        self._readable_at: dict[tuple[str, str], datetime] = {}
        """By platform and id of a post."""
        self._offset = timedelta(0)
        self._last_id = 0

    def now(self) -> datetime:
        """The platforms' time: the system's, moved with the outlet's clock in a demo."""
        return datetime.now(UTC) + self._offset

    def shift(self, offset: timedelta) -> None:
        self._offset = offset

    def next_id(self) -> int:
        """A new number, larger than every earlier one."""
        with self._lock:
            self._last_id += 1
            return self._last_id

    def add(self, post: LedgerPost) -> None:
        with self._lock:
            self._posts.append(post)
            self._set_visibility(post)
            self._images.update({image.sha256: image for image in post.images})

    def posts(self, platform: str | None = None, account: str | None = None) -> list[LedgerPost]:
        """Oldest first."""
        with self._lock:
            return [
                post for post in self._posts if platform in (None, post.platform) and account in (None, post.account)
            ]

    def listed_posts(self, platform: str, now: datetime) -> list[LedgerPost]:
        """Those that the platform's listings show by `now`, oldest first."""
        return [post for post in self.posts(platform) if self._listed_at[platform, post.id] <= now]

    def readable_posts(self, platform: str, now: datetime) -> list[LedgerPost]:
        """Those that can be read by their ids by `now`, oldest first."""
        return [post for post in self.posts(platform) if self._readable_at[platform, post.id] <= now]

    def set_listing_lag(self, platform: str, lag: ListingLag) -> None:
        """Let the posts that a platform accepts from now on be listed so much later."""
        with self._lock:
            self._lags[platform] = _Lag(lag)

    def _set_visibility(self, post: LedgerPost) -> None:
        place = post.platform, post.id
        self._listed_at[place] = self._readable_at[place] = datetime.min.replace(tzinfo=UTC)
        lag = self._lags.get(post.platform)
        if lag is None or not lag.wish.longest:
            return
        self._listed_at[place] = post.at + lag.draw()
        if lag.wish.hides_ids:
            self._readable_at[place] = self._listed_at[place]

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
