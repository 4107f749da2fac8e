"""Loads a post, and changes it so that two people never overwrite each other."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date

from sqlalchemy import ColumnElement, exists, func, or_, select
from sqlalchemy.orm import Session
from sqlalchemy.orm.exc import StaleDataError

from publisher.core.messages import _
from publisher.core.states import SENT, State
from publisher.db.models import WITHOUT_ALT_TEXT, Delivery, Pick, Post, PostImage
from publisher.db.session import Database
from publisher.posts.errors import PostNotFound, StaleEdit

POSITION_STEP = 1024.0
"""The distance of neighbours after renumbering, and of a new post from the last one."""


@contextmanager
def changing_post(database: Database) -> Iterator[Session]:
    """Opens a writing transaction that raises StaleEdit when somebody changes the same post at the same moment."""
    try:
        with database.writing() as session:
            yield session
    except StaleDataError:
        raise StaleEdit(_("somebody changed this post at the same moment; look at it again")) from None


def load_post(session: Session, post_id: int, expected_version: int | None = None) -> Post:
    """Returns a post.

    Raises:
        NoPost: there is none.
        StaleEdit: it isn't the version that somebody looked at when they decided what to do with it.
    """
    post = session.get(Post, post_id)
    if post is None:
        raise PostNotFound(_("there is no post {post}", post=post_id))
    if expected_version is not None and post.version != expected_version:
        raise StaleEdit(
            _(
                "post {post} was changed meanwhile: you saw version {seen}, it has version {version} now; look at it "
                "and repeat your change",
                post=post.id,
                seen=expected_version,
                version=post.version,
            )
        )
    return post


def last_pick(session: Session, post: Post) -> Pick | None:
    """Returns the latest pick of a post."""
    return session.scalar(select(Pick).where(Pick.post_id == post.id).order_by(Pick.slot.desc()).limit(1))


def last_day_out(session: Session, post_id: int) -> date | None:
    """Returns the last day for which a post became public, here or elsewhere; None: it is not known to be public."""
    query = select(func.max(Pick.slot)).join(Delivery, Delivery.pick_id == Pick.id)
    picked = session.scalar(query.where(Pick.post_id == post_id, Delivery.state == State.PUBLISHED))
    return picked or session.scalar(select(Post.published_elsewhere_on).where(Post.id == post_id))


def may_be_public(session: Session, post_id: int) -> bool:
    """Decides whether a request of a post was sent whose outcome is not known."""
    unknown = or_(Delivery.state.in_(SENT), Delivery.unknown_since.is_not(None))
    query = select(Delivery.id).join(Pick, Pick.id == Delivery.pick_id).where(Pick.post_id == post_id, unknown)
    return session.scalar(query.limit(1)) is not None


def was_picked() -> ColumnElement[bool]:
    """Selects posts that were picked for a slot. Outside the reserve, such a post has left the queue."""
    return exists().where(Pick.post_id == Post.id).correlate(Post)


def lacks_alt_text() -> ColumnElement[bool]:
    """Selects posts with a picture that has no alt text. The reserve shows none of them."""
    return exists().where(PostImage.post_id == Post.id, WITHOUT_ALT_TEXT).correlate(Post)


def last_position(session: Session, *, reserve: bool) -> float:
    """Returns a position after all others of the queue or of the reserve."""
    last = session.scalar(select(func.max(Post.position)).where(Post.reserve == reserve))
    return POSITION_STEP if last is None else last + POSITION_STEP
