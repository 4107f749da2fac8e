"""Finds the problems of a post's fixed date."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from publisher.core.content import ContentProblem
from publisher.db.models import Pick, Post
from publisher.schedule.problem_codes import DateProblem
from publisher.schedule.slots import slot_closes, slot_opens
from publisher.settings import Settings


@dataclass(frozen=True, slots=True)
class DatedPost:
    """Holds the fields of a post that decide whether its fixed date is possible."""

    id: int | None
    """None: it is not stored yet."""
    fixed_date: date
    embargo_until: datetime | None


@dataclass(frozen=True, slots=True)
class Agenda:
    """Holds, for some days, which have had their post, and which approved posts are fixed to them."""

    filled: frozenset[date]
    fixed: Mapping[date | None, tuple[tuple[int, str], ...]]
    """Id and title of each post, in their order."""

    @classmethod
    def load(cls, session: Session, days: Collection[date]) -> Agenda:
        """Loads what is stored about some days."""
        picked = select(Pick.slot).where(Pick.slot.in_(days), Pick.reason != "empty")
        approved = select(Post).where(Post.fixed_date.in_(days), Post.state == "approved")
        rows = approved.with_only_columns(Post.fixed_date, Post.id, Post.title).order_by(Post.position, Post.id)
        fixed: dict[date | None, tuple[tuple[int, str], ...]] = {}
        for day, post_id, title in session.execute(rows):
            fixed[day] = (*fixed.get(day, ()), (post_id, title))
        return cls(frozenset(session.scalars(picked)), fixed)

    def problems(self, post: DatedPost, settings: Settings, now: datetime) -> tuple[ContentProblem, ...]:
        """Returns why a post that was not picked yet can't go out on its fixed date, which is one of the days."""
        day = post.fixed_date
        problems = []
        if now >= slot_closes(day, settings) or day in self.filled:
            problems.append(ContentProblem(field="fixed_date", problem=DateProblem.FIXED_DATE_PASSED(day=day)))
        if post.embargo_until is not None and post.embargo_until > slot_opens(day, settings):
            embargo = DateProblem.EMBARGO_AFTER_FIXED_DATE(embargo=post.embargo_until, day=day)
            problems.append(ContentProblem(field="embargo_until", problem=embargo))
        if other := next((fixed for fixed in self.fixed.get(day, ()) if fixed[0] != post.id), None):
            taken = DateProblem.FIXED_DATE_TAKEN(post=other[0], title=other[1], day=day)
            problems.append(ContentProblem(field="fixed_date", problem=taken))
        return tuple(problems)


def fixed_date_problems(session: Session, post: Post, settings: Settings, now: datetime) -> tuple[ContentProblem, ...]:
    """Returns why a post that was not picked yet can't go out on its fixed date. Empty where it has none."""
    if post.fixed_date is None:
        return ()
    dated = DatedPost(post.id, post.fixed_date, post.embargo_until)
    return Agenda.load(session, [post.fixed_date]).problems(dated, settings, now)
