"""Remembers which file a post was added from."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Update, select, update
from sqlalchemy.orm import Session

from publisher.db.models import Post


@dataclass(frozen=True, slots=True)
class PostSource:
    """Identifies a file that posts are added from."""

    key: str
    """The same for the same path."""
    digest: str
    """The same for the same content, its pictures included."""


@dataclass(frozen=True, slots=True)
class AddedBefore:
    """Holds the post that was added from a file before."""

    post_id: int
    title: str
    state: str
    is_same: bool
    """The file says and shows what it did then."""


def find_added_before(session: Session, source: PostSource) -> AddedBefore | None:
    """Finds the post that has this content, from whichever file; else the one that was added from this file."""
    columns = select(Post.id, Post.title, Post.state)
    for condition, is_same in ((Post.source_digest == source.digest, True), (Post.source_key == source.key, False)):
        if row := session.execute(columns.where(condition)).first():
            return AddedBefore(row.id, row.title, row.state, is_same)
    return None


def store_source(session: Session, post_id: int, source: PostSource) -> None:
    """Stores that a post is from this file, and that no other post is any more. Its version stays."""
    for column, value in ((Post.source_key, source.key), (Post.source_digest, source.digest)):
        _update(session, update(Post).where(column == value, Post.id != post_id).values({column: None}))
    store_first_source(session, post_id, source)


def store_first_source(session: Session, post_id: int, source: PostSource) -> None:
    """Stores that a post is from this file. Raises IntegrityError where another one is."""
    values = {Post.source_key: source.key, Post.source_digest: source.digest}
    _update(session, update(Post).where(Post.id == post_id).values(values))


def _update(session: Session, statement: Update) -> None:
    session.execute(statement, execution_options={"synchronize_session": False})
