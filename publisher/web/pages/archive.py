"""Lists and searches all posts, the newest first."""

from __future__ import annotations

from dataclasses import asdict, replace
from typing import Annotated
from urllib.parse import urlencode

from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import Response

from publisher.core.messages import _
from publisher.db.post_search import is_complete
from publisher.posts.drafts import FIRST_YEAR, LAST_YEAR
from publisher.posts.search import (
    PAGE_SIZE,
    PostFilter,
    find_posts,
    find_search_matches,
    platforms_shown,
    years_shown,
)
from publisher.schedule.listing import first_pictures
from publisher.web.field_types import Before
from publisher.web.rendering import desk_of, page

router = APIRouter()

STATES = (
    ("shown", _("Shown")),
    ("draft", _("Drafts")),
    ("in_review", _("In review")),
    ("approved", _("Approved")),
    ("withdrawn", _("Withdrawn")),
)


Short = Annotated[str, Query(max_length=200)]
Year = Annotated[str, Query(pattern=r"^\d{0,4}$", max_length=4)]


async def asked_filter(
    text: Short = "", state: Short = "", year: Year = "", tag: Short = "", person: Short = "", credit: Short = ""
) -> PostFilter:
    """Reads what the address of the page selects, but for licence and platform."""
    number = int(year) if year and FIRST_YEAR <= int(year) <= LAST_YEAR else None
    return PostFilter(text, state, number, tag, person, credit)


@router.get("/posts")
def archive(
    request: Request,
    asked: Annotated[PostFilter, Depends(asked_filter)],
    licence: Short = "",
    platform: Short = "",
    before: Before = None,
) -> Response:
    criteria = replace(asked, licence=licence, platform=platform)
    with desk_of(request).database.reading() as session:
        matching = find_posts(session, criteria=criteria, before=before, limit=PAGE_SIZE + 1)
        posts = matching[:PAGE_SIZE]
        pictures = first_pictures(session, [post.id for post in posts])
        matches = find_search_matches(session, [post.id for post in posts], criteria)
        indexed = not criteria.needs_words or is_complete(session)
        years, platforms = years_shown(session), platforms_shown(session)
    return page(
        request,
        "archive.html",
        422 if criteria.mistake else 200,
        posts=posts,
        pictures=pictures,
        matches=matches,
        indexed=indexed,
        criteria=criteria,
        mistake=criteria.mistake,
        states=STATES,
        years=years,
        platforms=platforms,
        more=_query_of(criteria, posts[-1].id) if len(matching) > PAGE_SIZE else None,
    )


def _query_of(criteria: PostFilter, before: int) -> str:
    return urlencode({"before": before} | {name: value for name, value in asdict(criteria).items() if value})
