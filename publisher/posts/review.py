"""Gives drafts to review, sends them back, and stores comments."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from publisher import lifecycle
from publisher.core.characters import remove_control_characters
from publisher.core.messages import Message, _
from publisher.core.post_limits import COMMENT
from publisher.db.models import Post
from publisher.db.session import Database
from publisher.db.staff import Comment
from publisher.posts.errors import PostError
from publisher.posts.post_store import changing_post, load_post

AlsoWrite = Callable[[Session, Post], None]
"""Writes more in the transaction of a change."""


def ask_for_review(
    database: Database,
    post_id: int,
    *,
    now: datetime,
    actor: str,
    expected_version: int | None = None,
    also_write: AlsoWrite | None = None,
) -> None:
    """Gives a draft to review.

    Raises:
        PostError: it is no draft, or somebody changed it since `expected_version`.
    """
    with changing_post(database) as session:
        post = load_post(session, post_id, expected_version)
        if post.state != "draft":
            raise PostError(_why_not_reviewed(post))
        post.state, post.updated_at = "in_review", now
        lifecycle.record_event(session, "review asked", now=now, post_id=post_id, actor=actor)
        if also_write is not None:
            also_write(session, post)


def send_back(
    database: Database, post_id: int, *, now: datetime, actor: str, also_write: AlsoWrite | None = None
) -> None:
    """Makes a post in review a draft again. Raises PostError when it isn't in review."""
    with changing_post(database) as session:
        post = load_post(session, post_id)
        if post.state != "in_review":
            raise PostError(_why_not_sent_back(post))
        post.state, post.updated_at = "draft", now
        lifecycle.record_event(session, "sent back", now=now, post_id=post_id, actor=actor)
        if also_write is not None:
            also_write(session, post)


def add_comment(session: Session, post_id: int, person_id: int, text: str, *, now: datetime, actor: str) -> Comment:
    """Adds a comment to a post. Raises PostError when it is empty or too long."""
    comment = Comment(post_id=post_id, person_id=person_id, at=now, text=clean_comment(text))
    load_post(session, post_id)
    session.add(comment)
    session.flush()
    lifecycle.record_event(session, "commented", now=now, post_id=post_id, actor=actor)
    return comment


def clean_comment(text: str) -> str:
    """Returns the plain text of a comment. Raises PostError when it is empty or too long."""
    comment = remove_control_characters(text).strip()
    if not comment:
        raise PostError(_("the comment is empty; write something"))
    if len(comment) > COMMENT:
        raise PostError(
            _(
                "the comment has {size:number} characters; at most {maximum:number} are kept",
                size=len(comment),
                maximum=COMMENT,
            )
        )
    return comment


def comments_of(session: Session, post_id: int) -> list[Comment]:
    """Returns the comments on a post, in order."""
    return list(session.scalars(select(Comment).where(Comment.post_id == post_id).order_by(Comment.id)))


def _why_not_reviewed(post: Post) -> Message:
    match post.state:
        case "in_review":
            return _("post {post} is in review; only a draft can be given to review", post=post.id)
        case "approved":
            return _("post {post} is approved; only a draft can be given to review", post=post.id)
    return _("post {post} is withdrawn; only a draft can be given to review", post=post.id)


def _why_not_sent_back(post: Post) -> Message:
    match post.state:
        case "draft":
            return _("post {post} is a draft, not in review", post=post.id)
        case "approved":
            return _("post {post} is approved, not in review", post=post.id)
    return _("post {post} is withdrawn, not in review", post=post.id)
