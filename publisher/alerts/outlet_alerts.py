"""Finds paused, silent and costly channels, days without a post, and a queue that is nearly empty."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from itertools import islice

from sqlalchemy import select
from sqlalchemy.orm import Session

from publisher.alerts.conditions import MAX_EVENT_AGE, SILENT_ENDING, Condition, Ending, Snapshot, with_remedy
from publisher.alerts.late_posts import first_work_at
from publisher.db.models import Delivery, Event, Pick
from publisher.db.operations import Alert, Channel
from publisher.db.problem_column import read_recorded
from publisher.delivery.budget import monthly_spendings
from publisher.posts.possibly_shown import closed_days, restored_at, waiting_after_restore
from publisher.schedule.projection import project
from publisher.schedule.slots import slot_closes, slot_opens

COVER = "cover"
RESTORED_QUEUE = "restored-queue"
PREFLIGHT = "preflight"
SAFE, UNSAFE = "safe", "unsafe"
CHANNEL_IN_TROUBLE = "channel in trouble"
MAX_LISTED_POSTS = 20
"""At most so many posts are listed."""


def paused_channels(snapshot: Snapshot) -> Iterator[Condition]:
    for channel in snapshot.session.scalars(
        select(Channel).where(Channel.paused_at.is_not(None)).order_by(Channel.name)
    ):
        if channel.name in snapshot.settings.channels and channel.paused_at is not None:
            yield Condition(
                subject=f"paused {channel.name} {channel.paused_at.timestamp():.6f}",
                kind="paused",
                title=f"{channel.name}: the channel is paused",
                message=with_remedy(str(channel.pause_problem or ""), snapshot.remedies.channel(channel.name)),
            )


def end_of_pause(snapshot: Snapshot, alert: Alert) -> Ending | None:
    channel = snapshot.session.get(Channel, alert.subject.split()[1], populate_existing=True)
    paused_again = channel is not None and channel.paused_at is not None and channel.name in snapshot.settings.channels
    return SILENT_ENDING if paused_again else Ending("The channel publishes again.")


def silent_channels(snapshot: Snapshot) -> Iterator[Condition]:
    """Yields channels whose platform gave no answers, until something is published there again."""
    newest: dict[str, Event] = {}
    query = select(Event).where(Event.at >= snapshot.now - MAX_EVENT_AGE, Event.name == CHANNEL_IN_TROUBLE)
    for event in snapshot.session.scalars(query.order_by(Event.id)):
        newest[str(event.detail.get("channel"))] = event
    for channel, event in newest.items():
        if channel in snapshot.settings.channels and not _has_published_since(snapshot.session, channel, event):
            yield Condition(
                subject=f"silent {channel} {event.id}",
                kind="silent",
                title=f"{channel}: the platform gives no answers",
                message=with_remedy(
                    str(read_recorded(event.detail.get("problem")) or ""), snapshot.remedies.deliveries()
                ),
            )


def end_of_silence(snapshot: Snapshot, alert: Alert) -> Ending | None:
    _, channel, number = alert.subject.split()
    event = snapshot.session.get(Event, int(number))
    return (
        Ending("The platform answers again.")
        if event is not None and _has_published_since(snapshot.session, channel, event)
        else SILENT_ENDING
    )


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
                subject=f"budget {spending.channel} {spending.month.begins:%Y-%m}",
                kind="budget",
                title=f"{spending.channel}: the month's budget is nearly spent",
                message=with_remedy(
                    f"It has spent {spending.description}. Posts that cost more than what is left are held until "
                    f"{spending.month.ends:%-d %B}",
                    f"raise channels.{spending.channel}.monthly_budget",
                ),
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
        if pick.slot in unknown_days:
            yield Condition(
                subject=f"missed {pick.slot.isoformat()}",
                kind="missed",
                title=f"Nobody knows what was shown on {pick.slot:%A %Y-%m-%d}",
                message=with_remedy(
                    "The desk was restored from a backup from before that day, and nothing more goes out for it. "
                    "Look at the channels, and publish by hand what is missing",
                    snapshot.remedies.deliveries(),
                ),
            )
        elif (
            pick.reason == "missed"
            and first_work is not None
            and slot_closes(pick.slot, snapshot.settings) > first_work
        ):
            yield Condition(
                subject=f"missed {pick.slot.isoformat()}",
                kind="missed",
                title=f"{pick.slot:%A %Y-%m-%d} went by without a post",
                message=with_remedy(
                    "No post was picked in time; find out why the desk was not running", snapshot.remedies.deliveries()
                ),
            )
        elif pick.reason == "empty" and pick.slot == snapshot.today:
            closes = slot_closes(pick.slot, snapshot.settings)
            if snapshot.now >= closes:
                message = f"After {snapshot.clock(closes)} it is too late for today's post, so today stays without one"
            else:
                message = f"Add or approve one before {snapshot.clock(closes)}, and it goes out at once"
            yield Condition(
                subject=f"empty {pick.slot.isoformat()}",
                kind="empty",
                title="Today has no post",
                message=with_remedy(message, snapshot.remedies.queue()),
            )


def end_of_empty_day(snapshot: Snapshot, alert: Alert) -> Ending | None:
    pick = snapshot.session.scalar(select(Pick).where(Pick.slot == date.fromisoformat(alert.subject.split()[1])))
    return Ending(f"“{pick.post.title}” fills it.") if pick is not None and pick.post is not None else SILENT_ENDING


def queue_after_restore(snapshot: Snapshot) -> Iterator[Condition]:
    """Yields the posts that a restore made drafts again, until somebody has decided about each of them."""
    posts = waiting_after_restore(snapshot.session)
    if not posts:
        return
    yield Condition(
        subject=f"{RESTORED_QUEUE} {restored_at(snapshot.session)}",
        kind=RESTORED_QUEUE,
        title="After the restore, posts wait to be approved again",
        message=with_remedy(
            "They may have been shown on days after the backup, so none of them goes out by itself. Look "
            f"at the channels, approve those that were not shown, and withdraw the others: {_list_numbers(posts)}",
            snapshot.remedies.queue(),
        ),
    )


def end_of_queue_after_restore(_snapshot: Snapshot, _alert: Alert) -> Ending:
    return Ending("Somebody has decided about all of them.")


def _list_numbers(posts: tuple[int, ...]) -> str:
    more = f" and {len(posts) - MAX_LISTED_POSTS} more" if len(posts) > MAX_LISTED_POSTS else ""
    return ", ".join(map(str, posts[:MAX_LISTED_POSTS])) + more


def thin_queue(snapshot: Snapshot) -> Iterator[Condition]:
    """Yields a condition when fewer days have a post than are configured."""
    gap = _first_empty_day(snapshot, within=snapshot.settings.notify.days_of_cover)
    if gap is None:
        return
    covered_days, day = gap
    days = {0: "no day ahead has", 1: "only one day has"}.get(covered_days, f"only {covered_days} days have")
    yield Condition(
        subject=COVER,
        kind=COVER,
        title=f"The queue runs dry: {days} a post",
        message=with_remedy(
            f"The first empty day is {day:%A %Y-%m-%d}; add and approve posts", snapshot.remedies.queue()
        ),
    )


def end_of_thin_queue(snapshot: Snapshot, _alert: Alert) -> Ending | None:
    """Ends only with one day more than is configured, since each day's pick would bring the alert back."""
    min_days = snapshot.settings.notify.days_of_cover
    if min_days and _first_empty_day(snapshot, within=min_days + 1) is not None:
        return None
    return Ending(f"More than {min_days} days have a post again.")


def _first_empty_day(snapshot: Snapshot, *, within: int) -> tuple[int, date] | None:
    """Returns the first of the coming days without a post, and how many days before it have one."""
    coming_days = enumerate(islice(project(snapshot.session, snapshot.settings, snapshot.now), within))
    return next(((number, day.slot) for number, day in coming_days if day.post_id is None), None)


def end_of_preflight(snapshot: Snapshot, alert: Alert) -> Ending | None:
    """Ends a good result when it was sent, and a bad one when its day begins."""
    day = date.fromisoformat(alert.subject.split()[1])
    was_sent = alert.kind == SAFE and alert.told_at is not None
    return SILENT_ENDING if was_sent or snapshot.now >= slot_opens(day, snapshot.settings) else None
