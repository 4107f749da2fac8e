"""Finds failing jobs, captions that can't be made, and clocks that differ or were set."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

from sqlalchemy import select

from publisher.alerts.conditions import SILENT_ENDING, Condition, Ending, Snapshot, without_remedy
from publisher.alerts.problem_codes import AlertEnding, AlertHeadline, AlertProblem
from publisher.core.remedies import Remedy
from publisher.db.models import Event
from publisher.db.operations import Alert, AlertKind
from publisher.delivery.clock_changes import CLOCK_SET
from publisher.delivery.platform_clocks import MAX_DIFFERENCE, clock_differences, compare_clocks, format_length
from publisher.health.failing import describe_failure, job_title
from publisher.job_failures import JOB_FAILS, JOB_WORKS, failing_jobs
from publisher.posts.targets import load_people, load_targets
from publisher.settings import SettingsError

MAX_CLOCK_EVENT_AGE = timedelta(days=1)
END_FRACTION = 0.7
"""Of the tolerance: the alert ends only below it, so that a difference near the tolerance causes one alert."""


def failing_job_alerts(snapshot: Snapshot) -> Iterator[Condition]:
    """Yields each failing job once as long as it fails."""
    for failure in failing_jobs(snapshot.session):
        yield Condition(
            AlertKind.JOB,
            AlertHeadline.JOB_FAILS(job=job_title(failure.job)),
            describe_failure(failure).with_remedy(Remedy.RUN_DOCTOR),
            occurrence=_occurrence(failure.job, failure.since),
        )


def _occurrence(job: str, since: datetime) -> str:
    return f"{since.timestamp():.0f} {job}"[:80]


def end_of_failing_job(snapshot: Snapshot, alert: Alert) -> Ending:
    """Returns whether the job works again; if its process ended before, nothing is sent."""
    query = select(Event).where(Event.name.in_((JOB_FAILS, JOB_WORKS))).order_by(Event.id)
    newest: dict[str, str] = {}
    job = None
    for event in snapshot.session.scalars(query):
        name = str(event.detail.get("job"))
        newest[name] = event.name
        if event.name == JOB_FAILS and _occurrence(name, _since(event)) == alert.occurrence:
            job = name
    return Ending(AlertEnding.JOB_WORKS()) if job is not None and newest[job] == JOB_WORKS else SILENT_ENDING


def _since(event: Event) -> datetime:
    return datetime.fromisoformat(str(event.detail["since"]))


def broken_captions(snapshot: Snapshot) -> Iterator[Condition]:
    """Yields channels without a usable caption template before a post is held by it."""
    try:
        targets = load_targets(snapshot.settings)
    except SettingsError:
        return  # A process with these settings does not start.
    for target in targets.values():
        if target.broken:
            yield Condition(
                AlertKind.CAPTION,
                AlertHeadline.CAPTIONS_BROKEN(channel=target.channel),
                AlertProblem.CAPTION_BROKEN(reason=without_remedy(target.broken)),
                channel=target.channel,
            )
    try:
        load_people(snapshot.settings)
    except SettingsError as error:
        reason = without_remedy(error.text)
        headline = AlertHeadline.PEOPLE_UNREADABLE()
        yield Condition(AlertKind.CAPTION, headline, AlertProblem.PEOPLE_UNREADABLE_HOLD(reason=reason))


def end_of_broken_caption(snapshot: Snapshot, alert: Alert) -> Ending:
    if alert.channel and alert.channel not in snapshot.settings.channels:
        return SILENT_ENDING
    return Ending(AlertEnding.CAPTIONS_MENDED())


def wrong_clocks(snapshot: Snapshot) -> Iterator[Condition]:
    """Yields a clock of this machine that differs from the platforms' clocks or was set while the desk ran."""
    report = compare_clocks(clock_differences(snapshot.session, snapshot.now))
    if report.is_warning:
        problem = AlertProblem.CLOCK_MAY_BE_WRONG(report=report.sentence)
        yield Condition(AlertKind.CLOCK, AlertHeadline.CLOCK_DIFFERS(), problem)
    query = (
        select(Event).where(Event.name == CLOCK_SET, Event.at >= snapshot.now - MAX_CLOCK_EVENT_AGE).order_by(Event.id)
    )
    for event in snapshot.session.scalars(query):
        seconds = int(event.detail.get("seconds", 0))
        values = {"length": format_length(timedelta(seconds=seconds)), "at": event.at}
        if seconds > 0:
            headline, problem = AlertHeadline.CLOCK_PUT_FORWARD(), AlertProblem.CLOCK_WENT_FORWARD(**values)
        else:
            headline, problem = AlertHeadline.CLOCK_PUT_BACK(), AlertProblem.CLOCK_WENT_BACK(**values)
        yield Condition(AlertKind.CLOCK_SET, headline, problem, occurrence=str(event.id))


def end_of_difference(snapshot: Snapshot, _alert: Alert) -> Ending | None:
    differences = clock_differences(snapshot.session, snapshot.now)
    if any(abs(difference.ahead) > MAX_DIFFERENCE * END_FRACTION for difference in differences):
        return None
    return Ending(AlertEnding.CLOCK_AGREES())
