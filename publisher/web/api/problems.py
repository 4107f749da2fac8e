"""Answers errors with problem details, RFC 9457."""

from __future__ import annotations

import re
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, Field
from starlette.exceptions import HTTPException
from starlette.routing import Match, Route

from publisher.core.errors import ErrorKind, UserError
from publisher.core.logs import get_logger
from publisher.core.post_limits import describe_limit
from publisher.delivery.act_refusals import ActRefused, Face, Reason
from publisher.schedule.approval import NotApproved
from publisher.web.errors import PageError, as_sentence
from publisher.web.slow_work import WorkRefused

MEDIA_TYPE = "application/problem+json"
RETRY_SECONDS = 30
"""The value of `Retry-After` where no other time is known."""
PLAIN_SENTENCES = {
    "missing": "It is missing; give it.",
    "extra_forbidden": "It is not known here; remove it.",
    "string_too_short": "It is empty; write something.",
}
"""Sentences by pydantic's name of an error, where its own words are not for people."""


@dataclass(frozen=True, slots=True)
class ProblemKind:
    """The kind of all problems with one status."""

    name: str
    title: str
    description: str
    """When it is answered, for the documentation."""


KINDS: Mapping[int, ProblemKind] = {
    400: ProblemKind("malformed", "The request can't be read", "The request is no HTTP that can be read."),
    401: ProblemKind("unauthorized", "A token is needed", "No token, or one that is unknown, revoked or too old."),
    403: ProblemKind(
        "forbidden", "The token may not do this", "The token's scopes or its person's roles don't allow it."
    ),
    404: ProblemKind("not-found", "There is no such thing", "The address is wrong, or what it named is gone."),
    405: ProblemKind("method", "That can't be done here", "The address takes other methods."),
    406: ProblemKind("not-acceptable", "Only JSON is given", "The `Accept` header leaves no JSON."),
    409: ProblemKind("conflict", "That can't be done now", "What was asked does not fit the state of things."),
    412: ProblemKind("changed", "It was changed meanwhile", "`If-Match` names another version than there is now."),
    413: ProblemKind("too-large", "The body is too large", "The body has more bytes than this address takes."),
    415: ProblemKind(
        "media-type", "The body's type is not taken", "The `Content-Type` is another one than is taken here."
    ),
    422: ProblemKind("invalid", "The request can't be used", "The request can be read, and something in it is wrong."),
    428: ProblemKind("precondition-required", "Say which version you saw", "The `If-Match` header is missing."),
    429: ProblemKind(
        "too-many", "Too many requests", "This token asked too often; `Retry-After` says when it may again."
    ),
    500: ProblemKind("failed", "Something went wrong", "The desk failed in an unexpected way."),
    503: ProblemKind("unavailable", "Not now", "Something that the desk needs can't be reached; try again later."),
}


MAX_MISTAKES = 50
"""Mistakes that an answer lists: a body can have a hundred thousand."""


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
STATUSES: Mapping[ErrorKind, int] = {
    ErrorKind.CONFLICT: 409,
    ErrorKind.NOT_FOUND: 404,
    ErrorKind.CHANGED: 412,
    ErrorKind.INVALID: 422,
    ErrorKind.CONFIGURATION: 500,
    ErrorKind.DEPENDENCY: 503,
    ErrorKind.MACHINE: 503,
}
"""The status of every other error that is fit to show."""


class ProblemDetails(BaseModel):
    """The problem details of an answer."""

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
        default=None,
        description="Which error it is; it never changes, and docs/errors.md describes each. "
        f"Where an act upon a delivery or a channel was refused: {_CODES}.",
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


def problem_response(request: Request, problem: HTTPException) -> Response:
    """Makes the response of a problem."""
    status = problem.status_code if problem.status_code in KINDS else 400
    kind = KINDS[status]
    details = ProblemDetails(
        type=f"urn:publisher:problem:{kind.name}",
        title=kind.title,
        status=status,
        detail=as_sentence(problem.detail),
        code=problem.code if isinstance(problem, Problem) else None,
        instance=request.url.path,
        errors=list(problem.errors) if isinstance(problem, Problem) else [],
    )
    headers = dict(problem.headers or {})
    if status == 503:
        headers.setdefault("Retry-After", str(RETRY_SECONDS))
    return JSONResponse(details.model_dump(exclude_none=True), status, headers, MEDIA_TYPE)


def unexpected_error(request: Request, error: Exception) -> Response:
    """Logs an unexpected error with a reference, and answers with the reference only."""
    reference = secrets.token_hex(4)
    get_logger("api").error("a request failed", reference=reference, path=request.url.path, exc_info=error)
    return problem_response(
        request, Problem(500, f"Something went wrong; tell your operator the reference {reference}.")
    )


def add_handlers(app: FastAPI) -> None:
    """Answers every error of the desk as a problem."""
    app.add_exception_handler(UserError, _user_error)
    app.add_exception_handler(WorkRefused, _work_refused)
    app.add_exception_handler(ActRefused, _refused)
    app.add_exception_handler(NotApproved, _not_approved)
    app.add_exception_handler(HTTPException, _http_error)
    app.add_exception_handler(RequestValidationError, _validation_error)


async def _user_error(request: Request, error: Exception) -> Response:
    if not isinstance(error, UserError):
        return unexpected_error(request, error)
    status = error.status if isinstance(error, PageError) else STATUSES[error.kind]
    if status >= 500:
        get_logger("api").warning("a request failed", path=request.url.path, code=error.code, why=str(error))
    return problem_response(request, Problem(status, str(error), code=error.code))


async def _work_refused(request: Request, error: Exception) -> Response:
    if not isinstance(error, WorkRefused):
        return unexpected_error(request, error)
    headers = {"Retry-After": str(error.retry_seconds)}
    return problem_response(request, Problem(error.status, str(error), headers=headers, code=error.code))


async def _refused(request: Request, error: Exception) -> Response:
    if not isinstance(error, ActRefused):
        return unexpected_error(request, error)
    status = REFUSAL_STATUSES.get(error.reason, 409)
    return problem_response(request, Problem(status, error.sentence(Face.PROGRAM), code=error.code))


async def _not_approved(request: Request, error: Exception) -> Response:
    if not isinstance(error, NotApproved):
        return unexpected_error(request, error)
    errors = [
        FieldProblem(detail=str(problem), pointer=_pointer_of_field(problem.problem.field))
        for problem in error.problems
    ]
    return problem_response(request, Problem(422, str(error), errors=errors, code=error.code))


def _pointer_of_field(field: str) -> str:
    """Converts a field such as `images[0].alt_text` into `#/images/0/alt_text`."""
    return "#/" + "/".join(part for part in re.split(r"[.\[\]]+", field) if part)


async def _http_error(request: Request, error: Exception) -> Response:
    if not isinstance(error, HTTPException):
        return unexpected_error(request, error)
    if error.status_code == 405:
        error.headers = {"Allow": ", ".join(_methods(request))}
    plain = {
        400: "The request can't be read; look at its body",
        404: "There is nothing at this address; the list of all is in openapi.json",
        405: f"{request.method} can't be done here; the header Allow names what can",
    }
    if not isinstance(error, Problem):
        error = Problem(error.status_code, plain.get(error.status_code, error.detail), headers=error.headers)
    return problem_response(request, error)


def _methods(request: Request) -> list[str]:
    """Lists the methods of an address: each is a route of its own."""
    routes: Sequence[Route] = request.app.state.routes
    matching = [route.methods or () for route in routes if route.matches(request.scope)[0] != Match.NONE]
    return sorted({method for methods in matching for method in methods})


async def _validation_error(request: Request, error: Exception) -> Response:
    mistakes = error.errors() if isinstance(error, RequestValidationError) else []
    if any(mistake["type"] == "json_invalid" for mistake in mistakes):
        return problem_response(request, Problem(400, "The body is not JSON; correct it and ask again"))
    errors = [_field_problem(mistake) for mistake in mistakes[:MAX_MISTAKES]]
    places = ", ".join(dict.fromkeys(item.pointer or item.parameter or "" for item in errors))
    return problem_response(
        request, Problem(422, f"These can't be used: {places}; correct them and ask again", errors=errors)
    )


def _field_problem(mistake: Mapping[str, Any]) -> FieldProblem:
    location: Sequence[int | str] = mistake["loc"]
    detail = PLAIN_SENTENCES.get(mistake["type"]) or as_sentence(
        describe_limit(mistake) or mistake["msg"].removeprefix("Value error, ")
    )
    if location and location[0] == "body":
        pointer = "#" + "".join(f"/{_escaped(str(key))}" for key in location[1:])
        return FieldProblem(detail=detail, pointer=pointer)
    return FieldProblem(detail=detail, parameter=str(location[-1]) if location else None)


def _escaped(key: str) -> str:
    """Escapes a key for a JSON Pointer in a URI fragment. What can't be sent at all becomes a question mark."""
    return quote(key.replace("~", "~0").replace("/", "~1"), safe="", errors="replace")
