"""Shows where a post came from, and what became of it."""

from __future__ import annotations

from fastapi import APIRouter, Request
from fastapi.responses import Response

from publisher.archive.provenance import provenance_of
from publisher.delivery.attempt_description import describe_attempt
from publisher.web.pages.deliveries import TONES
from publisher.web.post_form import post_or_404
from publisher.web.rendering import desk_of, page

router = APIRouter()


@router.get("/posts/{post_id}/record")
def post_record(request: Request, post_id: int) -> Response:
    desk = desk_of(request)
    post = post_or_404(desk, post_id)
    with desk.database.reading() as session:
        record = provenance_of(session, post)
    return page(request, "post_record.html", post=post, record=record, tones=TONES, attempt_words=describe_attempt)
