"""Lists, reads, adds and changes posts, and has them reviewed, approved and withdrawn."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Query, Request, Response
from fastapi.responses import JSONResponse
from sqlalchemy.orm import Session

from publisher.db.models import Post
from publisher.desk import Desk
from publisher.posts.drafts import FIRST_YEAR, LAST_YEAR
from publisher.posts.post_store import load_post
from publisher.posts.problems import PostProblem
from publisher.posts.search import PostFilter, find_posts
from publisher.schedule.approval import every_problem
from publisher.web.api import idempotency
from publisher.web.api.conditions import IfMatch, IfNoneMatch, etag, is_known, not_modified, require_match
from publisher.web.api.guard import GuardedRoute, desk_of, holder_of_request, queue_of
from publisher.web.api.paging import After, Id, Limit, Page, Text, next_page
from publisher.web.api.post_models import (
    ApprovedPost,
    Changes,
    CreatedPost,
    EditedPost,
    NewPost,
    PostOut,
    PostSummary,
    ProblemOut,
)
from publisher.web.api.problems import RequestRefused
from publisher.web.api.response_docs import BODY_STATUSES, ETAG, INPUT_STATUSES, LOCATION, problems, success
from publisher.web.problem_codes import RequestProblem
from publisher.web.slow_work import in_queue

router = APIRouter(prefix="/posts", tags=["posts"], route_class=GuardedRoute)

CHANGE_PROBLEMS = problems(404, 409, 412, 428, *INPUT_STATUSES)


async def body_of(request: Request) -> bytes:
    """Returns the body as it was sent."""
    return await request.body()


Words = Annotated[str, Query(max_length=200, pattern=r"^[^\x00]*$")]


async def asked_filter(
    year: Annotated[int | None, Query(ge=FIRST_YEAR, le=LAST_YEAR, description="Shown last in this year.")] = None,
    tag: Words = "",
    person: Annotated[Words, Query(description="Who wrote it or is credited.")] = "",
    credit: Words = "",
    licence: Words = "",
    platform: Annotated[Words, Query(description="The name of a platform where it is published.")] = "",
) -> PostFilter:
    """Reads what else the address selects by."""
    return PostFilter(year=year, tag=tag, person=person, credit=credit, licence=licence, platform=platform)


@router.get(
    "", response_model=Page[PostSummary], responses={**success(200, "Posts, the newest first."), **problems(422)}
)
def api_posts(
    request: Request,
    narrowed: Annotated[PostFilter, Depends(asked_filter)],
    text: Text = "",
    state: Annotated[
        Literal["", "draft", "in_review", "approved", "withdrawn", "shown"], Query(description="Only those.")
    ] = "",
    after: After = None,
    limit: Limit = 50,
) -> Any:
    """Lists posts, those of the queue and those that were shown: the newest first, or what fits the words best.

    `text` takes words, a phrase in quotes, the beginning of a word with a star, and words of one field:
    `title:` `alt:` `credit:` `tag:` `by:` `licence:` `person:`.
    """
    criteria = replace(narrowed, text=text, state=state)
    criteria.check()
    with desk_of(request).database.reading() as session:
        posts = find_posts(session, criteria=criteria, before=after, limit=limit)
    return {"items": posts, "next": next_page(request, posts, posts[-1].id if posts else 0, limit)}


@router.post(
    "",
    status_code=201,
    response_model=CreatedPost,
    responses={**success(201, "It is a draft now.", ETAG, LOCATION), **problems(409, 503, *BODY_STATUSES)},
)
def api_create_post(
    request: Request, post: NewPost, body: Annotated[bytes, Depends(body_of)], key: idempotency.Key = None
) -> Response:
    """Adds a post as a draft. With an `Idempotency-Key` it can be sent again without adding it twice."""
    desk = desk_of(request)
    if key is None:
        return _created_response(request, _add(request, post))
    claimed = idempotency.begin(desk.database, holder_of_request(request).person.id, key, body, desk.now())
    if isinstance(claimed, dict):
        return _created_response(request, claimed)
    try:
        body_of_answer = _add(request, post, lambda session, answer: idempotency.finish(session, claimed, answer))
    except Exception:
        idempotency.release(desk.database, claimed)
        raise
    return _created_response(request, body_of_answer)


def _add(
    request: Request,
    draft: NewPost,
    keep: Callable[[Session, dict[str, Any]], None] | None = None,
) -> dict[str, Any]:
    """Adds the post, and returns the body of the answer, which `keep` stores in the same transaction."""
    answer: dict[str, Any] = {}

    def build_answer(session: Session, post: Post, _repeats: Sequence[object]) -> None:
        warnings = [str(problem) for problem in every_problem(session, post, desk_of(request))]
        answer.update(CreatedPost.of(post, warnings=warnings).model_dump(mode="json"))
        if keep is not None:
            keep(session, answer)

    queue_of(request).add(draft, also_write=build_answer)
    return answer


def _created_response(request: Request, answer: dict[str, Any]) -> Response:
    headers = {"ETag": etag(answer["version"]), "Location": f"{request.url.path}/{answer['id']}"}
    return JSONResponse(answer, 201, headers)


@router.get(
    "/{post_id}",
    response_model=PostOut,
    responses={
        **success(200, "The post.", ETAG),
        304: {"description": "You have this version already."},
        **problems(404, *INPUT_STATUSES),
    },
)
def api_post(request: Request, response: Response, post_id: Id, if_none_match: IfNoneMatch = None) -> Any:
    """Reads one post, whole."""
    post = _load(desk_of(request), post_id)
    if is_known(if_none_match, post.version):
        return not_modified(post.version)
    response.headers["ETag"] = etag(post.version)
    return PostOut.of(post)


@router.get(
    "/{post_id}/problems",
    response_model=list[ProblemOut],
    responses={**success(200, "Blocking problems first."), **problems(404, *INPUT_STATUSES)},
)
def api_post_problems(request: Request, post_id: Id) -> Any:
    """Lists what staff should know before the post goes out, as every face of the desk shows it."""
    return [ProblemOut.of(problem) for problem in _problems(desk_of(request), post_id)]


@router.patch(
    "/{post_id}",
    response_model=EditedPost,
    responses={**success(200, "It is changed.", ETAG), **CHANGE_PROBLEMS, **problems(503, *BODY_STATUSES)},
)
def api_change_post(
    request: Request, response: Response, post_id: Id, changes: Changes, if_match: IfMatch = None
) -> Any:
    """Changes the given fields. An approved post goes back to review; one that was picked goes out as it was
    approved, until somebody approves the change."""
    desk = desk_of(request)
    if not changes.model_fields_set:
        raise RequestRefused(422, RequestProblem.NOTHING_TO_CHANGE())
    version = _matched_version(desk, post_id, if_match)
    outcome = queue_of(request).edit(post_id, changes, expected_version=version)
    return _post_out(
        response,
        desk,
        post_id,
        EditedPost,
        back_to_review=outcome.back_to_review,
        applies_to=outcome.applies_to,
        too_late=outcome.too_late,
        warnings=[str(problem) for problem in _problems(desk, post_id)],
    )


@router.post(
    "/{post_id}/review",
    response_model=PostOut,
    responses={**success(200, "An editor can approve it now.", ETAG), **CHANGE_PROBLEMS},
)
def api_ask_review(request: Request, response: Response, post_id: Id, if_match: IfMatch = None) -> Any:
    """Gives a draft to review."""
    desk = desk_of(request)
    version = _matched_version(desk, post_id, if_match)
    queue_of(request).ask_for_review(post_id, expected_version=version)
    return _post_out(response, desk, post_id)


@router.post(
    "/{post_id}/approval",
    response_model=ApprovedPost,
    responses={
        **success(200, "It goes out when its turn comes.", ETAG),
        **CHANGE_PROBLEMS,
        **problems(503, *BODY_STATUSES),
    },
)
@in_queue(lambda work: work.approvals)
def api_approve_post(
    request: Request,
    response: Response,
    post_id: Id,
    if_match: IfMatch = None,
    repeat_is_meant: Annotated[
        bool, Query(description="Approve it although another post shows the same picture or text.")
    ] = False,
) -> Any:
    """Approves a post, which goes out when its turn comes. What blocks it is a problem with `errors`.

    Every channel's pictures are made first, which may take seconds; one that can't be made blocks.
    """
    desk = desk_of(request)
    version = _matched_version(desk, post_id, if_match)
    approval = queue_of(request).approve(post_id, expected_version=version, repeat_is_meant=repeat_is_meant)
    return _post_out(
        response,
        desk,
        post_id,
        ApprovedPost,
        remarks=[ProblemOut.of(remark) for remark in approval.remarks],
        applies_to=approval.reach.applies_to,
        too_late=approval.reach.too_late,
    )


@router.post(
    "/{post_id}/withdrawal",
    response_model=PostOut,
    responses={**success(200, "It does not go out.", ETAG), **CHANGE_PROBLEMS},
)
def api_withdraw_post(request: Request, response: Response, post_id: Id, if_match: IfMatch = None) -> Any:
    """Takes a post out of the queue or the reserve. Approving it brings it back."""
    desk = desk_of(request)
    version = _matched_version(desk, post_id, if_match)
    queue_of(request).withdraw(post_id, expected_version=version)
    return _post_out(response, desk, post_id)


def _load(desk: Desk, post_id: int) -> Post:
    with desk.database.reading() as session:
        return load_post(session, post_id)


def _problems(desk: Desk, post_id: int) -> tuple[PostProblem, ...]:
    with desk.database.reading() as session:
        return every_problem(session, load_post(session, post_id), desk)


def _matched_version(desk: Desk, post_id: int, if_match: str | None) -> int:
    """Returns the present version, which `If-Match` must name. Raises RequestRefused."""
    version = _load(desk, post_id).version
    require_match(if_match, version)
    return version


def _post_out(response: Response, desk: Desk, post_id: int, kind: type[PostOut] = PostOut, **more: Any) -> Any:
    """Returns the post as it is after a change."""
    post = _load(desk, post_id)
    response.headers["ETag"] = etag(post.version)
    return kind.of(post, **more)
