"""Handles the form of a post: creating, saving, moving, autosave and live preview."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date
from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import JSONResponse, Response
from starlette.datastructures import FormData

from publisher.core.messages import Message, _
from publisher.core.post_limits import MAX_ROW_NUMBER
from publisher.core.problems import Problem
from publisher.db.models import Post
from publisher.posts import autosaves
from publisher.posts.drafts import PostChanges, PostDraft
from publisher.posts.errors import PostError, StaleEdit
from publisher.schedule.order import FixedDate, Position, Reserve
from publisher.staff.roles import Permission
from publisher.web.date_format import format_moment
from publisher.web.differences import changed_fields
from publisher.web.forms import Mistakes, content_of_fields, fields_of, posted_form
from publisher.web.pages.approval import approve_post, ask_review
from publisher.web.post_form import (
    EditorForm,
    FormWithFiles,
    fields_of_stored,
    find_autosave,
    form_with_files,
    post_or_404,
    preview_context,
    queue_of,
    render_form,
)
from publisher.web.rendering import address, desk_of, flash, page, redirect
from publisher.web.slow_work import in_queue

router = APIRouter()

PLACES = ("queue", "date", "reserve")


@router.get("/posts/new")
def new_post(request: Request) -> Response:
    desk = desk_of(request)
    return render_form(request, EditorForm({"language": desk.settings.outlet.language, "place": "queue"}))


@router.get("/posts/{post_id}")
def edit_post_page(
    request: Request, post_id: int, with_unsaved: Annotated[bool, Query(alias="unsaved")] = False
) -> Response:
    desk = desk_of(request)
    post = post_or_404(desk, post_id)
    fields = fields_of_stored(desk, post)
    unsaved = find_autosave(request, post)
    if with_unsaved and unsaved is not None:
        fields = {**unsaved.fields, "version": str(unsaved.based_on)}
    return render_form(request, EditorForm(fields, post))


@router.post("/posts")
def create_post(request: Request, form: Annotated[FormWithFiles, Depends(form_with_files)]) -> Response:
    """Creates a draft. A script that saves an unfinished text asks for JSON, and gets the post's address."""
    desk = desk_of(request)
    fields, refused = form.fields, form.refused
    try:
        content = content_of_fields(PostDraft, fields, desk.settings.outlet.zone, **_place_values(fields))
        _raise_refused(refused)
        added = queue_of(request).add(content)
    except Mistakes as mistakes:
        return render_form(request, EditorForm(fields, mistakes=mistakes.fields | refused), 422)
    except PostError as error:
        return render_form(request, EditorForm(fields, mistakes={"form": error.text}), 422)
    if "application/json" in request.headers.get("accept", ""):
        return JSONResponse({"id": added.id, "url": address(request, "edit_post_page", post_id=added.id), "version": 1})
    for warning in added.warnings:
        flash(request, str(warning), "note")
    return _after_saving(request, added.id, 1, fields)


@router.post("/posts/{post_id}")
def save_post(request: Request, post_id: int, form: Annotated[FormWithFiles, Depends(form_with_files)]) -> Response:
    desk = desk_of(request)
    post = post_or_404(desk, post_id)
    fields, refused = form.fields, form.refused
    try:
        content = content_of_fields(PostChanges, fields, desk.settings.outlet.zone)
        _raise_refused(refused)
        edit = queue_of(request).edit(post_id, content, expected_version=_version(fields))
    except Mistakes as mistakes:
        return render_form(request, EditorForm(fields, post, mistakes.fields | refused), 422)
    except StaleEdit:
        return _render_conflict(request, post_id, fields)
    except PostError as error:
        return render_form(request, EditorForm(fields, post, {"form": error.text}), 422)
    autosaves.delete_autosave(desk.database, post_id, request.state.session.person_id)
    for warning in (*edit.warnings, *_move_post(request, post, fields)):
        flash(request, str(warning), "note")
    if edit.back_to_review:
        flash(request, _("It was approved; with your change it is in review again."), "note")
    if edit.applies_to and fields.get("then") != "approve":
        channels = list(edit.applies_to)
        text = _("{channels:list}: the approved text goes out until this is approved.", channels=channels)
        flash(request, text, "note")
    if edit.too_late and fields.get("then") != "approve":
        channels = list(edit.too_late)
        flash(request, _("Too late for {channels:list}: they have the post as it was.", channels=channels), "note")
    return _after_saving(request, post_id, edit.version, fields)


@router.post("/posts/{post_id}/autosave")
def autosave(request: Request, post_id: int, form: Annotated[FormData, Depends(posted_form)]) -> Response:
    """Stores what somebody has typed apart from the post, and says whether the post was changed meanwhile."""
    desk = desk_of(request)
    fields = fields_of(form)
    post = post_or_404(desk, post_id)
    based_on = _version(fields) or post.version
    autosaves.save_autosave(desk.database, post_id, request.state.session.person_id, based_on, fields, desk.now())
    changed_by = post.edited_by if post.version != based_on else ""
    return JSONResponse({"at": format_moment(desk.now(), "clock"), "changed_by": changed_by})


@router.post("/posts/{post_id}/autosave/forget")
def forget_autosave(request: Request, post_id: int) -> Response:
    autosaves.delete_autosave(desk_of(request).database, post_id, request.state.session.person_id)
    return redirect(request, "edit_post_page", post_id=post_id)


@router.post("/preview")
@in_queue(lambda work: work.previews)
def live_preview(request: Request, form: Annotated[FormData, Depends(posted_form)]) -> Response:
    """Renders the previews of a form as a part of the page."""
    context = preview_context(request, fields_of(form))
    return page(request, "channel_previews.html", 422 if context["mistakes_of_fields"] else 200, **context)


def _raise_refused(refused: dict[str, Message | Problem]) -> None:
    """Raises Mistakes where a file was refused, so that it is shown with all other mistakes."""
    if refused:
        raise Mistakes(refused)


def _render_conflict(request: Request, post_id: int, fields: dict[str, str]) -> Response:
    """Shows both texts after somebody else saved meanwhile, in a form that is based on the stored version."""
    desk = desk_of(request)
    post = post_or_404(desk, post_id)
    stored = fields_of_stored(desk, post)
    differing = [name for name in changed_fields(stored, fields) if name not in ("version", "then", "csrf")]
    theirs = {name: stored.get(name, "") for name in differing}
    return render_form(request, EditorForm({**fields, "version": str(post.version)}, post, theirs=theirs), 409)


def _after_saving(request: Request, post_id: int, version: int, fields: Mapping[str, str]) -> Response:
    """Does what the button asked for after `version` was saved."""
    action = fields.get("then", "save")
    if action == "review":
        return ask_review(request, post_id)
    if action == "approve":
        return approve_post(request, post_id, version)
    flash(request, _("Saved."))
    return redirect(request, "edit_post_page", post_id=post_id)


def _version(fields: Mapping[str, str]) -> int | None:
    text = fields.get("version", "")
    return min(int(text), MAX_ROW_NUMBER) if re.fullmatch("[0-9]{1,18}", text) else None


def _place_values(fields: Mapping[str, str]) -> dict[str, object]:
    place = fields.get("place", "queue")
    return {"reserve": place == "reserve", "fixed_date": _fixed_day(fields) if place == "date" else None}


def _fixed_day(fields: Mapping[str, str]) -> date:
    text = fields.get("fixed_date", "")
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise Mistakes({"fixed_date": _("Choose the day on which it goes out.")}) from None


def _move_post(request: Request, post: Post, fields: Mapping[str, str]) -> list[Message]:
    """Moves the post to the place that the form names; returns the reasons where it can't have it."""
    place = fields.get("place", "")
    before = "reserve" if post.reserve else "date" if post.fixed_date else "queue"
    if place not in PLACES or (place == before and (place != "date" or fields["fixed_date"] == str(post.fixed_date))):
        return []
    if Permission.APPROVE not in request.state.permissions and post.state == "approved":
        return [_("Its place stays: an editor moves what was approved.")]
    try:
        new_place = (
            FixedDate(_fixed_day(fields)) if place == "date" else Reserve() if place == "reserve" else Position(10**6)
        )
        queue_of(request).move(post.id, new_place)
    except Mistakes as mistakes:
        return [_("Its place stays. {why}", why=mistakes.text)]
    except PostError as error:
        return [_("Its place stays: {why:clause}.", why=error.text)]
    return []
