"""Versions of things in `ETag` and `If-Match`, so that nobody overwrites what they have not seen."""

from __future__ import annotations

import re
from typing import Annotated

from fastapi import Header, Response

from publisher.web.api.problems import Problem

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


def require_match(given: str | None, version: int | str) -> None:
    """Go on when `If-Match` names this version. Raises Problem: it names another, or is not there."""
    if given is None:
        raise Problem(428, f"Say in the header If-Match which version you saw; the present one is {etag(version)}")
    if not _matches(given, version):
        raise Problem(412, f"It was changed meanwhile: the present version is {etag(version)}; read it again")


def is_known(given: str | None, version: int | str) -> bool:
    """Whether `If-None-Match` names this version."""
    return given is not None and _matches(given.replace("W/", ""), version)


def _matches(given: str, version: int | str) -> bool:
    tags = re.findall(r'(W/)?"([^"]*)"', given)
    return given.strip() == "*" or any(not weak and tag == str(version) for weak, tag in tags)


def not_modified(version: int | str) -> Response:
    return Response(status_code=304, headers={"ETag": etag(version)})
