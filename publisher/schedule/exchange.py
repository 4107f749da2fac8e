"""Lets two waiting posts change places, and puts them back: both or none.

Two posts in line change their places in it. Where one of them has a fixed day, both get the day of the other as a
fixed one: nobody's day is lost, and no later change of the queue moves what a person has put on a day.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from publisher import lifecycle
from publisher.core.messages import _
from publisher.core.problems import value_to_json
from publisher.db.models import Post
from publisher.db.session import Database
from publisher.posts.desk_parts import DeskParts
from publisher.posts.errors import PostError
from publisher.posts.post_store import changing_post, last_pick, load_post
from publisher.posts.undo import PostChange, load_unchanged
from publisher.schedule.fixed_dates import fixed_date_problems
from publisher.schedule.order import refuse_date, set_position
from publisher.schedule.projection import project
from publisher.schedule.slots import slot_day
from publisher.settings import Settings


def exchange_places(desk: DeskParts, first_id: int, second_id: int, *, actor: str) -> None:
    """Gives each of two posts the place of the other: its day, or its place in line where both are in line.

    Raises:
        PostError: one of them was picked, does not wait outside the reserve, has no day that is to come, or can't
            have the other's day. Then nothing was changed.
    """
    now = desk.now()
    with changing_post(desk.database) as session:
        first, second = _load_locked(session, (first_id, second_id))
        for post in (first, second):
            _require_place(session, post)
        if first.fixed_date is None and second.fixed_date is None:
            positions = (second.position, first.position)
            set_position(session, first, positions[0])
            set_position(session, second, positions[1])
        else:
            days = (_day_for(session, desk, first, second, now), _day_for(session, desk, second, first, now))
            second.fixed_date, first.fixed_date = days
            session.flush()
        for post, other in ((first, second), (second, first)):
            refuse_date(fixed_date_problems(session, post, desk.settings, now))
            detail = {"to": value_to_json(_("the place of post {post}", post=other.id))}
            lifecycle.record_event(session, "post moved", now=now, post_id=post.id, actor=actor, detail=detail)


def coming_day(session: Session, settings: Settings, post: Post, now: datetime) -> date | None:
    """Returns the day that a waiting post is to go out on, fixed or by its turn; None: it has none that is to come."""
    if post.fixed_date is not None:
        return post.fixed_date if post.fixed_date >= slot_day(now, settings.outlet.zone) else None
    return next((day.slot for day in project(session, settings, now) if day.post_id == post.id), None)


def _day_for(session: Session, desk: DeskParts, post: Post, other: Post, now: datetime) -> date:
    """Returns the day of a post that another one is to get. Raises PostError where it has none."""
    day = coming_day(session, desk.settings, post, now)
    if day is None:
        raise PostError(
            _(
                "post {post} has no day that post {other} could have for its own: give post {other} another day first",
                post=post.id,
                other=other.id,
            )
        )
    return day


def put_back_together(
    database: Database, changes: Sequence[PostChange], settings: Settings, *, now: datetime, actor: str
) -> None:
    """Gives posts back the places that they had before they changed them with each other. Raises PostError."""
    with changing_post(database) as session:
        _load_locked(session, [change.post for change in changes])
        posts = [load_unchanged(session, change) for change in changes]
        for post, change in zip(posts, changes, strict=True):
            _require_place(session, post)
            post.reserve, post.fixed_date = change.before.reserve, change.before.fixed_date
        session.flush()
        for post, change in zip(posts, changes, strict=True):
            refuse_date(fixed_date_problems(session, post, settings, now))
            set_position(session, post, change.before.position)
            lifecycle.record_event(session, "undone", now=now, post_id=post.id, actor=actor, detail={"act": "move"})


def _load_locked(session: Session, post_ids: Sequence[int]) -> list[Post]:
    """Loads posts, and keeps others from changing or picking them until the transaction ends."""
    session.execute(select(Post.id).where(Post.id.in_(post_ids)).order_by(Post.id).with_for_update())
    return [load_post(session, post_id) for post_id in post_ids]


def _require_place(session: Session, post: Post) -> None:
    """Raises PostError for a post that has no place outside the reserve which another could have."""
    if (pick := last_pick(session, post)) is not None:
        raise PostError(_("post {post} was picked for {day:day}; that day keeps it", post=post.id, day=pick.slot))
    if post.reserve:
        raise PostError(_("post {post} waits in the reserve, whose days nobody chooses", post=post.id))
    if post.state == "withdrawn" or (post.last_shown_on is not None and post.fixed_date is None):
        raise PostError(_("post {post} does not wait in the queue any more", post=post.id))
