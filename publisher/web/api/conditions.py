"""Compares versions by `ETag` and `If-Match`, so that nobody overwrites what they have not seen."""

from __future__ import annotations

import re
from typing import Annotated

from fastapi import Header, Response

from publisher.web.api.problems import RequestRefused
from publisher.web.problem_codes import RequestProblem

IfMatch = Annotated[
    str | None,
    Header(
        alias="If-Match",
        description="The `ETag` that you last read: the change is refused when it isn't the present one. "
        "`*` means whichever it is.",
        examples=['"3"'],
    ),
]
IfNoneMatch = Annotated[
    str | None,
    Header(
        alias="If-None-Match",
        description="An `ETag`: while it is the present one, the answer is 304.",
        examples=['"3"'],
    ),
]


def etag(version: int | str) -> str:
    return f'"{version}"'


def require_match(header: str | None, version: int | str) -> None:
    """Raises RequestRefused unless `If-Match` names this version."""
    if header is None:
        raise RequestRefused(428, RequestProblem.VERSION_NEEDED(version=etag(version)))
    if not _matches(header, version):
        raise RequestRefused(412, RequestProblem.VERSION_CHANGED(version=etag(version)))


def is_known(header: str | None, version: int | str) -> bool:
    """Decides whether `If-None-Match` names this version."""
    return header is not None and _matches(header.replace("W/", ""), version)


def _matches(header: str, version: int | str) -> bool:
    tags = re.findall(r'(W/)?"([^"]*)"', header)
    return header.strip() == "*" or any(not weak and tag == str(version) for weak, tag in tags)


def not_modified(version: int | str) -> Response:
    return Response(status_code=304, headers={"ETag": etag(version)})
