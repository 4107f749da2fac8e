"""Serves the calendar: the posts of past days, and those that coming days would get."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from pydantic import BaseModel, ConfigDict, Field

from publisher.posts.drafts import Day
from publisher.schedule.calendar_days import DayKind, calendar_days
from publisher.schedule.slots import slot_day
from publisher.web.api.guard import GuardedRoute, desk_of
from publisher.web.api.problems import FieldProblem, RequestRefused
from publisher.web.api.response_docs import problems, success
from publisher.web.problem_codes import RequestProblem

router = APIRouter(prefix="/calendar", tags=["calendar"], route_class=GuardedRoute)

DEFAULT_SPAN = timedelta(days=30)
MAX_SPAN = timedelta(days=100)


class _FromRow(BaseModel):
    model_config = ConfigDict(from_attributes=True)


class ChannelDay(_FromRow):
    """The delivery of a day's post on one channel."""

    channel: str = Field(examples=["pictures"])
    state: str = Field(examples=["published"])
    link: str = Field(description="Where the post is; empty when it isn't public, or the platform gives no address.")


class EntryOut(_FromRow):
    """A post of a day, or a day without one."""

    kind: DayKind = Field(
        description="`shown`: it was picked; `coming`: it would be; `draft`: fixed to the day and not approved; "
        "`empty` or `missed`: there was no post, or none can be seen for it; `nothing`: before the desk, or too far."
    )
    post_id: int | None
    title: str
    reason: str = Field(description="Why this post: `fixed date`, `queue` or `reserve`.")
    deliveries: list[ChannelDay]


class DayOut(_FromRow):
    day: date
    opens: datetime = Field(description="When its post is picked.")
    entries: list[EntryOut]


class CalendarOut(BaseModel):
    days: list[DayOut]


@router.get("", response_model=CalendarOut, responses={**success(200, "The days, in order."), **problems(422)})
def api_calendar(
    request: Request,
    first: Annotated[Day | None, Query(description="The first day; else today.")] = None,
    last: Annotated[
        Day | None, Query(description="The last day, at most 100 after the first; else 30 after it.")
    ] = None,
) -> Any:
    """Reads the days: who had which post where, and which post each coming day would get."""
    desk = desk_of(request)
    now = desk.now()
    begin = first or slot_day(now, desk.settings.outlet.zone)
    end = last or begin + DEFAULT_SPAN
    if not begin <= end <= begin + MAX_SPAN:
        problem = RequestProblem.TOO_MANY_DAYS(last=end, count=MAX_SPAN.days, first=begin)
        raise RequestRefused(422, problem, errors=[FieldProblem(detail=str(problem), parameter="last")])
    with desk.database.reading() as session:
        days = calendar_days(session, desk.settings, begin, end, now)
    return {"days": [DayOut.model_validate(day) for day in days]}
