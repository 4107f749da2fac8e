"""Stands before every route of the API: who asks, whether they may, how often, in which words."""

from __future__ import annotations

import re
from collections.abc import Callable, Coroutine
from typing import Any

from fastapi import Request, Response
from fastapi.concurrency import run_in_threadpool
from fastapi.routing import APIRoute
from starlette.datastructures import Headers
from starlette.types import Message, Receive

from publisher.desk import Desk
from publisher.posts.pictures import MAX_BYTES
from publisher.schedule.post_queue import PostQueue
from publisher.staff.accounts import actor_of
from publisher.staff.api_tokens import Holder, holder_of
from publisher.web.access import RULES, Access, allows
from publisher.web.api.limits import Allowance, Buckets
from publisher.web.api.problems import Problem

MAX_JSON_BYTES = 1_000_000
PICTURES = "application/octet-stream"
JSON = "application/json"
REALM = 'Bearer realm="publisher"'
Handle = Callable[[Request], Coroutine[Any, Any, Response]]


class GuardedRoute(APIRoute):
    """A route of the API. Nothing of a request is read before it is known that its token may ask."""

    def get_route_handler(self) -> Handle:
        handle = super().get_route_handler()
        name = self.name
        body = _body_of(self)

        async def guarded(request: Request) -> Response:
            if RULES[name] != Access.PUBLIC:
                await _admit(request, name)
            _refuse_types(request.headers, body)
            most = MAX_BYTES if body == PICTURES else MAX_JSON_BYTES
            _refuse_length(request.headers, most)
            return await handle(Request(request.scope, _bounded(request.receive, most)))

        return guarded


def desk_of(request: Request) -> Desk:
    desk: Desk = request.app.state.desk
    return desk


def holder_in(request: Request) -> Holder:
    """Who asks. There is none on a route for everybody."""
    holder: Holder = request.state.holder
    return holder


def actor(request: Request) -> str:
    """How the history names who asks."""
    return actor_of(holder_in(request).person)


def queue_of(request: Request) -> PostQueue:
    """Returns the post queue for the person whose program asks."""
    return PostQueue(desk_of(request), actor(request))


async def _admit(request: Request, name: str) -> None:
    """Let the request through, or raise the problem that ends it."""
    holder = await run_in_threadpool(_holder, desk_of(request), request.headers)
    buckets: Buckets = request.app.state.buckets
    allowance: Allowance = buckets.take(holder.token_id)
    request.state.told = allowance.headers
    if not allowance.granted:
        raise Problem(429, f"This token asked too often; ask again in {allowance.wait} seconds")
    rule = RULES[name]
    if not allows(rule, holder.permissions):
        challenge = {"WWW-Authenticate": f'{REALM}, error="insufficient_scope", scope="{rule}"'}
        why = (
            f"The roles of {holder.person.name} don't allow “{rule}” any more; ask an admin of the desk"
            if rule in holder.scopes
            else f"This token has not the scope “{rule}”; make one that has it on the page of your tokens"
        )
        raise Problem(403, why, headers=challenge)
    request.state.holder = holder


def _holder(desk: Desk, headers: Headers) -> Holder:
    scheme, _, token = headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not token.strip():
        message = "Send a token in the header Authorization, as “Bearer TOKEN”; make one on the page of your account"
        raise Problem(401, message, headers={"WWW-Authenticate": REALM})
    holder = holder_of(desk.database, token.strip(), desk.now())
    if holder is None:
        message = "This token is unknown, revoked or too old; make another on the page of your account"
        raise Problem(401, message, headers={"WWW-Authenticate": f'{REALM}, error="invalid_token"'})
    return holder


def _body_of(route: APIRoute) -> str:
    """The media type of the body that a route takes; empty: none."""
    if route.body_field is not None:
        return JSON
    return PICTURES if "requestBody" in (route.openapi_extra or {}) else ""


def _refuse_types(headers: Headers, body: str) -> None:
    if not _takes_json(headers.get("accept", "")):
        raise Problem(406, f"Only {JSON} is given here; say so in the header Accept")
    given = headers.get("content-type", "").partition(";")[0].strip().lower()
    if body == JSON and given != JSON:
        raise Problem(415, f"The body must be {JSON}; say so in the header Content-Type")
    if body == PICTURES and given != PICTURES and not given.startswith("image/"):
        raise Problem(415, f"The body must be a picture: image/* or {PICTURES} in the header Content-Type")


def _takes_json(accept: str) -> bool:
    ranges = [each.partition(";") for each in accept.split(",") if each.strip()]
    wanted = [kind.strip().lower() for kind, _, weight in ranges if not re.fullmatch(r"\s*q=0(\.0*)?\s*", weight)]
    return not ranges or any(kind in ("*/*", "application/*", JSON) for kind in wanted)


def _refuse_length(headers: Headers, most: int) -> None:
    announced = headers.get("content-length", "0")
    if not announced.isdigit() or int(announced) > most:
        raise _too_large(most)


def _bounded(receive: Receive, most: int) -> Receive:
    """Ends a body without an announced length where it grows too long."""
    received = 0

    async def receive_some() -> Message:
        nonlocal received
        message = await receive()
        received += len(message.get("body", b""))
        if received > most:
            raise _too_large(most)
        return message

    return receive_some


def _too_large(most: int) -> Problem:
    return Problem(413, f"The body has more than {most / 1e6:.0f} MB; send less")
