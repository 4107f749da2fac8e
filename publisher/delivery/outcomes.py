"""From the end of a try to the next state, and to when the delivery is looked at again."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from publisher.platforms.errors import (
    ContentRejected,
    CredentialsRefused,
    PlatformError,
    RateLimited,
    Unavailable,
    Unconfirmed,
    UnsupportedContent,
)
from publisher.states import State

LONGEST_PAUSE = timedelta(minutes=15)
SHORTEST_PAUSE = timedelta(seconds=1)


@dataclass(frozen=True, slots=True)
class Outcome:
    """Where a delivery goes after a try that ended badly."""

    to: State
    problem: str
    values: dict[str, Any] = field(default_factory=dict)
    pause_channel: bool = False
    channel_waits_until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Pace:
    """How long to wait: after trouble with full jitter, and before looking up an unknown outcome."""

    retry_seconds: float
    look_up_after: tuple[float, ...]
    jitter: random.Random

    def backoff(self, tries: int) -> timedelta:
        """The pause after the `tries`-th failure in a row, counted from 1."""
        longest = min(timedelta(seconds=self.retry_seconds * 2.0 ** min(tries - 1, 16)), LONGEST_PAUSE)
        pause = timedelta(seconds=longest.total_seconds() * self.jitter.random())
        return max(min(SHORTEST_PAUSE, longest), pause)

    def look_up(self, done: int) -> timedelta:
        """The pause before the next look-up after `done` of them; the last pause repeats."""
        waits = (0.0, *self.look_up_after)
        index = min(done, len(self.look_up_after) - 1)
        return timedelta(seconds=waits[index + 1] - (waits[index] if done < len(self.look_up_after) else 0.0))


def before_send(error: Exception, *, tries: int, now: datetime, pace: Pace) -> Outcome:
    """The next state when nothing was sent yet."""
    outcome = _definite(error, tries=tries, now=now, pace=pace)
    return outcome or _try_later(_sentence(error), tries, now, pace)


def after_send(error: Exception, *, tries: int, now: datetime, pace: Pace) -> Outcome:
    """The next state when the publishing request was begun.

    Whatever is not a definite answer means that the post may be public.
    """
    outcome = _definite(error, tries=tries, now=now, pace=pace)
    if outcome is not None:
        return outcome
    if isinstance(error, Unavailable):
        return _try_later(error.message, tries, now, pace)
    return Outcome(
        State.UNCONFIRMED,
        f"{_sentence(error)}; looking whether the post is there.",
        {"due_at": now + pace.look_up(0), "unknown_since": now, "lookups": 0, "clean_lookups": 0},
    )


def _definite(error: Exception, *, tries: int, now: datetime, pace: Pace) -> Outcome | None:
    match error:
        case UnsupportedContent():
            return Outcome(State.HELD, error.message)
        case ContentRejected():
            return Outcome(State.FAILED, error.message)
        case CredentialsRefused():
            return Outcome(State.HELD, error.message, pause_channel=True)
        case RateLimited():
            wait_until = max(error.retry_at, now + min(SHORTEST_PAUSE, pace.backoff(1)))
            values = {"due_at": wait_until, "tries": tries}
            return Outcome(State.PENDING, error.message, values, channel_waits_until=wait_until)
        case _:
            return None


def _try_later(problem: str, tries: int, now: datetime, pace: Pace) -> Outcome:
    return Outcome(State.PENDING, problem, {"due_at": now + pace.backoff(tries), "tries": tries})


def _sentence(error: Exception) -> str:
    if isinstance(error, PlatformError):
        return error.message
    return f"Something unexpected happened ({type(error).__name__})"


def error_name(error: Exception) -> str:
    """What an attempt's record calls this end."""
    if isinstance(error, PlatformError):
        return next(kind.__name__ for kind in type(error).__mro__ if kind in NAMED)
    return "unexpected"


NAMED = (UnsupportedContent, ContentRejected, CredentialsRefused, RateLimited, Unavailable, Unconfirmed, PlatformError)
