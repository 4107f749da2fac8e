"""Limits the requests of each token, preview link or network by a token bucket.

Each process counts for itself, so that with several a program may send that many times as many requests. The limit
protects people from a program that runs wild; it is no accounting.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Hashable
from dataclasses import dataclass

from cachetools import LRUCache

from publisher.core.clock import monotonic

MAX_BUCKETS = 1000


@dataclass(frozen=True, slots=True)
class Allowance:
    """The rate limit of a token after a request."""

    granted: bool
    quota: int
    window: int
    """Seconds in which a whole quota comes back."""
    remaining: int
    wait: int
    """Seconds until there is one more request."""

    @property
    def headers(self) -> dict[str, str]:
        headers = {
            "RateLimit-Policy": f'"token";q={self.quota};w={self.window}',
            "RateLimit": f'"token";r={self.remaining};t={self.wait}',
        }
        return headers if self.granted else {**headers, "Retry-After": str(self.wait)}


class Buckets:
    """Holds a bucket per token. Any number of threads may use it."""

    def __init__(self, quota: int = 300, window: int = 60) -> None:
        """`quota`: requests at once. `window`: the seconds in which as many come back."""
        self._quota = quota
        self._window = window
        self._levels: LRUCache[Hashable, tuple[float, float]] = LRUCache(MAX_BUCKETS)
        self._lock = threading.Lock()

    def take(self, token_id: Hashable) -> Allowance:
        """Counts one request of a token."""
        now = monotonic()
        rate = self._quota / self._window
        with self._lock:
            level, counted_at = self._levels.get(token_id, (float(self._quota), now))
            level = min(float(self._quota), level + (now - counted_at) * rate)
            granted = level >= 1
            if granted:
                level -= 1
            self._levels[token_id] = level, now
        wait = max(1, math.ceil((math.floor(level) + 1 - level) / rate))
        return Allowance(granted, self._quota, self._window, math.floor(level), wait)
