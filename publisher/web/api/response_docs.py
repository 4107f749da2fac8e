"""Documents the responses of each route of the API."""

from __future__ import annotations

from typing import Any

from publisher.web.api.problems import KINDS, MEDIA_TYPE

Responses = dict[int | str, dict[str, Any]]

RATE = {
    "RateLimit-Policy": "How many requests a token has, and in how many seconds they come back.",
    "RateLimit": "How many requests are left, and the seconds until there is one more.",
}
ETAG = {"ETag": "The version, for `If-Match`."}
LOCATION = {"Location": "The path of what was created."}
RETRY = {"Retry-After": "Seconds."}
CHALLENGE = {"WWW-Authenticate": "What was lacking."}
ALWAYS_STATUSES = (401, 403, 406, 429)
INPUT_STATUSES = (422,)
BODY_STATUSES = (400, 413, 415, 422)


def problems(*statuses: int) -> Responses:
    """Documents the problems of every route, and these."""
    return {status: _problem_response(status) for status in sorted({*ALWAYS_STATUSES, *statuses})}


def _problem_response(status: int) -> dict[str, Any]:
    more = {401: CHALLENGE, 429: {**RATE, **RETRY}, 503: RETRY}.get(status, {})
    return {
        "description": KINDS[status].description,
        "content": {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}},
        **({"headers": headers(more)} if more else {}),
    }


def success(status: int, description: str, *header_texts: dict[str, str]) -> Responses:
    """Documents a good response with its headers."""
    merged = {name: text for texts in (RATE, *header_texts) for name, text in texts.items()}
    return {status: {"description": description, "headers": headers(merged)}}


def headers(texts: dict[str, str]) -> dict[str, Any]:
    """Documents headers by their texts."""
    return {name: {"description": text, "schema": {"type": "string"}} for name, text in texts.items()}
