"""Answers every error of the desk that ends a request to the API."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.routing import Match, Route

from publisher.core.errors import ErrorKind, UserError
from publisher.core.logs import get_logger
from publisher.core.messages import _
from publisher.core.post_limits import describe_limit
from publisher.delivery.act_refusals import ActRefused
from publisher.delivery.problem_codes import ActProblem
from publisher.schedule.approval import NotApproved
from publisher.web.api.problems import (
    ErrorAnswer,
    FieldProblem,
    RequestRefused,
    answer_of,
    problem_response,
    unexpected_error,
)
from publisher.web.errors import PageError, as_sentence
from publisher.web.problem_codes import RequestProblem
from publisher.web.slow_work import WorkRefused

PLAIN_SENTENCES = {
    "missing": _("It is missing; give it."),
    "extra_forbidden": _("It is not known here; remove it."),
    "string_too_short": _("It is empty; write something."),
}
"""Sentences by pydantic's name of an error, where its own words are not for people."""
MAX_MISTAKES = 50
"""Mistakes that an answer lists: a body can have a hundred thousand."""
REFUSAL_STATUSES: Mapping[ActProblem, int] = {
    ActProblem.NO_DELIVERY: 404,
    ActProblem.NO_CHANNEL: 404,
    ActProblem.CHANGED_MEANWHILE: 412,
    ActProblem.NOT_READ: 503,
    **dict.fromkeys(
        (
            ActProblem.NOT_A_LINK,
            ActProblem.OTHER_PLATFORM,
            ActProblem.OTHER_ACCOUNT,
            ActProblem.NOT_A_POST,
            ActProblem.NO_SUCH_POST,
            ActProblem.NO_PAUSE_REASON,
        ),
        422,
    ),
}
"""The status of a refusal; any other one is a conflict."""
STATUSES: Mapping[ErrorKind, int] = {
    ErrorKind.CONFLICT: 409,
    ErrorKind.NOT_FOUND: 404,
    ErrorKind.FORBIDDEN: 403,
    ErrorKind.CHANGED: 412,
    ErrorKind.INVALID: 422,
    ErrorKind.CONFIGURATION: 500,
    ErrorKind.DEPENDENCY: 503,
    ErrorKind.MACHINE: 503,
}
"""The status of every other error that is fit to show."""


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
    return problem_response(request, ErrorAnswer(status, error.code, error.text))


async def _work_refused(request: Request, error: Exception) -> Response:
    if not isinstance(error, WorkRefused):
        return unexpected_error(request, error)
    headers = {"Retry-After": str(error.retry_seconds)}
    return problem_response(request, ErrorAnswer(error.status, error.code, error.text, headers=headers))


async def _refused(request: Request, error: Exception) -> Response:
    if not isinstance(error, ActRefused):
        return unexpected_error(request, error)
    status = REFUSAL_STATUSES.get(error.reason, 409)
    return problem_response(request, ErrorAnswer(status, error.code, error.text))


async def _not_approved(request: Request, error: Exception) -> Response:
    if not isinstance(error, NotApproved):
        return unexpected_error(request, error)
    errors = [
        FieldProblem(detail=str(problem), pointer=_pointer_of_field(problem.problem.field))
        for problem in error.problems
    ]
    return problem_response(request, ErrorAnswer(422, error.code, error.text, errors))


def _pointer_of_field(field: str) -> str:
    """Converts a field such as `images[0].alt_text` into `#/images/0/alt_text`."""
    return "#/" + "/".join(part for part in re.split(r"[.\[\]]+", field) if part)


async def _http_error(request: Request, error: Exception) -> Response:
    if not isinstance(error, HTTPException):
        return unexpected_error(request, error)
    if isinstance(error, RequestRefused):
        return problem_response(request, answer_of(error))
    headers = dict(error.headers or {})
    match error.status_code:
        case 400:
            problem = RequestProblem.REQUEST_UNREADABLE()
        case 404:
            problem = RequestProblem.NO_SUCH_ADDRESS()
        case 405:
            headers = {"Allow": ", ".join(_methods(request))}
            problem = RequestProblem.METHOD_NOT_ALLOWED(method=request.method)
        case _:
            problem = RequestProblem.REQUEST_REFUSED(why=error.detail)
    return problem_response(request, answer_of(RequestRefused(error.status_code, problem, headers=headers)))


def _methods(request: Request) -> list[str]:
    """Lists the methods of an address: each is a route of its own."""
    routes: Sequence[Route] = request.app.state.routes
    matching = [route.methods or () for route in routes if route.matches(request.scope)[0] != Match.NONE]
    return sorted({method for methods in matching for method in methods})


async def _validation_error(request: Request, error: Exception) -> Response:
    mistakes = error.errors() if isinstance(error, RequestValidationError) else []
    if any(mistake["type"] == "json_invalid" for mistake in mistakes):
        return problem_response(request, answer_of(RequestRefused(400, RequestProblem.BODY_NOT_JSON())))
    errors = [_field_problem(mistake) for mistake in mistakes[:MAX_MISTAKES]]
    places = list(dict.fromkeys(item.pointer or item.parameter or "" for item in errors))
    unusable = RequestProblem.FIELDS_UNUSABLE(fields=places)
    return problem_response(request, ErrorAnswer(422, unusable.code.short_code, unusable, errors))


def _field_problem(mistake: Mapping[str, Any]) -> FieldProblem:
    location: Sequence[int | str] = mistake["loc"]
    plain = PLAIN_SENTENCES.get(mistake["type"])
    message = str(plain) if plain else describe_limit(mistake) or mistake["msg"].removeprefix("Value error, ")
    detail = as_sentence(message)
    if location and location[0] == "body":
        pointer = "#" + "".join(f"/{_escaped(str(key))}" for key in location[1:])
        return FieldProblem(detail=detail, pointer=pointer)
    return FieldProblem(detail=detail, parameter=str(location[-1]) if location else None)


def _escaped(key: str) -> str:
    """Escapes a key for a JSON Pointer in a URI fragment. What can't be sent at all becomes a question mark."""
    return quote(key.replace("~", "~0").replace("/", "~1"), safe="", errors="replace")
