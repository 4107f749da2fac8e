"""Handles the form of a post: creating, saving, moving, autosave and live preview."""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import date
from functools import partial
from typing import Annotated
from urllib.parse import urlencode

from fastapi import APIRouter, Depends, Query, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import JSONResponse, Response
from pydantic import StringConstraints
from starlette.datastructures import FormData

from publisher.core.date_format import format_moment
from publisher.core.messages import Message, _
from publisher.core.problems import Problem
from publisher.db.models import Post
from publisher.posts import autosaves
from publisher.posts.autosaves import UnsavedText
from publisher.posts.creation import add_once, find_created_post
from publisher.posts.drafts import PostChanges, UntitledChanges, UntitledDraft
from publisher.posts.errors import PostError, StaleEdit
from publisher.posts.post_store import load_post
from publisher.posts.posts import AddedPost, EditOutcome, unchanged_post
from publisher.schedule.order import FixedDate, Position, Reserve
from publisher.staff.roles import Permission
from publisher.web.differences import changed_fields
from publisher.web.field_types import RowId
from publisher.web.form_changes import CONTROL_FIELDS, PLACE_FIELDS, differing_fields
from publisher.web.forms import Mistakes, content_of_fields, fields_of, posted_form
from publisher.web.pages.approval import answer_approval, ask_review
from publisher.web.post_form import (
    EditorForm,
    FormWithFiles,
    fields_of_stored,
    form_with_files,
    parse_version,
    post_or_404,
    preview_context,
    queue_of,
    render_form,
)
from publisher.web.rendering import address, asks_for_json, desk_of, flash, page, redirect
from publisher.web.sent_posts import find_shown_pick, render_published
from publisher.web.slow_work import WorkRefused, in_queue, person_of, slow_work_of
from publisher.web.unsaved_texts import (
    delete_continued_text,
    delete_saved_text,
    find_unsaved_text,
    moment_of,
    tab_of,
    unsaved_context,
)

router = APIRouter()

PLACES = ("queue", "date", "reserve")


@router.get("/posts/new")
def new_post(
    request: Request,
    draft: Annotated[str, Query(max_length=64)] = "",
    day: Annotated[date | None, Query()] = None,
) -> Response:
    """Shows an empty form. Its address names it, so that it leads to its post once it has made one.

    `day`: the fixed date that it begins with.
    """
    desk = desk_of(request)
    key = _creation_key(request, draft)
    if not key:
        query = urlencode({**request.query_params, "draft": secrets.token_hex(16)})
        return redirect(request, "new_post", query)
    if (post_id := find_created_post(desk.database, key)) is not None:
        return redirect(request, "edit_post_page", post_id=post_id)
    place = {"place": "queue"} if day is None else {"place": "date", "fixed_date": day.isoformat()}
    return render_form(request, EditorForm({"language": desk.settings.outlet.language, "draft": draft, **place}))


@router.get("/posts/{post_id}")
def edit_post_page(
    request: Request,
    post_id: int,
    unsaved: Annotated[str, Query(max_length=64)] = "",
    with_form: Annotated[bool, Query(alias="edit")] = False,
) -> Response:
    """Shows a post's form; of a post that is out and that nobody works on, what followers got.

    `unsaved`: the form with the unsaved text of this tab; `1`: with the newest one.
    """
    desk = desk_of(request)
    post = post_or_404(desk, post_id)
    if not with_form and not unsaved and (pick := find_shown_pick(desk, post)):
        return render_published(request, post, pick)
    fields = fields_of_stored(desk, post)
    if unsaved and (text := find_unsaved_text(request, post, unsaved)) is not None:
        go_on = {"continues": text.tab, "continues_at": str(text.typed_at)}
        fields = {**text.fields, "version": str(text.based_on), **go_on}
    return render_form(request, EditorForm(fields, post))


@dataclass(frozen=True, slots=True)
class _Saved:
    """Names a version that was saved and that the person wants to approve."""

    post_id: int
    version: int
    repeat_is_meant: bool


async def _answer(request: Request, save: Callable[[], Response | _Saved]) -> Response:
    """Saves a form. An approval that follows waits for its pictures in a queue, not in a thread of the pages."""
    outcome = await run_in_threadpool(save)
    if isinstance(outcome, Response):
        return outcome
    approve = partial(
        answer_approval, request, outcome.post_id, outcome.version, repeat_is_meant=outcome.repeat_is_meant
    )
    try:
        return await slow_work_of(request).approvals.run(approve, person_of(request))
    except WorkRefused as refusal:
        flash(request, _("It is saved, and not approved yet. {why}", why=refusal.text), "note")
        return await run_in_threadpool(redirect, request, "edit_post_page", post_id=outcome.post_id)


@router.post("/posts")
async def create_post(request: Request, form: Annotated[FormWithFiles, Depends(form_with_files)]) -> Response:
    """Creates a draft. A script that keeps an unfinished text asks for JSON, and gets the post's address."""
    return await _answer(request, partial(_create, request, form))


def _create(request: Request, form: FormWithFiles) -> Response | _Saved:
    desk, fields = desk_of(request), form.fields
    is_script = asks_for_json(request)
    key = _creation_key(request, fields.get("draft", ""))
    try:
        content = content_of_fields(UntitledDraft, fields, desk.settings.outlet.zone, **_place_values(fields))
        _raise_refused(form.refused)
        added = add_once(desk.database, queue_of(request).add, content, key)
    except (Mistakes, PostError) as error:
        if not is_script:
            mistakes = error.fields | form.refused if isinstance(error, Mistakes) else {"form": error.text}
            return render_form(request, EditorForm(fields, mistakes=mistakes), 422)
        # It becomes a draft all the same: the script keeps what can't be saved yet as an unsaved text.
        empty = UntitledDraft(language=desk.settings.outlet.language)
        return _creation_response(request, add_once(desk.database, queue_of(request).add, empty, key), is_whole=False)
    if is_script:
        return _creation_response(request, added, is_whole=not isinstance(added, int))
    if isinstance(added, int):
        # The person went back to the form and sent it again: the first version is what it began with.
        return _save(request, added, replace(form, fields={**fields, "version": "1"}))
    for warning in added.warnings:
        flash(request, str(warning), "note")
    return _after_saving(request, added.id, 1, fields)


def _creation_response(request: Request, added: AddedPost | int, *, is_whole: bool) -> Response:
    """Tells a script which draft its form has made, and whether the draft says all that the form does."""
    post_id = added if isinstance(added, int) else added.id
    url = address(request, "edit_post_page", post_id=post_id)
    return JSONResponse({"id": post_id, "url": url, "version": 1, "is_whole": is_whole})


@router.post("/posts/{post_id}")
async def save_post(
    request: Request, post_id: int, form: Annotated[FormWithFiles, Depends(form_with_files)]
) -> Response:
    """Saves a post's form. One that holds what the post says already changes nothing, the approval included."""
    return await _answer(request, partial(_save, request, post_id, form))


def _save(request: Request, post_id: int, form: FormWithFiles) -> Response | _Saved:
    desk = desk_of(request)
    post = post_or_404(desk, post_id)
    fields, refused = form.fields, form.refused
    try:
        _raise_refused(refused)
        edit = _edit(request, post, fields)
    except Mistakes as mistakes:
        return render_form(request, EditorForm(fields, post, mistakes.fields | refused), 422)
    except StaleEdit:
        return _render_conflict(request, post_id, fields)
    except PostError as error:
        return render_form(request, EditorForm(fields, post, {"form": error.text}), 422)
    delete_saved_text(request, post_id, fields)
    moved = _move_post(request, post, fields)
    for warning in (*edit.warnings, *moved.warnings):
        flash(request, str(warning), "note")
    _flash_reach(request, edit, fields)
    # A draft is kept while it is written: what its button saves may be stored already, and is saved all the same.
    unchanged = edit.unchanged and not moved.is_moved and post.state != "draft"
    return _after_saving(request, post_id, edit.version, fields, unchanged=unchanged)


def _edit(request: Request, post: Post, fields: Mapping[str, str]) -> EditOutcome:
    """Changes the post where the form differs from it. Raises Mistakes or PostError."""
    desk = desk_of(request)
    differing = differing_fields(fields_of_stored(desk, post), fields)
    if _asks_for_other_place(post, fields):
        # Whoever opened the form before somebody moved the post would move it back, also where no text differs.
        with desk.database.reading() as session:
            load_post(session, post.id, parse_version(fields))
    if not differing:
        return unchanged_post(post)
    kind = UntitledChanges if post.state == "draft" else PostChanges
    # A field can't show every moment that a program may give: an unchanged one keeps it.
    same = {} if "embargo_until" in differing else {"embargo_until": post.embargo_until}
    content = content_of_fields(kind, fields, desk.settings.outlet.zone, **same)
    return queue_of(request).edit(post.id, content, expected_version=parse_version(fields))


def _flash_reach(request: Request, edit: EditOutcome, fields: Mapping[str, str]) -> None:
    """Says what the change of an approved post means for its deliveries."""
    if edit.back_to_review:
        flash(request, _("It was approved; with your change it is in review again."), "note")
    if edit.applies_to and fields.get("then") != "approve":
        channels = list(edit.applies_to)
        text = _("{channels:list}: the approved text goes out until this is approved.", channels=channels)
        flash(request, text, "note")
    if edit.too_late and fields.get("then") != "approve":
        channels = list(edit.too_late)
        flash(request, _("Too late for {channels:list}: they have the post as it was.", channels=channels), "note")


@router.post("/posts/{post_id}/autosave")
def autosave(request: Request, post_id: int, form: Annotated[FormData, Depends(posted_form)]) -> Response:
    """Stores what somebody has typed apart from the post, and says whether the post was changed meanwhile."""
    desk = desk_of(request)
    fields = fields_of(form)
    post = post_or_404(desk, post_id)
    based_on = parse_version(fields) or post.version
    typed = {name: value for name, value in fields.items() if name not in CONTROL_FIELDS or name in PLACE_FIELDS}
    text = UnsavedText(typed, based_on, tab_of(fields), moment_of(fields, "typed_at"))
    autosaves.save_autosave(desk.database, post_id, request.state.session.person_id, text, desk.now())
    delete_continued_text(request, post_id, fields)
    changed_by = post.edited_by if post.version != based_on else ""
    others = unsaved_context(request, post, fields_of_stored(desk, post), {text.tab})
    return JSONResponse({"at": format_moment(desk.now(), "clock"), "changed_by": changed_by, "others": len(others)})


@router.get("/posts/{post_id}/unsaved")
def unsaved_texts(
    request: Request,
    post_id: int,
    tab: Annotated[list[Annotated[str, StringConstraints(max_length=64)]] | None, Query(max_length=2)] = None,
) -> Response:
    """Renders the list of what this person typed for a post in other tabs than these, as a part of the page."""
    post = post_or_404(desk_of(request), post_id)
    unsaved = unsaved_context(request, post, fields_of_stored(desk_of(request), post), tab or ())
    return page(request, "unsaved.html", post=post, unsaved=unsaved)


@router.post("/posts/{post_id}/autosave/forget")
def forget_autosave(request: Request, post_id: int, form: Annotated[FormData, Depends(posted_form)]) -> Response:
    """Forgets the unsaved text of one tab as the person saw it; without one, all of theirs."""
    fields = fields_of(form)
    tab, until = (tab_of(fields, "of"), moment_of(fields, "of_moment")) if "of" in fields else (None, None)
    person = request.state.session.person_id
    autosaves.delete_autosave(desk_of(request).database, post_id, person, tab=tab, typed_until=until)
    return redirect(request, "edit_post_page", post_id=post_id)


@router.post("/preview")
@in_queue(lambda work: work.previews)
def live_preview(
    request: Request, form: Annotated[FormData, Depends(posted_form)], post: Annotated[RowId | None, Query()] = None
) -> Response:
    """Renders the previews of a form as a part of the page. `post`: the stored post that the form is of."""
    context = preview_context(request, fields_of(form), post)
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
    content = [name for name in changed_fields(stored, fields) if name not in CONTROL_FIELDS - PLACE_FIELDS]
    differing = [name for name in content if not name.endswith(("-order", "-padding_colour"))]
    theirs = {name: stored.get(name, "") for name in differing}
    return render_form(request, EditorForm({**fields, "version": str(post.version)}, post, theirs=theirs), 409)


def _after_saving(
    request: Request, post_id: int, version: int, fields: Mapping[str, str], *, unchanged: bool = False
) -> Response | _Saved:
    """Does what the button asked for after `version` was saved; an approval is left to the caller."""
    action = fields.get("then", "save")
    if action == "review":
        return ask_review(request, post_id)
    if action == "approve":
        return _Saved(post_id, version, fields.get("repeat_is_meant") == "yes")
    flash(request, _("Nothing was changed: the post is as it was.") if unchanged else _("Saved."))
    return redirect(request, "edit_post_page", post_id=post_id)


def _place_values(fields: Mapping[str, str]) -> dict[str, object]:
    place = fields.get("place", "queue")
    return {"reserve": place == "reserve", "fixed_date": _fixed_day(fields) if place == "date" else None}


def _fixed_day(fields: Mapping[str, str]) -> date:
    text = fields.get("fixed_date", "")
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise Mistakes({"fixed_date": _("Choose the day on which it goes out.")}) from None


@dataclass(frozen=True, slots=True)
class _Move:
    """Holds what became of the place that a form asks for."""

    is_moved: bool
    warnings: tuple[Message, ...] = ()
    """Why the post can't have that place."""


def _asks_for_other_place(post: Post, fields: Mapping[str, str]) -> bool:
    place = fields.get("place", "")
    before = "reserve" if post.reserve else "date" if post.fixed_date else "queue"
    if place != before:
        return place in PLACES
    return place == "date" and fields.get("fixed_date", "") != str(post.fixed_date)


def _move_post(request: Request, post: Post, fields: Mapping[str, str]) -> _Move:
    """Moves the post to the place that the form names, where it has another one."""
    place = fields.get("place", "")
    if not _asks_for_other_place(post, fields):
        return _Move(is_moved=False)
    if Permission.APPROVE not in request.state.permissions and post.state == "approved":
        return _Move(False, (_("Its place stays: an editor moves what was approved."),))
    try:
        new_place = (
            FixedDate(_fixed_day(fields)) if place == "date" else Reserve() if place == "reserve" else Position(10**6)
        )
        queue_of(request).move(post.id, new_place)
    except Mistakes as mistakes:
        return _Move(False, (_("Its place stays. {why}", why=mistakes.text),))
    except PostError as error:
        return _Move(False, (_("Its place stays: {why:clause}.", why=error.text),))
    return _Move(is_moved=True)


def _creation_key(request: Request, draft: str) -> str:
    """Names the form of one person, for the post that it makes; empty: the form has no name."""
    is_name = re.fullmatch("[0-9a-f]{32}", draft)
    return f"{request.state.session.person_id}.{draft}" if is_name else ""
