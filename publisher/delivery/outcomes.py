"""Decides a delivery's next state from the end of a try, and when it is looked at again."""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from publisher.core.content import Preparation
from publisher.core.problems import Problem
from publisher.core.states import AttemptOutcome, State
from publisher.delivery.budget import BudgetReached
from publisher.delivery.failure_streak import MIN_REFUSALS, NO_FAILURES, ChannelFailures
from publisher.delivery.look_ups import LookUpImpossible
from publisher.delivery.own_machine import OwnMachineFailed
from publisher.delivery.problem_codes import ChannelProblem, DeliveryProblem, UnknownOutcomeProblem
from publisher.delivery.quotas import MAX_WAIT
from publisher.delivery.refusals import RefusedOnce
from publisher.platforms.errors import (
    AlreadyPublic,
    ContentRejected,
    CredentialsRefused,
    MediaExpired,
    PlatformError,
    RateLimited,
    TextRemembered,
    Unavailable,
    Unconfirmed,
    UnsupportedContent,
)

MAX_PAUSE = timedelta(minutes=15)
OWN_MACHINE_PAUSE = timedelta(seconds=5)
"""A worker whose machine is in trouble begins nothing more until that is over, so that this may be short."""
MIN_PAUSE = timedelta(seconds=1)
AFTER_OTHERS = timedelta(milliseconds=1)
"""Of the deliveries that share a pause the one that has failed comes last: what fails for itself keeps none back."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """Says where a delivery goes after a try that ended badly."""

    to: State
    problem: Problem
    values: dict[str, Any] = field(default_factory=dict)
    pause_problem: Problem | None = None
    """Why the channel is paused until a person has mended it. None: it isn't."""
    channel_waits_until: datetime | None = None
    """What the platform asked for."""
    others_wait_until: datetime | None = None
    """Our own pause, which the channel's other deliveries share; a person may cut it short for one."""
    trouble: Problem | None = None
    """What people are told, once, about a channel that gets no answers. None: nothing."""


@dataclass(frozen=True, slots=True)
class Pace:
    """Decides how long to wait: after trouble with full jitter, and before looking up an unknown outcome."""

    retry_seconds: float
    look_up_after: tuple[float, ...]
    jitter: random.Random

    def backoff(self, tries: int, *, lasting: bool = False) -> timedelta:
        """Returns the pause after the `tries`-th failure in a row, from 1: random, up to one that doubles each time.

        In trouble that is `lasting` it is at least half as long as it may be.
        """
        maximum = min(timedelta(seconds=self.retry_seconds * 2.0 ** min(tries - 1, 16)), MAX_PAUSE)
        share = self.jitter.random()
        pause = timedelta(seconds=maximum.total_seconds() * ((1 + share) / 2 if lasting else share))
        return max(min(MIN_PAUSE, maximum), pause)

    def first_look_up(self, now: datetime) -> datetime:
        """Returns when the platform is asked first about an outcome that is unknown since `now`."""
        return now + timedelta(seconds=self.look_up_after[0])

    def look_ups(self, lag: timedelta) -> tuple[float, ...]:
        """Returns the seconds after an unknown outcome at which it is looked up: as configured, and after the lag."""
        end = lag.total_seconds()
        return self.look_up_after if self.look_up_after[-1] >= end else (*self.look_up_after, end)

    def next_look_up(self, done: int, lag: timedelta, now: datetime) -> datetime:
        """Returns the next look-up after `done` ones; after the last planned one, the last pause repeats.

        Each pause begins when the look-up before it has ended: a clock that is set forward shortens one of them only.
        """
        times = self.look_ups(lag)
        if not 0 < done < len(times):
            times, done = (0.0, *self.look_up_after), len(self.look_up_after)
        return now + timedelta(seconds=times[done] - times[done - 1])


def before_send(
    error: Exception, *, tries: int, now: datetime, pace: Pace, streak: ChannelFailures = NO_FAILURES
) -> Outcome:
    """Decides the next state when nothing was sent yet. `streak`: of the channel, without this failure."""
    if isinstance(error, OwnMachineFailed):
        # Neither a try of the delivery nor a failure of the channel.
        return Outcome(State.PENDING, error.problem, {"due_at": now + OWN_MACHINE_PAUSE})
    outcome = _definite_outcome(error, tries=tries, now=now, pace=pace, streak=streak)
    return outcome or _try_later(problem_of(error), tries, now, pace, streak)


def after_send(
    error: Exception, *, tries: int, now: datetime, pace: Pace, streak: ChannelFailures = NO_FAILURES
) -> Outcome:
    """Decides the next state when the publishing request was begun.

    Whatever is not a definite answer means that the post may be public.
    """
    outcome = _definite_outcome(error, tries=tries, now=now, pace=pace, streak=streak)
    if outcome is not None:
        return outcome
    if isinstance(error, Unavailable):
        return _try_later(error.problem, tries, now, pace, streak)
    values: dict[str, Any] = {
        "due_at": pace.first_look_up(now), "unknown_since": now, "lookups": 0, "clean_lookups": 0,
    }  # fmt: skip
    if isinstance(error, AlreadyPublic):
        values["reported_public"] = True
    return Outcome(State.UNCONFIRMED, UnknownOutcomeProblem.NO_CLEAR_ANSWER(answer=problem_of(error)), values)


def look_up_earlier_request(outcome: Outcome, preparation: Preparation, lost_requests: int, now: datetime) -> Outcome:
    """Replaces the outcome of a repeated request that was refused: an earlier one may still act.

    Then the platform is asked before anything is decided, at the time at which the request would go out again.
    """
    if outcome.to != State.PENDING or not lost_requests or not preparation.is_harmless_to_repeat:
        return outcome
    unknown = {"unknown_since": now, "lookups": 0, "clean_lookups": 0}
    return replace(outcome, to=State.UNCONFIRMED, values={**outcome.values, **unknown})


def _definite_outcome(
    error: Exception, *, tries: int, now: datetime, pace: Pace, streak: ChannelFailures
) -> Outcome | None:
    match error:
        case UnsupportedContent() | BudgetReached():
            return Outcome(State.HELD, error.problem)
        case TextRemembered():
            # Something in front of the platform may have sent it twice, and the list may show it later. However many
            # texts a platform remembers, its account takes others.
            return Outcome(State.FAILED, error.problem, {"unknown_since": now})
        case ContentRejected():
            return Outcome(State.FAILED, error.problem, pause_problem=_problem_to_pause(error, streak))
        case CredentialsRefused():
            return Outcome(State.HELD, error.problem, pause_problem=error.problem)
        case RateLimited():
            return _wait_as_asked(error, tries, now, pace)
        case _:
            return None


def _wait_as_asked(error: RateLimited, tries: int, now: datetime, pace: Pace) -> Outcome:
    """Waits as the platform asks, but not for ever."""
    earliest, latest = now + min(MIN_PAUSE, pace.backoff(1)), now + MAX_WAIT
    until, trouble = max(error.retry_at, earliest), None
    if until > latest:
        until, trouble = latest, ChannelProblem.ASKED_TO_WAIT_LONG(until=error.retry_at)
    values = {"due_at": until, "tries": tries}
    return Outcome(State.PENDING, error.problem, values, channel_waits_until=until, trouble=trouble)


def _problem_to_pause(error: ContentRejected, streak: ChannelFailures) -> Problem | None:
    """Says why a channel is paused whose posts are refused one after the other; None while they are few."""
    if len(streak.refused) + 1 < MIN_REFUSALS:
        return None
    return ChannelProblem.POSTS_REFUSED(count=len(streak.refused) + 1, answer=error.problem)


def _try_later(problem: Problem, tries: int, now: datetime, pace: Pace, streak: ChannelFailures) -> Outcome:
    due_at = now + pace.backoff(max(tries, streak.failures + 1), lasting=streak.lasts(now))
    return Outcome(
        State.PENDING,
        problem,
        {"due_at": due_at + AFTER_OTHERS, "tries": tries},
        others_wait_until=due_at,
        trouble=ChannelProblem.NO_ANSWERS(count=streak.failures + 1) if streak.begins_to_last(now) else None,
    )


def problem_of(error: Exception) -> Problem:
    """Returns what is wrong, as an error says it; of a fault of the program, that the log has it."""
    match error:
        case PlatformError() | BudgetReached() | OwnMachineFailed() | LookUpImpossible():
            return error.problem
        case _:
            return DeliveryProblem.UNEXPECTED()


def outcome_of(error: Exception) -> AttemptOutcome:
    """Returns how an attempt ended with this error."""
    return next((OUTCOMES[kind] for kind in type(error).__mro__ if kind in OUTCOMES), AttemptOutcome.UNEXPECTED)


OUTCOMES: Mapping[type, AttemptOutcome] = {
    RefusedOnce: AttemptOutcome.REFUSED_ONCE,
    MediaExpired: AttemptOutcome.MEDIA_EXPIRED,
    AlreadyPublic: AttemptOutcome.ALREADY_PUBLIC,
    UnsupportedContent: AttemptOutcome.CONTENT_UNSUPPORTED,
    TextRemembered: AttemptOutcome.TEXT_REMEMBERED,
    ContentRejected: AttemptOutcome.CONTENT_REJECTED,
    CredentialsRefused: AttemptOutcome.CREDENTIALS_REFUSED,
    RateLimited: AttemptOutcome.RATE_LIMITED,
    Unavailable: AttemptOutcome.PLATFORM_UNAVAILABLE,
    Unconfirmed: AttemptOutcome.PUBLICATION_UNCONFIRMED,
    PlatformError: AttemptOutcome.PLATFORM_FAILED,
    LookUpImpossible: AttemptOutcome.CANNOT_TELL,
    OwnMachineFailed: AttemptOutcome.OWN_MACHINE,
    BudgetReached: AttemptOutcome.BUDGET_REACHED,
}
"""How an attempt ends with an error of this kind, or of a kind of it that is not here."""
