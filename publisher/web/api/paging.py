"""Splits lists into pages; each page has the path of the next."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Generic, TypeVar
from urllib.parse import urlencode

from fastapi import Path, Query, Request
from pydantic import BaseModel, Field

from publisher.core import post_limits

MAX_PAGE_SIZE = 100
MAX_ID = post_limits.MAX_ROW_NUMBER

Item = TypeVar("Item")
Id = Annotated[int, Path(ge=1, le=MAX_ID)]
Limit = Annotated[int, Query(ge=1, le=MAX_PAGE_SIZE, description="How many items a page has at most.")]
After = Annotated[
    int | None,
    Query(ge=1, le=MAX_ID, description="The id of the last item that you have; `next` of a page holds it already."),
]
Text = Annotated[
    str, Query(max_length=200, pattern=r"^[^\x00]*$", description="Only items that contain all these words.")
]


class Page(BaseModel, Generic[Item]):
    """One page of a list."""

    items: list[Item]
    next: str | None = Field(
        description="The path of the next page; null on the last one.", examples=["/api/v1/posts?limit=50&after=17"]
    )


def next_page(request: Request, shown: Sequence[object], last: int, limit: int) -> str | None:
    """Returns the path of the page after the item `last`; None when this page isn't full."""
    if len(shown) < limit:
        return None
    parameters = [(name, value) for name, value in request.query_params.multi_items() if name not in ("after", "limit")]
    return f"{request.url.path}?{urlencode([*parameters, ('limit', limit), ('after', last)])}"
