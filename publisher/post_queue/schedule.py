"""What stands in the way of a post's fixed date."""

from __future__ import annotations

from datetime import date, datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from publisher.content import Problem
from publisher.db.models import Pick, Post
from publisher.post_queue.slots import slot_closes, slot_opens
from publisher.settings import Settings


def schedule_problems(session: Session, post: Post, settings: Settings, now: datetime) -> tuple[Problem, ...]:
    """Why a post that was not picked yet can't go out on its fixed date. Empty where it has none."""
    day = post.fixed_date
    if day is None:
        return ()
    found = []
    if now >= slot_closes(day, settings) or _filled(session, day):
        message = f"The fixed date {day:%Y-%m-%d} has passed; choose a later one."
        found.append(Problem(field="fixed_date", message=message))
    if post.embargo_until is not None and post.embargo_until > slot_opens(day, settings):
        ends = post.embargo_until.astimezone(settings.outlet.zone)
        found.append(
            Problem(
                field="embargo_until",
                message=f"The embargo ends on {ends:%Y-%m-%d at %H:%M}, after the post would go out on its fixed date "
                f"{day:%Y-%m-%d}; choose a later date.",
            )
        )
    if (other := _other(session, post, day)) is not None:
        found.append(
            Problem(
                field="fixed_date",
                message=f"Post {other.id} “{other.title}” already goes out on {day:%Y-%m-%d}; choose another date.",
            )
        )
    return tuple(found)


def _filled(session: Session, day: date) -> bool:
    reason = session.scalar(select(Pick.reason).where(Pick.slot == day))
    return reason not in (None, "empty")


def _other(session: Session, post: Post, day: date) -> Post | None:
    query = select(Post).where(Post.fixed_date == day, Post.state == "approved", Post.id != post.id)
    return session.scalar(query.order_by(Post.position, Post.id).limit(1))
