"""What is wrong with the machinery: jobs that fail, captions that can't be made, clocks that differ or were set."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from sqlalchemy import select

from publisher.alerts.conditions import QUIET, Condition, Ending, View, with_remedy
from publisher.db.models import Event
from publisher.db.operations import Notice
from publisher.delivery.clock_set import CLOCK_SET
from publisher.delivery.platform_clocks import TOLERANCE, clock_differences, judge_clocks, length_of
from publisher.health.failing import is_part_of_tick, tell_failure
from publisher.job_failures import FAILS, WORKS, failing_jobs
from publisher.posts.targets import load_people, load_targets
from publisher.settings import SettingsError

CLOCK = "clock"
CLOCK_NEWS = timedelta(days=1)
AGREED = 0.7
"""Of the tolerance: a difference that goes up and down about it is told once."""


def failing(view: View) -> Iterator[Condition]:
    """Each job that fails, once for as long as it does."""
    for failure in failing_jobs(view.session):
        yield Condition(
            subject=f"job {failure.since.timestamp():.0f} {failure.job}"[:80],
            kind="job",
            title=_title(failure.job) if not is_part_of_tick(failure) else f"The scheduler fails at {failure.job}",
            message=with_remedy(tell_failure(failure, view.local), "publisher doctor"),
        )


def _title(job: str) -> str:
    return f"{job[:1].upper()}{job[1:]} does not work"


def end_of_failure(view: View, notice: Notice) -> Ending:
    """Where the process ended without ever having worked again, nothing is known."""
    job = notice.subject.split(maxsplit=2)[2]
    query = select(Event).where(Event.name.in_((FAILS, WORKS))).order_by(Event.id.desc())
    events = (event for event in view.session.scalars(query) if str(event.detail.get("job")).startswith(job))
    newest = next(events, None)
    return Ending("It works again.") if newest is not None and newest.name == WORKS else QUIET


def broken_captions(view: View) -> Iterator[Condition]:
    """Channels that nothing can be adapted for, told when that begins and not only when a post is held."""
    try:
        targets = load_targets(view.settings)
    except SettingsError:
        return  # A process with these settings does not start.
    for target in targets.values():
        if target.broken:
            yield Condition(
                subject=f"caption {target.channel}",
                kind="caption",
                title=f"{target.channel}: no text can be made for it",
                message=with_remedy(
                    f"{target.broken.rstrip('.?')}. Its posts are held until that is mended", "publisher doctor"
                ),
            )
    try:
        load_people(view.settings)
    except SettingsError as error:
        yield Condition(
            subject="caption",
            kind="caption",
            title="The directory of people can't be read",
            message=with_remedy(
                f"{str(error).rstrip('.')}. Posts that mention somebody are held until that is mended",
                "publisher doctor",
            ),
        )


def end_of_broken_caption(view: View, notice: Notice) -> Ending:
    channel = notice.subject.partition(" ")[2]
    if channel and channel not in view.settings.channels:
        return QUIET
    return Ending("It is mended. What was held by it waits for a retry: publisher deliveries --state held.")


def clocks(view: View) -> Iterator[Condition]:
    """The platforms' clocks differ from ours, or ours was set while the desk ran."""
    judged = judge_clocks(clock_differences(view.session, view.now))
    if judged.is_warning:
        yield Condition(
            subject=CLOCK,
            kind=CLOCK,
            title="This machine's clock may be wrong",
            message=with_remedy(f"{judged.sentence} Posts go out by this machine's clock", "publisher doctor"),
        )
    query = select(Event).where(Event.name == CLOCK_SET, Event.at >= view.now - CLOCK_NEWS).order_by(Event.id)
    for event in view.session.scalars(query):
        seconds = int(event.detail.get("seconds", 0))
        yield Condition(
            subject=f"clockset {event.id}",
            kind=CLOCK,
            title=f"This machine's clock was put {'forward' if seconds > 0 else 'back'}",
            message=with_remedy(
                f"It was put {'forward' if seconds > 0 else 'back'} by {length_of(timedelta(seconds=seconds))} at "
                f"{view.local(event.at)}. Posts go out by this clock; see that it is right now",
                "publisher doctor",
            ),
        )


def end_of_difference(view: View, _notice: Notice) -> Ending | None:
    known = clock_differences(view.session, view.now)
    if any(abs(each.ahead) > TOLERANCE * AGREED for each in known):
        return None
    return Ending("This machine's clock agrees with the platforms'.")
