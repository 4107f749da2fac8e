"""Keeps posts that were published before they came into this desk: no queue has them, and nothing sends them.

Such a post is a draft that followers have had. The archive, the reserve and the search for repeats know it by its
day; it has no pick and no delivery, so that nothing is corrected, verified or looked up as if this desk had sent it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import Column, Table, delete, func, select
from sqlalchemy.orm import Session
from sqlalchemy.orm.attributes import flag_modified

from publisher.db.base import Base
from publisher.db.models import Post
from publisher.db.staff import PostVersion
from publisher.posts.drafts import PostContent, PostDraft
from publisher.posts.pictures import StoredPicture, picture_rows
from publisher.posts.post_store import last_position
from publisher.posts.posts import content_columns, replace_pictures
from publisher.posts.versions import load_version, store_version

MADE_WITH_POST = frozenset({"post_image", "post_version", "post_words", "item_key", "published_link"})
"""The tables whose rows an import makes with a post; a row of any other table is something that happened to it here."""
_CONTENT = set(PostContent.model_fields) - {"images"}


@dataclass(frozen=True, slots=True)
class PublishedPost:
    """Holds a post as it was published elsewhere, with its pictures stored."""

    draft: PostDraft
    pictures: Sequence[StoredPicture]
    published_on: date


def add_published(session: Session, published: PublishedPost, *, now: datetime, actor: str) -> Post:
    """Adds a post that was published elsewhere, within a transaction. No queue gets it."""
    post = Post(
        state="draft",
        position=last_position(session, reserve=False),
        reserve=False,
        published_elsewhere_on=published.published_on,
        last_shown_on=published.published_on,
        edited_by=actor[:120],
        created_at=now,
        updated_at=now,
        images=picture_rows(session, published.pictures, now),
        **content_columns(published.draft, _CONTENT),
    )
    session.add(post)
    session.flush()
    store_version(session, post, now=now, actor=actor)
    return post


def update_published(session: Session, post: Post, published: PublishedPost, *, now: datetime, actor: str) -> None:
    """Gives a post what its source says and shows now, within a transaction."""
    replace_pictures(session, post, picture_rows(session, published.pictures, now))
    for name, value in content_columns(published.draft, _CONTENT).items():
        setattr(post, name, value)
    post.published_elsewhere_on = post.last_shown_on = published.published_on
    post.updated_at, post.edited_by = now, actor[:120]
    # New pictures alone leave the post's own row as it was, and its version must grow.
    flag_modified(post, "updated_at")
    session.flush()
    store_version(session, post, now=now, actor=actor)


def restore_published(
    session: Session, post: Post, version: int, published_on: date, *, now: datetime, actor: str
) -> None:
    """Gives a post the text and pictures that it had in a kept version, within a transaction."""
    content = load_version(session, post.id, version)
    draft = PostDraft.model_validate(content.model_dump(mode="json"))
    pictures = [StoredPicture(image, image.media or "") for image in draft.images]
    update_published(session, post, PublishedPost(draft, pictures, published_on), now=now, actor=actor)


def is_as_imported(session: Session, post: Post, version: int) -> bool:
    """Decides whether nobody has edited, approved or moved a post since an import wrote this version of it."""
    kept = session.scalar(select(func.max(PostVersion.version)).where(PostVersion.post_id == post.id))
    return kept == version and post.state == "draft" and not post.reserve


def has_history_here(session: Session, post: Post) -> bool:
    """Decides whether anything was recorded of a post besides what an import makes: a remark, a pick, an event."""
    for table in Base.metadata.sorted_tables:
        if table.name in MADE_WITH_POST:
            continue
        for column in _references(table):
            if session.execute(select(1).select_from(table).where(column == post.id).limit(1)).first():
                return True
    return False


def remove_published(session: Session, post: Post) -> None:
    """Removes a post of which nothing was recorded here, with its texts. Originals stay in the media store."""
    session.execute(delete(Post).where(Post.id == post.id), execution_options={"synchronize_session": False})
    session.expunge(post)


def _references(table: Table) -> list[Column[Any]]:
    return [key.parent for key in table.foreign_keys if key.column.table is Post.__table__]
