"""From the end of a try to the next state, and to when the delivery is looked at again."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from publisher.db.models import Delivery
from publisher.db.operations import Channel
from publisher.delivery.budget import BudgetReached
from publisher.delivery.strain import CALM, REFUSALS, Strain
from publisher.platforms.errors import (
    ContentRejected,
    CredentialsRefused,
    PlatformError,
    RateLimited,
    Unavailable,
    Unconfirmed,
    UnsupportedContent,
)
from publisher.states import WAITING, State

LONGEST_PAUSE = timedelta(minutes=15)
SHORTEST_PAUSE = timedelta(seconds=1)


@dataclass(frozen=True, slots=True)
class Outcome:
    """Where a delivery goes after a try that ended badly."""

    to: State
    problem: str
    values: dict[str, Any] = field(default_factory=dict)
    pause_reason: str = ""
    """Why the channel is paused until a person has mended it. Empty: it isn't."""
    channel_waits_until: datetime | None = None
    """What the platform asked for."""
    others_wait_until: datetime | None = None
    """Our own pause, which the channel's other deliveries share; a person may cut it short for one."""
    trouble: str = ""
    """What people are told once about a channel that gets no answers. Empty: nothing."""


@dataclass(frozen=True, slots=True)
class Pace:
    """How long to wait: after trouble with full jitter, and before looking up an unknown outcome."""

    retry_seconds: float
    look_up_after: tuple[float, ...]
    jitter: random.Random

    def backoff(self, tries: int, *, lasting: bool = False) -> timedelta:
        """The pause after the `tries`-th failure in a row, counted from 1: any, up to one that doubles each time.

        In trouble that is `lasting` it is at least half as long as it may be.
        """
        longest = min(timedelta(seconds=self.retry_seconds * 2.0 ** min(tries - 1, 16)), LONGEST_PAUSE)
        share = self.jitter.random()
        pause = timedelta(seconds=longest.total_seconds() * ((1 + share) / 2 if lasting else share))
        return max(min(SHORTEST_PAUSE, longest), pause)

    def look_up(self, done: int) -> timedelta:
        """The pause before the next look-up after `done` of them; the last pause repeats."""
        waits = (0.0, *self.look_up_after)
        index = min(done, len(self.look_up_after) - 1)
        return timedelta(seconds=waits[index + 1] - (waits[index] if done < len(self.look_up_after) else 0.0))


def before_send(error: Exception, *, tries: int, now: datetime, pace: Pace, strain: Strain = CALM) -> Outcome:
    """The next state when nothing was sent yet. `strain`: on the channel, without this failure."""
    outcome = _definite(error, tries=tries, now=now, pace=pace, strain=strain)
    return outcome or _try_later(_sentence(error), tries, now, pace, strain)


def after_send(error: Exception, *, tries: int, now: datetime, pace: Pace, strain: Strain = CALM) -> Outcome:
    """The next state when the publishing request was begun.

    Whatever is not a definite answer means that the post may be public.
    """
    outcome = _definite(error, tries=tries, now=now, pace=pace, strain=strain)
    if outcome is not None:
        return outcome
    if isinstance(error, Unavailable):
        return _try_later(error.message, tries, now, pace, strain)
    return Outcome(
        State.UNCONFIRMED,
        f"{_sentence(error)}; looking whether the post is there.",
        {"due_at": now + pace.look_up(0), "unknown_since": now, "lookups": 0, "clean_lookups": 0},
    )


def _definite(error: Exception, *, tries: int, now: datetime, pace: Pace, strain: Strain) -> Outcome | None:
    match error:
        case UnsupportedContent() | BudgetReached():
            return Outcome(State.HELD, error.message)
        case ContentRejected():
            return Outcome(State.FAILED, error.message, pause_reason=_not_the_post(error, strain))
        case CredentialsRefused():
            return Outcome(State.HELD, error.message, pause_reason=error.message)
        case RateLimited():
            wait_until = max(error.retry_at, now + min(SHORTEST_PAUSE, pace.backoff(1)))
            values = {"due_at": wait_until, "tries": tries}
            return Outcome(State.PENDING, error.message, values, channel_waits_until=wait_until)
        case _:
            return None


def _not_the_post(error: ContentRejected, strain: Strain) -> str:
    """Why a channel is paused whose posts are refused one after the other; empty while that is no wonder."""
    if len(strain.refused) + 1 < REFUSALS:
        return ""
    return (
        f"{len(strain.refused) + 1} posts in a row were refused, the last one with: {error.message.rstrip('.')}. "
        "Look whether the account is in order."
    )


def _try_later(problem: str, tries: int, now: datetime, pace: Pace, strain: Strain) -> Outcome:
    due_at = now + pace.backoff(max(tries, strain.failures + 1), lasting=strain.lasts(now))
    told = f"{strain.failures + 1} tries in a row got no answer; one is made from time to time until one does"
    return Outcome(
        State.PENDING,
        problem,
        {"due_at": due_at, "tries": tries},
        others_wait_until=due_at,
        trouble=told if strain.begins_to_last(now) else "",
    )


def next_try(delivery: Delivery, channel: Channel) -> datetime | None:
    """When a delivery is looked at next; None when that is up to a person."""
    if channel.paused_at is not None or delivery.state not in WAITING:
        return None
    if delivery.state != State.PENDING or channel.next_publish_at is None:
        return delivery.due_at
    return max(delivery.due_at, channel.next_publish_at)


def _sentence(error: Exception) -> str:
    if isinstance(error, PlatformError):
        return error.message
    return f"Something unexpected happened ({type(error).__name__})"


def error_name(error: Exception) -> str:
    """What an attempt's record calls this end."""
    if isinstance(error, PlatformError):
        return next(kind.__name__ for kind in type(error).__mro__ if kind in NAMED)
    return "BudgetReached" if isinstance(error, BudgetReached) else "unexpected"


NAMED = (UnsupportedContent, ContentRejected, CredentialsRefused, RateLimited, Unavailable, Unconfirmed, PlatformError)
