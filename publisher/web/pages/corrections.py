"""Corrects a published post: a form, what would change on each channel, and the confirmation."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request
from fastapi.responses import Response
from starlette.datastructures import FormData

from publisher import correcting
from publisher.core.messages import Message
from publisher.core.problems import Problem
from publisher.correcting import CorrectionRequest, correct_post, plan_correction
from publisher.correction_plan import CorrectionPlan
from publisher.db.models import Post
from publisher.delivery.corrected_parts import describe_part
from publisher.desk import Desk
from publisher.posts.corrections import CORRECTABLE
from publisher.posts.drafts import PostChanges, check_input
from publisher.posts.errors import PostError, StaleEdit
from publisher.posts.unsaved import build_unsaved_post
from publisher.posts.versions import content_at
from publisher.web.differences import diff_words
from publisher.web.errors import sentence_of
from publisher.web.field_labels import label_of
from publisher.web.form_changes import differing_fields
from publisher.web.forms import Mistakes, content_of_fields, fields_of, fields_of_post, image_numbers, posted_form
from publisher.web.post_form import fields_of_stored, languages_of, parse_version, post_or_404
from publisher.web.rendering import actor_of, desk_of, flash, page, redirect

router = APIRouter()

NOTE, SEEN, THEN = "note", "seen", "then"
"""Fields of the form that are no part of the post."""


@router.get("/posts/{post_id}/correct")
def correct_post_page(request: Request, post_id: int) -> Response:
    desk = desk_of(request)
    post = post_or_404(desk, post_id)
    try:
        plan_correction(desk, CorrectionRequest(post_id, PostChanges.model_validate({})))
    except PostError as refusal:
        flash(request, sentence_of(refusal.text), "bad")
        return redirect(request, "edit_post_page", post_id=post_id)
    return _render_form(request, post, fields_of_stored(desk, post))


@router.post("/posts/{post_id}/correct")
def preview_correction(request: Request, post_id: int, form: Annotated[FormData, Depends(posted_form)]) -> Response:
    """Shows what the correction would change on each channel; with the button `edit`, the form once more."""
    desk, fields = desk_of(request), fields_of(form)
    post = post_or_404(desk, post_id)
    if fields.get(THEN) == "edit":
        return _render_form(request, post, fields)
    try:
        plan = plan_correction(desk, _request_of(desk, post, fields))
    except Mistakes as mistakes:
        return _render_form(request, post, fields, mistakes.fields, status=422)
    except StaleEdit as error:
        return _render_stale(request, post, fields, error)
    except PostError as error:
        return _render_form(request, post, fields, {"form": sentence_of(error.text)}, status=422)
    return _render_plan(request, post, fields, plan)


@router.post("/posts/{post_id}/correct/confirm")
def confirm_correction(request: Request, post_id: int, form: Annotated[FormData, Depends(posted_form)]) -> Response:
    """Carries out the correction that was shown; where it would be another one by now, shows that one."""
    desk, fields = desk_of(request), fields_of(form)
    post = post_or_404(desk, post_id)
    try:
        wanted = _request_of(desk, post, fields)
        result = correct_post(desk, wanted, actor=actor_of(request))
    except Mistakes as mistakes:
        return _render_form(request, post, fields, mistakes.fields, status=422)
    except StaleEdit as error:
        return _render_stale(request, post, fields, error)
    except PostError as error:
        return _render_form(request, post, fields, {"form": sentence_of(error.text)}, status=422)
    flash(request, correcting.describe_result(result), "good" if result.deliveries else "note")
    return redirect(request, "edit_post_page", post_id=post_id)


def _request_of(desk: Desk, post: Post, fields: dict[str, str]) -> CorrectionRequest:
    """Makes the request of a form. Raises Mistakes, or PostError."""
    # What the form has no field for stays: it is taken from the post as it is.
    whole = {**fields_of_stored(desk, post), **fields}
    content = content_of_fields(PostChanges, whole, desk.settings.outlet.zone)
    given = content.model_dump(include=set(CORRECTABLE), exclude_unset=True)
    return CorrectionRequest(
        post.id,
        check_input(PostChanges, given),
        note=fields.get(NOTE, ""),
        expected_version=parse_version(fields),
        seen=fields.get(SEEN, ""),
    )


def _render_form(
    request: Request,
    post: Post,
    fields: dict[str, str],
    mistakes: dict[str, Message | Problem] | None = None,
    *,
    status: int = 200,
) -> Response:
    desk = desk_of(request)
    return page(
        request,
        "correct.html",
        status,
        post=post,
        fields=fields,
        mistakes=mistakes or {},
        image_numbers=image_numbers(fields),
        languages=languages_of(desk, post),
        channels=desk.settings.channels.values(),
        has_captions=any(text.strip() for name, text in fields.items() if name.startswith("caption-")),
    )


def _render_plan(request: Request, post: Post, fields: dict[str, str], plan: CorrectionPlan) -> Response:
    context: dict[str, Any] = {
        "post": post,
        "plan": plan,
        "hidden": [(name, value) for name, value in fields.items() if name not in (SEEN, THEN)],
        "field_labels": [label_of(name) for name in plan.fields],
        "describe_part": describe_part,
        "diff_words": diff_words,
    }
    return page(request, "correct_preview.html", **context)


def _render_stale(request: Request, post: Post, fields: dict[str, str], error: StaleEdit) -> Response:
    """Shows what was typed again, in a form that has everything else as the post is now."""
    desk = desk_of(request)
    stored, opened = fields_of_stored(desk, post), _fields_at_opening(desk, post, fields)
    typed = {*differing_fields(opened, fields), NOTE} if opened is not None else fields.keys()
    now = {**fields, **{name: value for name, value in stored.items() if name in fields and name not in typed}}
    return _render_form(request, post, now, {"form": sentence_of(error.text)}, status=409)


def _fields_at_opening(desk: Desk, post: Post, fields: dict[str, str]) -> dict[str, str] | None:
    """Returns the fields that the form began with; None: that version of the post was not kept."""
    version = parse_version(fields)
    with desk.database.reading() as session:
        content = content_at(session, post.id, version) if version is not None else None
        if content is None:
            return None
        former = build_unsaved_post(session, content)
    return fields_of_post(former, languages_of(desk, post), desk.settings.outlet.zone)
