"""Shows people what programs can ask of the API."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import Response

from publisher.web.access import RULES
from publisher.web.api.app import PATH, Api
from publisher.web.rendering import page

router = APIRouter()

METHODS = ("get", "post", "put", "patch", "delete")


@dataclass(frozen=True, slots=True)
class Operation:
    """One operation of the API."""

    method: str
    path: str
    description: str
    scope: str
    statuses: tuple[tuple[str, str], ...]
    """Each status with its meaning."""


@router.get(f"{PATH}/docs")
def api_docs(request: Request) -> Response:
    api: Api = request.app.state.api
    schema = api.openapi()
    groups = [(tag["name"], tag["description"], _operations(schema, tag["name"])) for tag in schema["tags"]]
    return page(request, "api.html", groups=groups, path=PATH)


def _operations(schema: dict[str, Any], tag: str) -> list[Operation]:
    return [
        Operation(
            method=method.upper(),
            path=path,
            description=_plain(operation["description"]),
            scope=str(RULES[f"api_{operation['operationId']}"]),
            statuses=tuple(
                (status, _plain(response["description"])) for status, response in operation["responses"].items()
            ),
        )
        for path, operations in schema["paths"].items()
        for method, operation in operations.items()
        if method in METHODS and tag in operation.get("tags", ())
    ]


def _plain(text: str) -> str:
    """Removes the marks of code from a text."""
    return text.replace("`", "")
