"""Shows one post by a secret address to somebody without an account, and takes their remarks.

The address is the whole permission. It gives this post, its pictures and a field for remarks; nothing else of the desk
is looked up, linked or told, whoever asks and whatever cookies the browser sends.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import replace
from typing import Annotated, Any

from cachetools import LRUCache
from fastapi import APIRouter, Form, Path, Query, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import RedirectResponse, Response

from publisher.collaboration.preview_links import (
    LinkNotFound,
    TooManyRemarks,
    changed_at,
    find_link,
    note_visit,
    remarks_of,
)
from publisher.collaboration.preview_links import (
    add_remark as store_remark,
)
from publisher.core.content import RenditionSpec
from publisher.core.messages import Message, _
from publisher.core.post_limits import FORM_BYTES
from publisher.core.problems import Problem
from publisher.core.rate_limits import Buckets
from publisher.core.special_addresses import rate_limit_network
from publisher.db.models import Post
from publisher.db.staff import PreviewLink
from publisher.posts.errors import PostError
from publisher.posts.post_store import last_day_out, load_post, may_be_public
from publisher.web.channel_preview import RecentSpecs, channel_previews
from publisher.web.differences import diff_words
from publisher.web.errors import sentence_of
from publisher.web.guard import client_address
from publisher.web.pages.pictures import PICTURE_ADDRESS, respond_with_picture
from publisher.web.rendering import address, desk_of, page
from publisher.web.slow_work import in_queue

router = APIRouter(prefix="/shared")

REQUESTS_PER_LINK = 600
"""In a minute, at once or spread: a page with its pictures is about fifty requests."""
GUESSES_PER_NETWORK = 60
"""In a minute, of addresses that show nothing."""
MAX_POSTS = 100
Token = Annotated[str, Path(max_length=200)]


class SharedLimits:
    """Limits the requests by preview links, and remembers which pictures each post shows."""

    def __init__(self) -> None:
        self.links = Buckets(quota=REQUESTS_PER_LINK)
        self.guesses = Buckets(quota=GUESSES_PER_NETWORK)
        self._specs: LRUCache[tuple[int, int], Mapping[str, RenditionSpec]] = LRUCache(MAX_POSTS)
        self._lock = threading.Lock()

    def remember(self, post: Post, specs: Mapping[str, RenditionSpec]) -> None:
        """Remembers the pictures of a post by their digests: only these are served by its links."""
        with self._lock:
            self._specs[post.id, post.version] = specs

    def pictures_of(self, post: Post) -> Mapping[str, RenditionSpec] | None:
        """Returns the pictures of a post as it is now; None: they are not known here yet."""
        with self._lock:
            return self._specs.get((post.id, post.version))


@router.get("/{token}")
@in_queue(lambda work: work.previews)
def shared_post(request: Request, token: Token, sent: Annotated[bool, Query()] = False) -> Response:
    link = _admit(request, token)
    if isinstance(link, Response):
        return link
    if request.state.session is None:
        note_visit(desk_of(request).database, link, desk_of(request).now())
    return _post_page(request, link, is_sent=sent)


@router.post("/{token}/remarks")
@in_queue(lambda work: work.previews)
def add_remark(
    request: Request,
    token: Token,
    text: Annotated[str, Form(max_length=FORM_BYTES)] = "",
    author: Annotated[str, Form(max_length=FORM_BYTES)] = "",
) -> Response:
    link = _admit(request, token, typed=text)
    if isinstance(link, Response):
        return link
    desk = desk_of(request)
    try:
        store_remark(desk.database, link.id, author, text, now=desk.now())
    except LinkNotFound:
        return _refusal(request, typed=text)
    except PostError as refusal:
        status = 429 if isinstance(refusal, TooManyRemarks) else 422
        return _post_page(request, link, status, refused=sentence_of(refusal.text), typed=(author, text))
    return RedirectResponse(f"{address(request, 'shared_post', token=token)}?sent=1", 303)


@router.get("/{token}/pictures/{digest}")
async def shared_picture(request: Request, token: Token, digest: PICTURE_ADDRESS) -> Response:
    """Serves a picture of the link's post, and of no other."""
    post = await run_in_threadpool(_post_of_picture, request, token)
    if isinstance(post, Response):
        return post
    # The pictures of a post are known where its page was made; after a restart they are found again.
    pictures = _limits_of(request).pictures_of(post)
    if pictures is None:
        pictures = await _find_pictures(request=request, post=post)
    return await respond_with_picture(request, pictures[digest]) if digest in pictures else _refusal(request)


def _post_of_picture(request: Request, token: str) -> Post | Response:
    link = _admit(request, token)
    return link if isinstance(link, Response) else _load(request, link)


@in_queue(lambda work: work.previews)
def _find_pictures(request: Request, post: Post) -> Mapping[str, RenditionSpec]:
    _previews(request, post)
    return _limits_of(request).pictures_of(post) or {}


def _admit(request: Request, token: str, *, typed: str = "") -> PreviewLink | Response:
    """Returns the link of a token, or the refusal: it has ended, never was, or is asked for too often.

    `typed`: a remark, which its writer gets back.
    """
    desk, limits = desk_of(request), _limits_of(request)
    with desk.database.reading() as session:
        link = find_link(session, token, desk.now())
    if link is None:
        allowance = limits.guesses.take(rate_limit_network(client_address(request)))
        return _refusal(request, typed) if allowance.granted else _too_many(request, allowance.wait, typed)
    allowance = limits.links.take(link.id)
    return link if allowance.granted else _too_many(request, allowance.wait, typed)


def _refusal(request: Request, typed: str = "") -> Response:
    """Answers the same for a link that ended, was revoked or never was."""
    message = _(
        "The address is not whole, or its time is over, or it was taken back. Ask whoever gave it to you for a new one."
    )
    return page(request, "shared_refusal.html", 404, title=_("There is nothing here"), message=message, typed=typed)


def _too_many(request: Request, seconds: int, typed: str = "") -> Response:
    message = _("Too many requests came at once. Wait a minute, then load the page again.")
    title = _("Too many requests")
    response = page(request, "shared_refusal.html", 429, title=title, message=message, typed=typed)
    response.headers["retry-after"] = str(seconds)
    return response


def _load(request: Request, link: PreviewLink) -> Post:
    with desk_of(request).database.reading() as session:
        return load_post(session, link.post_id)


def _post_page(
    request: Request,
    link: PreviewLink,
    status: int = 200,
    *,
    is_sent: bool = False,
    refused: Message | Problem | None = None,
    typed: tuple[str, str] = ("", ""),
) -> Response:
    """Renders the page of a link. `typed`: the name and the text of a remark that was refused."""
    desk = desk_of(request)
    token: str = request.path_params["token"]
    post = _load(request, link)
    with desk.database.reading() as session:
        changed, remarks = changed_at(session, link), remarks_of(session, link.id)
        shown_on, may_be_out = last_day_out(session, post.id), may_be_public(session, post.id)
    return page(
        request,
        "shared.html",
        status,
        post=post,
        link=link,
        token=token,
        changed=changed,
        remarks=remarks,
        shown_on=shown_on,
        may_be_out=may_be_out,
        is_sent=is_sent,
        refused=refused,
        typed_author=typed[0],
        typed_text=typed[1],
        **_preview_context(request, token, post),
    )


def _preview_context(request: Request, token: str, post: Post) -> dict[str, Any]:
    """Returns the context of `channel_previews.html`, without what only the staff has to know."""
    return {
        "is_shared": True,
        "picture_url": lambda digest: address(request, "shared_picture", token=token, digest=digest),
        "previews": _previews(request, post),
        "mistakes_of_fields": {},
        "shown_pictures": [],
        "blockers": [],
        "approval_remarks": [],
        "template_texts": {},
        "diff_words": diff_words,
    }


def _previews(request: Request, post: Post) -> list[Any]:
    specs = RecentSpecs()
    previews = channel_previews(desk_of(request), post, specs)
    digests = {image.digest for preview in previews for image in preview.images}
    pictures = {digest: spec for digest in digests if (spec := specs.get(digest))}
    _limits_of(request).remember(post, pictures)
    return [replace(preview, problems=()) for preview in previews]


def _limits_of(request: Request) -> SharedLimits:
    limits: SharedLimits = request.app.state.shared_limits
    return limits
