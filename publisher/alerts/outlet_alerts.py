"""Finds paused, silent and costly channels, days without a post, and a queue that is nearly empty."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from itertools import islice

from sqlalchemy import select
from sqlalchemy.orm import Session

from publisher.alerts.conditions import MAX_EVENT_AGE, SILENT_ENDING, Condition, Ending, Snapshot, stated_reason
from publisher.alerts.late_posts import first_work_at
from publisher.alerts.problem_codes import AlertEnding, AlertHeadline, AlertProblem
from publisher.core.problems import Problem
from publisher.core.remedies import Remedy
from publisher.db.models import Delivery, Event, Pick
from publisher.db.operations import Alert, AlertKind, Channel
from publisher.db.problem_column import read_recorded
from publisher.delivery.budget import monthly_spendings
from publisher.posts.possibly_shown import closed_days, restored_at, waiting_after_restore
from publisher.schedule.projection import project
from publisher.schedule.reserve_without_alt_text import count_without_alt_text
from publisher.schedule.slots import slot_closes, slot_opens

CHANNEL_IN_TROUBLE = "channel in trouble"
MAX_LISTED_POSTS = 20
"""At most so many posts are listed."""


def paused_channels(snapshot: Snapshot) -> Iterator[Condition]:
    for channel in snapshot.session.scalars(
        select(Channel).where(Channel.paused_at.is_not(None)).order_by(Channel.name)
    ):
        if channel.name in snapshot.settings.channels and channel.paused_at is not None:
            reason = stated_reason(channel.pause_problem)
            yield Condition(
                AlertKind.PAUSED,
                AlertHeadline.CHANNEL_PAUSED(channel=channel.name),
                reason.with_remedy(reason.remedy or Remedy.RESUME_CHANNEL, channel=channel.name),
                channel=channel.name,
                occurrence=f"{channel.paused_at.timestamp():.6f}",
            )


def end_of_pause(snapshot: Snapshot, alert: Alert) -> Ending | None:
    channel = snapshot.session.get(Channel, alert.channel, populate_existing=True)
    paused_again = channel is not None and channel.paused_at is not None and channel.name in snapshot.settings.channels
    return SILENT_ENDING if paused_again else Ending(AlertEnding.CHANNEL_RESUMED())


def silent_channels(snapshot: Snapshot) -> Iterator[Condition]:
    """Yields channels whose platform gave no answers, until something is published there again."""
    for channel, event in _newest_troubles(snapshot).items():
        if channel in snapshot.settings.channels and not _has_published_since(snapshot.session, channel, event):
            problem = stated_reason(read_recorded(event.detail.get("problem")))
            yield Condition(
                AlertKind.SILENT,
                AlertHeadline.PLATFORM_SILENT(channel=channel),
                problem.with_remedy(problem.remedy or Remedy.LIST_DELIVERIES, channel=channel),
                channel=channel,
                occurrence=str(event.id),
            )


def _newest_troubles(snapshot: Snapshot) -> dict[str, Event]:
    """Returns, by channel, the newest event that its platform gives no answers."""
    query = select(Event).where(Event.at >= snapshot.now - MAX_EVENT_AGE, Event.name == CHANNEL_IN_TROUBLE)
    return {str(event.detail.get("channel")): event for event in snapshot.session.scalars(query.order_by(Event.id))}


def end_of_silence(snapshot: Snapshot, alert: Alert) -> Ending | None:
    event = _newest_troubles(snapshot).get(alert.channel)
    # Another event began an alert of its own.
    if event is None or str(event.id) != alert.occurrence:
        return SILENT_ENDING
    if _has_published_since(snapshot.session, alert.channel, event):
        return Ending(AlertEnding.PLATFORM_ANSWERS())
    return SILENT_ENDING


def _has_published_since(session: Session, channel: str, event: Event) -> bool:
    published = select(Delivery.id).where(Delivery.published_at > event.at, Delivery.channel_name == channel)
    return session.scalar(published.limit(1)) is not None


def spent_budgets(snapshot: Snapshot) -> Iterator[Condition]:
    """Yields channels whose budget of this month is nearly spent; at the month's end the alert ends silently."""
    if all(channel.monthly_budget is None for channel in snapshot.settings.channels.values()):
        return
    for spending in monthly_spendings(snapshot.session, snapshot.settings, snapshot.now):
        if spending.nearly_spent:
            yield Condition(
                AlertKind.BUDGET,
                AlertHeadline.BUDGET_NEARLY_SPENT(channel=spending.channel),
                AlertProblem.BUDGET_NEARLY_SPENT_UNTIL(
                    channel=spending.channel, spending=spending.description, ends=spending.month.ends
                ),
                channel=spending.channel,
                day=spending.month.begins.date(),
            )


def days_without_post(snapshot: Snapshot) -> Iterator[Condition]:
    """Yields today if no post is ready for it, and recent days that had none, but no day before the desk began."""
    first_work = first_work_at(snapshot.session)
    unknown_days = closed_days(snapshot.session)
    query = (
        select(Pick)
        .where(Pick.picked_at >= snapshot.now - MAX_EVENT_AGE, Pick.reason.in_(("empty", "missed")))
        .order_by(Pick.slot)
    )
    for pick in snapshot.session.scalars(query):
        day = pick.slot
        if day in unknown_days:
            headline = AlertHeadline.DAY_UNKNOWN(day=day)
            yield Condition(AlertKind.MISSED_DAY, headline, AlertProblem.SHOWN_BEFORE_RESTORE(), day=day)
        elif pick.reason == "missed" and first_work is not None and slot_closes(day, snapshot.settings) > first_work:
            headline = AlertHeadline.DAY_WITHOUT_POST(day=day)
            yield Condition(AlertKind.MISSED_DAY, headline, AlertProblem.NEVER_PICKED(), day=day)
        elif pick.reason == "empty" and day == snapshot.today:
            yield Condition(AlertKind.EMPTY, AlertHeadline.TODAY_EMPTY(), _problem_of_empty_day(snapshot, day), day=day)


def _problem_of_empty_day(snapshot: Snapshot, day: date) -> Problem:
    closes = slot_closes(day, snapshot.settings)
    if snapshot.now >= closes:
        return AlertProblem.EMPTY_AND_TOO_LATE(closes=closes)
    if count := _left_out(snapshot, day):
        return AlertProblem.EMPTY_WITHOUT_ALT_TEXTS(closes=closes, count=count)
    return AlertProblem.EMPTY(closes=closes)


def _left_out(snapshot: Snapshot, day: date) -> int:
    """Counts the posts of the reserve that a day does not get for a missing alt text."""
    opens = max(slot_opens(day, snapshot.settings), snapshot.now)
    return count_without_alt_text(snapshot.session, day, opens, snapshot.settings.reserve)


def end_of_empty_day(snapshot: Snapshot, alert: Alert) -> Ending | None:
    pick = snapshot.session.scalar(select(Pick).where(Pick.slot == alert.day))
    if pick is None or pick.post is None:
        return SILENT_ENDING
    return Ending(AlertEnding.DAY_FILLED(title=pick.post.title))


def queue_after_restore(snapshot: Snapshot) -> Iterator[Condition]:
    """Yields the posts that a restore made drafts again, until somebody has decided about each of them."""
    posts = waiting_after_restore(snapshot.session)
    if not posts:
        return
    listed, more = list(posts[:MAX_LISTED_POSTS]), len(posts) - MAX_LISTED_POSTS
    yield Condition(
        AlertKind.RESTORED_QUEUE,
        AlertHeadline.POSTS_TO_APPROVE_AGAIN(),
        AlertProblem.MANY_MAY_HAVE_BEEN_SHOWN(posts=listed, more=more)
        if more > 0
        else AlertProblem.MAY_HAVE_BEEN_SHOWN(posts=listed),
        occurrence=str(restored_at(snapshot.session)),
    )


def end_of_queue_after_restore(_snapshot: Snapshot, _alert: Alert) -> Ending:
    return Ending(AlertEnding.ALL_DECIDED())


def thin_queue(snapshot: Snapshot) -> Iterator[Condition]:
    """Yields a condition when fewer days have a post than are configured."""
    gap = _first_empty_day(snapshot, within=snapshot.settings.notify.days_of_cover)
    if gap is None:
        return
    covered_days, day = gap
    left_out = _left_out(snapshot, day)
    yield Condition(
        AlertKind.COVER,
        AlertHeadline.FEW_DAYS_COVERED(count=covered_days) if covered_days else AlertHeadline.NO_DAY_COVERED(),
        AlertProblem.FIRST_EMPTY_DAY_WITHOUT_ALT_TEXTS(day=day, count=left_out)
        if left_out
        else AlertProblem.FIRST_EMPTY_DAY(day=day),
    )


def end_of_thin_queue(snapshot: Snapshot, _alert: Alert) -> Ending | None:
    """Ends only with one day more than is configured, since each day's pick would bring the alert back."""
    min_days = snapshot.settings.notify.days_of_cover
    if min_days and _first_empty_day(snapshot, within=min_days + 1) is not None:
        return None
    return Ending(AlertEnding.DAYS_COVERED(count=min_days))


def _first_empty_day(snapshot: Snapshot, *, within: int) -> tuple[int, date] | None:
    """Returns the first of the coming days without a post, and how many days before it have one."""
    coming_days = enumerate(islice(project(snapshot.session, snapshot.settings, snapshot.now), within))
    return next(((number, day.slot) for number, day in coming_days if day.post_id is None), None)


def end_of_preflight(snapshot: Snapshot, alert: Alert) -> Ending | None:
    """Ends a good result when it was sent, and a bad one when its day begins."""
    was_sent = is_good_news(alert) and alert.sent_at is not None
    begins = slot_opens(alert.day, snapshot.settings) if alert.day is not None else snapshot.now
    return SILENT_ENDING if was_sent or snapshot.now >= begins else None


def is_good_news(alert: Alert) -> bool:
    """Decides whether an open alert needs no person: tomorrow's post is safe."""
    return alert.headline is not None and alert.headline.code is AlertHeadline.TOMORROW_SAFE
