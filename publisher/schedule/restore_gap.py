"""The days that a restored desk knows nothing of: a post may have gone out on each."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from publisher.db.models import Pick, Post
from publisher.lifecycle import record_event
from publisher.posts.approved import end_approval
from publisher.schedule.choice import choose
from publisher.schedule.picking import LONGEST_GAP
from publisher.schedule.slots import slot_closes, slot_day, slot_opens
from publisher.settings import Settings


@dataclass(frozen=True, slots=True)
class Gap:
    """`days`: closed, so that nothing more goes out on them. `posts`: drafts again, in the order of the days."""

    days: tuple[date, ...]
    posts: tuple[Post, ...]


def close_gap(session: Session, settings: Settings, *, since: datetime, now: datetime) -> Gap:
    """Close every slot that may have been filled between `since` and `now` without this database knowing it.

    The posts that those slots would have got may be public, and nothing can tell: they become
    drafts, and a person approves again what was not shown.
    """
    days, posts = [], []
    for day in _days(settings, since, now):
        pick = session.scalar(select(Pick).where(Pick.slot == day))
        if pick is not None and pick.reason != "empty":
            continue
        if pick is None:
            pick = Pick(slot=day, post=None)
            session.add(pick)
        pick.reason, pick.picked_at = "missed", now
        record_event(session, "restored", now=now, detail={"slot": day.isoformat()})
        days.append(day)
        post = choose(session, day, min(now, slot_closes(day, settings)), settings.reserve).post
        if post is not None:
            _take_back(session, post, day, now)
            posts.append(post)
    return Gap(tuple(days), tuple(posts))


def _days(settings: Settings, since: datetime, now: datetime) -> Iterator[date]:
    """The days whose slot was open at some time between the two instants."""
    zone = settings.outlet.zone
    last = slot_day(now, zone)
    # One day more than the calendar says: an hour that the clocks leap over can end a slot after midnight.
    day = max(slot_day(since, zone) - timedelta(days=1), last - LONGEST_GAP)
    while day <= last:
        if slot_opens(day, settings) <= now and slot_closes(day, settings) > since:
            yield day
        day += timedelta(days=1)


def _take_back(session: Session, post: Post, day: date, now: datetime) -> None:
    end_approval(session, post, "draft", now)
    record_event(session, "restored", now=now, post_id=post.id, detail={"may have been shown on": day.isoformat()})
    session.flush()
