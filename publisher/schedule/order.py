"""Orders the queue and the reserve. The position of a post is a number between those of its neighbours."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import ColumnElement, and_, func, or_, select, true, tuple_, update
from sqlalchemy.orm import Session

from publisher import lifecycle
from publisher.core.content import ContentProblem
from publisher.core.messages import Message, _
from publisher.core.problems import value_to_json
from publisher.db.models import IN_LINE, IN_RESERVE, Post
from publisher.db.session import Database
from publisher.posts.desk_parts import DeskParts
from publisher.posts.errors import PostError
from publisher.posts.post_store import POSITION_STEP, changing_post, last_pick, was_picked
from publisher.posts.undo import PostChange, load_unchanged
from publisher.schedule.fixed_dates import fixed_date_problems
from publisher.settings import Settings

MIN_GAP = 1e-6


@dataclass(frozen=True, slots=True)
class Front:
    """Names the place before all others of its queue."""


@dataclass(frozen=True, slots=True)
class Position:
    """Names the place with this number, counted from 1; beyond the end means the end."""

    number: int


@dataclass(frozen=True, slots=True)
class Before:
    """Names the place before another post."""

    post_id: int


@dataclass(frozen=True, slots=True)
class After:
    """Names the place after another post."""

    post_id: int


@dataclass(frozen=True, slots=True)
class Up:
    """Names the place one further ahead; the first post stays."""


@dataclass(frozen=True, slots=True)
class Down:
    """Names the place one further behind; the last post stays."""


@dataclass(frozen=True, slots=True)
class End:
    """Names the end of the queue, wherever the post was."""


@dataclass(frozen=True, slots=True)
class Reserve:
    """Names the end of the reserve."""


@dataclass(frozen=True, slots=True)
class FixedDate:
    """Names exactly this day, outside the order."""

    day: date


SortKey = tuple[float, int]
"""The position of a post, and its id among equal positions."""

Place = Front | Position | Before | After | Up | Down | End | Reserve | FixedDate


def waits_in_order(*, reserve: bool) -> ColumnElement[bool]:
    """Selects posts that wait in the queue or in the reserve, approved or not."""
    # The conditions of the indexes in this order: what was shown in years is not searched for a neighbour.
    return and_(true(), IN_RESERVE) if reserve else and_(IN_LINE, ~was_picked())


def move_post(session: Session, post: Post, to: Place, desk: DeskParts, actor: str) -> None:
    """Gives a post another place within a transaction; see `PostQueue.move`."""
    if post.state == "withdrawn":
        raise PostError(_("post {post} is withdrawn; approve it to bring it back", post=post.id))
    place = _resolve_step(session, post, to)
    if place is None:
        return
    now = desk.now()
    reserve = _goes_to_reserve(session, post, place)
    if not reserve:
        _refuse_shown(session, post)
    post.reserve = reserve
    post.fixed_date = place.day if isinstance(place, FixedDate) else None
    session.flush()
    if isinstance(place, FixedDate):
        refuse_date(fixed_date_problems(session, post, desk.settings, now))
    else:
        set_position(session, post, _free_position(session, post, place))
    detail = {"to": value_to_json(_describe_place(to))}
    lifecycle.record_event(session, "post moved", now=now, post_id=post.id, actor=actor, detail=detail)


def move_back(database: Database, change: PostChange, settings: Settings, *, now: datetime, actor: str) -> None:
    """Gives a post the place that it had before a move. Raises PostError."""
    before = change.before
    with changing_post(database) as session:
        post = load_unchanged(session, change)
        if not before.reserve:
            _refuse_shown(session, post)
        post.reserve, post.fixed_date = before.reserve, before.fixed_date
        session.flush()
        refuse_date(fixed_date_problems(session, post, settings, now))
        set_position(session, post, before.position)
        lifecycle.record_event(session, "undone", now=now, post_id=post.id, actor=actor, detail={"act": "move"})


def _refuse_shown(session: Session, post: Post) -> None:
    """Raises PostError for a post that followers had already: the reserve alone shows it again."""
    if (pick := last_pick(session, post)) is not None:
        raise PostError(
            _("post {post} was picked for {day:day}; it can go to the reserve only", post=post.id, day=pick.slot)
        )
    if (day := post.published_elsewhere_on) is not None:
        raise PostError(
            _("post {post} was published elsewhere on {day:day}; it can go to the reserve only", post=post.id, day=day)
        )


def _resolve_step(session: Session, post: Post, to: Place) -> Place | None:
    """Turns a step up or down into a place beside the neighbour that the post passes; None where there is none."""
    if not isinstance(to, Up | Down):
        return to
    if post.fixed_date is not None:
        raise PostError(
            _(
                "post {post} goes out on {day:day}; put it back into the queue to order it",
                post=post.id,
                day=post.fixed_date,
            )
        )
    others = and_(waits_in_order(reserve=post.reserve), Post.id != post.id)
    passed = _adjacent(session, others, (post.position, post.id), ahead=isinstance(to, Up))
    if passed is None:
        return None
    return Before(passed[1]) if isinstance(to, Up) else After(passed[1])


def _goes_to_reserve(session: Session, post: Post, to: Place) -> bool:
    match to:
        case Reserve():
            return True
        case FixedDate() | End():
            return False
        case Before(neighbour) | After(neighbour):
            return _neighbour(session, post, neighbour).reserve
    return post.reserve


def _neighbour(session: Session, post: Post, neighbour: int) -> Post:
    post_there = session.scalar(
        select(Post).where(
            Post.id == neighbour, Post.id != post.id, or_(waits_in_order(reserve=False), waits_in_order(reserve=True))
        )
    )
    if post_there is None:
        raise PostError(
            _("post {post} has no place in the queue or in the reserve; name one that waits there", post=neighbour)
        )
    return post_there


def refuse_date(problems: tuple[ContentProblem, ...]) -> None:
    """Raises PostError for the first problem of a fixed date."""
    if problems:
        raise PostError(problems[0].problem)


def _free_position(session: Session, post: Post, to: Place) -> float:
    others = and_(waits_in_order(reserve=post.reserve), Post.id != post.id)
    above = _next_post(session, others, to)
    below = _adjacent(session, others, above, ahead=True)
    if above and below and above[0] - below[0] < MIN_GAP:
        _renumber(session, others)
        above = _next_post(session, others, to)
        below = _adjacent(session, others, above, ahead=True)
    if above is None:
        return below[0] + POSITION_STEP if below else POSITION_STEP
    return (below[0] + above[0]) / 2 if below else above[0] - POSITION_STEP


def _next_post(session: Session, posts: ColumnElement[bool], to: Place) -> SortKey | None:
    """Returns the post that will come right after the moved one; None at the end."""
    key = select(Post.position, Post.id).where(posts).order_by(Post.position, Post.id)
    match to:
        case Front():
            row = session.execute(key.limit(1)).first()
        case Position(number):
            row = session.execute(key.offset(max(number, 1) - 1).limit(1)).first()
        case Before(neighbour):
            row = session.execute(key.where(Post.id == neighbour)).one()
        case After(neighbour):
            anchor = session.execute(key.where(Post.id == neighbour)).one()
            return _adjacent(session, posts, (anchor.position, anchor.id), ahead=False)
        case _:
            row = None
    return (row.position, row.id) if row else None


def _adjacent(session: Session, posts: ColumnElement[bool], key: SortKey | None, *, ahead: bool) -> SortKey | None:
    """Returns the post right ahead of a key or right behind it; without a key, the last post."""
    place = tuple_(Post.position, Post.id)
    order = (Post.position.desc(), Post.id.desc()) if ahead else (Post.position, Post.id)
    query = select(Post.position, Post.id).where(posts).order_by(*order).limit(1)
    if key is not None:
        here = tuple_(*key)
        query = query.where(place < here if ahead else place > here)
    row = session.execute(query).first()
    return (row.position, row.id) if row else None


def set_position(session: Session, post: Post, position: float) -> None:
    # Not through the object: its version would grow, and a colleague's open form would be refused for no reason.
    session.execute(
        update(Post).where(Post.id == post.id).values(position=position).execution_options(synchronize_session=False)
    )


def _renumber(session: Session, posts: ColumnElement[bool]) -> None:
    place = func.row_number().over(order_by=(Post.position, Post.id))
    numbered = select(Post.id, (place * POSITION_STEP).label("position")).where(posts).subquery()
    session.execute(
        update(Post)
        .where(Post.id == numbered.c.id)
        .values(position=numbered.c.position)
        .execution_options(synchronize_session=False)
    )


def _describe_place(to: Place) -> Message:
    match to:
        case Front():
            return _("front")
        case Position(number):
            return _("position {number}", number=number)
        case Before(neighbour):
            return _("before post {post}", post=neighbour)
        case After(neighbour):
            return _("after post {post}", post=neighbour)
        case FixedDate(day):
            return _("{day:day}", day=day)
        case Up():
            return _("one up")
        case Down():
            return _("one down")
        case End():
            return _("end of the queue")
    return _("reserve")
