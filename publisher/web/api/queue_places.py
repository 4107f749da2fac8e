"""Lists the posts that wait with their days, and moves them."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from publisher.posts.drafts import Day
from publisher.posts.post_store import load_post
from publisher.schedule import order
from publisher.schedule.listing import ListedPost, place_of, queue_after
from publisher.schedule.waiting import QueuePart
from publisher.web.api.conditions import IfMatch, etag, require_match
from publisher.web.api.guard import GuardedRoute, desk_of, queue_of
from publisher.web.api.paging import MAX_ID, After, Id, Limit, Page, next_page
from publisher.web.api.post_models import ProblemOut
from publisher.web.api.response_docs import BODY_STATUSES, ETAG, problems, success

router = APIRouter(prefix="/queue", tags=["queue"], route_class=GuardedRoute)

PostId = Annotated[int, Field(ge=1, le=MAX_ID, description="The id of a post that waits there.")]

SIMPLE_PLACES: dict[str, order.Place] = {"front": order.Front(), "end": order.End(), "reserve": order.Reserve()}
"""The places that need no number, day or neighbour."""


class _Destination(BaseModel):
    model_config = ConfigDict(extra="forbid")


class ToEnd(_Destination):
    """To the front or the end of the queue, or to the end of the reserve."""

    to: Literal["front", "end", "reserve"]


class ToPosition(_Destination):
    """To a number in the queue."""

    to: Literal["position"]
    number: int = Field(ge=1, le=1_000_000, description="Counted from 1; beyond the end means the end.")


class ToNeighbour(_Destination):
    """Before or after another post."""

    to: Literal["before", "after"]
    post: PostId


class ToDate(_Destination):
    """To a fixed day, out of the order."""

    to: Literal["date"]
    day: Day


Destination = Annotated[ToEnd | ToPosition | ToNeighbour | ToDate, Field(discriminator="to")]


class Placed(BaseModel):
    """The place of a post that waits."""

    id: int = Field(examples=[17])
    version: int = Field(description="The post's version: its `ETag`.")
    state: str = Field(examples=["approved"])
    title: str
    place: QueuePart = Field(description="On a fixed date, in the queue or in the reserve.")
    number: int = Field(description="Counted from 1 in each of the three places.")
    projected: date | None = Field(
        description="The next day that it would get if nobody touched the queue any more; null for a draft."
    )


class QueueEntry(Placed):
    """A post that waits."""

    tags: list[str]
    problems: list[ProblemOut]

    @classmethod
    def of(cls, listed: ListedPost) -> QueueEntry:
        post = listed.post
        return cls(
            id=post.id,
            version=post.version,
            state=post.state,
            title=post.title,
            place=post.place,
            number=post.number,
            projected=listed.projected,
            tags=post.tags,
            problems=[ProblemOut.of(problem) for problem in listed.problems],
        )


@router.get(
    "", response_model=Page[QueueEntry], responses={**success(200, "Posts in their order."), **problems(409, 422)}
)
def api_queue(request: Request, after: After = None, limit: Limit = 50) -> Any:
    """Lists the posts that wait: those with a fixed date, then the queue, then the reserve."""
    desk = desk_of(request)
    with desk.database.reading() as session:
        entries = queue_after(session, desk.settings, desk.known_problems, after, limit, now=desk.now())
    last = entries[-1].post.id if entries else 0
    return {"items": [QueueEntry.of(entry) for entry in entries], "next": next_page(request, entries, last, limit)}


@router.put(
    "/{post_id}",
    response_model=Placed,
    responses={**success(200, "It has its place.", ETAG), **problems(404, 409, 412, 428, *BODY_STATUSES)},
)
def api_move_post(
    request: Request, response: Response, post_id: Id, destination: Destination, if_match: IfMatch = None
) -> Any:
    """Gives a post another place. What it says, its approval and the order of the others stay."""
    desk = desk_of(request)
    with desk.database.reading() as session:
        version = load_post(session, post_id).version
    require_match(if_match, version)
    queue_of(request).move(post_id, _place_of(destination), expected_version=version)
    with desk.database.reading() as session:
        post, projected = place_of(session, desk.settings, post_id, now=desk.now())
    response.headers["ETag"] = etag(post.version)
    return Placed(
        id=post.id,
        version=post.version,
        state=post.state,
        title=post.title,
        place=post.place,
        number=post.number,
        projected=projected,
    )


def _place_of(destination: ToEnd | ToPosition | ToNeighbour | ToDate) -> order.Place:
    match destination:
        case ToPosition():
            return order.Position(destination.number)
        case ToNeighbour():
            return order.Before(destination.post) if destination.to == "before" else order.After(destination.post)
        case ToDate():
            return order.FixedDate(destination.day)
    return SIMPLE_PLACES[destination.to]
