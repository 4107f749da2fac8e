"""Lists the waiting posts with the day that each would get, and their problems."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from itertools import islice, takewhile
from typing import Literal

from sqlalchemy import and_, or_, select
from sqlalchemy.orm import Session

from publisher.adapt.posts import Target
from publisher.adapt.text.mentions import PeopleDirectory
from publisher.core.messages import _
from publisher.db.models import Post, PostImage
from publisher.posts.errors import PostError
from publisher.posts.possibly_shown import possibly_shown
from publisher.posts.post_store import was_picked
from publisher.posts.problem_cache import ProblemCache
from publisher.posts.problems import PostProblem, blocking_first
from publisher.posts.search import has_words
from publisher.schedule.approval import post_problems
from publisher.schedule.fixed_dates import Agenda, DatedPost
from publisher.schedule.projection import Candidate, project
from publisher.settings import Settings

HORIZON_DAYS = 730
"""How many days ahead are projected."""
PAGE_SIZE = 50

QueuePart = Literal["fixed date", "queue", "reserve"]
QUEUE_PARTS: tuple[QueuePart, ...] = ("fixed date", "queue", "reserve")


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
    """Holds a waiting post with its place, its day and its problems."""

    post: Post
    place: QueuePart
    number: int
    """Counted from 1 in each of the three places."""
    projected: date | None
    """The next day that the post would get; None for a draft, or beyond the horizon."""
    problems: tuple[PostProblem, ...]


@dataclass(frozen=True, slots=True)
class WaitingPost:
    """Holds a waiting post, without its texts."""

    id: int
    version: int
    state: str
    title: str
    tags: list[str]
    place: QueuePart
    number: int
    """Counted from 1 in each of the three places."""
    fixed_date: date | None
    embargo_until: datetime | None
    last_shown_on: date | None


@dataclass(frozen=True, slots=True)
class QueueFilter:
    """Selects posts of the queue. Empty: any."""

    state: str = ""
    place: str = ""
    text: str = ""
    with_problems: bool = False

    @property
    def is_any(self) -> bool:
        """Decides whether the filter selects all posts."""
        return self == QueueFilter()


@dataclass(frozen=True, slots=True)
class ListedPost:
    """Holds a waiting post as a page shows it."""

    post: WaitingPost
    projected: date | None
    """The next day that the post would get; None for a draft, or beyond the horizon."""
    picture: str | None
    """The SHA-256 of its first picture."""
    problems: tuple[PostProblem, ...]


@dataclass(frozen=True, slots=True)
class QueuePage:
    """Holds one page of the queue."""

    posts: tuple[ListedPost, ...]
    number: int
    pages: int
    matching: int
    """How many posts the filter selects, on all pages."""
    waiting: int
    cover: int
    """How many of the coming slots would get a post before the first empty one."""


def queue_listing(
    session: Session,
    settings: Settings,
    targets: Mapping[str, Target],
    people: PeopleDirectory,
    *,
    now: datetime,
    limit: int = 200,
) -> list[QueueRow]:
    """Lists the posts with a fixed date, by date; then the queue and the reserve in their order.

    At most `limit` of each, because every post is adapted to find its problems.
    """
    waiting = waiting_posts(session)
    days = _forecast(session, settings, now, waiting).days
    listed = [row for row in waiting if row.number <= limit]
    posts = {post.id: post for post in session.scalars(select(Post).where(Post.id.in_([row.id for row in listed])))}
    return [
        QueueRow(
            posts[row.id],
            row.place,
            row.number,
            days.get(row.id),
            post_problems(session, posts[row.id], settings, targets, people, now=now),
        )
        for row in listed
    ]


def queue_page(
    session: Session, settings: Settings, cache: ProblemCache, queue_filter: QueueFilter, number: int, *, now: datetime
) -> QueuePage:
    """Returns one page of the posts that the filter selects. A number beyond the last page means the last page."""
    waiting = waiting_posts(session)
    forecast = _forecast(session, settings, now, waiting)
    matching = _matching(session, waiting, queue_filter)
    problems: Mapping[int, tuple[PostProblem, ...]] = {}
    if queue_filter.with_problems:
        problems = _problems(session, settings, cache, matching, now)
        matching = [post for post in matching if problems[post.id]]
    pages = max(1, -(-len(matching) // PAGE_SIZE))
    number = min(max(number, 1), pages)
    shown = matching[(number - 1) * PAGE_SIZE : number * PAGE_SIZE]
    problems = problems or _problems(session, settings, cache, shown, now)
    posts = _listed(session, shown, forecast.days, problems)
    return QueuePage(posts, number, pages, len(matching), len(waiting), forecast.cover)


def queue_after(
    session: Session, settings: Settings, cache: ProblemCache, after: int | None, limit: int, *, now: datetime
) -> tuple[ListedPost, ...]:
    """Returns at most `limit` waiting posts, those behind the post `after`, else from the beginning.

    Raises PostError: that post does not wait any more, so that no post is behind it.
    """
    waiting = waiting_posts(session)
    indexes = {post.id: index for index, post in enumerate(waiting)}
    if after is not None and after not in indexes:
        raise PostError(
            _("post {post} does not wait in the queue any more; read the queue from its beginning", post=after)
        )
    begin = 0 if after is None else indexes[after] + 1
    shown = waiting[begin : begin + limit]
    problems = _problems(session, settings, cache, shown, now)
    return _listed(session, shown, _forecast(session, settings, now, waiting).days, problems)


def _listed(
    session: Session,
    shown: Sequence[WaitingPost],
    days: Mapping[int, date],
    problems: Mapping[int, tuple[PostProblem, ...]],
) -> tuple[ListedPost, ...]:
    pictures = first_pictures(session, [post.id for post in shown])
    return tuple(ListedPost(post, days.get(post.id), pictures.get(post.id), problems[post.id]) for post in shown)


def waiting_posts(session: Session) -> list[WaitingPost]:
    """Lists all waiting posts, without their texts: those with a fixed date by date, the queue, the reserve."""
    new = and_(or_(Post.last_shown_on.is_(None), Post.fixed_date.is_not(None)), ~was_picked())
    query = select(*_COLUMNS).where(Post.state != "withdrawn", or_(Post.reserve, new))
    rows: dict[QueuePart, list[WaitingPost]] = {place: [] for place in QUEUE_PARTS}
    for row in session.execute(query.order_by(Post.fixed_date, Post.position, Post.id)):
        place: QueuePart = "fixed date" if row.fixed_date else "reserve" if row.reserve else "queue"
        listed = rows[place]
        listed.append(
            WaitingPost(
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
    return [post for place in QUEUE_PARTS for post in rows[place]]


def candidates(waiting: Sequence[WaitingPost]) -> list[Candidate]:
    """Returns those of the waiting posts that may be picked, as the projection takes them."""
    return [
        Candidate(post.id, post.place == "reserve", post.fixed_date, post.embargo_until, post.last_shown_on)
        for post in waiting
        if post.state == "approved"
    ]


def place_of(session: Session, settings: Settings, post_id: int, *, now: datetime) -> tuple[WaitingPost, date | None]:
    """Returns a waiting post and the next day that it would get. Raises PostError: it does not wait."""
    waiting = waiting_posts(session)
    post = next((post for post in waiting if post.id == post_id), None)
    if post is None:
        raise PostError(_("post {post} does not wait in the queue any more", post=post_id))
    return post, _forecast(session, settings, now, waiting).days.get(post_id)


def days_of_cover(session: Session, settings: Settings, now: datetime) -> int:
    """Counts the coming slots that would get a post before the first empty one; at most the horizon."""
    coming = islice(project(session, settings, now), HORIZON_DAYS)
    return sum(1 for _ in takewhile(lambda day: day.post_id is not None, coming))


def first_pictures(session: Session, posts: Collection[int]) -> dict[int, str]:
    """Returns the SHA-256 of the first picture of each post that has one."""
    query = select(PostImage.post_id, PostImage.media_sha256).where(PostImage.post_id.in_(posts))
    return {post_id: sha256 for post_id, sha256 in session.execute(query.order_by(PostImage.position.desc()))}


@dataclass(frozen=True, slots=True)
class _Forecast:
    """Holds the day that each waiting post would get, and the days of cover."""

    days: Mapping[int, date]
    """By post: the first day that it would get."""
    cover: int


def _forecast(session: Session, settings: Settings, now: datetime, waiting: Sequence[WaitingPost]) -> _Forecast:
    """Projects until every post has a day and a day is empty, or to the horizon."""
    ready = candidates(waiting)
    days: dict[int, date] = {}
    cover = HORIZON_DAYS
    for number, day in enumerate(islice(project(session, settings, now, ready), HORIZON_DAYS)):
        if day.post_id is None:
            cover = min(cover, number)
        else:
            days.setdefault(day.post_id, day.slot)
        if len(days) == len(ready) and cover < HORIZON_DAYS:
            break
    return _Forecast(days, cover)


def _matching(session: Session, waiting: Sequence[WaitingPost], queue_filter: QueueFilter) -> list[WaitingPost]:
    with_text: set[int] | None = None
    if queue_filter.text.strip():
        ids = [post.id for post in waiting]
        with_text = set(session.scalars(select(Post.id).where(Post.id.in_(ids), has_words(queue_filter.text))))
    return [
        post
        for post in waiting
        if queue_filter.state in ("", post.state)
        and queue_filter.place in ("", post.place)
        and (with_text is None or post.id in with_text)
    ]


def _problems(
    session: Session, settings: Settings, cache: ProblemCache, posts: Sequence[WaitingPost], now: datetime
) -> dict[int, tuple[PostProblem, ...]]:
    dated = {post.id: DatedPost(post.id, post.fixed_date, post.embargo_until) for post in posts if post.fixed_date}
    agenda = Agenda.load(session, {post.fixed_date for post in dated.values()})
    content_problems = cache.of(session, {post.id: post.version for post in posts})
    shown = possibly_shown(session, {post.id for post in posts})
    problems = {}
    for post in posts:
        date_problems = agenda.problems(dated[post.id], settings, now) if post.id in dated else ()
        doubts = (shown[post.id].problem,) if post.id in shown else ()
        own_problems = map(PostProblem, (*doubts, *date_problems))
        problems[post.id] = blocking_first((*own_problems, *content_problems[post.id]))
    return problems
