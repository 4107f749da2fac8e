"""Shows the calendar of past and coming posts, and its feed for calendar programs."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from typing import Annotated
from urllib.parse import parse_qsl, urlencode

from fastapi import APIRouter, Form, Query, Request
from fastapi.responses import Response
from sqlalchemy.orm import Session

from publisher.core.date_format import format_moment
from publisher.core.messages import _
from publisher.core.post_limits import MAX_ROW_NUMBER, TOKEN_NAME
from publisher.posts.post_store import load_post
from publisher.schedule.calendar_days import calendar_days
from publisher.schedule.calendar_feed import calendar_feed as feed_of
from publisher.schedule.exchange import coming_day
from publisher.schedule.order import End, FixedDate
from publisher.schedule.slots import slot_day
from publisher.schedule.undated_drafts import undated_drafts
from publisher.schedule.waiting import QueueFilter, WaitingPost, find_waiting, read_waiting
from publisher.settings.channel_names import channel_labels
from publisher.staff import calendar_keys
from publisher.web.bulk_messages import MOVED, bulk_for, flash_places, flash_result, last_change
from publisher.web.errors import NotFound
from publisher.web.field_types import RowId
from publisher.web.rendering import address, desk_of, flash, page, redirect

router = APIRouter()

YEARS = range(1990, 2100)
WEEK = timedelta(days=7)
MAX_CHOICES = 50
"""So many posts can be chosen for a day; the others are moved from the queue."""
SOME_MONDAY = date(2026, 5, 4)
Text = Annotated[str, Query(max_length=20)]
Field = Annotated[str, Form(max_length=200)]


@dataclass(frozen=True, slots=True)
class Span:
    """The days of one page: a month or a week."""

    first: date
    is_week: bool

    @classmethod
    def of(cls, month: str, week: str, today: date) -> Span:
        """Returns the month `2026-05`, else the week of the day `2026-05-12`, else the present month."""
        day = _parse_day(f"{month}-01") if month else _parse_day(week)
        if day is None:
            return cls(today.replace(day=1), False)
        return cls(day, False) if month else cls(day - timedelta(days=day.weekday()), True)

    @property
    def last(self) -> date:
        return self.first + timedelta(days=6) if self.is_week else self.next.first - timedelta(days=1)

    @property
    def first_shown(self) -> date:
        """The Monday of the first week, which may be of the month before."""
        return self.first - timedelta(days=self.first.weekday())

    @property
    def last_shown(self) -> date:
        """The Sunday of the last week."""
        return self.last + timedelta(days=6 - self.last.weekday())

    @property
    def next(self) -> Span:
        """Returns the next month or week."""
        step = WEEK if self.is_week else timedelta(days=32)
        return self._at(self.first + step)

    @property
    def previous(self) -> Span:
        return self._at(self.first - (WEEK if self.is_week else timedelta(days=1)))

    @property
    def query(self) -> str:
        return urlencode({"week": self.first.isoformat()} if self.is_week else {"month": f"{self.first:%Y-%m}"})

    @property
    def title(self) -> str:
        """The name of the month or week, for the present reader."""
        if not self.is_week:
            return format_moment(self.first, "month")
        first, last = format_moment(self.first, "day-month"), format_moment(self.last, "day-month-year")
        return str(_("{first} to {last}", first=first, last=last))

    def other(self, today: date) -> Span:
        """Returns the week in place of a month, or the month in place of a week."""
        day = today if self.first <= today <= self.last else self.first
        return Span(day.replace(day=1), False) if self.is_week else Span(day - timedelta(days=day.weekday()), True)

    def _at(self, day: date) -> Span:
        return Span(day if self.is_week else day.replace(day=1), self.is_week)


@router.get("/calendar")
def calendar(
    request: Request,
    month: Text = "",
    week: Text = "",
    post: Annotated[int, Query(ge=0, le=MAX_ROW_NUMBER)] = 0,
    day: Text = "",
) -> Response:
    """Shows a month or week. `post` and `day`: the first values of the form for a fixed date."""
    return _page(request, Span.of(month, week, _today(request)), post=post, day=day)


def _page(request: Request, span: Span, *, post: int = 0, day: str = "", feed: str = "") -> Response:
    desk = desk_of(request)
    today = _today(request)
    with desk.database.reading() as session:
        days = calendar_days(session, desk.settings, span.first_shown, span.last_shown, desk.now())
        waiting = _choices(session, post)
        keys = calendar_keys.calendar_keys(session, request.state.session.person_id)
        tray = undated_drafts(session)
    return page(
        request,
        "calendar.html",
        here="calendar",
        span=span,
        other=span.other(today),
        present=Span.of("", today.isoformat() if span.is_week else "", today),
        days=days,
        monday=today - timedelta(days=today.weekday()),
        channel_labels=channel_labels(desk.settings),
        tray=tray,
        weekdays=[format_moment(SOME_MONDAY + timedelta(days=number), "weekday") for number in range(7)],
        waiting=waiting[:MAX_CHOICES],
        more_wait=len(waiting) > MAX_CHOICES,
        chosen_post=post,
        chosen_day=day,
        keys=keys,
        feed=feed,
        view=span.query,
        **last_change(request),
    )


def _choices(session: Session, chosen: int) -> list[WaitingPost]:
    """Returns the first posts that can get a day, one more than are listed; the chosen one comes first."""
    posts: list[WaitingPost] = []
    for place in ("fixed date", "queue"):
        posts += read_waiting(session, QueueFilter(place=place), 0, MAX_CHOICES + 1 - len(posts))
    if not chosen or any(post.id == chosen for post in posts[:MAX_CHOICES]):
        return posts
    post = find_waiting(session, chosen)
    return posts if post is None else [post, *posts]


@router.post("/calendar/place")
def place_post(
    request: Request,
    post: Annotated[RowId, Form()],
    day: Field = "",
    undated: Annotated[bool, Form()] = False,
    swap: Annotated[str, Form(pattern=r"^(any|\d{1,9})?$", max_length=9)] = "",
    view: Field = "",
) -> Response:
    """Gives a post a fixed day; `undated`: moves it to the end of the queue.

    `swap`: where another post has that day, the two change places: `any`, or only the one with this id.
    """
    fixed_day = _parse_day(day)
    if fixed_day is None and not undated:
        flash(request, _("Choose the day that the post goes out on."), "bad")
        return to_calendar(request, view)
    there = None if undated or fixed_day is None else _neighbour(request, post, fixed_day)
    if swap and there is not None:
        if swap not in ("any", str(there.other or ""), str(post)):
            flash(request, _("The post of that day has changed meanwhile: look at the day, then choose again."), "bad")
            return to_calendar(request, view)
        if there.other is not None and there.exchanges:
            return _exchange(request, post, there.other, view)
    result = bulk_for(request).move([post], End() if undated or fixed_day is None else FixedDate(fixed_day))
    if result.done:
        moved_on = [there.other] if there is not None and there.moves_on and there.other is not None else []
        flash_places(request, [post, *moved_on], result)
    else:
        flash_result(request, result, MOVED)
    return to_calendar(request, view)


@dataclass(frozen=True, slots=True)
class _Neighbour:
    """Says what becomes of the post of a day on which another one is put."""

    other: int | None = None
    """The post of the day that could have another day; None: there is none."""
    exchanges: bool = False
    """The two change places."""
    moves_on: bool = False
    """It is in line, and its turn comes later."""


def _neighbour(request: Request, post_id: int, day: date) -> _Neighbour:
    """Finds out what becomes of the post of a day on which another post is put.

    What has no day of its own to give takes the day: from a post in line, whose turn comes later, but from none with
    a fixed day. A draft takes nothing, since it may never be approved: a post in line goes out until then, and two
    drafts wait for one day.
    """
    desk = desk_of(request)
    now = desk.now()
    with desk.database.reading() as session:
        [shown] = calendar_days(session, desk.settings, day, day, now)
        post = load_post(session, post_id)
        other = next((entry for entry in shown.entries if entry.movable), None)
        if other is None or other.post_id == post_id:
            return _Neighbour()
        has_day = not post.reserve and coming_day(session, desk.settings, post, now) is not None
    is_approved = post.state == "approved"
    if other.reason == "queue":
        exchanges = has_day and is_approved
        return _Neighbour(other.post_id, exchanges, moves_on=is_approved and not exchanges)
    return _Neighbour(other.post_id, exchanges=not post.reserve and (has_day or other.kind != "draft"))


def _exchange(request: Request, post: int, other: int, view: str) -> Response:
    result = bulk_for(request).exchange(post, other)
    if result.done:
        flash_places(request, result.done, result)
    else:
        flash_result(request, result, MOVED)
    return to_calendar(request, view)


@router.post("/calendar/keys")
def make_calendar_key(request: Request, name: Annotated[str, Form(max_length=TOKEN_NAME)] = "") -> Response:
    """Makes a calendar key, and shows its secret address once."""
    desk = desk_of(request)
    person = request.state.session.person_id
    key = calendar_keys.new_calendar_key(desk.database, person, name, now=desk.now())
    feed = f"{_origin(request)}{address(request, 'calendar_feed')}?{urlencode({'key': key})}"
    return _page(request, Span.of("", "", _today(request)), feed=feed)


@router.post("/calendar/keys/{key_id}/revoke")
def drop_calendar_key(request: Request, key_id: int) -> Response:
    desk = desk_of(request)
    calendar_keys.revoke_calendar_key(desk.database, request.state.session.person_id, key_id, now=desk.now())
    flash(request, _("That address shows nothing any more."), "note")
    return redirect(request, "calendar")


@router.get("/calendar.ics")
def calendar_feed(request: Request, key: Annotated[str, Query(max_length=200)] = "") -> Response:
    """Returns the feed for calendar programs, which identify themselves by the key in the address."""
    desk = desk_of(request)
    if calendar_keys.person_of_key(desk.database, key, desk.now()) is None:
        raise NotFound(_("This calendar address does not work any more; make a new one on the calendar page."))
    origin = _origin(request)
    with desk.database.reading() as session:
        feed = feed_of(
            session,
            desk.settings,
            desk.now(),
            lambda post: origin + address(request, "edit_post_page", post_id=post),
        )
    return Response(feed, media_type="text/calendar; charset=utf-8")


def to_calendar(request: Request, view: str) -> Response:
    """Redirects to the calendar at the span that the query `view` names."""
    query = dict(parse_qsl(view))
    span = Span.of(query.get("month", ""), query.get("week", ""), _today(request))
    return redirect(request, "calendar", span.query)


def _origin(request: Request) -> str:
    return f"{request.url.scheme}://{request.url.netloc}"


def _today(request: Request) -> date:
    desk = desk_of(request)
    return slot_day(desk.now(), desk.settings.outlet.zone)


def _parse_day(text: str) -> date | None:
    """Parses a day of a plausible year; None for anything else."""
    try:
        day = date.fromisoformat(text)
    except ValueError:
        return None
    return day if day.year in YEARS else None
