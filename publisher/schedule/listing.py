"""What people are shown of the queue: the waiting posts, the day each would get, their problems."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from itertools import islice, takewhile
from typing import Literal

from sqlalchemy import and_, or_, select
from sqlalchemy.orm import Session

from publisher.adapt.posts import Target
from publisher.adapt.text.mentions import People
from publisher.db.models import Post, PostImage
from publisher.posts.errors import PostError
from publisher.posts.possibly_shown import possibly_shown
from publisher.posts.post_store import was_picked
from publisher.posts.problem_cache import KnownProblems
from publisher.posts.problems import PostProblem, blocking_first
from publisher.posts.search import says
from publisher.schedule.approval import problems_of
from publisher.schedule.fixed_dates import Agenda, Dated
from publisher.schedule.projection import Candidate, project
from publisher.settings import Settings

HORIZON_DAYS = 730
"""How far ahead days are worked out."""
PAGE_SIZE = 50

Where = Literal["fixed date", "queue", "reserve"]
PLACES: tuple[Where, ...] = ("fixed date", "queue", "reserve")


_COLUMNS = (
    Post.id,
    Post.version,
    Post.state,
    Post.title,
    Post.tags,
    Post.reserve,
    Post.fixed_date,
    Post.embargo_until,
    Post.last_shown_on,
)


@dataclass(frozen=True, slots=True)
class QueueRow:
    post: Post
    place: Where
    number: int
    """Counted from 1 in each of the three places."""
    projected: date | None
    """The next day that the post would get; None for a draft, or beyond the horizon."""
    problems: tuple[PostProblem, ...]


@dataclass(frozen=True, slots=True)
class Waiting:
    """A post that waits, without its texts."""

    id: int
    version: int
    state: str
    title: str
    tags: list[str]
    place: Where
    number: int
    """Counted from 1 in each of the three places."""
    fixed_date: date | None
    embargo_until: datetime | None
    last_shown_on: date | None


@dataclass(frozen=True, slots=True)
class QueueFilter:
    """Which posts of the queue somebody wants to see. Empty: any."""

    state: str = ""
    place: str = ""
    text: str = ""
    with_problems: bool = False

    @property
    def is_any(self) -> bool:
        return self == QueueFilter()


@dataclass(frozen=True, slots=True)
class ListedPost:
    """A waiting post as a page shows it."""

    post: Waiting
    projected: date | None
    """The next day that the post would get; None for a draft, or beyond the horizon."""
    picture: str | None
    """The SHA-256 of its first picture."""
    problems: tuple[PostProblem, ...]


@dataclass(frozen=True, slots=True)
class QueuePage:
    posts: tuple[ListedPost, ...]
    number: int
    pages: int
    matching: int
    """How many posts the wish fits, on all pages."""
    waiting: int
    cover: int
    """How many of the coming slots would get a post before the first empty one."""


def queue_listing(
    session: Session,
    settings: Settings,
    targets: Mapping[str, Target],
    people: People,
    *,
    now: datetime,
    limit: int = 200,
) -> list[QueueRow]:
    """The posts with a fixed date, by date; then the queue and the reserve in their order.

    At most `limit` of each, because every one is adapted to find its problems.
    """
    waiting = waiting_posts(session)
    days = _outlook(session, settings, now, waiting).days
    shown = [each for each in waiting if each.number <= limit]
    posts = {post.id: post for post in session.scalars(select(Post).where(Post.id.in_([each.id for each in shown])))}
    return [
        QueueRow(
            posts[each.id],
            each.place,
            each.number,
            days.get(each.id),
            problems_of(session, posts[each.id], settings, targets, people, now=now),
        )
        for each in shown
    ]


def queue_page(
    session: Session, settings: Settings, known: KnownProblems, wish: QueueFilter, number: int, *, now: datetime
) -> QueuePage:
    """One page of what `queue_listing` lists, as far as it fits the wish. A number beyond the last means the last."""
    waiting = waiting_posts(session)
    outlook = _outlook(session, settings, now, waiting)
    fitting = _fitting(session, waiting, wish)
    found: Mapping[int, tuple[PostProblem, ...]] = {}
    if wish.with_problems:
        found = _problems(session, settings, known, fitting, now)
        fitting = [each for each in fitting if found[each.id]]
    pages = max(1, -(-len(fitting) // PAGE_SIZE))
    number = min(max(number, 1), pages)
    shown = fitting[(number - 1) * PAGE_SIZE : number * PAGE_SIZE]
    problems = found or _problems(session, settings, known, shown, now)
    posts = _listed(session, shown, outlook.days, problems)
    return QueuePage(posts, number, pages, len(fitting), len(waiting), outlook.cover)


def queue_after(
    session: Session, settings: Settings, known: KnownProblems, after: int | None, limit: int, *, now: datetime
) -> tuple[ListedPost, ...]:
    """At most `limit` of what `queue_listing` lists, from behind the post `after`, else from the beginning.

    Raises PostError: that post does not wait any more, so that nothing stands behind it.
    """
    waiting = waiting_posts(session)
    places = {each.id: place for place, each in enumerate(waiting)}
    if after is not None and after not in places:
        raise PostError(f"post {after} does not wait in the queue any more; read the queue from its beginning")
    begin = 0 if after is None else places[after] + 1
    shown = waiting[begin : begin + limit]
    problems = _problems(session, settings, known, shown, now)
    return _listed(session, shown, _outlook(session, settings, now, waiting).days, problems)


def _listed(
    session: Session,
    shown: Sequence[Waiting],
    days: Mapping[int, date],
    problems: Mapping[int, tuple[PostProblem, ...]],
) -> tuple[ListedPost, ...]:
    pictures = first_pictures(session, [each.id for each in shown])
    return tuple(ListedPost(each, days.get(each.id), pictures.get(each.id), problems[each.id]) for each in shown)


def waiting_posts(session: Session) -> list[Waiting]:
    """All posts that wait, without their texts: the dated ones by date, the queue, the reserve."""
    new = and_(or_(Post.last_shown_on.is_(None), Post.fixed_date.is_not(None)), ~was_picked())
    query = select(*_COLUMNS).where(Post.state != "withdrawn", or_(Post.reserve, new))
    rows: dict[Where, list[Waiting]] = {place: [] for place in PLACES}
    for row in session.execute(query.order_by(Post.fixed_date, Post.position, Post.id)):
        place: Where = "fixed date" if row.fixed_date else "reserve" if row.reserve else "queue"
        listed = rows[place]
        listed.append(
            Waiting(
                row.id,
                row.version,
                row.state,
                row.title,
                row.tags,
                place,
                len(listed) + 1,
                row.fixed_date,
                row.embargo_until,
                row.last_shown_on,
            )
        )
    return [each for place in PLACES for each in rows[place]]


def candidates(waiting: Sequence[Waiting]) -> list[Candidate]:
    """Those of the waiting posts that may be picked, as the projection takes them."""
    return [
        Candidate(each.id, each.place == "reserve", each.fixed_date, each.embargo_until, each.last_shown_on)
        for each in waiting
        if each.state == "approved"
    ]


def place_of(session: Session, settings: Settings, post_id: int, *, now: datetime) -> tuple[Waiting, date | None]:
    """A post that waits, and the next day that it would get. Raises PostError: it does not wait."""
    waiting = waiting_posts(session)
    found = next((each for each in waiting if each.id == post_id), None)
    if found is None:
        raise PostError(f"post {post_id} does not wait in the queue any more")
    return found, _outlook(session, settings, now, waiting).days.get(post_id)


def days_of_cover(session: Session, settings: Settings, now: datetime) -> int:
    """How many of the coming slots would get a post before the first empty one; at most the horizon."""
    coming = islice(project(session, settings, now), HORIZON_DAYS)
    return sum(1 for _ in takewhile(lambda each: each.post_id is not None, coming))


def first_pictures(session: Session, posts: Collection[int]) -> dict[int, str]:
    """The SHA-256 of the first picture of each post that has one."""
    query = select(PostImage.post_id, PostImage.media_sha256).where(PostImage.post_id.in_(posts))
    return {post_id: sha256 for post_id, sha256 in session.execute(query.order_by(PostImage.position.desc()))}


@dataclass(frozen=True, slots=True)
class _Outlook:
    days: Mapping[int, date]
    """By post: the first day that it would get."""
    cover: int


def _outlook(session: Session, settings: Settings, now: datetime, waiting: Sequence[Waiting]) -> _Outlook:
    """Looks ahead until everybody has a day and a day is empty, or to the horizon."""
    ready = candidates(waiting)
    days: dict[int, date] = {}
    cover = HORIZON_DAYS
    for number, each in enumerate(islice(project(session, settings, now, ready), HORIZON_DAYS)):
        if each.post_id is None:
            cover = min(cover, number)
        else:
            days.setdefault(each.post_id, each.slot)
        if len(days) == len(ready) and cover < HORIZON_DAYS:
            break
    return _Outlook(days, cover)


def _fitting(session: Session, waiting: Sequence[Waiting], wish: QueueFilter) -> list[Waiting]:
    said: set[int] | None = None
    if wish.text.strip():
        ids = [each.id for each in waiting]
        said = set(session.scalars(select(Post.id).where(Post.id.in_(ids), says(wish.text))))
    return [
        each
        for each in waiting
        if wish.state in ("", each.state) and wish.place in ("", each.place) and (said is None or each.id in said)
    ]


def _problems(
    session: Session, settings: Settings, known: KnownProblems, posts: Sequence[Waiting], now: datetime
) -> dict[int, tuple[PostProblem, ...]]:
    dated = {each.id: Dated(each.id, each.fixed_date, each.embargo_until) for each in posts if each.fixed_date}
    agenda = Agenda.load(session, {each.fixed_date for each in dated.values()})
    content = known.of(session, {each.id: each.version for each in posts})
    shown = possibly_shown(session, {each.id for each in posts})
    found = {}
    for each in posts:
        of_day = agenda.problems(dated[each.id], settings, now) if each.id in dated else ()
        doubts = (shown[each.id].problem,) if each.id in shown else ()
        found[each.id] = blocking_first((*map(PostProblem, doubts), *map(PostProblem, of_day), *content[each.id]))
    return found
