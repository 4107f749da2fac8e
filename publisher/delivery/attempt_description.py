"""Describes what was tried for a delivery and how it ended, for every face that shows attempts."""

from __future__ import annotations

from collections.abc import Mapping

from publisher.core.messages import Message, _
from publisher.core.states import AttemptOutcome

KINDS: Mapping[str, Message] = {"send": _("sending"), "lookup": _("look-up"), "verify": _("read-back")}
RUNNING = _("running")
OUTCOMES: Mapping[AttemptOutcome, Message] = {
    AttemptOutcome.PUBLISHED: _("published"),
    AttemptOutcome.FOUND: _("the post is there"),
    AttemptOutcome.ABSENT: _("the post is not shown"),
    AttemptOutcome.POSSIBLE_COPIES: _("the account shows posts that this desk does not know"),
    AttemptOutcome.CANNOT_TELL: _("the platform can't tell"),
    AttemptOutcome.AS_SENT: _("as sent"),
    AttemptOutcome.DIFFERS: _("not as sent"),
    AttemptOutcome.GONE: _("the post is not shown"),
    AttemptOutcome.HIDDEN: _("followers don't see the post"),
    AttemptOutcome.NOT_READABLE: _("it can't be read"),
    AttemptOutcome.LOST: _("the worker was gone"),
    AttemptOutcome.REFUSED_ONCE: _("refused, although the account is in order"),
    AttemptOutcome.MEDIA_EXPIRED: _("an uploaded picture is no longer known"),
    AttemptOutcome.ALREADY_PUBLIC: _("refused as a copy of a post that is there"),
    AttemptOutcome.CONTENT_UNSUPPORTED: _("not sent, the platform can't carry it"),
    AttemptOutcome.CONTENT_REJECTED: _("the platform refused the post"),
    AttemptOutcome.TEXT_REMEMBERED: _("refused, the platform has a post with this text"),
    AttemptOutcome.CREDENTIALS_REFUSED: _("the platform refused the account"),
    AttemptOutcome.RATE_LIMITED: _("the platform told us to wait"),
    AttemptOutcome.PLATFORM_UNAVAILABLE: _("not reached, nothing published"),
    AttemptOutcome.PUBLICATION_UNCONFIRMED: _("no answer that says what became of it"),
    AttemptOutcome.PLATFORM_FAILED: _("the platform could not do it"),
    AttemptOutcome.OWN_MACHINE: _("not sent, this machine was in trouble"),
    AttemptOutcome.BUDGET_REACHED: _("not sent, the month's budget is used up"),
    AttemptOutcome.UNEXPECTED: _("a fault of the program"),
}
"""How an attempt ended, and what people read."""


def describe_attempt(kind: str, outcome: str | None) -> Message:
    """Returns what was tried and how it ended. `outcome`: None while it runs."""
    return _("{tried}: {outcome}", tried=KINDS[kind], outcome=_outcome_text(outcome))


def _outcome_text(outcome: str | None) -> Message | str:
    if outcome is None:
        return RUNNING
    try:
        return OUTCOMES[AttemptOutcome(outcome)]
    except ValueError:
        # Another version of the program recorded it.
        return outcome
