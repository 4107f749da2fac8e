"""Describes regular jobs that fail: which one, since when, why, and what to do."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from publisher.job_failures import FailureReason, JobFailure, TickPart

TICK_FAILURES = {
    TickPart.CLOCK: "Since this machine's clock was set, look-ups can't begin anew, and nothing is published",
    TickPart.PICK: "The post of the day can't be picked",
    TickPart.RECOVER: "Deliveries of lost workers can't be taken back",
    TickPart.MISS: "Deliveries that are too late can't be given up",
    TickPart.FIND: "The due deliveries can't be found, and nothing is published",
    TickPart.KICK: "The workers can't be given work, and nothing is published",
}


def is_part_of_tick(failure: JobFailure) -> bool:
    """Decides whether the failure may keep posts from being published; other regular jobs are less urgent."""
    return failure.job in {*TickPart}


def describe_failure(failure: JobFailure, local: Callable[[datetime], str]) -> str:
    """Describes a failing job in a sentence or two. `local`: renders an instant in the outlet's time zone."""
    if is_part_of_tick(failure):
        what = TICK_FAILURES[TickPart(failure.job)]
    else:
        what = f"{failure.job[:1].upper()}{failure.job[1:]} does not work"
    since = f"{what}, since {local(failure.since)}"
    if failure.reason is FailureReason.MISTAKE:
        return f"{since}: {str(failure.detail).rstrip('.')}. Mend that; it then goes on by itself."
    if failure.reason is FailureReason.OUTAGE:
        why = f": {str(failure.detail).rstrip('.')}" if failure.detail else ""
        return f"{since}{why}. It is tried again until it works."
    return f"{since}: the program has a fault there. The log of publisher run says where; report it."
