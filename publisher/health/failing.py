"""What is told of regular jobs that fail: which, since when, why, and what to do."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from publisher.job_failures import FailureReason, JobFailure, TickPart

CANNOT = {
    TickPart.CLOCK: "Since this machine's clock was set, look-ups can't begin anew, and nothing is published",
    TickPart.PICK: "The post of the day can't be picked",
    TickPart.RECOVER: "Deliveries of lost workers can't be taken back",
    TickPart.MISS: "Deliveries that are too late can't be given up",
    TickPart.FIND: "It can't be found out what is due, and nothing is published",
    TickPart.KICK: "The workers can't be given work, and nothing is published",
}


def is_part_of_tick(failure: JobFailure) -> bool:
    """Whether posts may stay unpublished by it; what else is done regularly is less urgent."""
    return failure.job in {*TickPart}


def tell_failure(failure: JobFailure, local: Callable[[datetime], str]) -> str:
    """A sentence or two about one job that fails. `local`: an instant as the outlet's clocks show it."""
    if is_part_of_tick(failure):
        what = CANNOT[TickPart(failure.job)]
    else:
        what = f"{failure.job[:1].upper()}{failure.job[1:]} does not work"
    since = f"{what}, since {local(failure.since)}"
    if failure.reason is FailureReason.MISTAKE:
        return f"{since}: {failure.detail.rstrip('.')}. Mend that; it then goes on by itself."
    if failure.reason is FailureReason.OUTAGE:
        why = f": {failure.detail.rstrip('.')}" if failure.detail else ""
        return f"{since}{why}. It is tried again until it works."
    return f"{since}: the program has a fault there. The log of publisher run says where; report it."
