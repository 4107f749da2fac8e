"""Shows the queue, and moves, approves, withdraws and tags its posts."""

from __future__ import annotations

import re
from dataclasses import asdict, dataclass, replace
from datetime import date
from itertools import pairwise
from typing import Annotated, Any, Literal
from urllib.parse import parse_qsl, urlencode

from fastapi import APIRouter, Depends, Form, Query, Request
from fastapi.responses import Response
from pydantic import StringConstraints

from publisher.core.messages import Message, _
from publisher.core.problems import Problem
from publisher.db.post_search import is_complete
from publisher.posts.problem_cache import ProblemCache
from publisher.posts.search import PostFilter, find_search_matches
from publisher.posts.undo import MAX_POSTS
from publisher.schedule import listing
from publisher.schedule.late_changes import late_changes
from publisher.schedule.order import After, Before, Down, End, FixedDate, Front, Place, Position, Reserve, Up
from publisher.schedule.waiting import QueueFilter
from publisher.web.bulk_messages import (
    APPROVED,
    MOVED,
    TAGGED,
    UNTAGGED,
    WITHDRAWN,
    bulk_for,
    flash_place,
    flash_result,
    last_change,
    undo_bulk_change,
)
from publisher.web.errors import PageError
from publisher.web.field_types import PostIds, RowId
from publisher.web.pages.calendar_page import to_calendar
from publisher.web.rendering import cached_page, desk_of, flash, redirect
from publisher.web.slow_work import in_queue

router = APIRouter()

STATES = (
    ("draft", _("Drafts")),
    ("in_review", _("In review")),
    ("approved", _("Approved")),
    ("problems", _("With problems")),
)
PLACES = (("fixed date", _("On a fixed date")), ("queue", _("In line")), ("reserve", _("Reserve")))
SIMPLE_PLACES: dict[str, Place] = {"up": Up(), "down": Down(), "front": Front(), "end": End(), "reserve": Reserve()}
"""The places that need no number, day or neighbour."""
Field = Annotated[str, Form(max_length=200)]
SeenVersions = Annotated[
    list[Annotated[str, StringConstraints(pattern=r"^\d{1,9}:\d{1,9}$", max_length=19)]] | None,
    Form(max_length=MAX_POSTS),
]
NEAR_PAGES = 4
"""So many pages before and after the present one have a link."""
TICK_FIRST = _("Tick the posts first; then choose what to do with them.")


@dataclass(frozen=True, slots=True)
class View:
    """The part of the queue that a page shows, kept through every change."""

    state: str = ""
    place: str = ""
    text: str = ""
    page: int = 1

    @classmethod
    def of(cls, query: str) -> View:
        """Reads a view from the query of an address, without what makes no sense there."""
        values = dict(parse_qsl(query))
        number = values.get("page", "1")
        return cls(
            state=values.get("state", ""),
            place=values.get("place", ""),
            text=values.get("text", "")[:200],
            page=int(number) if re.fullmatch(r"\d{1,4}", number) else 1,
        )

    @property
    def query(self) -> str:
        return urlencode({name: value for name, value in asdict(self).items() if value not in ("", 1)})

    def at(self, number: int) -> str:
        """Returns the query of another page of the same view."""
        return View(self.state, self.place, self.text, number).query

    @property
    def queue_filter(self) -> QueueFilter:
        with_problems = self.state == "problems"
        state = "" if with_problems else self.state
        return QueueFilter(state=state, place=self.place, text=self.text, with_problems=with_problems)


@router.get("/queue")
def queue(
    request: Request,
    state: Annotated[str, Query(max_length=20)] = "",
    place: Annotated[str, Query(max_length=20)] = "",
    text: Annotated[str, Query(max_length=200)] = "",
    number: Annotated[int, Query(alias="page", ge=1, le=9999)] = 1,
) -> Response:
    view = View(state, place, text, number)
    known = desk_of(request).known_problems
    return cached_page(request, "queue.html", known, lambda: _context(request, view, known))


def _context(request: Request, view: View, known: ProblemCache) -> dict[str, Any]:
    desk = desk_of(request)
    with desk.database.reading() as session:
        queue_page = listing.queue_page(session, desk.settings, known, view.queue_filter, view.page, now=desk.now())
        waiting_changes = late_changes(session)
        matches = find_search_matches(session, [listed.post.id for listed in queue_page.posts], view.text)
        indexed = not view.text.strip() or is_complete(session)
    groups = [
        (name, label, [listed for listed in queue_page.posts if listed.post.place == name]) for name, label in PLACES
    ]
    return {
        "queue_page": queue_page,
        "listed_pages": _listed_pages(queue_page.number, queue_page.pages),
        "late_changes": waiting_changes,
        "matches": matches,
        "mistake": PostFilter(view.text).mistake,
        "indexed": indexed,
        "groups": [group for group in groups if group[2]],
        "filters": view,
        "view": view.query,
        "states": STATES,
        "places": PLACES,
        **last_change(request),
    }


def _listed_pages(number: int, pages: int) -> list[int]:
    """Returns the first page, the last that is known, and those around a page; 0 stands for those left out."""
    near = range(max(1, number - NEAR_PAGES), min(pages, number + NEAR_PAGES) + 1)
    listed = sorted({1, *near, pages})
    return [page for before, page in pairwise([0, *listed]) for page in ([0, page] if page > before + 1 else [page])]


@dataclass(frozen=True, slots=True)
class Destination:
    """The place that the fields of a move name."""

    to: str
    number: str
    day: str
    neighbour: int | None


async def posted_destination(
    to: Field = "",
    number: Annotated[str, Form(pattern=r"^\d{0,6}$", max_length=6)] = "",
    day: Field = "",
    neighbour: Annotated[RowId | None, Form()] = None,
) -> Destination:
    """Reads the fields of a move."""
    return Destination(to, number, day, neighbour)


@router.post("/queue/move")
def move_queued(
    request: Request,
    destination: Annotated[Destination, Depends(posted_destination)],
    posts: PostIds = None,
    one: Annotated[str, Form(pattern=r"^(\d{1,9} (up|down|front|end|reserve))?$", max_length=20)] = "",
    view: Field = "",
) -> Response:
    """Moves posts. `one`: a post and its place, from the buttons beside it; else the ticked posts are moved."""
    if one:
        post, to = one.split()
        posts, destination = [int(post)], replace(destination, to=to)
    if not posts:
        return _to_queue(request, view, TICK_FIRST)
    try:
        place = _place(destination)
    except PageError as mistake:
        return _to_queue(request, view, mistake.text)
    result = bulk_for(request).move(posts, place)
    if len(posts) == 1 and result.done:
        flash_place(request, posts[0], result)
    else:
        flash_result(request, result, MOVED)
    return _to_queue(request, view)


@router.post("/queue/approve")
@in_queue(lambda work: work.approvals)
def approve_queued(request: Request, posts: PostIds = None, seen: SeenVersions = None, view: Field = "") -> Response:
    """Approves posts. `seen`: the version of each post that the page showed; a later one is not approved."""
    if not posts:
        return _to_queue(request, view, TICK_FIRST)
    versions = {int(post): int(version) for post, _colon, version in (pair.partition(":") for pair in seen or ())}
    flash_result(request, bulk_for(request).approve(posts, versions), APPROVED)
    return _to_queue(request, view)


@router.post("/queue/withdraw")
def withdraw_queued(request: Request, posts: PostIds = None, view: Field = "") -> Response:
    if not posts:
        return _to_queue(request, view, TICK_FIRST)
    flash_result(request, bulk_for(request).withdraw(posts), WITHDRAWN)
    return _to_queue(request, view)


@router.post("/queue/tag")
def tag_queued(
    request: Request,
    posts: PostIds = None,
    tags: Field = "",
    tagging: Annotated[Literal["add", "remove"], Form()] = "add",
    view: Field = "",
) -> Response:
    names = list(dict.fromkeys(" ".join(tag.split()).lstrip("#") for tag in tags.split(",") if tag.strip(" #")))
    if not posts or not names:
        return _to_queue(request, view, _("Write the tags first.") if posts else TICK_FIRST)
    bulk = bulk_for(request)
    result = bulk.tag(posts, add=names) if tagging == "add" else bulk.tag(posts, remove=names)
    flash_result(request, result, TAGGED if tagging == "add" else UNTAGGED)
    return _to_queue(request, view)


@router.post("/queue/undo")
@in_queue(lambda work: work.approvals)
def undo_change(
    request: Request,
    undo: Annotated[str, Form(max_length=500_000)],
    back: Annotated[Literal["queue", "calendar"], Form()] = "queue",
    view: Field = "",
) -> Response:
    undo_bulk_change(request, undo)
    return _to_queue(request, view) if back == "queue" else to_calendar(request, view)


def _place(destination: Destination) -> Place:
    to, neighbour = destination.to, destination.neighbour
    if to in SIMPLE_PLACES:
        return SIMPLE_PLACES[to]
    if to in ("before", "after") and neighbour is not None:
        return Before(neighbour) if to == "before" else After(neighbour)
    if to == "position":
        if not destination.number:
            raise PageError(_("Write the number of the place."))
        return Position(int(destination.number))
    if to == "date":
        return FixedDate(_parse_day(destination.day))
    raise PageError(_("Choose a place for the posts."))


def _parse_day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise PageError(_("Choose a date.")) from None


def _to_queue(request: Request, view: str, mistake: Message | Problem | None = None) -> Response:
    if mistake:
        flash(request, mistake, "bad")
    return redirect(request, "queue", View.of(view).query)
