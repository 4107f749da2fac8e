"""Finds failing jobs, captions that can't be made, and clocks that differ or were set."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from sqlalchemy import select

from publisher.alerts.conditions import SILENT_ENDING, Condition, Ending, Snapshot, with_remedy
from publisher.db.models import Event
from publisher.db.operations import Alert
from publisher.delivery.clock_changes import CLOCK_SET
from publisher.delivery.platform_clocks import MAX_DIFFERENCE, clock_differences, compare_clocks, format_length
from publisher.health.failing import describe_failure, is_part_of_tick
from publisher.job_failures import JOB_FAILS, JOB_WORKS, failing_jobs
from publisher.posts.targets import load_people, load_targets
from publisher.settings import SettingsError

CLOCK = "clock"
MAX_CLOCK_EVENT_AGE = timedelta(days=1)
END_FRACTION = 0.7
"""Of the tolerance: the alert ends only below it, so that a difference near the tolerance causes one alert."""


def failing_job_alerts(snapshot: Snapshot) -> Iterator[Condition]:
    """Yields each failing job once as long as it fails."""
    for failure in failing_jobs(snapshot.session):
        yield Condition(
            subject=f"job {failure.since.timestamp():.0f} {failure.job}"[:80],
            kind="job",
            title=_title(failure.job) if not is_part_of_tick(failure) else f"The scheduler fails at {failure.job}",
            message=with_remedy(describe_failure(failure, snapshot.local), "publisher doctor"),
        )


def _title(job: str) -> str:
    return f"{job[:1].upper()}{job[1:]} does not work"


def end_of_failing_job(snapshot: Snapshot, alert: Alert) -> Ending:
    """Returns whether the job works again; if its process ended before, nothing is sent."""
    job = alert.subject.split(maxsplit=2)[2]
    query = select(Event).where(Event.name.in_((JOB_FAILS, JOB_WORKS))).order_by(Event.id.desc())
    events = (event for event in snapshot.session.scalars(query) if str(event.detail.get("job")).startswith(job))
    newest = next(events, None)
    return Ending("It works again.") if newest is not None and newest.name == JOB_WORKS else SILENT_ENDING


def broken_captions(snapshot: Snapshot) -> Iterator[Condition]:
    """Yields channels without a usable caption template before a post is held by it."""
    try:
        targets = load_targets(snapshot.settings)
    except SettingsError:
        return  # A process with these settings does not start.
    for target in targets.values():
        if target.broken:
            yield Condition(
                subject=f"caption {target.channel}",
                kind="caption",
                title=f"{target.channel}: its captions can't be made",
                message=with_remedy(
                    f"{target.broken.rstrip('.?')}. Its posts are held until you mend it", "publisher doctor"
                ),
            )
    try:
        load_people(snapshot.settings)
    except SettingsError as error:
        yield Condition(
            subject="caption",
            kind="caption",
            title="The directory of people can't be read",
            message=with_remedy(
                f"{str(error).rstrip('.')}. Posts that mention somebody are held until you mend it",
                "publisher doctor",
            ),
        )


def end_of_broken_caption(snapshot: Snapshot, alert: Alert) -> Ending:
    channel = alert.subject.partition(" ")[2]
    if channel and channel not in snapshot.settings.channels:
        return SILENT_ENDING
    return Ending("It is mended. Deliveries that it held wait for a retry: publisher deliveries --state held.")


def wrong_clocks(snapshot: Snapshot) -> Iterator[Condition]:
    """Yields a clock of this machine that differs from the platforms' clocks or was set while the desk ran."""
    judgment = compare_clocks(clock_differences(snapshot.session, snapshot.now))
    if judgment.is_warning:
        yield Condition(
            subject=CLOCK,
            kind=CLOCK,
            title="This machine's clock may be wrong",
            message=with_remedy(f"{judgment.sentence} Posts go out by this machine's clock", "publisher doctor"),
        )
    query = (
        select(Event).where(Event.name == CLOCK_SET, Event.at >= snapshot.now - MAX_CLOCK_EVENT_AGE).order_by(Event.id)
    )
    for event in snapshot.session.scalars(query):
        seconds = int(event.detail.get("seconds", 0))
        yield Condition(
            subject=f"clockset {event.id}",
            kind=CLOCK,
            title=f"This machine's clock was put {'forward' if seconds > 0 else 'back'}",
            message=with_remedy(
                f"It was put {'forward' if seconds > 0 else 'back'} by {format_length(timedelta(seconds=seconds))} at "
                f"{snapshot.local(event.at)}. Posts go out by this clock; check that it is right now",
                "publisher doctor",
            ),
        )


def end_of_difference(snapshot: Snapshot, _alert: Alert) -> Ending | None:
    differences = clock_differences(snapshot.session, snapshot.now)
    if any(abs(difference.ahead) > MAX_DIFFERENCE * END_FRACTION for difference in differences):
        return None
    return Ending("This machine's clock agrees with the platforms'.")
