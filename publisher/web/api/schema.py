"""Serves the OpenAPI 3.1 description of the API."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, FastAPI, Request
from fastapi.openapi.utils import get_openapi
from fastapi.responses import JSONResponse, Response

from publisher.web.api.guard import GuardedRoute
from publisher.web.api.problems import ProblemDetails

router = APIRouter(route_class=GuardedRoute, include_in_schema=False)

INTRODUCTION = """\
Everything that staff do in the desk's pages, for programs.

- **Tokens** are made on the page “Tokens” of an account. A token may do what its scopes name (`read`, `write`,
  `approve`, `operate`), and never more than its person's roles allow at the moment of the request.
- **Problems** are answered as `application/problem+json` (RFC 9457) with one sentence in `detail`. A refused act on a
  delivery also has a `code`, which never changes.
- **Changes** need `If-Match` with the `ETag` that you read: without it the answer is 428, with another one 412.
- **Lists** come in pages: follow `next` until it is null.
- **Adding a post** takes an `Idempotency-Key`: sent again within 24 hours it gets the first answer.
- **Limits**: a token has a number of requests that come back steadily; each answer has them in `RateLimit`. Each
  process of the desk counts for itself.
"""
TAGS = [
    {"name": "posts", "description": "What staff write."},
    {"name": "images", "description": "The pictures of posts."},
    {"name": "queue", "description": "The posts that wait, in their order."},
    {"name": "calendar", "description": "The days: shown and coming."},
    {"name": "deliveries", "description": "A day's post going to each channel."},
    {"name": "channels", "description": "The accounts that the outlet publishes on."},
]


@router.get("/openapi.json")
def api_schema(request: Request) -> Response:
    """Returns the whole description."""
    return JSONResponse({**request.app.openapi(), "servers": [{"url": request.scope["root_path"]}]})


def describe(app: FastAPI) -> dict[str, Any]:
    """Builds the content of `openapi.json`, without the path that the API is mounted at."""
    schema = get_openapi(
        title="The desk of a picture a day",
        version=app.version,
        openapi_version="3.1.0",
        summary="Posts, queue, calendar, deliveries and channels of one outlet.",
        description=INTRODUCTION,
        routes=app.routes,
        tags=TAGS,
    )
    components = schema.setdefault("components", {})
    schemas = components.setdefault("schemas", {})
    problem_schema = ProblemDetails.model_json_schema(ref_template="#/components/schemas/{model}")
    schemas |= problem_schema.pop("$defs", {})
    schemas["Problem"] = problem_schema
    components["securitySchemes"]["token"]["description"] = "A token of a person's, from the page of their account."
    for path in schema["paths"].values():
        for operation in path.values():
            _require_match(operation)
    return schema


def _require_match(operation: dict[str, Any]) -> None:
    """Marks `If-Match` as required, although the answer to its lack differs from that to other mistakes."""
    for parameter in operation.get("parameters", ()):
        if parameter["name"] == "If-Match":
            parameter["required"] = True
            parameter["schema"] = {"type": "string"}
