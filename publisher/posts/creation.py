"""Makes one post of a form, however often the form is sent."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

from sqlalchemy import select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from publisher.core.problems import Problem
from publisher.db.models import Post
from publisher.db.session import Database
from publisher.posts.drafts import PostDraft
from publisher.posts.posts import AddedPost

AlsoWrite = Callable[[Session, Post, Sequence[Problem]], None]


class AddPost(Protocol):
    """Adds a post, and writes more in the same transaction."""

    def __call__(self, draft: PostDraft, *, also_write: AlsoWrite | None = None) -> AddedPost: ...


def find_created_post(database: Database, creation_key: str) -> int | None:
    """Returns the id of the post that a form has made; None: it has made none."""
    with database.reading() as session:
        return session.scalar(select(Post.id).where(Post.creation_key == creation_key)) if creation_key else None


def add_once(database: Database, add: AddPost, draft: PostDraft, creation_key: str) -> AddedPost | int:
    """Adds the post of a form, or returns the id of the post that the form has made already.

    `creation_key`: names the form. Empty: it has no name, and each time it is sent makes a post.
    """

    def name_form(session: Session, post: Post, _warnings: Sequence[Problem]) -> None:
        # Not through the post itself: it keeps its first version.
        named = update(Post).where(Post.id == post.id).values(creation_key=creation_key or None)
        session.execute(named, execution_options={"synchronize_session": False})

    try:
        return find_created_post(database, creation_key) or add(draft, also_write=name_form)
    except IntegrityError:
        # It was sent twice at the same moment.
        former = find_created_post(database, creation_key)
        if former is None:
            raise
        return former
