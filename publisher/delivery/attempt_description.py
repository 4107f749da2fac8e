"""Describes in words what was tried for a delivery and how it ended, for every face that shows attempts."""

from __future__ import annotations

from collections.abc import Mapping

KINDS: Mapping[str, str] = {"send": "sending", "lookup": "look-up", "verify": "read-back"}
OUTCOMES: Mapping[str, str] = {
    "published": "published",
    "found": "the post is there",
    "absent": "the post is not shown",
    "possible-copies": "the account shows posts that this desk does not know",
    "cannot-tell": "the platform can't tell",
    "as-sent": "as sent",
    "differs": "not as sent",
    "gone": "the post is not shown",
    "hidden": "followers don't see the post",
    "not-readable": "it can't be read",
    "lost": "the worker was gone",
    "refused-once": "refused, although the account is in order",
    "media-expired": "an uploaded picture is no longer known",
    "already-public": "refused as a copy of a post that is there",
    "content-unsupported": "not sent, the platform can't carry it",
    "content-rejected": "the platform refused the post",
    "credentials-refused": "the platform refused the account",
    "rate-limited": "the platform told us to wait",
    "platform-unavailable": "not reached, nothing published",
    "publication-unconfirmed": "no answer that says what became of it",
    "platform-failed": "the platform could not do it",
    "own-machine": "not sent, this machine was in trouble",
    "budget-reached": "not sent, the month's budget is used up",
    "unexpected": "a fault of the program",
}
"""What an attempt's record calls its end, and what people read."""


def describe_attempt(kind: str, outcome: str | None) -> str:
    """Returns what was tried and how it ended. `outcome`: None while it runs."""
    return f"{KINDS[kind]}: {'running' if outcome is None else OUTCOMES.get(outcome, outcome)}"
