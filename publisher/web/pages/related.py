"""Shows the posts with pictures similar to those of a post, and what was shown on its day in other years."""

from __future__ import annotations

from fastapi import APIRouter, Request
from fastapi.responses import Response

from publisher.archive.related import posts_on_day, similar_posts
from publisher.schedule.listing import first_pictures
from publisher.web.post_form import post_or_404
from publisher.web.rendering import desk_of, page

router = APIRouter()


@router.get("/posts/{post_id}/related")
def related_posts(request: Request, post_id: int) -> Response:
    desk = desk_of(request)
    post = post_or_404(desk, post_id)
    with desk.database.reading() as session:
        similar, on_this_day = similar_posts(session, post), posts_on_day(session, post)
        pictures = first_pictures(session, [other.id for other in (*similar, *on_this_day)])
    return page(request, "related.html", post=post, similar=similar, on_this_day=on_this_day, pictures=pictures)
