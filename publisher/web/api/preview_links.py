"""Makes, lists and revokes the preview links of a post."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Request
from pydantic import BaseModel, Field

from publisher.collaboration.preview_links import DEFAULT_LIFETIME, LIFETIMES, links_of, make_link, revoke_link
from publisher.core.post_limits import PERSON_NAME
from publisher.db.staff import PreviewLink
from publisher.posts.post_store import load_post
from publisher.web.api.guard import GuardedRoute, actor, desk_of
from publisher.web.api.paging import Id
from publisher.web.api.response_docs import BODY_STATUSES, INPUT_STATUSES, problems, success
from publisher.web.middleware import SHARED_PATH

router = APIRouter(prefix="/posts/{post_id}/preview-links", tags=["posts"], route_class=GuardedRoute)

TEXT = r"^[^\x00-\x1f\x7f]*\S[^\x00-\x1f\x7f]*$"


class NewLink(BaseModel):
    """For whom a preview link is, and for how long."""

    name: Annotated[str, Field(max_length=PERSON_NAME, pattern=TEXT, description="For whom.", examples=["Dr Roca"])]
    days: Annotated[
        int, Field(description="How long it works.", json_schema_extra={"enum": list(LIFETIMES)}, examples=[14])
    ] = DEFAULT_LIFETIME


class LinkOut(BaseModel):
    """A preview link. Its address is shown once, when it is made."""

    id: int = Field(examples=[3])
    name: str = Field(description="For whom it is.")
    made_by: str
    created_at: datetime
    expires_at: datetime
    revoked_at: datetime | None
    visited_at: datetime | None = Field(description="The last visit by somebody without a log-in.")

    @classmethod
    def of(cls, link: PreviewLink, **more: str) -> Any:
        """Makes the model of a stored link; `more`: fields besides."""
        return cls.model_validate({**{name: getattr(link, name) for name in LinkOut.model_fields}, **more})


class MadeLinkOut(LinkOut):
    """A preview link that was just made."""

    url: str = Field(description="The secret address. Whoever has it sees the post, and can write a remark.")


class LinksOut(BaseModel):
    """The newest preview links of a post."""

    items: list[LinkOut]


@router.get("", response_model=LinksOut, responses={**success(200, "Its links."), **problems(404, *INPUT_STATUSES)})
def api_preview_links(request: Request, post_id: Id) -> Any:
    """Lists the newest preview links of a post, the ended ones included."""
    with desk_of(request).database.reading() as session:
        load_post(session, post_id)
        return {"items": [LinkOut.of(link) for link in links_of(session, post_id)]}


@router.post(
    "",
    status_code=201,
    response_model=MadeLinkOut,
    responses={**success(201, "The link, with its address."), **problems(404, 409, *BODY_STATUSES)},
)
def api_make_preview_link(request: Request, post_id: Id, link: NewLink) -> Any:
    """Makes a secret address that shows the post, as it will look on every channel, to whoever has it."""
    desk = desk_of(request)
    made = make_link(desk.database, post_id, link.name, days=link.days, now=desk.now(), actor=actor(request))
    root: str = request.scope.get("app_root_path", "")
    url = f"{request.url.scheme}://{request.url.netloc}{root.rstrip('/')}{SHARED_PATH}{made.token}"
    with desk.database.reading() as session:
        return MadeLinkOut.of(session.get_one(PreviewLink, made.id), url=url)


@router.post(
    "/{link_id}/revocation",
    response_model=LinkOut,
    responses={**success(200, "It shows nothing any more."), **problems(404, *INPUT_STATUSES)},
)
def api_revoke_preview_link(request: Request, post_id: Id, link_id: Id) -> Any:
    """Ends a link at once. Revoking it again changes nothing."""
    desk = desk_of(request)
    revoke_link(desk.database, post_id, link_id, now=desk.now(), actor=actor(request))
    with desk.database.reading() as session:
        return LinkOut.of(session.get_one(PreviewLink, link_id))
