"""Describes regular jobs that fail: which one, since when, why, and what to do."""

from __future__ import annotations

from collections.abc import Mapping

from publisher.core.messages import Message, _
from publisher.core.problems import Problem
from publisher.health.problem_codes import JobProblem
from publisher.job_failures import FailureReason, JobFailure, TickPart

TICK_TITLES: Mapping[str, Message] = {
    TickPart.CLOCK: _("The scheduler fails at beginning look-ups anew after the clock was set"),
    TickPart.PICK: _("The scheduler fails at picking the post of the day"),
    TickPart.RECOVER: _("The scheduler fails at taking deliveries back from lost workers"),
    TickPart.MISS: _("The scheduler fails at giving up what is too late"),
    TickPart.FIND: _("The scheduler fails at looking for what is due"),
    TickPart.KICK: _("The scheduler fails at giving work to the workers"),
}
TICK_FAILURES: Mapping[str, Message] = {
    TickPart.CLOCK: _("Since this machine's clock was set, look-ups can't begin anew, and nothing is published"),
    TickPart.PICK: _("The post of the day can't be picked"),
    TickPart.RECOVER: _("Deliveries of lost workers can't be taken back"),
    TickPart.MISS: _("Deliveries that are too late can't be given up"),
    TickPart.FIND: _("The due deliveries can't be found, and nothing is published"),
    TickPart.KICK: _("The workers can't be given work, and nothing is published"),
}
JOB_TITLES: Mapping[str, Message] = {
    "the heartbeat": _("The heartbeat does not work"),
    "sending alerts": _("Sending alerts does not work"),
    "sending notifications": _("Sending notifications to people does not work"),
    "examining tomorrow's post": _("Examining tomorrow's post does not work"),
    "making the next post's pictures": _("Making the next post's pictures does not work"),
    "the daily backup": _("The daily backup does not work"),
    "holding what waits for removed channels": _("Holding what waits for removed channels does not work"),
    "sweeping": _("Sweeping does not work"),
    "filling the search index": _("Filling the search index does not work"),
    "looking for stray drafts": _("Looking for stray drafts does not work"),
    "renewing log-ins": _("Renewing log-ins does not work"),
    "watching sources": _("Watching sources does not work"),
    "sending webhooks": _("Sending webhooks does not work"),
}
"""By the name of the job, as `cli/regular.py` gives it."""


def is_part_of_tick(failure: JobFailure) -> bool:
    """Decides whether the failure may keep posts from being published; other regular jobs are less urgent."""
    return failure.job in {*TickPart}


def job_title(job: str) -> Message:
    """Returns in a few words that a job fails."""
    title = TICK_TITLES.get(job) or JOB_TITLES.get(job)
    return title if title is not None else _("{job} does not work", job=f"{job[:1].upper()}{job[1:]}")


def describe_failure(failure: JobFailure) -> Problem:
    """Describes a failing job in a sentence or two."""
    values = {
        "job": failure.job,
        "what": TICK_FAILURES.get(failure.job, job_title(failure.job)),
        "since": failure.since,
    }
    if failure.reason is FailureReason.MISTAKE:
        return JobProblem.JOB_MISTAKE(reason=failure.detail, **values)
    if failure.reason is FailureReason.OUTAGE and failure.detail:
        return JobProblem.JOB_OUTAGE(reason=failure.detail, **values)
    if failure.reason is FailureReason.OUTAGE:
        return JobProblem.JOB_OUTAGE_UNEXPLAINED(**values)
    return JobProblem.JOB_FAULT(**values)
