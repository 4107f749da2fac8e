"""Lists and searches all posts, the newest first."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Request
from fastapi.responses import Response

from publisher.core.messages import _
from publisher.db.post_search import is_complete
from publisher.posts.search import PAGE_SIZE, find_posts, find_search_matches
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


@router.get("/posts")
def archive(
    request: Request,
    text: Annotated[str, Query(max_length=200)] = "",
    state: Annotated[str, Query(max_length=20)] = "",
    before: Before = None,
) -> Response:
    with desk_of(request).database.reading() as session:
        matching = find_posts(session, text, state, before=before, limit=PAGE_SIZE + 1)
        posts = matching[:PAGE_SIZE]
        pictures = first_pictures(session, [post.id for post in posts])
        matches = find_search_matches(session, [post.id for post in posts], text)
        indexed = not text.strip() or is_complete(session)
    more = posts[-1].id if len(matching) > PAGE_SIZE else None
    return page(
        request,
        "archive.html",
        posts=posts,
        pictures=pictures,
        matches=matches,
        indexed=indexed,
        text=text,
        state=state,
        states=STATES,
        more=more,
    )
