"""Builds the application of the API, which the pages' application mounts at `PATH`."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI, Security
from fastapi.routing import APIRoute
from fastapi.security import HTTPBearer
from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from publisher import __version__
from publisher.core.rate_limits import Buckets
from publisher.desk import Desk
from publisher.web.api import (
    alt_texts,
    calendar_days,
    channels,
    corrections,
    deliveries,
    images,
    post_collections,
    posts,
    preview_links,
    queue_places,
    schema,
)
from publisher.web.api.error_handlers import add_handlers
from publisher.web.api.problems import unexpected_error
from publisher.web.middleware import FailureResponses

PATH = "/api/v1"
ROUTERS = (
    posts.router,
    corrections.router,
    preview_links.router,
    alt_texts.router,
    post_collections.router,
    images.router,
    queue_places.router,
    calendar_days.router,
    deliveries.router,
    channels.router,
    schema.router,
)


class Api(FastAPI):
    """An application with the API's own OpenAPI description."""

    def openapi(self) -> dict[str, Any]:
        if self.openapi_schema is None:
            self.openapi_schema = schema.describe(self)
        return self.openapi_schema


class RateLimitHeaders:
    """Adds the rate limit headers of the token to every response, problems included."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        state: dict[str, Any] = scope.setdefault("state", {})

        async def send_with_limits(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in state.get("rate_limit_headers", {}).items():
                    headers[name] = value
            await send(message)

        await self._app(scope, receive, send_with_limits)


def create_api(desk: Desk) -> Api:
    """Builds the API of one desk. It takes tokens only: it ignores cookies."""
    api = Api(
        title="publisher",
        version=__version__,
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        redirect_slashes=False,
        generate_unique_id_function=_operation_id,
        dependencies=[Security(HTTPBearer(scheme_name="token", auto_error=False))],
    )
    api.state.desk = desk
    api.state.buckets = Buckets()
    api.state.routes = [route for router in ROUTERS for route in router.routes]
    for router in ROUTERS:
        api.include_router(router)
    add_handlers(api)
    api.add_middleware(FailureResponses, answer=unexpected_error)
    api.add_middleware(RateLimitHeaders)
    return api


def _operation_id(route: APIRoute) -> str:
    return route.name.removeprefix("api_")
