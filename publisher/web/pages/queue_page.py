"""The queue: which post goes out when, and everything that changes its order."""

from __future__ import annotations

import re
from dataclasses import asdict, dataclass
from datetime import date
from typing import Annotated, Any, Literal
from urllib.parse import parse_qsl, urlencode

from fastapi import APIRouter, Form, Query, Request
from fastapi.responses import RedirectResponse, Response
from pydantic import StringConstraints

from publisher.posts.problem_cache import KnownProblems
from publisher.posts.undo import MAX_POSTS
from publisher.schedule import listing
from publisher.schedule.late_changes import late_changes
from publisher.schedule.listing import QueueFilter
from publisher.schedule.order import After, Before, Down, End, FixedDate, Front, Place, Position, Reserve, Up
from publisher.web.bulk_messages import bulk_for, flash_place, flash_result, last_change, undo_bulk_change
from publisher.web.errors import PageError
from publisher.web.inputs import PostIds, RowId
from publisher.web.pages.calendar_page import calendar_address
from publisher.web.rendering import address, cached_page, desk_of, flash

router = APIRouter()

STATES = (("draft", "Drafts"), ("in_review", "In review"), ("approved", "Approved"), ("problems", "With problems"))
PLACES = (("fixed date", "On a fixed date"), ("queue", "In line"), ("reserve", "Reserve"))
SIMPLE_PLACES: dict[str, Place] = {"up": Up(), "down": Down(), "front": Front(), "end": End(), "reserve": Reserve()}
"""The places that need nothing besides their name."""
Text = Annotated[str, Form(max_length=200)]
SeenVersions = Annotated[
    list[Annotated[str, StringConstraints(pattern=r"^\d{1,9}:\d{1,9}$", max_length=19)]] | None,
    Form(max_length=MAX_POSTS),
]
TICK_FIRST = "Tick the posts first; then choose what to do with them."


@dataclass(frozen=True, slots=True)
class View:
    """Which part of the queue somebody looks at: kept through every change."""

    state: str = ""
    place: str = ""
    text: str = ""
    page: int = 1

    @classmethod
    def of(cls, query: str) -> View:
        """Read from an address; what makes no sense there is left out."""
        given = dict(parse_qsl(query))
        number = given.get("page", "1")
        return cls(
            state=given.get("state", ""),
            place=given.get("place", ""),
            text=given.get("text", "")[:200],
            page=int(number) if re.fullmatch(r"\d{1,4}", number) else 1,
        )

    @property
    def query(self) -> str:
        return urlencode({name: value for name, value in asdict(self).items() if value not in ("", 1)})

    def at(self, number: int) -> str:
        """The query of another page of the same view."""
        return View(self.state, self.place, self.text, number).query

    @property
    def wish(self) -> QueueFilter:
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


def _context(request: Request, view: View, known: KnownProblems) -> dict[str, Any]:
    desk = desk_of(request)
    with desk.database.reading() as session:
        found = listing.queue_page(session, desk.settings, known, view.wish, view.page, now=desk.now())
        changed = late_changes(session)
    shown = [(name, label, [each for each in found.posts if each.post.place == name]) for name, label in PLACES]
    return {
        "found": found,
        "late_changes": changed,
        "groups": [group for group in shown if group[2]],
        "asked": view,
        "view": view.query,
        "states": STATES,
        "places": PLACES,
        **last_change(request),
    }


@router.post("/queue/move")
def move_queued(
    request: Request,
    posts: PostIds = None,
    one: Annotated[str, Form(pattern=r"^(\d{1,9} (up|down|front|end|reserve))?$", max_length=20)] = "",
    to: Text = "",
    number: Annotated[str, Form(pattern=r"^\d{0,6}$", max_length=6)] = "",
    day: Text = "",
    neighbour: Annotated[RowId | None, Form()] = None,
    view: Text = "",
) -> Response:
    """`one`: a post and its place, as the buttons beside it say it; else the ticked posts go `to` a place."""
    if one:
        post, to = one.split()
        posts = [int(post)]
    if not posts:
        return _to_queue(request, view, TICK_FIRST)
    try:
        place = _place(to, number, day, neighbour)
    except PageError as mistake:
        return _to_queue(request, view, str(mistake))
    outcome = bulk_for(request).move(posts, place)
    if len(posts) == 1 and outcome.done:
        flash_place(request, posts[0], outcome)
    else:
        flash_result(request, outcome, "moved")
    return _to_queue(request, view)


@router.post("/queue/approve")
def approve_queued(request: Request, posts: PostIds = None, seen: SeenVersions = None, view: Text = "") -> Response:
    """`seen`: the version of each post that the page showed; a later one is not approved unread."""
    if not posts:
        return _to_queue(request, view, TICK_FIRST)
    versions = {int(post): int(version) for post, _, version in (each.partition(":") for each in seen or ())}
    flash_result(request, bulk_for(request).approve(posts, versions), "approved")
    return _to_queue(request, view)


@router.post("/queue/withdraw")
def withdraw_queued(request: Request, posts: PostIds = None, view: Text = "") -> Response:
    if not posts:
        return _to_queue(request, view, TICK_FIRST)
    flash_result(request, bulk_for(request).withdraw(posts), "withdrawn")
    return _to_queue(request, view)


@router.post("/queue/tag")
def tag_queued(
    request: Request,
    posts: PostIds = None,
    tags: Text = "",
    tagging: Annotated[Literal["add", "remove"], Form()] = "add",
    view: Text = "",
) -> Response:
    named = list(dict.fromkeys(" ".join(tag.split()).lstrip("#") for tag in tags.split(",") if tag.strip(" #")))
    if not posts or not named:
        return _to_queue(request, view, "Write the tags first." if posts else TICK_FIRST)
    bulk = bulk_for(request)
    outcome = bulk.tag(posts, add=named) if tagging == "add" else bulk.tag(posts, remove=named)
    flash_result(request, outcome, "tagged" if tagging == "add" else "without these tags")
    return _to_queue(request, view)


@router.post("/queue/undo")
def undo_change(
    request: Request,
    undo: Annotated[str, Form(max_length=500_000)],
    back: Annotated[Literal["queue", "calendar"], Form()] = "queue",
    view: Text = "",
) -> Response:
    undo_bulk_change(request, undo)
    return _to_queue(request, view) if back == "queue" else RedirectResponse(calendar_address(request, view), 303)


def _place(to: str, number: str, day: str, neighbour: int | None) -> Place:
    if to in SIMPLE_PLACES:
        return SIMPLE_PLACES[to]
    if to in ("before", "after") and neighbour is not None:
        return Before(neighbour) if to == "before" else After(neighbour)
    if to == "position":
        if not number:
            raise PageError("Write the number of the place.")
        return Position(int(number))
    if to == "date":
        return FixedDate(_parse_day(day))
    raise PageError("Choose where the posts shall go.")


def _parse_day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise PageError("Choose a date.") from None


def _to_queue(request: Request, view: str, mistake: str = "") -> Response:
    if mistake:
        flash(request, mistake, "bad")
    query = View.of(view).query
    return RedirectResponse(address(request, "queue") + (f"?{query}" if query else ""), 303)
