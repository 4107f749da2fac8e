"""Describes how to undo the last change of some posts, as long as nobody changed them since."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, Literal

from pydantic import Field
from sqlalchemy import select
from sqlalchemy.orm import Session

from publisher import lifecycle
from publisher.core.content import Frozen
from publisher.core.messages import _
from publisher.db.models import Event, Post
from publisher.db.session import Database
from publisher.posts.approved import end_approval, refuse_while_it_may_go_out
from publisher.posts.errors import PostError
from publisher.posts.post_store import changing_post, load_post

Act = Literal["move", "exchange", "tag", "approve", "withdraw"]
MAX_POSTS = 200


class Snapshot(Frozen):
    """Holds the fields of a post that a bulk change can touch."""

    version: int
    state: Literal["draft", "in_review", "approved", "withdrawn"]
    reserve: bool
    fixed_date: date | None
    position: Annotated[float, Field(allow_inf_nan=False)]
    tags: tuple[str, ...]


class PostChange(Frozen):
    """Holds a post before and after a change."""

    post: int
    before: Snapshot
    after: Snapshot


class Undo(Frozen):
    """Holds what undoes a bulk change. Whoever sends it must be allowed to make such a change."""

    act: Act
    changes: Annotated[tuple[PostChange, ...], Field(max_length=MAX_POSTS)]


def snapshot(post: Post) -> Snapshot:
    """Returns the fields of a post that a bulk change can touch, as they are now."""
    names = Snapshot.model_fields
    return Snapshot.model_validate({name: getattr(post, name) for name in names})


def load_unchanged(session: Session, change: PostChange) -> Post:
    """Returns a post that is still as the change left it. Raises PostError where it is not."""
    post = load_post(session, change.post)
    if snapshot(post) != change.after:
        raise PostError(
            _("post {post} was changed or moved meanwhile, so this can't be undone; look at it first", post=post.id)
        )
    return post


def undo_approval(database: Database, change: PostChange, *, now: datetime, actor: str) -> None:
    """Gives a post back the state that it had before, which is not `approved`. Raises PostError.

    Where it takes an approval back, the version that was approved before is the approved one again, if there was one.
    """
    with changing_post(database) as session:
        post = load_unchanged(session, change)
        if change.before.state == "withdrawn":
            refuse_while_it_may_go_out(session, post)
        takes_approval_back = post.state == "approved"
        end_approval(session, post, change.before.state, now)
        if takes_approval_back:
            post.approved_version = _version_approved_before(session, post)
        detail = {"act": "state", "state": post.state}
        lifecycle.record_event(session, "undone", now=now, post_id=post.id, actor=actor, detail=detail)


def _version_approved_before(session: Session, post: Post) -> int | None:
    """Returns the version that the last approval took the place of. None: there was none, or it was not noted.

    The history says it, and not the request that undoes the approval: that may be invented.
    """
    approvals = select(Event).where(Event.post_id == post.id, Event.name == "post approved")
    last = session.scalar(approvals.order_by(Event.id.desc()).limit(1))
    version = last.detail.get("approved_before") if last is not None else None
    return version if isinstance(version, int) else None
