"""Tells whether a new desk would publish at once for a day whose hour is past."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from publisher.db.models import Pick
from publisher.schedule.choice import choose_post
from publisher.schedule.slots import slot_closes, slot_day, slot_opens
from publisher.settings import Settings


@dataclass(frozen=True, slots=True)
class FirstDay:
    """Holds the day for which a desk that has published nothing yet would publish at once."""

    day: date
    opened_at: datetime
    title: str
    """Of the post that would go out; empty: none is ready yet."""


def has_picked(session: Session) -> bool:
    """Returns whether the desk has ever picked a post, or decided that there is none."""
    return session.scalar(select(Pick.id).limit(1)) is not None


def find_first_day(session: Session, settings: Settings, now: datetime) -> FirstDay | None:
    """Returns the present day, if a new desk would publish for it although its hour is past; else None."""
    day = slot_day(now, settings.outlet.zone)
    opened_at = slot_opens(day, settings)
    if not opened_at <= now < slot_closes(day, settings) or has_picked(session):
        return None
    post = choose_post(session, day, now, settings.reserve).post
    return FirstDay(day, opened_at, post.title if post else "")
