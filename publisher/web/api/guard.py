"""Guards every route of the API: token, permission, rate limit, media types and sizes."""

from __future__ import annotations

import re
from collections.abc import Callable, Coroutine
from typing import Any

from fastapi import Request, Response
from fastapi.concurrency import run_in_threadpool
from fastapi.routing import APIRoute
from starlette.datastructures import Headers
from starlette.types import Message, Receive

from publisher.core.messages import Face, set_reader
from publisher.core.rate_limits import Allowance, Buckets
from publisher.desk import Desk
from publisher.posts.pictures import MAX_PICTURE_BYTES
from publisher.schedule.post_queue import PostQueue
from publisher.staff.api_tokens import TokenHolder, holder_of
from publisher.web.access import RULES, Access, allows
from publisher.web.api.problems import RequestRefused
from publisher.web.problem_codes import RequestProblem
from publisher.web.reader import reader_of

MAX_JSON_BYTES = 1_000_000
PICTURE_TYPE = "application/octet-stream"
JSON_TYPE = "application/json"
REALM = 'Bearer realm="publisher"'
Handle = Callable[[Request], Coroutine[Any, Any, Response]]


class GuardedRoute(APIRoute):
    """A route of the API. It reads nothing of a request before its token is checked."""

    def get_route_handler(self) -> Handle:
        handle = super().get_route_handler()
        name = self.name
        body = _body_type(self)

        async def guarded(request: Request) -> Response:
            set_reader(reader_of(request, Face.PROGRAM))
            if RULES[name] != Access.PUBLIC:
                await _admit(request, name)
            _refuse_types(request.headers, body)
            max_bytes = MAX_PICTURE_BYTES if body == PICTURE_TYPE else MAX_JSON_BYTES
            _refuse_length(request.headers, max_bytes)
            return await handle(Request(request.scope, _limited(request.receive, max_bytes)))

        return guarded


def desk_of(request: Request) -> Desk:
    desk: Desk = request.app.state.desk
    return desk


def holder_of_request(request: Request) -> TokenHolder:
    """Returns the holder of the request's token. A public route has none."""
    holder: TokenHolder = request.state.holder
    return holder


def actor(request: Request) -> str:
    """Returns the actor of a request, for events."""
    return holder_of_request(request).person.actor


def queue_of(request: Request) -> PostQueue:
    """Returns the post queue for the person whose program asks."""
    return PostQueue(desk_of(request), actor(request))


async def _admit(request: Request, name: str) -> None:
    """Checks token, rate limit and permission of a request. Raises RequestRefused."""
    holder = await run_in_threadpool(_find_holder, desk_of(request), request.headers)
    buckets: Buckets = request.app.state.buckets
    allowance: Allowance = buckets.take(holder.token_id)
    request.state.rate_limit_headers = allowance.headers
    if not allowance.granted:
        raise RequestRefused(429, RequestProblem.TOO_MANY_REQUESTS(seconds=allowance.wait))
    rule = RULES[name]
    if not allows(rule, holder.permissions):
        challenge = {"WWW-Authenticate": f'{REALM}, error="insufficient_scope", scope="{rule}"'}
        problem = (
            RequestProblem.ROLE_MISSING(person=holder.person.name, scope=str(rule))
            if rule in holder.scopes
            else RequestProblem.SCOPE_MISSING(scope=str(rule))
        )
        raise RequestRefused(403, problem, headers=challenge)
    request.state.holder = holder


def _find_holder(desk: Desk, headers: Headers) -> TokenHolder:
    scheme, _, token = headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not token.strip():
        raise RequestRefused(401, RequestProblem.TOKEN_MISSING(), headers={"WWW-Authenticate": REALM})
    holder = holder_of(desk.database, token.strip(), desk.now())
    if holder is None:
        challenge = {"WWW-Authenticate": f'{REALM}, error="invalid_token"'}
        raise RequestRefused(401, RequestProblem.TOKEN_UNUSABLE(), headers=challenge)
    return holder


def _body_type(route: APIRoute) -> str:
    """Returns the media type of the body that a route takes; empty: none."""
    if route.body_field is not None:
        return JSON_TYPE
    return PICTURE_TYPE if "requestBody" in (route.openapi_extra or {}) else ""


def _refuse_types(headers: Headers, body: str) -> None:
    if not _takes_json(headers.get("accept", "")):
        raise RequestRefused(406, RequestProblem.RESPONSE_TYPE_NOT_ACCEPTED(type=JSON_TYPE))
    media_type = headers.get("content-type", "").partition(";")[0].strip().lower()
    if body == JSON_TYPE and media_type != JSON_TYPE:
        raise RequestRefused(415, RequestProblem.BODY_TYPE_NOT_TAKEN(type=JSON_TYPE))
    if body == PICTURE_TYPE and media_type != PICTURE_TYPE and not media_type.startswith("image/"):
        raise RequestRefused(415, RequestProblem.BODY_NOT_A_PICTURE(type=PICTURE_TYPE))


def _takes_json(accept: str) -> bool:
    ranges = [part.partition(";") for part in accept.split(",") if part.strip()]
    accepted = [kind.strip().lower() for kind, _, weight in ranges if not re.fullmatch(r"\s*q=0(\.0*)?\s*", weight)]
    return not ranges or any(kind in ("*/*", "application/*", JSON_TYPE) for kind in accepted)


def _refuse_length(headers: Headers, max_bytes: int) -> None:
    announced = headers.get("content-length", "0")
    if not announced.isdigit() or int(announced) > max_bytes:
        raise _too_large(max_bytes)


def _limited(receive: Receive, max_bytes: int) -> Receive:
    """Stops a body without an announced length where it grows too long."""
    received = 0

    async def receive_some() -> Message:
        nonlocal received
        message = await receive()
        received += len(message.get("body", b""))
        if received > max_bytes:
            raise _too_large(max_bytes)
        return message

    return receive_some


def _too_large(max_bytes: int) -> RequestRefused:
    return RequestRefused(413, RequestProblem.BODY_TOO_LARGE(megabytes=round(max_bytes / 1e6)))
