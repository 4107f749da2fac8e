"""Lists the archive's pictures without an alt text, in the order in which they are needed, and stores one at a time.

Every alt text on a desk was written by a person: here, or by whoever made the source of an import; the desk has no
program that writes any. So a picture has one when the text is not empty and no file name, which is what cameras and
other programs leave. Approval waits for the same.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from sqlalchemy import ColumnElement, Select, TextClause, and_, func, not_, select, true, tuple_
from sqlalchemy.orm import Session

from publisher.adapt.problem_codes import AdaptProblem
from publisher.core.alt_texts import is_alt_text, is_file_name
from publisher.core.content import ImageChoices
from publisher.core.messages import _
from publisher.core.value_range import WindowChoice
from publisher.db.models import IN_RESERVE, WITHOUT_ALT_TEXT, Media, Post, PostImage
from publisher.posts.channel_texts import write_channels
from publisher.posts.desk_parts import DeskParts
from publisher.posts.drafts import PostChanges, check_input
from publisher.posts.errors import PostError, PostNotFound
from publisher.posts.post_store import load_post
from publisher.posts.posts import EditOutcome
from publisher.posts.versions import content_of
from publisher.schedule.post_queue import PostQueue

PAGE_SIZE = 50
FIRST_DAY = date(1, 1, 1)


@dataclass(frozen=True, slots=True)
class PicturePlace:
    """Names a picture of a post."""

    post_id: int
    picture: int
    """Counted from 1."""


@dataclass(frozen=True, slots=True)
class PictureWithoutAltText:
    """Holds what a list shows of a picture that lacks an alt text."""

    post_id: int
    picture: int
    """Its number in the post, counted from 1."""
    title: str
    language: str
    file_name: str
    last_shown_on: date | None
    reserve: bool
    """It is shown again once it has an alt text and somebody approves its post."""
    sha256: str
    window: WindowChoice | None
    channels: str
    """How staff chose to merge its colour channels, as in the address of a thumbnail."""

    @property
    def place(self) -> PicturePlace:
        return PicturePlace(self.post_id, self.picture)


@dataclass(frozen=True, slots=True)
class YearProgress:
    """Holds how many pictures of one year have an alt text."""

    year: int | None
    """The year in which followers saw them last. None: they wait in the reserve and were never shown."""
    pictures: int
    missing: int

    @property
    def done(self) -> int:
        return self.pictures - self.missing


@dataclass(frozen=True, slots=True)
class Progress:
    """Holds how many pictures of the archive have an alt text, by year, the newest first."""

    years: tuple[YearProgress, ...]

    @property
    def pictures(self) -> int:
        return sum(year.pictures for year in self.years)

    @property
    def missing(self) -> int:
        return sum(year.missing for year in self.years)

    @property
    def done(self) -> int:
        return self.pictures - self.missing


@dataclass(frozen=True, slots=True)
class Deadline:
    """Holds how much is left until the day by which every picture must have an alt text."""

    day: date
    days_left: int
    """Negative: the day is over."""
    missing: int

    @property
    def a_day(self) -> int:
        """How many pictures a day it takes from now on."""
        return -(-self.missing // max(1, self.days_left))


@dataclass(frozen=True, slots=True)
class NewAltText:
    """Holds what a person wrote for a picture, and the version of the post that they saw."""

    place: PicturePlace
    text: str
    expected_version: int | None = None


def alt_text_progress(session: Session) -> Progress:
    """Counts the pictures that followers have seen, and those of the reserve, by the year they were shown last."""
    # Both are read from an index of their own, whose days are put together here.
    pictures, missing = _count_by_year(session, true()), _count_by_year(session, WITHOUT_ALT_TEXT)
    years = (YearProgress(year, pictures[year], missing[year]) for year in pictures)
    return Progress(tuple(sorted(years, key=lambda counted: -(counted.year or 0))))


def _count_by_year(session: Session, which: ColumnElement[bool] | TextClause) -> Counter[int | None]:
    by_day = select(Post.last_shown_on, func.count()).join(PostImage, PostImage.post_id == Post.id).where(which)
    shown = by_day.where(Post.last_shown_on.is_not(None)).group_by(Post.last_shown_on)
    waiting = by_day.where(Post.last_shown_on.is_(None), IN_RESERVE).group_by(Post.last_shown_on)
    counted: Counter[int | None] = Counter()
    for day, number in (*session.execute(shown), *session.execute(waiting)):
        counted[None if day is None else day.year] += number
    return counted


def deadline_of(day: date | None, today: date, missing: int) -> Deadline | None:
    """Returns what is left until the outlet's deadline; None: it has none."""
    return None if day is None else Deadline(day, (day - today).days, missing)


def list_missing(
    session: Session, *, after: PicturePlace | None = None, limit: int = PAGE_SIZE
) -> list[PictureWithoutAltText]:
    """Lists pictures without an alt text: those of the reserve in its order, then the newest shown.

    `after`: only those behind this picture, whether it has an alt text by now or not.
    """
    last = _find(session, after) if after else None
    listed: list[PictureWithoutAltText] = []
    for of_reserve in (True, False):
        if last is not None and of_reserve and not last.of_reserve:
            continue
        query = _missing(of_reserve).limit(limit - len(listed))
        if last is not None and last.of_reserve == of_reserve:
            here, there = tuple_(*_order(of_reserve)), tuple_(*last.key)
            query = query.where(here > there if of_reserve else here < there)
        listed += [_listed(row) for row in session.execute(query)]
        if len(listed) >= limit:
            break
    return listed


def next_missing(session: Session, place: PicturePlace) -> PictureWithoutAltText | None:
    """Returns the picture without an alt text after this one, else the first other one; None: there is no other."""
    behind = list_missing(session, after=place, limit=1)
    from_start = behind or [other for other in list_missing(session, limit=2) if other.place != place]
    return from_start[0] if from_start else None


def write_alt_text(desk: DeskParts, new: NewAltText, *, actor: str) -> EditOutcome:
    """Gives a picture its alt text, as an edit of its post: a new version; an approved post goes back to review.

    Raises:
        PostError: the text says nothing or is too long, there is no such picture, or somebody changed the post since
            the expected version. Then nothing was changed.
    """
    text, number = new.text.strip(), new.place.picture
    if not is_alt_text(text):
        problem = AdaptProblem.ALT_TEXT_IS_FILE_NAME if is_file_name(text) else AdaptProblem.NO_ALT_TEXT
        raise PostError(problem(picture=number))
    with desk.database.reading() as session:
        post = load_post(session, new.place.post_id)
        if not 1 <= number <= len(post.images):
            raise PictureNotFound(_("post {post} has no picture {picture}", post=post.id, picture=number))
        pictures = [picture.model_dump(exclude={"file"}) for picture in content_of(post).images]
    pictures[number - 1]["alt_text"] = text
    changes = check_input(PostChanges, {"images": pictures})
    return PostQueue(desk, actor).edit(post.id, changes, expected_version=new.expected_version or post.version)


class PictureNotFound(PostNotFound):
    """Says that a post has no picture with this number."""

    code = "picture-not-found"


@dataclass(frozen=True, slots=True)
class _Position:
    of_reserve: bool
    key: tuple[Any, ...]


def _in_reserve() -> ColumnElement[bool]:
    return and_(Post.state != "withdrawn", Post.reserve.is_(true()), Post.fixed_date.is_(None))


def _order(of_reserve: bool) -> Sequence[ColumnElement[Any]]:
    """Returns the order of each group: ascending for the reserve, descending for what was shown."""
    if of_reserve:
        return (
            func.coalesce(Post.last_shown_on, FIRST_DAY, type_=Post.last_shown_on.type),
            Post.position.expression,
            Post.id.expression,
            PostImage.position.expression,
        )
    return Post.last_shown_on.expression, Post.id.expression, -PostImage.position


def _missing(of_reserve: bool) -> Select[Any]:
    columns = (
        Post.id, PostImage.position, Post.title, Post.language, Media.file_name, Post.last_shown_on, _in_reserve(),
        Media.sha256, PostImage.choices,
    )  # fmt: skip
    of_group = _in_reserve() if of_reserve else and_(Post.last_shown_on.is_not(None), not_(_in_reserve()))
    query = select(*columns).join_from(PostImage, Post, Post.id == PostImage.post_id).join(Media)
    order = _order(of_reserve)
    return query.where(WITHOUT_ALT_TEXT, of_group).order_by(
        *(order if of_reserve else (column.desc() for column in order))
    )


def _listed(row: Any) -> PictureWithoutAltText:
    post_id, position, title, language, file_name, last_shown_on, reserve, sha256, choices = row
    chosen = ImageChoices.model_validate(choices)
    channels = write_channels(choices.get("colour_channels"))
    return PictureWithoutAltText(
        post_id, position + 1, title, language, file_name, last_shown_on, bool(reserve), sha256, chosen.window, channels
    )


def _find(session: Session, place: PicturePlace) -> _Position | None:
    """Returns where a picture stands in the list, or would stand without its alt text; None: it is not there."""
    for of_reserve in (True, False):
        of_group = _in_reserve() if of_reserve else and_(Post.last_shown_on.is_not(None), not_(_in_reserve()))
        query = select(*_order(of_reserve)).select_from(PostImage).join(Post, Post.id == PostImage.post_id)
        of_picture = (Post.id == place.post_id, PostImage.position == place.picture - 1)
        if (row := session.execute(query.where(of_group, *of_picture)).first()) is not None:
            return _Position(of_reserve, tuple(row))
    return None
