"""How often each endpoint of the sandbox's X may be asked, and the headers that tell it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from publisher.sandbox.wire import Answer, Request
from publisher.sandbox.x.problems import Refusal, problem

QUARTER = timedelta(minutes=15)
DAY = timedelta(hours=24)
POSTS = "POST tweets"
ROOMY = 10_000
"""X allows 100 posts in 15 minutes; here a rehearsal may post years in minutes."""


@dataclass(slots=True)
class _Count:
    ends: datetime
    used: int = 0


class Windows:
    """Counts the requests of each endpoint, carried out or not, in windows that end at a whole second."""

    def __init__(self, now: Callable[[], datetime]) -> None:
        self._now = now
        self.limits: dict[str, int] = {}
        """In 15 minutes, by endpoint, such as `POST tweets` or `GET users tweets`."""
        self.posts_a_day: int | None = None
        """None: no limit, and no headers of one, as with an app that pays for each post."""
        self._counts: dict[tuple[str, str], _Count] = {}
        """By endpoint and header."""

    def take(self, request: Request) -> dict[str, str]:
        """Count a request, and return the headers of its answer. Raises Refusal when there were too many."""
        endpoint = _endpoint(request)
        windows = self._windows(endpoint)
        counts = [self._count(endpoint, name, length) for name, length, _ in windows]
        if any(count.used >= limit for count, (_, _, limit) in zip(counts, windows, strict=True)):
            raise Refusal(_too_many(self.headers(endpoint)))
        for count in counts:
            count.used += 1
        return self.headers(endpoint)

    def headers(self, endpoint: str) -> dict[str, str]:
        told = {}
        for name, length, limit in self._windows(endpoint):
            count = self._count(endpoint, name, length)
            told[f"{name}-limit"] = str(limit)
            told[f"{name}-remaining"] = str(max(limit - count.used, 0))
            told[f"{name}-reset"] = str(int(count.ends.timestamp()))
        return told

    def none_left(self, endpoint: str) -> Answer:
        """The answer when 15 minutes are used up, whether they are or not."""
        return _too_many({**self.headers(endpoint), "x-rate-limit-remaining": "0"})

    def _windows(self, endpoint: str) -> list[tuple[str, timedelta, int]]:
        """Header, length and limit of each window that an endpoint has."""
        windows = [("x-rate-limit", QUARTER, self.limits.get(endpoint, ROOMY))]
        if endpoint == POSTS and self.posts_a_day is not None:
            windows += [(f"x-{who}-limit-24hour", DAY, self.posts_a_day) for who in ("app", "user")]
        return windows

    def _count(self, endpoint: str, name: str, length: timedelta) -> _Count:
        now = self._now()
        count = self._counts.get((endpoint, name))
        if count is None or not now < count.ends <= now + length:
            count = self._counts[endpoint, name] = _Count((now + length).replace(microsecond=0))
        return count


def _too_many(headers: dict[str, str]) -> Answer:
    return problem(429, "Too Many Requests", "Too Many Requests", headers=headers)


def _endpoint(request: Request) -> str:
    words = [word for word in request.path.removeprefix("/2/").split("/") if not word.isdecimal()]
    return " ".join((request.method, *words))
