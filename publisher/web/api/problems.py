"""What the API answers when it can't do what was asked: problem details, RFC 9457."""

from __future__ import annotations

import re
import secrets
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, Field
from starlette.exceptions import HTTPException
from starlette.routing import Match, Route

from publisher.core.logs import get_logger
from publisher.core.post_limits import describe_limit
from publisher.delivery.act_refusals import Face, Reason, Refused
from publisher.media import MediaError
from publisher.posts.errors import MachineTrouble, NoPost, PostError, StaleEdit
from publisher.posts.pictures import PictureRefused
from publisher.schedule.approval import NotApproved
from publisher.settings import SettingsUnreadable
from publisher.web.errors import sentence
from publisher.web.slow_work import WorkRefused

MEDIA_TYPE = "application/problem+json"
RETRY_SECONDS = 30
"""What `Retry-After` says where nothing is known of when a thing can be reached again."""
PLAIN = {
    "missing": "It is missing; give it.",
    "extra_forbidden": "It is not known here; remove it.",
    "string_too_short": "It is empty; write something.",
}
"""By pydantic's name of a mistake, where its own words are not for people."""


@dataclass(frozen=True, slots=True)
class Kind:
    """What all problems with one status have in common."""

    name: str
    title: str
    told: str
    """When it comes, for the documentation."""


KINDS: Mapping[int, Kind] = {
    400: Kind("malformed", "The request can't be read", "The request is no HTTP that can be read."),
    401: Kind("unauthorized", "A token is needed", "No token, or one that is unknown, revoked or too old."),
    403: Kind("forbidden", "The token may not do this", "The token's scopes or its person's roles don't allow it."),
    404: Kind("not-found", "There is no such thing", "The address is wrong, or what it named is gone."),
    405: Kind("method", "That can't be done here", "The address takes other methods."),
    406: Kind("not-acceptable", "Only JSON is given", "The `Accept` header leaves no JSON."),
    409: Kind("conflict", "That can't be done now", "What was asked does not fit the state of things."),
    412: Kind("changed", "It was changed meanwhile", "`If-Match` names another version than there is now."),
    413: Kind("too-large", "The body is too large", "The body has more bytes than this address takes."),
    415: Kind("media-type", "The body's type is not taken", "The `Content-Type` is another one than is taken here."),
    422: Kind("invalid", "The request can't be used", "The request can be read, and something in it is wrong."),
    428: Kind("precondition-required", "Say which version you saw", "The `If-Match` header is missing."),
    429: Kind("too-many", "Too many requests", "This token asked too often; `Retry-After` says when it may again."),
    500: Kind("failed", "The desk stumbled", "Something went wrong that should not have."),
    503: Kind("unavailable", "Not now", "Something that the desk needs can't be reached; try again later."),
}


MAX_MISTAKES = 50
"""So many are told: a body can be wrong in a hundred thousand places."""


class FieldProblem(BaseModel):
    """One thing that is wrong, and where."""

    detail: str = Field(description="One sentence: what is wrong and what to do.")
    pointer: str | None = Field(default=None, description="A JSON Pointer into the body, as a URI fragment.")
    parameter: str | None = Field(default=None, description="The parameter or header, where it isn't the body.")


_CODES = ", ".join(f"`{reason}`" for reason in Reason)
REFUSAL_STATUSES: Mapping[Reason, int] = {
    Reason.NO_DELIVERY: 404,
    Reason.NO_CHANNEL: 404,
    Reason.CHANGED: 412,
    Reason.NOT_READ: 503,
    **dict.fromkeys(
        (
            Reason.NOT_A_LINK,
            Reason.OTHER_PLATFORM,
            Reason.OTHER_ACCOUNT,
            Reason.NOT_A_POST,
            Reason.NO_SUCH_POST,
            Reason.NO_PAUSE_REASON,
        ),
        422,
    ),
}
"""The status of a refusal; any other one is a conflict."""


class Told(BaseModel):
    """An answer that is no success."""

    model_config = ConfigDict(
        title="Problem",
        json_schema_extra={
            "examples": [
                {
                    "type": "urn:publisher:problem:changed",
                    "title": "It was changed meanwhile",
                    "status": 412,
                    "detail": "Post 7 was changed meanwhile: you saw version 2, it has version 3 now; "
                    "look at it and repeat your change.",
                    "instance": "/api/v1/posts/7",
                    "errors": [],
                }
            ]
        },
    )

    type: str = Field(description="Names the kind of problem; it never changes.")
    title: str = Field(description="The kind of problem in words.")
    status: int = Field(description="The HTTP status.")
    detail: str = Field(description="One sentence: what is wrong and what to do.")
    code: str | None = Field(
        default=None, description=f"Why an act upon a delivery or a channel was refused: {_CODES}."
    )
    instance: str = Field(description="The path that was asked for.")
    errors: list[FieldProblem] = Field(description="What is wrong in detail, where several things can be.")


class Problem(HTTPException):
    """Ends a request with problem details; `detail` is one sentence."""

    def __init__(
        self,
        status: int,
        detail: str,
        *,
        errors: Sequence[FieldProblem] = (),
        headers: Mapping[str, str] | None = None,
        code: str | None = None,
    ) -> None:
        super().__init__(status, detail, dict(headers or {}))
        self.errors = tuple(errors)
        self.code = code


def answer(request: Request, problem: HTTPException) -> Response:
    """Problem details as they go over the wire."""
    status = problem.status_code if problem.status_code in KINDS else 400
    kind = KINDS[status]
    told = Told(
        type=f"urn:publisher:problem:{kind.name}",
        title=kind.title,
        status=status,
        detail=sentence(problem.detail),
        code=problem.code if isinstance(problem, Problem) else None,
        instance=request.url.path,
        errors=list(problem.errors) if isinstance(problem, Problem) else [],
    )
    headers = dict(problem.headers or {})
    if status == 503:
        headers.setdefault("Retry-After", str(RETRY_SECONDS))
    return JSONResponse(told.model_dump(exclude_none=True), status, headers, MEDIA_TYPE)


def unexpected(request: Request, error: Exception) -> Response:
    """What nobody foresaw: in the log with a reference, in the answer without a word of it."""
    reference = secrets.token_hex(4)
    get_logger("api").error("a request failed", reference=reference, path=request.url.path, exc_info=error)
    return answer(request, Problem(500, f"Something went wrong; tell your operator the reference {reference}."))


Handler = Callable[[Request, Exception], Awaitable[Response]]


def add_handlers(app: FastAPI) -> None:
    """Have every error of the desk answered as a problem."""
    statuses: dict[type[Exception], int] = {
        NoPost: 404,
        StaleEdit: 412,
        PictureRefused: 422,
        MachineTrouble: 503,
        SettingsUnreadable: 503,
        PostError: 409,
        MediaError: 503,
    }
    for kind, status in statuses.items():
        app.add_exception_handler(kind, _with_status(status))
    app.add_exception_handler(WorkRefused, _work_refused)
    app.add_exception_handler(Refused, _refused)
    app.add_exception_handler(NotApproved, _not_approved)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(RequestValidationError, _invalid)


def _with_status(status: int) -> Handler:
    async def handle(request: Request, error: Exception) -> Response:
        return answer(request, Problem(status, str(error)))

    return handle


async def _work_refused(request: Request, error: Exception) -> Response:
    seconds = error.retry_seconds if isinstance(error, WorkRefused) else RETRY_SECONDS
    return answer(request, Problem(503, str(error), headers={"Retry-After": str(seconds)}))


async def _refused(request: Request, error: Exception) -> Response:
    if not isinstance(error, Refused):
        return unexpected(request, error)
    status = REFUSAL_STATUSES.get(error.reason, 409)
    return answer(request, Problem(status, error.sentence(Face.PROGRAM), code=error.reason.value))


async def _not_approved(request: Request, error: Exception) -> Response:
    problems = error.problems if isinstance(error, NotApproved) else ()
    errors = [FieldProblem(detail=str(each), pointer=_pointer_of_field(each.problem.field)) for each in problems]
    return answer(request, Problem(422, str(error), errors=errors))


def _pointer_of_field(field: str) -> str:
    """`images[0].alt_text` as `#/images/0/alt_text`."""
    return "#/" + "/".join(part for part in re.split(r"[.\[\]]+", field) if part)


async def _http(request: Request, error: Exception) -> Response:
    if not isinstance(error, HTTPException):
        return unexpected(request, error)
    if error.status_code == 405:
        error.headers = {"Allow": ", ".join(_methods(request))}
    plain = {
        400: "The request can't be read; look at its body",
        404: "There is nothing at this address; the list of all is in openapi.json",
        405: f"{request.method} can't be done here; the header Allow names what can",
    }
    if not isinstance(error, Problem):
        error = Problem(error.status_code, plain.get(error.status_code, error.detail), headers=error.headers)
    return answer(request, error)


def _methods(request: Request) -> list[str]:
    """What the address takes: each method is a route of its own."""
    routes: Sequence[Route] = request.app.state.routes
    fitting = [route.methods or () for route in routes if route.matches(request.scope)[0] != Match.NONE]
    return sorted({method for methods in fitting for method in methods})


async def _invalid(request: Request, error: Exception) -> Response:
    found = error.errors() if isinstance(error, RequestValidationError) else []
    if any(each["type"] == "json_invalid" for each in found):
        return answer(request, Problem(400, "The body is no JSON; mend it and ask again"))
    errors = [_mistake(each) for each in found[:MAX_MISTAKES]]
    places = ", ".join(dict.fromkeys(each.pointer or each.parameter or "" for each in errors))
    return answer(request, Problem(422, f"These can't be used: {places}; mend them and ask again", errors=errors))


def _mistake(found: Mapping[str, Any]) -> FieldProblem:
    place: Sequence[int | str] = found["loc"]
    detail = PLAIN.get(found["type"]) or sentence(describe_limit(found) or found["msg"].removeprefix("Value error, "))
    if place and place[0] == "body":
        pointer = "#" + "".join(f"/{_escaped(str(key))}" for key in place[1:])
        return FieldProblem(detail=detail, pointer=pointer)
    return FieldProblem(detail=detail, parameter=str(place[-1]) if place else None)


def _escaped(key: str) -> str:
    """A key as a JSON Pointer in a URI fragment has it. What can't be sent at all is shown as a question mark."""
    return quote(key.replace("~", "~0").replace("/", "~1"), safe="", errors="replace")
