"""The queue: which posts wait, on which days they would go out, and their places."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from publisher.posts.drafts import Day
from publisher.posts.post_store import load_post
from publisher.schedule import order
from publisher.schedule.listing import ListedPost, Where, place_of, queue_after
from publisher.web.api.answers import ETAG, WITH_BODY, problems, success
from publisher.web.api.conditions import IfMatch, etag, require_match
from publisher.web.api.guard import GuardedRoute, desk_of, queue_of
from publisher.web.api.paging import LARGEST, After, Id, Limit, Page, next_page
from publisher.web.api.post_models import ProblemOut

router = APIRouter(prefix="/queue", tags=["queue"], route_class=GuardedRoute)

PostId = Annotated[int, Field(ge=1, le=LARGEST, description="The id of a post that waits there.")]

PLACES: dict[str, order.Place] = {"front": order.Front(), "end": order.End(), "reserve": order.Reserve()}
"""Those that need nothing besides their name."""


class _Wish(BaseModel):
    model_config = ConfigDict(extra="forbid")


class ToEnd(_Wish):
    """Before all others, at the end of the queue from wherever it was, or at the end of the reserve."""

    to: Literal["front", "end", "reserve"]


class ToPosition(_Wish):
    to: Literal["position"]
    number: int = Field(ge=1, le=1_000_000, description="Counted from 1; beyond the end means the end.")


class ToNeighbour(_Wish):
    to: Literal["before", "after"]
    post: PostId


class ToDate(_Wish):
    """Out of the order, on exactly this day."""

    to: Literal["date"]
    day: Day


Wish = Annotated[ToEnd | ToPosition | ToNeighbour | ToDate, Field(discriminator="to")]


class Placed(BaseModel):
    """Where a post waits."""

    id: int = Field(examples=[17])
    version: int = Field(description="The post's version: its `ETag`.")
    state: str = Field(examples=["approved"])
    title: str
    place: Where = Field(description="On a fixed date, in the queue or in the reserve.")
    number: int = Field(description="Counted from 1 in each of the three places.")
    projected: date | None = Field(
        description="The next day that it would get if nobody touched the queue any more; null for a draft."
    )


class QueueEntry(Placed):
    """A post that waits."""

    tags: list[str]
    problems: list[ProblemOut]

    @classmethod
    def of(cls, each: ListedPost) -> QueueEntry:
        post = each.post
        return cls(
            id=post.id,
            version=post.version,
            state=post.state,
            title=post.title,
            place=post.place,
            number=post.number,
            projected=each.projected,
            tags=post.tags,
            problems=[ProblemOut.of(problem) for problem in each.problems],
        )


@router.get(
    "", response_model=Page[QueueEntry], responses={**success(200, "Posts in their order."), **problems(409, 422)}
)
def api_queue(request: Request, after: After = None, limit: Limit = 50) -> Any:
    """List the posts that wait: those with a fixed date, then the queue, then the reserve."""
    desk = desk_of(request)
    with desk.database.reading() as session:
        found = queue_after(session, desk.settings, desk.known_problems, after, limit, now=desk.now())
    last = found[-1].post.id if found else 0
    return {"items": [QueueEntry.of(each) for each in found], "next": next_page(request, found, last, limit)}


@router.put(
    "/{post_id}",
    response_model=Placed,
    responses={**success(200, "It has its place.", ETAG), **problems(404, 409, 412, 428, *WITH_BODY)},
)
def api_move_post(request: Request, response: Response, post_id: Id, wish: Wish, if_match: IfMatch = None) -> Any:
    """Give a post another place. What it says, its approval and the order of the others stay."""
    desk = desk_of(request)
    with desk.database.reading() as session:
        version = load_post(session, post_id).version
    require_match(if_match, version)
    queue_of(request).move(post_id, _place(wish), expected_version=version)
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


def _place(wish: ToEnd | ToPosition | ToNeighbour | ToDate) -> order.Place:
    match wish:
        case ToPosition():
            return order.Position(wish.number)
        case ToNeighbour():
            return order.Before(wish.post) if wish.to == "before" else order.After(wish.post)
        case ToDate():
            return order.FixedDate(wish.day)
    return PLACES[wish.to]
