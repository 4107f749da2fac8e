"""Shows what a correction of a published post would change, and corrects it."""

from __future__ import annotations

from datetime import date
from typing import Any

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, Field

from publisher.correcting import (
    MAX_NOTE_LENGTH,
    CorrectionRequest,
    correct_post,
    plan_correction,
)
from publisher.platforms.base import PostPart
from publisher.posts.post_store import load_post
from publisher.web.api.conditions import IfMatch, etag, require_match
from publisher.web.api.guard import GuardedRoute, actor, desk_of
from publisher.web.api.paging import Id
from publisher.web.api.post_models import Changes, PostOut, ProblemOut
from publisher.web.api.problems import RecordedProblem, RequestRefused
from publisher.web.api.response_docs import BODY_STATUSES, ETAG, INPUT_STATUSES, problems, success
from publisher.web.problem_codes import RequestProblem

router = APIRouter(prefix="/posts", tags=["posts"], route_class=GuardedRoute)

CHANGE_PROBLEMS = problems(404, 409, 412, 428, *INPUT_STATUSES)


class CorrectionIn(BaseModel):
    """What is to be corrected of a published post."""

    changes: Changes = Field(
        description="The corrected fields; `language`, `embargo_until` and which pictures it has can't be corrected."
    )
    note: str = Field("", max_length=MAX_NOTE_LENGTH, description="Why, for the history.")


class SeenCorrection(CorrectionIn):
    """A correction that somebody has seen before."""

    seen: str = Field(
        "",
        max_length=32,
        description="The `digest` of the preview that was seen. Where it would be another one, nothing is changed.",
    )


class PartChangeOut(BaseModel):
    """One difference for followers."""

    part: PostPart
    number: int = Field(description="Of the picture, from 1, for an alt text. Else 0.")
    before: str
    after: str
    why_not: RecordedProblem | None = Field(description="Why it can't be corrected there. Null: it is corrected.")


class ChannelCorrectionOut(BaseModel):
    """What a correction changes of one published post on one channel."""

    delivery: int = Field(examples=[42])
    channel: str = Field(examples=["pictures"])
    place: str = Field(description="The channel, and which part of a thread it is.")
    day: date
    url: str | None = Field(description="Where it is public.")
    is_corrected: bool = Field(description="Followers get at least a part of the correction.")
    changes: list[PartChangeOut]
    refusal: RecordedProblem | None = Field(description="Why nothing of it is sent. Null: nothing speaks against it.")


class CorrectionPreview(BaseModel):
    """What a correction would do. Nothing was changed."""

    post: int
    version: int = Field(description="Of the post, as it was when this was made.")
    digest: str = Field(description="Give it as `seen`, so that nothing else is carried out.")
    fields: list[str] = Field(description="The fields of the post's own record that change.")
    channels: list[ChannelCorrectionOut]
    applies_to: list[str] = Field(description="Channels that have not published it yet, and get the corrected text.")
    unsettled: list[str] = Field(description="Channels on which it is not known whether the post is public.")
    new_problems: list[ProblemOut] = Field(
        description="What blocks the corrected text and not the present one: with any, the correction is refused."
    )


class CorrectedPost(PostOut):
    """A post with its corrected text, and what was begun on each channel."""

    deliveries: list[int] = Field(description="Those whose posts are corrected now; read them to see how that ends.")
    channels: list[ChannelCorrectionOut]
    applies_to: list[str] = Field(description="Channels that have not published it yet, and get the corrected text.")
    unsettled: list[str] = Field(description="Channels on which it is not known whether the post is public.")


@router.post(
    "/{post_id}/correction-preview",
    response_model=CorrectionPreview,
    responses={**success(200, "What would change."), **problems(404, 409, *BODY_STATUSES)},
)
def api_preview_correction(request: Request, post_id: Id, correction: CorrectionIn) -> Any:
    """Shows what a correction would change on each channel, and what can't be corrected there, and why."""
    _require_changes(correction)
    plan = plan_correction(desk_of(request), CorrectionRequest(post_id, correction.changes, note=correction.note))
    return plan.to_json()


@router.post(
    "/{post_id}/correction",
    response_model=CorrectedPost,
    responses={**success(200, "It is being corrected.", ETAG), **CHANGE_PROBLEMS, **problems(*BODY_STATUSES)},
)
def api_correct_post(
    request: Request, response: Response, post_id: Id, correction: SeenCorrection, if_match: IfMatch = None
) -> Any:
    """Corrects a published post: its own record, and every channel whose platform allows it. Never a second post."""
    desk = desk_of(request)
    _require_changes(correction)
    with desk.database.reading() as session:
        version = load_post(session, post_id).version
    require_match(if_match, version)
    wanted = CorrectionRequest(
        post_id, correction.changes, note=correction.note, expected_version=version, seen=correction.seen
    )
    result = correct_post(desk, wanted, actor=actor(request))
    with desk.database.reading() as session:
        post = load_post(session, post_id)
    response.headers["ETag"] = etag(post.version)
    begun = result.plan.to_json()
    return {
        **PostOut.of(post).model_dump(),
        "deliveries": list(result.deliveries),
        **{name: begun[name] for name in ("channels", "applies_to", "unsettled")},
    }


def _require_changes(correction: CorrectionIn) -> None:
    if not correction.changes.model_fields_set:
        raise RequestRefused(422, RequestProblem.NOTHING_TO_CHANGE())
