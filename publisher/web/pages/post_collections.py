"""Lists collections, and makes, fills and orders them."""

from __future__ import annotations

import re
from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Form, Query, Request
from fastapi.responses import Response

from publisher.archive.post_collections import (
    CollectionFields,
    CollectionNotFound,
    Collections,
    PublicCollectionRefused,
    Step,
    list_collections,
    load_collection,
    posts_of,
    version_of,
)
from publisher.core.messages import Message, _, ngettext
from publisher.core.post_limits import COLLECTION_NAME, COLLECTION_POSTS, MAX_ROW_NUMBER, STANDFIRST
from publisher.core.problems import Problem
from publisher.db.post_collections import Collection
from publisher.posts.errors import PostError, StaleEdit
from publisher.schedule.listing import first_pictures
from publisher.staff.roles import Permission
from publisher.web.errors import NotFound, sentence_of
from publisher.web.field_types import RowId
from publisher.web.rendering import actor_of, desk_of, flash, page, redirect

router = APIRouter()

Name = Annotated[str, Form(max_length=2 * COLLECTION_NAME)]
Description = Annotated[str, Form(max_length=2 * STANDFIRST)]


async def posted_fields(
    name: Name = "", description: Description = "", public: Annotated[Literal["", "yes"], Form()] = ""
) -> CollectionFields:
    """Reads what a form says of a collection."""
    return CollectionFields(name, description, public == "yes")


Fields = Annotated[CollectionFields, Depends(posted_fields)]


@router.get("/collections")
def collections(request: Request) -> Response:
    return _render_list(request)


@router.post("/collections")
def make_collection(request: Request, fields: Fields) -> Response:
    try:
        made = _changing(request).add(fields)
    except PostError as refusal:
        return _render_list(request, fields, sentence_of(refusal.text), _status_of(refusal))
    flash(request, _("The collection is made; put posts into it."))
    return redirect(request, "collection", collection_id=made)


@router.post("/collections/posts")
def collect_posts(
    request: Request,
    collection: Annotated[RowId, Form()],
    posts: Annotated[str, Form(max_length=20_000)] = "",
    back: Annotated[Literal["collection", "post"], Form()] = "collection",
) -> Response:
    """Puts posts into a collection: their numbers, with spaces or commas between them."""
    numbers = [int(number) for number in re.findall(r"\d{1,10}", posts)][:COLLECTION_POSTS]
    numbers = [min(number, MAX_ROW_NUMBER) for number in numbers]
    try:
        if not numbers:
            raise PostError(_("write the numbers of the posts"))
        added = _changing(request).add_posts(collection, numbers)
        flash(request, ngettext("{count} post was put there.", "{count} posts were put there.", count=added))
    except CollectionNotFound:
        gone = _("This collection was removed meanwhile, so these posts were not put there: {posts}", posts=posts)
        return _render_list(request, mistake=gone, status=409)
    except PostError as refusal:
        if back == "collection":
            mistake, status = sentence_of(refusal.text), _status_of(refusal)
            return _render(request, collection, typed_posts=posts, posts_mistake=mistake, status=status)
        flash(request, sentence_of(refusal.text), "bad")
    if back == "post" and numbers:
        return redirect(request, "edit_post_page", post_id=numbers[0])
    return redirect(request, "collection", collection_id=collection)


@router.get("/collections/{collection_id}")
def collection(
    request: Request, collection_id: int, moved: Annotated[str, Query(max_length=30, pattern=r"^[\w-]*$")] = ""
) -> Response:
    """Shows a collection. `moved`: the button that was pressed last, which has the keyboard again."""
    return _render(request, collection_id, moved=moved)


@router.post("/collections/{collection_id}")
def change_collection(
    request: Request, collection_id: int, fields: Fields, version: Annotated[str, Form(max_length=64)] = ""
) -> Response:
    """Saves what a collection says of itself. A form without a version counts as one of a former version."""
    try:
        _changing(request).change(collection_id, fields, expected_version=version)
    except CollectionNotFound:
        gone = _("This collection was removed meanwhile. What you typed is below; with it you can make a new one.")
        return _render_list(request, fields, gone, 409)
    except StaleEdit:
        stale = _("Somebody has changed this collection meanwhile. Look at it, and save yours again if it still fits.")
        return _render(request, collection_id, fields=fields, mistake=stale, changed=True, status=409)
    except PostError as refusal:
        mistake, status = sentence_of(refusal.text), _status_of(refusal)
        return _render(request, collection_id, fields=fields, mistake=mistake, status=status)
    flash(request, _("Saved."))
    return redirect(request, "collection", collection_id=collection_id)


@router.post("/collections/{collection_id}/remove")
def remove_collection(request: Request, collection_id: int) -> Response:
    _collection_or_404(request, collection_id)
    _changing(request).remove(collection_id)
    flash(request, _("The collection is removed; its posts stay."), "note")
    return redirect(request, "collections")


@router.post("/collections/{collection_id}/order")
def order_collection(
    request: Request,
    collection_id: int,
    one: Annotated[str, Form(pattern=r"^(\d{1,9} (first|up|down|last|out))?$", max_length=20)] = "",
) -> Response:
    """Moves a post within a collection, or takes it out. `one`: the post and where it goes."""
    _collection_or_404(request, collection_id)
    if not one:
        return redirect(request, "collection", collection_id=collection_id)
    post, to = one.split()
    step: Step | None = next((step for step in ("first", "up", "down", "last") if step == to), None)
    try:
        if step is None:
            _changing(request).remove_post(collection_id, int(post))
            flash(request, _("It was taken out of the collection."), "note")
        else:
            _changing(request).move_post(collection_id, int(post), step)
    except PostError as refusal:
        flash(request, sentence_of(refusal.text), "bad")
    return redirect(request, "collection", f"moved={to}-{post}" if step else "", collection_id=collection_id)


def _changing(request: Request) -> Collections:
    may_publish = Permission.APPROVE in request.state.permissions
    return Collections(desk_of(request), actor_of(request), may_publish=may_publish)


def _status_of(refusal: PostError) -> int:
    return 403 if isinstance(refusal, PublicCollectionRefused) else 422


def _collection_or_404(request: Request, collection_id: int) -> Collection:
    if collection_id > MAX_ROW_NUMBER:
        raise NotFound(_("There is no collection with this number."))
    try:
        with desk_of(request).database.reading() as session:
            return load_collection(session, collection_id)
    except PostError as refusal:
        raise NotFound(sentence_of(refusal.text)) from None


def _render_list(
    request: Request,
    fields: CollectionFields | None = None,
    mistake: Message | Problem | str = "",
    status: int = 200,
) -> Response:
    with desk_of(request).database.reading() as session:
        listed = list_collections(session)
    fields = fields or CollectionFields("")
    return page(request, "collections.html", status, listed=listed, fields=fields, mistake=mistake)


def _render(
    request: Request, collection_id: int, *, fields: CollectionFields | None = None, status: int = 200, **more: object
) -> Response:
    stored = _collection_or_404(request, collection_id)
    with desk_of(request).database.reading() as session:
        posts = posts_of(session, collection_id)
        pictures = first_pictures(session, [post.id for post in posts])
    shown = fields or CollectionFields(stored.name, stored.description, stored.is_public)
    empty: dict[str, object] = {"mistake": "", "posts_mistake": "", "typed_posts": "", "moved": "", "changed": False}
    context = {
        **empty,
        "stored": stored,
        "version": version_of(stored),
        "fields": shown,
        "posts": posts,
        "pictures": pictures,
        **more,
    }
    return page(request, "collection.html", status, **context)
