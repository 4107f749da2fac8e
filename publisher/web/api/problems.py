"""Answers errors with problem details, RFC 9457."""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from fastapi import Request, Response
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, Field
from starlette.exceptions import HTTPException

from publisher.core.logs import get_logger
from publisher.core.messages import Message
from publisher.core.problems import Problem, values_to_json
from publisher.delivery.problem_codes import ActProblem
from publisher.web.errors import as_sentence
from publisher.web.problem_codes import RequestProblem

MEDIA_TYPE = "application/problem+json"
RETRY_SECONDS = 30
"""The value of `Retry-After` where no other time is known."""


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


class FieldProblem(BaseModel):
    """One thing that is wrong, and where."""

    detail: str = Field(description="One sentence: what is wrong and what to do.")
    pointer: str | None = Field(default=None, description="A JSON Pointer into the body, as a URI fragment.")
    parameter: str | None = Field(default=None, description="The parameter or header, where it isn't the body.")


_CODES = ", ".join(f"`{reason.short_code}`" for reason in ActProblem)


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
                    "code": "stale-edit",
                    "parameters": {"post": 7, "seen": 2, "present": 3},
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
    code: str = Field(
        description="Which error it is; it never changes, and docs/errors.md describes each. "
        f"Where an act upon a delivery or a channel was refused: {_CODES}.",
    )
    parameters: dict[str, Any] = Field(description="The values in `detail`, by name, where it has any.")
    instance: str = Field(description="The path that was asked for.")
    errors: list[FieldProblem] = Field(description="What is wrong in detail, where several things can be.")


class RecordedProblem(BaseModel):
    """What is wrong with a delivery, an attempt or a channel."""

    code: str = Field(description="The kind of problem; it never changes.", examples=["delivery.missed"])
    parameters: dict[str, Any] = Field(description="The values in `message`, by name.")
    remedy: str | None = Field(description="What a person can do about it; null: what `message` says.")
    message: str = Field(description="What is wrong and what to do, in words.")


@dataclass(frozen=True, slots=True)
class ErrorAnswer:
    """Holds what the answer to a request that failed is made of."""

    status: int
    code: str
    text: Message | Problem
    errors: Sequence[FieldProblem] = ()
    headers: Mapping[str, str] = field(default_factory=dict)


class RequestRefused(HTTPException):
    """Ends a request with problem details."""

    def __init__(
        self,
        status: int,
        problem: Problem,
        *,
        errors: Sequence[FieldProblem] = (),
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(status, str(problem), dict(headers or {}))
        self.problem = problem
        self.errors = tuple(errors)


def problem_response(request: Request, answer: ErrorAnswer) -> Response:
    """Makes the response to a request that failed, for the present reader."""
    status = answer.status if answer.status in KINDS else 400
    kind = KINDS[status]
    details = ProblemDetails(
        type=f"urn:publisher:problem:{kind.name}",
        title=kind.title,
        status=status,
        detail=as_sentence(str(answer.text)),
        code=answer.code,
        parameters=_parameters_of(answer.text),
        instance=request.url.path,
        errors=list(answer.errors),
    )
    headers = dict(answer.headers)
    if status == 503:
        headers.setdefault("Retry-After", str(RETRY_SECONDS))
    return JSONResponse(details.model_dump(exclude_none=True), status, headers, MEDIA_TYPE)


def _parameters_of(text: Message | Problem) -> dict[str, Any]:
    """Returns the values of a text as programs get them."""
    return values_to_json(text.parameters if isinstance(text, Problem) else text.values)


def answer_of(refused: RequestRefused) -> ErrorAnswer:
    """Returns what the answer to a refused request is made of."""
    problem = refused.problem
    return ErrorAnswer(
        refused.status_code, problem.code.short_code, problem, refused.errors, headers=refused.headers or {}
    )


def unexpected_error(request: Request, error: Exception) -> Response:
    """Logs an unexpected error with a reference, and answers with the reference only."""
    reference = secrets.token_hex(4)
    get_logger("api").error("a request failed", reference=reference, path=request.url.path, exc_info=error)
    problem = RequestProblem.UNEXPECTED_FAILURE(reference=reference)
    return problem_response(request, answer_of(RequestRefused(500, problem)))
