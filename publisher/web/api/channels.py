"""Serves the channels: where the outlet publishes, and whether it can."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Path, Request
from pydantic import BaseModel, Field
from sqlalchemy import select

from publisher.db.operations import Channel
from publisher.delivery.act_refusals import ActRefused
from publisher.delivery.problem_codes import ActProblem
from publisher.delivery.row import problem_to_json
from publisher.desk import Desk
from publisher.settings import ChannelSettings
from publisher.web.api.guard import GuardedRoute, desk_of
from publisher.web.api.problems import RecordedProblem
from publisher.web.api.response_docs import problems, success

router = APIRouter(prefix="/channels", tags=["channels"], route_class=GuardedRoute)


class ChannelOut(BaseModel):
    """One account on one platform."""

    name: str = Field(examples=["pictures"])
    platform: str
    account: str = Field(examples=["picture-of-the-day"])
    language: str = Field(examples=["en"])
    hour: str = Field(description="When its followers get the day's post, in the outlet's zone.", examples=["09:00"])
    paused_at: datetime | None = Field(description="Since when it publishes nothing, until a person has mended it.")
    paused_by: str = Field(description="Who paused it. Empty: the desk itself.")
    pause_problem: RecordedProblem | None = Field(description="Why it is paused.")
    next_publish_at: datetime | None = Field(description="Not before this instant: a rate limit, or the pace.")


class ChannelsOut(BaseModel):
    items: list[ChannelOut]


@router.get("", response_model=ChannelsOut, responses={**success(200, "All of them."), **problems()})
def api_channels(request: Request) -> Any:
    """Lists the channels of the configuration."""
    desk = desk_of(request)
    rows = _rows(desk)
    return {"items": [_channel_out(desk, channel, rows[channel.name]) for channel in desk.settings.channels.values()]}


@router.get("/{name}", response_model=ChannelOut, responses={**success(200, "The channel."), **problems(404, 422)})
def api_channel(request: Request, name: Annotated[str, Path(max_length=40, pattern=r"^[a-z0-9_-]+$")]) -> Any:
    """Reads one channel."""
    desk = desk_of(request)
    channel = desk.settings.channels.get(name)
    if channel is None:
        raise ActRefused(ActProblem.NO_CHANNEL, channel=name)
    return _channel_out(desk, channel, _rows(desk)[name])


def _rows(desk: Desk) -> dict[str, Channel]:
    with desk.database.reading() as session:
        return {row.name: row for row in session.scalars(select(Channel))}


def _channel_out(desk: Desk, channel: ChannelSettings, row: Channel) -> dict[str, Any]:
    return {
        "name": channel.name,
        "platform": channel.platform,
        "account": channel.account,
        "language": desk.settings.channel_language(channel),
        "hour": f"{desk.settings.channel_hour(channel):%H:%M}",
        "paused_at": row.paused_at,
        "paused_by": row.paused_by,
        "pause_problem": problem_to_json(row.pause_problem),
        "next_publish_at": row.next_publish_at,
    }
