"""Chooses the post for a slot."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Literal

from sqlalchemy import ColumnElement, Select, and_, or_, select
from sqlalchemy.orm import Session

from publisher.db.models import WAITING, Post
from publisher.posts.post_store import lacks_alt_text, was_picked
from publisher.settings import ReserveSettings

Reason = Literal["fixed date", "queue", "reserve", "empty"]


@dataclass(frozen=True, slots=True)
class Choice:
    """Holds the post of a slot and the reason for it; no post when the slot stays empty."""

    post: Post | None
    reason: Reason


def choose_post(session: Session, day: date, now: datetime, reserve: ReserveSettings) -> Choice:
    """Chooses the post for `day`: the one fixed to it, else the first of the queue, else one of the reserve.

    Only approved posts whose embargo is over count. Of the reserve it is the post that was shown longest ago,
    and none that was shown within the last `no_repeat_days` or that has a picture without an alt text.
    """
    sources: tuple[tuple[Reason, Select[Post]], ...] = (
        ("fixed date", _fixed(day)),
        ("queue", _first_in_queue()),
        ("reserve", _longest_unseen(day, reserve)),
    )
    for reason, query in sources:
        post = session.scalar(query.where(_may_be_shown(now)).limit(1))
        if post is not None:
            return Choice(post, reason)
    return Choice(None, "empty")


def _may_be_shown(now: datetime) -> ColumnElement[bool]:
    return and_(Post.state == "approved", or_(Post.embargo_until.is_(None), Post.embargo_until <= now))


def _fixed(day: date) -> Select[Post]:
    return select(Post).where(Post.fixed_date == day, ~was_picked()).order_by(Post.position, Post.id)


def _first_in_queue() -> Select[Post]:
    """Uses the condition of the index on waiting posts, so that the query stays fast however many were shown."""
    return select(Post).where(WAITING, ~was_picked()).order_by(Post.position, Post.id)


def _longest_unseen(day: date, reserve: ReserveSettings) -> Select[Post]:
    window = day - timedelta(days=reserve.no_repeat_days)
    rested = and_(Post.reserve.is_(True), or_(Post.last_shown_on.is_(None), Post.last_shown_on < window))
    return (
        select(Post)
        .where(rested, ~lacks_alt_text())
        .order_by(Post.last_shown_on.asc().nulls_first(), Post.position, Post.id)
    )
