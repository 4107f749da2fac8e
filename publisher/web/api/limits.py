"""How often a program may ask: a bucket for each token that fills up steadily.

Each process counts for itself: behind several, a program may ask so many times as often. It keeps
a program that runs wild from taking the desk from the people, and is no accounting.
"""

from __future__ import annotations

import math
import threading
from collections import OrderedDict
from dataclasses import dataclass

from publisher.core.clock import monotonic

MAX_BUCKETS = 1000


@dataclass(frozen=True, slots=True)
class Allowance:
    """What is left after a request."""

    granted: bool
    quota: int
    window: int
    """Seconds in which a whole quota comes back."""
    remaining: int
    wait: int
    """Seconds until there is one request more."""

    @property
    def headers(self) -> dict[str, str]:
        told = {
            "RateLimit-Policy": f'"token";q={self.quota};w={self.window}',
            "RateLimit": f'"token";r={self.remaining};t={self.wait}',
        }
        return told if self.granted else {**told, "Retry-After": str(self.wait)}


class Buckets:
    """A bucket per token. Any number of threads may take from them."""

    def __init__(self, quota: int = 300, window: int = 60) -> None:
        """`quota` requests at once, and as many again within `window` seconds."""
        self._quota = quota
        self._window = window
        self._levels: OrderedDict[int, tuple[float, float]] = OrderedDict()
        self._lock = threading.Lock()

    def take(self, token_id: int) -> Allowance:
        """Count one request of a token."""
        now = monotonic()
        rate = self._quota / self._window
        with self._lock:
            level, seen = self._levels.pop(token_id, (float(self._quota), now))
            level = min(float(self._quota), level + (now - seen) * rate)
            granted = level >= 1
            if granted:
                level -= 1
            self._levels[token_id] = level, now
            while len(self._levels) > MAX_BUCKETS:
                self._levels.popitem(last=False)
        wait = max(1, math.ceil((math.floor(level) + 1 - level) / rate))
        return Allowance(granted, self._quota, self._window, math.floor(level), wait)
