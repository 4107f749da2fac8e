"""Counts a channel's latest failures in a row, from the attempts of all its deliveries.

A delivery counts its own failures only. Where many wait on one channel, each would try a
platform that is down; so they share one pause, and one of them tries.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from publisher.core.states import AttemptOutcome
from publisher.db.models import Attempt, Delivery

LOOK_BACK = timedelta(days=7)
MAX_ATTEMPTS = 50
MIN_FAILURES = 5
MIN_LASTING = timedelta(minutes=30)
"""So many failures in a row over so long a time are no passing trouble."""
MIN_REFUSALS = 3
"""So many different posts refused in a row: it is not the posts."""

UNANSWERED = frozenset(
    {
        AttemptOutcome.PLATFORM_UNAVAILABLE,
        AttemptOutcome.REFUSED_ONCE,
        AttemptOutcome.PUBLICATION_UNCONFIRMED,
        AttemptOutcome.UNEXPECTED,
    }
)
REFUSED = AttemptOutcome.CONTENT_REJECTED
ANSWERED = frozenset(
    {
        AttemptOutcome.PUBLISHED,
        AttemptOutcome.FOUND,
        AttemptOutcome.CREDENTIALS_REFUSED,
        AttemptOutcome.RATE_LIMITED,
        AttemptOutcome.MEDIA_EXPIRED,
        AttemptOutcome.ALREADY_PUBLIC,
        AttemptOutcome.TEXT_REMEMBERED,
        REFUSED,
    }
)
"""Ends after which the platform is known to answer. Others say nothing about it."""
SUCCESSFUL = frozenset({AttemptOutcome.PUBLISHED, AttemptOutcome.FOUND})


@dataclass(frozen=True, slots=True)
class ChannelFailures:
    """Holds a channel's failures in a row at the moment when one more try ends badly."""

    failures: int = 0
    """Tries in a row, before this one, that got no answer."""
    first: datetime | None = None
    last: datetime | None = None
    """When the first and the last of them began."""
    refused: frozenset[int] = frozenset()
    """The deliveries that were refused for good since one was published."""

    def lasts(self, now: datetime) -> bool:
        """Returns whether one more failure now means trouble that does not pass soon."""
        return self.first is not None and self.failures + 1 >= MIN_FAILURES and now - self.first >= MIN_LASTING

    def begins_to_last(self, now: datetime) -> bool:
        """Returns whether the trouble lasts since this failure: people are told once."""
        before = ChannelFailures(self.failures - 1, self.first, self.last)
        return self.lasts(now) and not (self.last is not None and before.lasts(self.last))


NO_FAILURES = ChannelFailures()


def channel_failures(session: Session, channel: str, now: datetime) -> ChannelFailures:
    """Reads a channel's failures in a row from its attempts."""
    query = (
        select(Attempt.outcome, Attempt.delivery_id, Attempt.started_at)
        .join(Delivery)
        .where(
            Delivery.channel_name == channel,
            Attempt.kind != "verify",
            Attempt.outcome.is_not(None),
            Attempt.started_at > now - LOOK_BACK,
        )
        .order_by(Attempt.id.desc())
        .limit(MAX_ATTEMPTS)
    )
    rows = [(outcome, delivery, at) for outcome, delivery, at in session.execute(query)]
    failures = [at for outcome, _, at in _until_outcome(ANSWERED, rows) if outcome in UNANSWERED]
    refused = frozenset(delivery for outcome, delivery, _ in _until_outcome(SUCCESSFUL, rows) if outcome == REFUSED)
    if not failures:
        return ChannelFailures(refused=refused)
    return ChannelFailures(len(failures), first=failures[-1], last=failures[0], refused=refused)


def _until_outcome(
    ends: frozenset[AttemptOutcome], rows: Iterable[tuple[str | None, int, datetime]]
) -> Iterable[tuple[str | None, int, datetime]]:
    """Yields the newest attempts, back to the last that ended in one of these ways."""
    for row in rows:
        if row[0] in ends:
            return
        yield row
