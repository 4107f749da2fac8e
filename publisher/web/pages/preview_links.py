"""Makes, lists and revokes the preview links of a post."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Form, Request
from fastapi.responses import Response

from publisher.collaboration.preview_links import DEFAULT_LIFETIME, links_of, make_link, revoke_link
from publisher.core.messages import _
from publisher.core.post_limits import PERSON_NAME
from publisher.posts.errors import PostError
from publisher.web.errors import sentence_of
from publisher.web.post_form import post_or_404
from publisher.web.post_story import links_context
from publisher.web.rendering import actor_of, desk_of, flash, outside_address, page, redirect

router = APIRouter(prefix="/posts/{post_id}/links")


@router.get("")
def post_links(request: Request, post_id: int) -> Response:
    return _page(request, post_id)


def _page(request: Request, post_id: int, status: int = 200, **more: object) -> Response:
    desk = desk_of(request)
    post = post_or_404(desk, post_id)
    with desk.database.reading() as session:
        context = links_context(links_of(session, post_id), desk.now())
    shared: dict[str, object] = {"new_link": "", "whose": "", "expires_at": None}
    return page(request, "post_links.html", status, post=post, **{**context, **shared, **more})


@router.post("")
def make_preview_link(
    request: Request,
    post_id: int,
    name: Annotated[str, Form(max_length=PERSON_NAME)],
    days: Annotated[int, Form(ge=1, le=365)] = DEFAULT_LIFETIME,
) -> Response:
    """Makes a link, and shows it once: only its hash is stored."""
    desk = desk_of(request)
    post_or_404(desk, post_id)
    try:
        made = make_link(desk.database, post_id, name, days=days, now=desk.now(), actor=actor_of(request))
    except PostError as refusal:
        return _page(request, post_id, 422, link_mistake=sentence_of(refusal.text), typed_name=name)
    link = outside_address(request, "shared_post", token=made.token)
    return _page(request, post_id, new_link=link, whose=name, expires_at=made.expires_at)


@router.post("/{link_id}/revoke")
def revoke_preview_link(request: Request, post_id: int, link_id: int) -> Response:
    desk = desk_of(request)
    revoke_link(desk.database, post_id, link_id, now=desk.now(), actor=actor_of(request))
    flash(request, _("The link is revoked: its address shows nothing any more."), "note")
    return redirect(request, "post_links", post_id=post_id)
