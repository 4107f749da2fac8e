"""Lists the waiting posts with the day that each would get, and their problems."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from itertools import islice

from sqlalchemy import select
from sqlalchemy.orm import Session

from publisher.adapt.posts import Target
from publisher.adapt.text.mentions import PeopleDirectory
from publisher.core.messages import _
from publisher.core.value_range import WindowChoice
from publisher.db.models import Post, PostImage
from publisher.posts.channel_texts import write_channels
from publisher.posts.errors import PostError
from publisher.posts.possibly_shown import possibly_shown
from publisher.posts.problem_cache import ProblemCache
from publisher.posts.problems import PostProblem, blocking_first
from publisher.posts.repeats import repeats_of_stored
from publisher.schedule.cover import Cover, cover_of
from publisher.schedule.fixed_dates import Agenda, DatedPost
from publisher.schedule.projection import ProjectedDay, project
from publisher.schedule.waiting import (
    ANY_POST,
    QUEUE_PARTS,
    Count,
    QueueFilter,
    QueuePart,
    WaitingPost,
    count_waiting,
    estimate_waiting,
    find_waiting,
    read_waiting,
    read_waiting_after,
)
from publisher.settings import Settings

PAGE_SIZE = 50
BATCH = 1000
LISTED = 30
"""So many posts of each place a command lists unless it is told otherwise: each of them is adapted."""
EXAMINED = 200
"""Among so many posts a page looks for those with problems."""
MAX_COUNTED = 10_000
"""Of more posts it is only said that there are more."""


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
class QueueListing:
    """Holds the first waiting posts of each place, and how many coming days have a post."""

    rows: tuple[QueueRow, ...]
    cover: Cover


@dataclass(frozen=True, slots=True)
class FirstPicture:
    """Names the first picture of a post, for a thumbnail."""

    sha256: str
    window: WindowChoice | None = None
    """What staff chose to show of a picture with more than 8 bits."""
    channels: str = ""
    """How staff chose to merge its colour channels, as in the address of a thumbnail."""


@dataclass(frozen=True, slots=True)
class ListedPost:
    """Holds a waiting post as a page shows it."""

    post: WaitingPost
    projected: date | None
    """The next day that the post would get; None for a draft, or beyond the horizon."""
    picture: FirstPicture | None
    problems: tuple[PostProblem, ...]


@dataclass(frozen=True, slots=True)
class QueuePage:
    """Holds one page of the queue."""

    posts: tuple[ListedPost, ...]
    number: int
    has_next: bool
    matching: Count
    """How many posts the filter selects, on all pages; of those with problems it is not known."""
    waiting: Count
    cover: int
    """How many of the coming slots would get a post before the first empty one."""
    unrepeated: int
    """How many of these come before a post is shown a second time."""
    examined: range | None = None
    """Where only posts with problems are shown: the posts, counted from 1, that this page was chosen from."""

    @property
    def pages(self) -> int:
        """How many pages there are, as far as their posts were counted."""
        size = PAGE_SIZE if self.examined is None else EXAMINED
        return max(self.number + self.has_next, -(-self.matching.number // size))


def queue_listing(
    session: Session,
    settings: Settings,
    targets: Mapping[str, Target],
    people: PeopleDirectory,
    *,
    now: datetime,
    limit: int = LISTED,
) -> QueueListing:
    """Lists the posts with a fixed date, by date; then the queue and the reserve in their order.

    At most `limit` of each, because every post is adapted to find its problems.
    """
    coming = tuple(project(session, settings, now))
    days = _first_days(coming)
    listed = [row for place in QUEUE_PARTS for row in read_waiting(session, QueueFilter(place=place), 0, limit)]
    posts = {
        post.id: post
        # A database takes some ten thousand values in one statement.
        for batch in batched((row.id for row in listed), BATCH)
        for post in session.scalars(select(Post).where(Post.id.in_(batch)))
    }
    problems: dict[int, tuple[PostProblem, ...]] = {}
    cache = ProblemCache(targets, people)
    for start in range(0, len(listed), BATCH):
        problems |= _problems(session, settings, cache, listed[start : start + BATCH], now)
    rows = (QueueRow(posts[row.id], row.place, row.number, days.get(row.id), problems[row.id]) for row in listed)
    return QueueListing(tuple(rows), cover_of(coming))


def batched(numbers: Iterable[int], size: int) -> Iterator[list[int]]:
    """Yields the numbers in lists of at most `size`."""
    remaining = iter(numbers)
    while batch := list(islice(remaining, size)):
        yield batch


def queue_page(
    session: Session, settings: Settings, cache: ProblemCache, criteria: QueueFilter, number: int, *, now: datetime
) -> QueuePage:
    """Returns one page of the posts that the filter selects. A number beyond the last page means the last page.

    Posts with problems are looked for among `EXAMINED` posts a page, because each of them is adapted.
    """
    size = EXAMINED if criteria.with_problems else PAGE_SIZE
    posts = read_waiting(session, criteria, (number - 1) * size, size + 1)
    matching = estimate_waiting(session, criteria, MAX_COUNTED)
    if not posts and number > 1:
        number = max(1, -(-count_waiting(session, criteria, number * size) // size))
        posts = read_waiting(session, criteria, (number - 1) * size, size + 1)
    shown, has_next = posts[:size], len(posts) > size
    problems = _problems(session, settings, cache, shown, now)
    examined = None
    if criteria.with_problems:
        examined = range((number - 1) * size + 1, (number - 1) * size + len(shown) + 1)
        shown = [post for post in shown if problems[post.id]]
    forecast = _forecast(session, settings, now)
    waiting = matching if criteria.is_any else estimate_waiting(session, ANY_POST, MAX_COUNTED)
    listed = _listed(session, shown, forecast.days, problems)
    return QueuePage(listed, number, has_next, matching, waiting, forecast.cover, forecast.unrepeated, examined)


def queue_after(
    session: Session, settings: Settings, cache: ProblemCache, after: int | None, limit: int, *, now: datetime
) -> tuple[ListedPost, ...]:
    """Returns at most `limit` waiting posts, those behind the post `after`, else from the beginning.

    Raises PostError: that post does not wait any more, so that no post is behind it.
    """
    shown = read_waiting(session, ANY_POST, 0, limit) if after is None else read_waiting_after(session, after, limit)
    if shown is None:
        raise PostError(
            _("post {post} does not wait in the queue any more; read the queue from its beginning", post=after)
        )
    problems = _problems(session, settings, cache, shown, now)
    return _listed(session, shown, _forecast(session, settings, now).days, problems)


def _listed(
    session: Session,
    shown: Sequence[WaitingPost],
    days: Mapping[int, date],
    problems: Mapping[int, tuple[PostProblem, ...]],
) -> tuple[ListedPost, ...]:
    pictures = first_pictures(session, [post.id for post in shown])
    return tuple(ListedPost(post, days.get(post.id), pictures.get(post.id), problems[post.id]) for post in shown)


def place_of(session: Session, settings: Settings, post_id: int, *, now: datetime) -> tuple[WaitingPost, date | None]:
    """Returns a waiting post and the next day that it would get. Raises PostError: it does not wait."""
    post = find_waiting(session, post_id)
    if post is None:
        raise PostError(_("post {post} does not wait in the queue any more", post=post_id))
    if post.state != "approved":
        return post, None
    return post, next((day.slot for day in project(session, settings, now) if day.post_id == post_id), None)


def first_pictures(session: Session, posts: Collection[int]) -> dict[int, FirstPicture]:
    """Returns the first picture of each post that has one."""
    query = select(PostImage.post_id, PostImage.media_sha256, PostImage.choices).where(PostImage.post_id.in_(posts))
    return {
        post_id: FirstPicture(sha256, choices.get("window"), write_channels(choices.get("colour_channels")))
        for post_id, sha256, choices in session.execute(query.order_by(PostImage.position.desc()))
    }


@dataclass(frozen=True, slots=True)
class _Forecast:
    """Holds the day that each waiting post would get, and the days of cover."""

    days: Mapping[int, date]
    """By post: the first day that it would get, of those that get one within the horizon."""
    cover: int
    unrepeated: int
    """The days of cover before the reserve shows a post again."""


def unrepeated_days(coming: Iterable[ProjectedDay]) -> int:
    """Counts the days before the first one that is empty or shows a post of a former one again."""
    seen: set[int] = set()
    for day in coming:
        if day.post_id is None or day.post_id in seen:
            break
        seen.add(day.post_id)
    return len(seen)


def _first_days(coming: Iterable[ProjectedDay]) -> dict[int, date]:
    days: dict[int, date] = {}
    for day in coming:
        if day.post_id is not None:
            days.setdefault(day.post_id, day.slot)
    return days


def _forecast(session: Session, settings: Settings, now: datetime) -> _Forecast:
    coming = tuple(project(session, settings, now))
    return _Forecast(_first_days(coming), cover_of(coming).days, unrepeated_days(coming))


def _problems(
    session: Session, settings: Settings, cache: ProblemCache, posts: Sequence[WaitingPost], now: datetime
) -> dict[int, tuple[PostProblem, ...]]:
    dated = {post.id: DatedPost(post.id, post.fixed_date, post.embargo_until) for post in posts if post.fixed_date}
    agenda = Agenda.load(session, {post.fixed_date for post in dated.values()})
    content_problems = cache.of(session, {post.id: post.version for post in posts})
    shown = possibly_shown(session, {post.id for post in posts})
    repeated = repeats_of_stored(session, [post.id for post in posts])
    problems = {}
    for post in posts:
        date_problems = agenda.problems(dated[post.id], settings, now) if post.id in dated else ()
        doubts = (shown[post.id].problem,) if post.id in shown else ()
        queue_problems = map(PostProblem, (*doubts, *date_problems))
        problems[post.id] = blocking_first((*queue_problems, *repeated[post.id], *content_problems[post.id]))
    return problems
