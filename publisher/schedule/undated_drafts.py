"""Lists the unapproved posts that have no day yet."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from publisher.db.models import UNDATED_DRAFT, Post
from publisher.posts.post_store import was_picked
from publisher.schedule.listing import FirstPicture, first_pictures

MAX_LISTED = 30


@dataclass(frozen=True, slots=True)
class UndatedDraft:
    """Holds what a list shows of a post that waits for its approval and for a day."""

    id: int
    title: str
    language: str
    state: str
    picture: FirstPicture | None


@dataclass(frozen=True, slots=True)
class UndatedDrafts:
    """Holds the drafts that were changed last, and how many there are."""

    listed: tuple[UndatedDraft, ...]
    total: int


def undated_drafts(session: Session, limit: int = MAX_LISTED) -> UndatedDrafts:
    """Returns at most `limit` posts in draft or in review without a fixed date, outside the reserve."""
    columns = select(Post.id, Post.title, Post.language, Post.state).where(UNDATED_DRAFT, ~was_picked())
    rows = session.execute(columns.order_by(Post.updated_at.desc(), Post.id.desc()).limit(limit)).all()
    total = session.scalar(select(func.count()).select_from(Post).where(UNDATED_DRAFT)) or 0
    pictures = first_pictures(session, [row.id for row in rows])
    return UndatedDrafts(tuple(UndatedDraft(*row, pictures.get(row.id)) for row in rows), total)
