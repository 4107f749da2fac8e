"""Lists and reads deliveries, and retries, adopts and cancels one."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Query, Request, Response
from pydantic import BaseModel, ConfigDict, Field, StrictBool

from publisher import retrying
from publisher.core.states import AttemptOutcome, CorrectionState, State
from publisher.db.models import Delivery
from publisher.delivery import operate
from publisher.delivery.act_refusals import ActRefused
from publisher.delivery.adopt import AdoptionRequest, adopt
from publisher.delivery.listing import DeliveryFilter, find_deliveries, load_delivery_history
from publisher.delivery.problem_codes import ActProblem
from publisher.delivery.row import version_of
from publisher.desk import Desk
from publisher.posts.drafts import WrittenDate
from publisher.web.api.conditions import IfMatch, etag, require_match
from publisher.web.api.guard import GuardedRoute, actor, desk_of
from publisher.web.api.paging import After, Id, Limit, Page, Text, next_page
from publisher.web.api.post_models import AdaptedOut
from publisher.web.api.problems import RecordedProblem
from publisher.web.api.response_docs import BODY_STATUSES, ETAG, INPUT_STATUSES, problems, success
from publisher.web.slow_work import in_queue

router = APIRouter(prefix="/deliveries", tags=["deliveries"], route_class=GuardedRoute)

CHANGE_PROBLEMS = problems(404, 409, 412, 428, *INPUT_STATUSES)


class DeliveryOut(BaseModel):
    """One pick going to one channel, or one reply that continues it."""

    id: int = Field(examples=[42])
    version: str = Field(description="Its `ETag`: changes with its state and with every claim.", examples=["held.3"])
    day: date = Field(description="The slot that its post was picked for.")
    channel: str = Field(examples=["pictures"])
    part: int = Field(description="1 is the post; from 2 on, the replies that continue it.", examples=[1])
    state: State
    post_id: int | None = Field(examples=[17])
    title: str
    language: str = Field(description="The language of its text, such as `en`.")
    scheduled_at: datetime = Field(description="When followers should have it.")
    expires_at: datetime = Field(description="From when it is too late.")
    published_at: datetime | None
    next_try_at: datetime | None = Field(description="When it is looked at next, where it waits for the clock.")
    url: str | None = Field(description="Where it is public.")
    remote_id: str | None
    idempotency_key: str | None = Field(description="What makes a second request harmless or findable.")
    may_be_public: bool = Field(description="The outcome of a request is unknown: trying again could post it twice.")
    problem: RecordedProblem | None = Field(description="What is wrong. Null: nothing.")


class AttemptOut(BaseModel):
    """One try: a send, a look-up or a read-back."""

    kind: str = Field(examples=["send"])
    started_at: datetime
    ended_at: datetime | None
    outcome: AttemptOutcome | None = Field(description="How it ended; null while it runs.")
    status: int | None = Field(description="The platform's HTTP status.")
    request_id: str | None
    detail: str = Field(description="What the platform answered, or the links of posts that were found.")
    problem: RecordedProblem | None = Field(description="What was wrong. Null: nothing.")
    worker: str
    fence: int = Field(description="Which claim of the delivery it belongs to.")
    cost_usd: float = Field(description="Its price, as far as the platform's prices are known.")


class EventOut(BaseModel):
    """A change of the delivery's state, or an act of a person."""

    at: datetime
    name: str = Field(examples=["delivery held"])
    actor: str = Field(description="Who did it. Empty: the desk.")
    problem: RecordedProblem | None = Field(description="What was wrong. Null: nothing.")
    detail: dict[str, Any] = Field(description="What else is known about it.")


class CorrectionOut(BaseModel):
    """A correction of a published post."""

    id: int
    state: CorrectionState
    post_version: int = Field(description="The version of the post that it was made from.")
    actor: str = Field(description="Who decided it.")
    note: str = Field(description="Why, in their words.")
    created_at: datetime
    ended_at: datetime | None = Field(description="When it was over; null: it is not.")
    problem: RecordedProblem | None = Field(description="Why the last try did not correct the post. Null: nothing.")
    after: AdaptedOut = Field(description="What followers are to have.")


class WholeDelivery(DeliveryOut):
    """A delivery with its history, and with exactly what was sent or will be."""

    adapted: AdaptedOut = Field(description="What the channel got, or will get.")
    attempts: list[AttemptOut]
    events: list[EventOut]
    corrections: list[CorrectionOut] = Field(description="Of the published post, the newest first.")


class RetryRequest(BaseModel):
    """The body of a retry."""

    model_config = ConfigDict(extra="forbid")

    i_have_looked: StrictBool = Field(
        default=False,
        description="You looked on the platform, and it is not there: needed where it may be public already.",
    )


class AdoptRequest(BaseModel):
    """The body of an adoption."""

    model_config = ConfigDict(extra="forbid")

    link: str = Field(
        max_length=2000,
        pattern=r"^[^\x00]*$",
        description="The address of the post that is public, in any form that its platform has, or its id.",
        examples=["4711"],
    )
    unread: StrictBool = Field(
        default=False,
        description="A person sees the post: adopt it also where the platform can't be asked for it.",
    )


class AdoptedDelivery(WholeDelivery):
    """A delivery whose record is a post that was public already."""

    was_read: bool = Field(description="The post was read. Otherwise it is compared with what was to be sent later.")
    differences: list[str] = Field(description="What followers see otherwise than it was to be sent.")


async def queried_filter(
    day: Annotated[WrittenDate | None, Query(description="Only of this day.")] = None,
    channel: Annotated[str, Query(max_length=40, pattern=r"^[a-z0-9_-]*$", description="Only on this channel.")] = "",
    state: Annotated[State | Literal[""], Query(description="Only in this state.")] = "",
    text: Text = "",
) -> DeliveryFilter:
    """Reads the filter of a query."""
    return DeliveryFilter(day=day, channel=channel, states=(state,) if state else (), text=text.strip())


@router.get(
    "",
    response_model=Page[DeliveryOut],
    responses={**success(200, "Deliveries, the newest day first."), **problems(422)},
)
def api_deliveries(
    request: Request,
    delivery_filter: Annotated[DeliveryFilter, Depends(queried_filter)],
    after: After = None,
    limit: Limit = 50,
) -> Any:
    """Lists deliveries: the newest day first, and within a day by channel and part."""
    with desk_of(request).database.reading() as session:
        rows = find_deliveries(session, delivery_filter, after=after, limit=limit)
    return {
        "items": [row.to_json() for row in rows],
        "next": next_page(request, rows, rows[-1].id if rows else 0, limit),
    }


@router.get(
    "/{delivery_id}",
    response_model=WholeDelivery,
    responses={**success(200, "The delivery.", ETAG), **problems(404, *INPUT_STATUSES)},
)
def api_delivery(request: Request, response: Response, delivery_id: Id) -> Any:
    """Reads one delivery with its tries."""
    return _delivery_out(response, desk_of(request), delivery_id)


@router.post(
    "/{delivery_id}/retry",
    response_model=WholeDelivery,
    responses={
        **success(200, "It goes out as soon as a worker takes it.", ETAG),
        **CHANGE_PROBLEMS,
        **problems(*BODY_STATUSES),
    },
)
def api_retry_delivery(
    request: Request, response: Response, delivery_id: Id, retry_request: RetryRequest, if_match: IfMatch = None
) -> Any:
    """Lets a delivery that waits for a person try again."""
    desk = desk_of(request)
    version = _matched_version(desk, delivery_id, if_match)
    retrying.retry(desk, delivery_id, actor=actor(request), i_have_looked=retry_request.i_have_looked, seen=version)
    return _delivery_out(response, desk, delivery_id)


@router.post(
    "/{delivery_id}/adopt",
    response_model=AdoptedDelivery,
    responses={
        **success(200, "Recorded as published; it is not posted again.", ETAG),
        **CHANGE_PROBLEMS,
        **problems(503, *BODY_STATUSES),
    },
)
@in_queue(lambda work: work.network)
def api_adopt_delivery(
    request: Request, response: Response, delivery_id: Id, adopt_request: AdoptRequest, if_match: IfMatch = None
) -> Any:
    """Records a post that is public already for the delivery. It is read first, and must be the channel's own."""
    desk = desk_of(request)
    version = _matched_version(desk, delivery_id, if_match)
    adoption_request = AdoptionRequest(delivery_id, adopt_request.link, seen=version, unread=adopt_request.unread)
    adoption = adopt(desk.database, desk.channels, adoption_request, now=desk.now(), actor=actor(request))
    return {
        **_delivery_out(response, desk, delivery_id),
        "was_read": adoption.was_read,
        "differences": [*map(str, adoption.differences)],
    }


@router.post(
    "/{delivery_id}/cancel",
    response_model=WholeDelivery,
    responses={**success(200, "It does not go out on this channel.", ETAG), **CHANGE_PROBLEMS},
)
def api_cancel_delivery(request: Request, response: Response, delivery_id: Id, if_match: IfMatch = None) -> Any:
    """Cancels a delivery."""
    desk = desk_of(request)
    version = _matched_version(desk, delivery_id, if_match)
    operate.cancel(desk.database, delivery_id, now=desk.now(), actor=actor(request), seen=version)
    return _delivery_out(response, desk, delivery_id)


def _matched_version(desk: Desk, delivery_id: int, if_match: str | None) -> str:
    """Returns the present version, which `If-Match` must name. Raises RequestRefused or ActRefused."""
    with desk.database.reading() as session:
        row = session.get(Delivery, delivery_id)
    if row is None:
        raise ActRefused(ActProblem.NO_DELIVERY, delivery=delivery_id)
    version = version_of(row)
    require_match(if_match, version)
    return version


def _delivery_out(response: Response, desk: Desk, delivery_id: int) -> dict[str, Any]:
    with desk.database.reading() as session:
        history = load_delivery_history(session, delivery_id)
    if history is None:
        raise ActRefused(ActProblem.NO_DELIVERY, delivery=delivery_id)
    response.headers["ETag"] = etag(history.row.version)
    return history.to_json()
