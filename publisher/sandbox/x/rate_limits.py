"""Limits how often each endpoint of the simulated X may be requested, and makes the headers of these limits."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from publisher.sandbox.wire import Answer, Request
from publisher.sandbox.x.problems import Refusal, problem

QUARTER_HOUR = timedelta(minutes=15)
DAY = timedelta(hours=24)
POSTS = "POST tweets"
DEFAULT_LIMIT = 10_000
"""X allows 100 posts in 15 minutes; here a rehearsal may post years of posts in minutes."""


@dataclass(slots=True)
class _Window:
    ends_at: datetime
    used: int = 0


class RateLimits:
    """Counts the requests of each endpoint, carried out or not, in windows that end at a whole second."""

    def __init__(self, now: Callable[[], datetime]) -> None:
        self._now = now
        self.limits: dict[str, int] = {}
        """Requests in 15 minutes, by endpoint, such as `POST tweets` or `GET users tweets`."""
        self.posts_a_day: int | None = None
        """None: no limit and no headers of one, as with an app that pays for each post."""
        self._open_windows: dict[tuple[str, str], _Window] = {}
        """By endpoint and header."""

    def take(self, request: Request) -> dict[str, str]:
        """Counts a request, and returns the headers of its answer. Raises Refusal when there were too many."""
        endpoint = _endpoint(request)
        windows = self._windows(endpoint)
        open_windows = [self._open_window(endpoint, name, length) for name, length, _ in windows]
        if any(window.used >= limit for window, (_, _, limit) in zip(open_windows, windows, strict=True)):
            raise Refusal(_too_many(self.headers_of(endpoint)))
        for window in open_windows:
            window.used += 1
        return self.headers_of(endpoint)

    def headers_of(self, endpoint: str) -> dict[str, str]:
        headers = {}
        for name, length, limit in self._windows(endpoint):
            window = self._open_window(endpoint, name, length)
            headers[f"{name}-limit"] = str(limit)
            headers[f"{name}-remaining"] = str(max(limit - window.used, 0))
            headers[f"{name}-reset"] = str(int(window.ends_at.timestamp()))
        return headers

    def none_left(self, endpoint: str) -> Answer:
        """Returns the answer for an exhausted limit of 15 minutes, whether or not it is exhausted."""
        return _too_many({**self.headers_of(endpoint), "x-rate-limit-remaining": "0"})

    def _windows(self, endpoint: str) -> list[tuple[str, timedelta, int]]:
        """Returns the header, length and limit of each window of an endpoint."""
        windows = [("x-rate-limit", QUARTER_HOUR, self.limits.get(endpoint, DEFAULT_LIMIT))]
        if endpoint == POSTS and self.posts_a_day is not None:
            windows += [(f"x-{who}-limit-24hour", DAY, self.posts_a_day) for who in ("app", "user")]
        return windows

    def _open_window(self, endpoint: str, name: str, length: timedelta) -> _Window:
        now = self._now()
        window = self._open_windows.get((endpoint, name))
        if window is None or not now < window.ends_at <= now + length:
            window = self._open_windows[endpoint, name] = _Window((now + length).replace(microsecond=0))
        return window


def _too_many(headers: dict[str, str]) -> Answer:
    return problem(429, "Too Many Requests", "Too Many Requests", headers=headers)


def _endpoint(request: Request) -> str:
    words = [word for word in request.path.removeprefix("/2/").split("/") if not word.isdecimal()]
    return " ".join((request.method, *words))
