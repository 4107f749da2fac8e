"""What is wrong with the outlet itself: paused, silent or costly channels, days without a post, an empty queue."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from itertools import islice

from sqlalchemy import select
from sqlalchemy.orm import Session

from publisher.alerts.conditions import NEWS, QUIET, Condition, Ending, View, with_remedy
from publisher.alerts.late_posts import began
from publisher.db.models import Delivery, Event, Pick
from publisher.db.operations import Channel, Notice
from publisher.delivery.budget import spendings
from publisher.posts.possibly_shown import closed_days, restored_at, waiting_after_restore
from publisher.schedule.projection import project
from publisher.schedule.slots import slot_closes, slot_opens

COVER = "cover"
RESTORED_QUEUE = "restored-queue"
PREFLIGHT = "preflight"
SAFE, UNSAFE = "safe", "unsafe"
SILENT = "channel in trouble"
MAX_NUMBERS = 20
"""So many posts are named."""


def paused_channels(view: View) -> Iterator[Condition]:
    for channel in view.session.scalars(select(Channel).where(Channel.paused_at.is_not(None)).order_by(Channel.name)):
        if channel.name in view.settings.channels and channel.paused_at is not None:
            yield Condition(
                subject=f"paused {channel.name} {channel.paused_at.timestamp():.6f}",
                kind="paused",
                title=f"{channel.name}: the channel is paused",
                message=with_remedy(channel.pause_reason, view.remedies.channel(channel.name)),
            )


def end_of_pause(view: View, notice: Notice) -> Ending | None:
    channel = view.session.get(Channel, notice.subject.split()[1], populate_existing=True)
    paused_again = channel is not None and channel.paused_at is not None and channel.name in view.settings.channels
    return QUIET if paused_again else Ending("The channel publishes again.")


def silent_channels(view: View) -> Iterator[Condition]:
    """Channels whose platform gave no answers, until something is published there again."""
    newest: dict[str, Event] = {}
    query = select(Event).where(Event.at >= view.now - NEWS, Event.name == SILENT)
    for event in view.session.scalars(query.order_by(Event.id)):
        newest[str(event.detail.get("channel"))] = event
    for channel, event in newest.items():
        if channel in view.settings.channels and not _answered(view.session, channel, event):
            yield Condition(
                subject=f"silent {channel} {event.id}",
                kind="silent",
                title=f"{channel}: the platform gives no answers",
                message=with_remedy(str(event.detail.get("problem", "")), view.remedies.deliveries()),
            )


def end_of_silence(view: View, notice: Notice) -> Ending | None:
    _, channel, number = notice.subject.split()
    event = view.session.get(Event, int(number))
    return (
        Ending("The platform answers again.")
        if event is not None and _answered(view.session, channel, event)
        else QUIET
    )


def _answered(session: Session, channel: str, event: Event) -> bool:
    published = select(Delivery.id).where(Delivery.published_at > event.at, Delivery.channel_name == channel)
    return session.scalar(published.limit(1)) is not None


def spent_budgets(view: View) -> Iterator[Condition]:
    """Channels whose budget of the present month is nearly spent; the month's end ends it without a word."""
    if all(channel.monthly_budget is None for channel in view.settings.channels.values()):
        return
    for each in spendings(view.session, view.settings, view.now):
        if each.nearly_spent:
            yield Condition(
                subject=f"budget {each.channel} {each.month.begins:%Y-%m}",
                kind="budget",
                title=f"{each.channel}: the month's budget is nearly spent",
                message=with_remedy(
                    f"It has spent {each.description}; what would cost more than is left will be held until "
                    f"{each.month.ends:%-d %B}",
                    f"raise channels.{each.channel}.monthly_budget",
                ),
            )


def days_without_post(view: View) -> Iterator[Condition]:
    """Today, when nothing is ready for it; and the days that went by without a post, but none from before the desk."""
    begun = began(view.session)
    closed = closed_days(view.session)
    query = (
        select(Pick).where(Pick.picked_at >= view.now - NEWS, Pick.reason.in_(("empty", "missed"))).order_by(Pick.slot)
    )
    for pick in view.session.scalars(query):
        if pick.slot in closed:
            yield Condition(
                subject=f"missed {pick.slot.isoformat()}",
                kind="missed",
                title=f"Nobody knows what was shown on {pick.slot:%A %Y-%m-%d}",
                message=with_remedy(
                    "The desk was restored from a backup that does not know that day, and nothing more goes out for "
                    "it. Look at the channels, and publish by hand what is lacking",
                    view.remedies.deliveries(),
                ),
            )
        elif pick.reason == "missed" and begun is not None and slot_closes(pick.slot, view.settings) > begun:
            yield Condition(
                subject=f"missed {pick.slot.isoformat()}",
                kind="missed",
                title=f"{pick.slot:%A %Y-%m-%d} went by without a post",
                message=with_remedy(
                    "Nothing picked one in time; look why the desk was not running", view.remedies.deliveries()
                ),
            )
        elif pick.reason == "empty" and pick.slot == view.today:
            closes = slot_closes(pick.slot, view.settings)
            if view.now >= closes:
                told = f"It stays so: after {view.clock(closes)} it is too late for today's post"
            else:
                told = f"Add or approve one before {view.clock(closes)}, and it goes out at once"
            yield Condition(
                subject=f"empty {pick.slot.isoformat()}",
                kind="empty",
                title="Today has no post",
                message=with_remedy(told, view.remedies.queue()),
            )


def end_of_empty_day(view: View, notice: Notice) -> Ending | None:
    pick = view.session.scalar(select(Pick).where(Pick.slot == date.fromisoformat(notice.subject.split()[1])))
    return Ending(f"“{pick.post.title}” fills it.") if pick is not None and pick.post is not None else QUIET


def queue_after_restore(view: View) -> Iterator[Condition]:
    """Posts that a restore took back, as long as nobody has looked at them."""
    posts = waiting_after_restore(view.session)
    if not posts:
        return
    yield Condition(
        subject=f"{RESTORED_QUEUE} {restored_at(view.session)}",
        kind=RESTORED_QUEUE,
        title="After the restore, posts wait to be approved again",
        message=with_remedy(
            "They may have been shown on days that the backup does not know, so none of them goes out by itself. Look "
            f"at the channels, approve those that were not shown, and withdraw the others: {_numbers(posts)}",
            view.remedies.queue(),
        ),
    )


def end_of_queue_after_restore(_view: View, _notice: Notice) -> Ending:
    return Ending("All of them were looked at.")


def _numbers(posts: tuple[int, ...]) -> str:
    more = f" and {len(posts) - MAX_NUMBERS} more" if len(posts) > MAX_NUMBERS else ""
    return ", ".join(map(str, posts[:MAX_NUMBERS])) + more


def thin_queue(view: View) -> Iterator[Condition]:
    """Fewer days have a post than there should be."""
    gap = _first_gap(view, within=view.settings.notify.days_of_cover)
    if gap is None:
        return
    covered, day = gap
    days = {0: "no day ahead has", 1: "only one day has"}.get(covered, f"only {covered} days have")
    yield Condition(
        subject=COVER,
        kind=COVER,
        title=f"The queue runs dry: {days} a post",
        message=with_remedy(f"The first empty day is {day:%A %Y-%m-%d}; add and approve posts", view.remedies.queue()),
    )


def end_of_thin_queue(view: View, _notice: Notice) -> Ending | None:
    """One day more than is wanted: else each day's pick would bring the message back."""
    wanted = view.settings.notify.days_of_cover
    if wanted and _first_gap(view, within=wanted + 1) is not None:
        return None
    return Ending(f"More than {wanted} days have a post again.")


def _first_gap(view: View, *, within: int) -> tuple[int, date] | None:
    """How many days have a post before the first one that has none, and which one that is."""
    coming = enumerate(islice(project(view.session, view.settings, view.now), within))
    return next(((number, each.slot) for number, each in coming if each.post_id is None), None)


def end_of_preflight(view: View, notice: Notice) -> Ending | None:
    """Good news ends with the telling, bad news when its day begins."""
    day = date.fromisoformat(notice.subject.split()[1])
    told = notice.kind == SAFE and notice.told_at is not None
    return QUIET if told or view.now >= slot_opens(day, view.settings) else None
