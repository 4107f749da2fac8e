"""Counts the posts of the reserve that an empty day would have, were it not for a missing alt text."""

from __future__ import annotations

from datetime import date, datetime, timedelta

from sqlalchemy import func, or_, select
from sqlalchemy.orm import Session

from publisher.db.models import READY_RESERVE, Post
from publisher.posts.post_store import lacks_alt_text
from publisher.settings import ReserveSettings


def count_without_alt_text(session: Session, day: date, now: datetime, reserve: ReserveSettings) -> int:
    """Counts the approved posts of the reserve that may be shown on a day, but for a picture without an alt text."""
    shown_before = day - timedelta(days=reserve.no_repeat_days)
    query = select(func.count()).select_from(Post)
    rested = or_(Post.last_shown_on.is_(None), Post.last_shown_on < shown_before)
    free = or_(Post.embargo_until.is_(None), Post.embargo_until <= now)
    return session.scalar(query.where(READY_RESERVE, rested, free, lacks_alt_text())) or 0
