"""Every post that a sandbox platform has accepted, so that a test can count copies."""

from __future__ import annotations

import hashlib
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


class Ledger:
    """Posts in the order in which they were accepted, and the images that belong to them."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._posts: list[LedgerPost] = []
        self._images: dict[str, LedgerImage] = {}
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
            self._images.update({image.sha256: image for image in post.images})

    def posts(self, platform: str | None = None, account: str | None = None) -> list[LedgerPost]:
        """Oldest first."""
        with self._lock:
            return [
                post for post in self._posts if platform in (None, post.platform) and account in (None, post.account)
            ]

    def image(self, sha256: str) -> LedgerImage | None:
        with self._lock:
            return self._images.get(sha256)

    def clear(self) -> None:
        with self._lock:
            self._posts.clear()
            self._images.clear()


def image_of(content: bytes, *, width: int, height: int, mime_type: str, alt_text: str | None) -> LedgerImage:
    return LedgerImage(
        sha256=hashlib.sha256(content).hexdigest(),
        width=width,
        height=height,
        mime_type=mime_type,
        alt_text=alt_text,
        content=content,
    )
