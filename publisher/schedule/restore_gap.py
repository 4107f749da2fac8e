"""Closes the days that a restored desk knows nothing of: a post may have gone out on each."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta

from sqlalchemy import and_, or_, select
from sqlalchemy.orm import Session

from publisher.db.models import Pick, Post
from publisher.lifecycle import record_event
from publisher.posts.approved import end_approval
from publisher.posts.possibly_shown import RESTORED, SLOT, ShownBetween, note_possibly_shown
from publisher.posts.post_store import was_picked
from publisher.schedule.choice import choose_post
from publisher.schedule.picking import MAX_GAP
from publisher.schedule.slots import slot_closes, slot_day, slot_opens
from publisher.settings import Settings

SHOWN_ON = "may have been shown on"
"""The key, in the event of a post, of the day that it would have got by the backup's order."""


@dataclass(frozen=True, slots=True)
class Gap:
    """Holds the closed days, on which nothing more goes out, and the posts that were approved."""

    days: tuple[date, ...]
    posts: tuple[Post, ...]
    """Drafts again: those that the days would have got, in their order."""
    others: tuple[Post, ...] = ()
    """Drafts again: all others, which the days may have got if somebody changed the order."""


def close_gap(session: Session, settings: Settings, *, since: datetime, now: datetime) -> Gap:
    """Closes every slot that may have been filled between `since` and `now` without this database knowing it.

    Every post that was approved then may be public: somebody may have changed the order, the dates or the embargoes
    after the backup, and the desk can't know. So all become drafts, and a person approves again those not shown.
    """
    closed: list[tuple[date, Post | None]] = []
    for day in _days(settings, since, now):
        pick = session.scalar(select(Pick).where(Pick.slot == day))
        if pick is not None and pick.reason != "empty":
            continue
        if pick is None:
            pick = Pick(slot=day, post=None)
            session.add(pick)
        pick.reason, pick.picked_at = "missed", now
        record_event(session, RESTORED, now=now, detail={SLOT: day.isoformat()})
        post = choose_post(session, day, min(now, slot_closes(day, settings)), settings.reserve).post
        if post is not None:
            end_approval(session, post, "draft", now)
            session.flush()
        closed.append((day, post))
    if not closed:
        return Gap((), ())
    days = tuple(day for day, _ in closed)
    shown = ShownBetween(days[0], days[-1], was_approved=True)
    for day, post in closed:
        if post is not None:
            note_possibly_shown(session, post.id, shown, now, **{SHOWN_ON: day.isoformat()})
    first = tuple(post for _, post in closed if post is not None)
    return Gap(days, first, _withdraw_other_approvals(session, shown, {post.id for post in first}, now))


def _withdraw_other_approvals(
    session: Session, shown: ShownBetween, listed: set[int], now: datetime
) -> tuple[Post, ...]:
    """Takes back every other approval, and returns its posts.

    Posts that were not approved by the backup get the note of the days as well.
    """
    query = select(Post).where(or_(Post.reserve, and_(~was_picked(), Post.published_elsewhere_on.is_(None))))
    approved = []
    for post in session.scalars(query.order_by(Post.reserve, Post.position, Post.id)).all():
        if post.id in listed:
            continue
        was_approved = post.state == "approved"
        if was_approved:
            end_approval(session, post, "draft", now)
            approved.append(post)
        note_possibly_shown(session, post.id, replace(shown, was_approved=was_approved), now)
    session.flush()
    return tuple(approved)


def _days(settings: Settings, since: datetime, now: datetime) -> Iterator[date]:
    """Yields the days whose slot was open at some time between the two instants."""
    zone = settings.outlet.zone
    last = slot_day(now, zone)
    # One day more than the calendar says: an hour that is skipped in spring can end a slot after midnight.
    day = max(slot_day(since, zone) - timedelta(days=1), last - MAX_GAP)
    while day <= last:
        if slot_opens(day, settings) <= now and slot_closes(day, settings) > since:
            yield day
        day += timedelta(days=1)
