"""Finds posts that a desk may have shown before its restore from a backup, without this database knowing it."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from publisher.core.content import ContentProblem
from publisher.db.models import Event, Post
from publisher.lifecycle import record_event
from publisher.posts.problem_codes import PostContentProblem

RESTORED = "restored"
"""The event of a day that a restore closed, and of each post that may have been shown on such a day."""
FIRST, LAST = "may have been shown from", "may have been shown until"
WAS_APPROVED = "was approved"
SLOT = "slot"
DATABASE_RESTORED = "database restored"


@dataclass(frozen=True, slots=True)
class ShownBetween:
    """Holds the days on which a post may have been shown."""

    first: date
    last: date
    was_approved: bool
    """The restore took its approval back."""

    def extended_by(self, other: ShownBetween) -> ShownBetween:
        """Returns the days of both: a second restore finds a draft where the first one took an approval back."""
        return ShownBetween(
            min(self.first, other.first), max(self.last, other.last), self.was_approved or other.was_approved
        )

    @property
    def problem(self) -> ContentProblem:
        """Returns the remark for the person who approves the post again."""
        problem = (
            PostContentProblem.SHOWN_BEFORE_RESTORE_ON(first=self.first)
            if self.first == self.last
            else PostContentProblem.SHOWN_BEFORE_RESTORE_BETWEEN(first=self.first, last=self.last)
        )
        return ContentProblem(field="state", problem=problem, blocking=False)


def note_possibly_shown(session: Session, post_id: int, shown: ShownBetween, now: datetime, **more: str) -> None:
    """Records that a post may have been shown on these days."""
    detail = {FIRST: shown.first.isoformat(), LAST: shown.last.isoformat(), WAS_APPROVED: shown.was_approved, **more}
    record_event(session, RESTORED, now=now, post_id=post_id, detail=detail)


def possibly_shown(session: Session, posts: Collection[int] | None = None) -> dict[int, ShownBetween]:
    """Returns, by post, the days on which it may have been shown, where nobody has approved it since the restore.

    `posts`: only these; None: all.
    """
    query = select(Event).where(Event.name == RESTORED, Event.post_id.is_not(None)).order_by(Event.id)
    doubts = [
        (event.post_id, event)
        for event in session.scalars(query)
        if event.post_id is not None and FIRST in event.detail and (posts is None or event.post_id in posts)
    ]
    if not doubts:
        return {}
    approvals = (
        select(Event.post_id, func.max(Event.id))
        .where(Event.name == "post approved", Event.post_id.in_({post_id for post_id, _ in doubts}))
        .group_by(Event.post_id)
    )
    approved = {post_id: event for post_id, event in session.execute(approvals)}
    doubted: dict[int, ShownBetween] = {}
    for post_id, event in doubts:
        if approved.get(post_id, 0) < event.id:
            shown = _shown_between(event)
            doubted[post_id] = doubted[post_id].extended_by(shown) if post_id in doubted else shown
    return doubted


def _shown_between(event: Event) -> ShownBetween:
    return ShownBetween(
        date.fromisoformat(event.detail[FIRST]),
        date.fromisoformat(event.detail[LAST]),
        bool(event.detail.get(WAS_APPROVED)),
    )


def waiting_after_restore(session: Session) -> tuple[int, ...]:
    """Returns the posts whose approval a restore took back, and that nobody has approved or withdrawn since."""
    doubted = [post_id for post_id, shown in possibly_shown(session).items() if shown.was_approved]
    if not doubted:
        return ()
    query = select(Post.id).where(Post.id.in_(doubted), Post.state != "withdrawn").order_by(Post.id)
    return tuple(session.scalars(query))


def closed_days(session: Session) -> frozenset[date]:
    """Returns the days that restores closed; the database does not know what went out on them."""
    details = session.scalars(select(Event.detail).where(Event.name == RESTORED, Event.post_id.is_(None)))
    return frozenset(date.fromisoformat(detail[SLOT]) for detail in details if SLOT in detail)


def restored_at(session: Session) -> int:
    """Returns the number of the event with which the last restore began; 0: there was none."""
    return session.scalar(select(func.max(Event.id)).where(Event.name == DATABASE_RESTORED)) or 0
