"""Writing a post: its form, and what every channel will show of it beside the form."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date
from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import JSONResponse, Response
from starlette.datastructures import FormData

from publisher.core.post_limits import LARGEST_NUMBER
from publisher.db.models import Post
from publisher.posts import autosaves
from publisher.posts.drafts import PostChanges, PostDraft
from publisher.posts.errors import PostError, StaleEdit
from publisher.schedule.order import FixedDate, Position, Reserve
from publisher.staff.roles import Permission
from publisher.web.differences import changed_fields
from publisher.web.forms import Mistakes, content_of_fields, fields_of, posted
from publisher.web.pages.approval import approve_post, ask_review
from publisher.web.post_form import (
    FormWithFiles,
    Shown,
    form_with_files,
    kept_autosave,
    load,
    looks_context,
    queue_of,
    show_form,
    stored_fields,
)
from publisher.web.rendering import address, desk_of, flash, go, page
from publisher.web.slow_work import in_queue

router = APIRouter()

PLACES = ("queue", "date", "reserve")


@router.get("/posts/new")
def new_post(request: Request) -> Response:
    desk = desk_of(request)
    return show_form(request, Shown({"language": desk.settings.outlet.language, "place": "queue"}))


@router.get("/posts/{post_id}")
def edit_post_page(
    request: Request, post_id: int, with_unsaved: Annotated[bool, Query(alias="unsaved")] = False
) -> Response:
    desk = desk_of(request)
    post = load(desk, post_id)
    fields = stored_fields(desk, post)
    kept = kept_autosave(request, post)
    if with_unsaved and kept is not None:
        fields = {**kept.fields, "version": str(kept.based_on)}
    return show_form(request, Shown(fields, post))


@router.post("/posts")
def create_post(request: Request, form: Annotated[FormWithFiles, Depends(form_with_files)]) -> Response:
    """A new draft. A script that keeps an unfinished text asks for JSON, and gets the post's address."""
    desk = desk_of(request)
    fields, refused = form.fields, form.refused
    try:
        content = content_of_fields(PostDraft, fields, desk.settings.outlet.zone, **_place_values(fields))
        _refuse(refused)
        added = queue_of(request).add(content)
    except Mistakes as mistakes:
        return show_form(request, Shown(fields, mistakes=mistakes.fields | refused), 422)
    except PostError as error:
        return show_form(request, Shown(fields, mistakes={"form": str(error)}), 422)
    if "application/json" in request.headers.get("accept", ""):
        return JSONResponse({"id": added.id, "url": address(request, "edit_post_page", post_id=added.id), "version": 1})
    for warning in added.warnings:
        flash(request, warning, "note")
    return _then(request, added.id, 1, fields)


@router.post("/posts/{post_id}")
def save_post(request: Request, post_id: int, form: Annotated[FormWithFiles, Depends(form_with_files)]) -> Response:
    desk = desk_of(request)
    post = load(desk, post_id)
    fields, refused = form.fields, form.refused
    try:
        content = content_of_fields(PostChanges, fields, desk.settings.outlet.zone)
        _refuse(refused)
        outcome = queue_of(request).edit(post_id, content, expected_version=_version(fields))
    except Mistakes as mistakes:
        return show_form(request, Shown(fields, post, mistakes.fields | refused), 422)
    except StaleEdit:
        return _conflict(request, post_id, fields)
    except PostError as error:
        return show_form(request, Shown(fields, post, {"form": str(error)}), 422)
    autosaves.forget(desk.database, post_id, request.state.session.person_id)
    for told in (*outcome.warnings, *_move(request, post, fields)):
        flash(request, told, "note")
    if outcome.back_to_review:
        flash(request, "It was approved: with your change it is in review again.", "note")
    if outcome.applies_to and fields.get("then") != "approve":
        flash(request, f"{', '.join(outcome.applies_to)}: the approved text goes out until this is approved.", "note")
    if outcome.too_late and fields.get("then") != "approve":
        flash(request, f"Too late for {', '.join(outcome.too_late)}: they have the post as it was.", "note")
    return _then(request, post_id, outcome.version, fields)


@router.post("/posts/{post_id}/autosave")
def autosave(request: Request, post_id: int, form: Annotated[FormData, Depends(posted)]) -> Response:
    """Keep what somebody has typed, apart from the post; tells whether the post was changed meanwhile."""
    desk = desk_of(request)
    fields = fields_of(form)
    post = load(desk, post_id)
    based_on = _version(fields) or post.version
    autosaves.keep(desk.database, post_id, request.state.session.person_id, based_on, fields, desk.now())
    changed_by = post.edited_by if post.version != based_on else ""
    return JSONResponse({"at": desk.local(desk.now(), "%H:%M"), "changed_by": changed_by})


@router.post("/posts/{post_id}/autosave/forget")
def forget_autosave(request: Request, post_id: int) -> Response:
    autosaves.forget(desk_of(request).database, post_id, request.state.session.person_id)
    return go(request, "edit_post_page", post_id=post_id)


@router.post("/preview")
@in_queue(lambda work: work.previews)
def live_preview(request: Request, form: Annotated[FormData, Depends(posted)]) -> Response:
    """What the form would become, as the part of a page."""
    context = looks_context(request, fields_of(form))
    return page(request, "looks.html", 422 if context["unread"] else 200, **context)


def _refuse(refused: dict[str, str]) -> None:
    """Raises Mistakes where a file can't be taken: everything else that is wrong is told with it."""
    if refused:
        raise Mistakes(refused)


def _conflict(request: Request, post_id: int, fields: dict[str, str]) -> Response:
    """Somebody saved meanwhile: both texts, and a form that now starts from theirs."""
    desk = desk_of(request)
    post = load(desk, post_id)
    stored = stored_fields(desk, post)
    differing = [name for name in changed_fields(stored, fields) if name not in ("version", "then", "csrf")]
    theirs = {name: stored.get(name, "") for name in differing}
    return show_form(request, Shown({**fields, "version": str(post.version)}, post, theirs=theirs), 409)


def _then(request: Request, post_id: int, version: int, fields: Mapping[str, str]) -> Response:
    """After saving `version`: what the button asked for."""
    wanted = fields.get("then", "save")
    if wanted == "review":
        return ask_review(request, post_id)
    if wanted == "approve":
        return approve_post(request, post_id, version)
    flash(request, "Saved.")
    return go(request, "edit_post_page", post_id=post_id)


def _version(fields: Mapping[str, str]) -> int | None:
    text = fields.get("version", "")
    return min(int(text), LARGEST_NUMBER) if re.fullmatch("[0-9]{1,18}", text) else None


def _place_values(fields: Mapping[str, str]) -> dict[str, object]:
    place = fields.get("place", "queue")
    return {"reserve": place == "reserve", "fixed_date": _day(fields) if place == "date" else None}


def _day(fields: Mapping[str, str]) -> date:
    text = fields.get("fixed_date", "")
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise Mistakes({"fixed_date": "Choose the day on which it goes out."}) from None


def _move(request: Request, post: Post, fields: Mapping[str, str]) -> list[str]:
    """Give the post the place that the form wants, where that is another one; the reasons why it can't have it."""
    wanted = fields.get("place", "")
    before = "reserve" if post.reserve else "date" if post.fixed_date else "queue"
    if wanted not in PLACES or (
        wanted == before and (wanted != "date" or fields["fixed_date"] == str(post.fixed_date))
    ):
        return []
    if Permission.APPROVE not in request.state.permissions and post.state == "approved":
        return ["Its place stays: an editor moves what was approved."]
    try:
        to = FixedDate(_day(fields)) if wanted == "date" else Reserve() if wanted == "reserve" else Position(10**6)
        queue_of(request).move(post.id, to)
    except Mistakes as mistakes:
        return [f"Its place stays. {mistakes}"]
    except PostError as error:
        return [f"Its place stays: {error}."]
    return []
