"""Handles review, comments, approval and withdrawal of a post, and its earlier versions."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Form, Request
from fastapi.responses import Response

from publisher.core.messages import Message, _, ngettext
from publisher.core.post_limits import COMMENT
from publisher.db.models import Post
from publisher.posts.drafts import PostChanges, check_input
from publisher.posts.errors import StaleEdit
from publisher.posts.versions import content_of, load_version, versions_of
from publisher.schedule.approval import Approval, NotApproved
from publisher.staff.roles import Permission
from publisher.web.differences import Piece, changed_fields, diff_words
from publisher.web.errors import Forbidden
from publisher.web.field_labels import label_of
from publisher.web.field_types import RowId
from publisher.web.post_form import EditorForm, fields_of_content, fields_of_stored, post_or_404, queue_of, render_form
from publisher.web.rendering import desk_of, flash, page, redirect
from publisher.web.slow_work import in_queue
from publisher.web.text_language import language_of_field

router = APIRouter()


@router.post("/posts/{post_id}/review")
def ask_review(request: Request, post_id: int) -> Response:
    queue_of(request).ask_for_review(post_id)
    flash(request, _("Saved, and given to review: an editor can approve it now."))
    return redirect(request, "edit_post_page", post_id=post_id)


@router.post("/posts/{post_id}/approve")
@in_queue(lambda work: work.approvals)
def approve_post(
    request: Request,
    post_id: int,
    version: Annotated[RowId | None, Form()] = None,
    repeat_is_meant: Annotated[bool, Form()] = False,
) -> Response:
    """Approves the post as it is stored, if that is the `version` that the person saw."""
    return answer_approval(request, post_id, version, repeat_is_meant=repeat_is_meant)


def answer_approval(request: Request, post_id: int, version: int | None, *, repeat_is_meant: bool) -> Response:
    """Approves a post, and leads back to its form. Takes as long as its pictures take to be made."""
    if Permission.APPROVE not in request.state.permissions:
        raise Forbidden(_("Only an editor can approve; ask for review instead."))
    desk = desk_of(request)
    try:
        approval = queue_of(request).approve(post_id, expected_version=version, repeat_is_meant=repeat_is_meant)
    except StaleEdit as changed:
        flash(request, _("It is saved, but not approved: {why:clause}.", why=changed.text), "bad")
        return redirect(request, "edit_post_page", post_id=post_id)
    except NotApproved as refusal:
        post = post_or_404(desk, post_id)
        return render_form(request, EditorForm(fields_of_stored(desk, post), post, problems=refusal.problems), 422)
    flash(request, _approval_texts(approval, post_or_404(desk, post_id)))
    return redirect(request, "edit_post_page", post_id=post_id)


def _approval_texts(approval: Approval, post: Post) -> list[Message]:
    """Describes the result of an approval."""
    reach, remarks = approval.reach, len(approval.remarks)
    texts = [_when_approved(post)]
    if reach.applies_to:
        channels = list(reach.applies_to)
        texts = [_("Approved: {channels:list} will show it as it is now.", channels=channels)]
    if reach.too_late:
        texts.append(_("Too late for {channels:list}: they have the post as it was.", channels=list(reach.too_late)))
    if remarks:
        texts.append(
            ngettext("{count} remark stands beside the form.", "{count} remarks stand beside the form.", count=remarks)
        )
    return texts


def _when_approved(post: Post) -> Message:
    if post.fixed_date:
        return _("Approved: it goes out on {day:long_day}.", day=post.fixed_date)
    if post.reserve:
        return _("Approved: it waits in the reserve for a day on which the queue is empty.")
    return _("Approved: it goes out when its turn comes.")


@router.post("/posts/{post_id}/send-back")
def send_back_post(request: Request, post_id: int, text: Annotated[str, Form(max_length=COMMENT)] = "") -> Response:
    """Turns a post in review back into a draft, with a comment that says what to do."""
    queue_of(request).send_back(post_id, person_id=request.state.session.person_id, reason=text)
    flash(request, _("It is a draft again."), "note")
    return redirect(request, "edit_post_page", post_id=post_id)


@router.post("/posts/{post_id}/comments")
def comment_on_post(request: Request, post_id: int, text: Annotated[str, Form(max_length=COMMENT)]) -> Response:
    queue_of(request).add_comment(post_id, request.state.session.person_id, text)
    return redirect(request, "edit_post_page", post_id=post_id)


@router.post("/posts/{post_id}/withdraw")
def withdraw(request: Request, post_id: int) -> Response:
    queue_of(request).withdraw(post_id)
    flash(request, _("Withdrawn: it does not go out. Approving it brings it back."), "note")
    return redirect(request, "edit_post_page", post_id=post_id)


@router.get("/posts/{post_id}/versions/{version}")
def post_version(request: Request, post_id: int, version: int) -> Response:
    """Shows one version, and how the post differs from it now."""
    desk = desk_of(request)
    post = post_or_404(desk, post_id)
    with desk.database.reading() as session:
        content = load_version(session, post_id, version)
        versions = versions_of(session, post_id)
    before, after = fields_of_content(desk, content), fields_of_content(desk, content_of(post))
    changes = [
        (
            label_of(name),
            language_of_field(name, post.language),
            _field_diff(name, before.get(name, ""), after.get(name, "")),
        )
        for name in changed_fields(before, after)
    ]
    shown = next(row for row in versions if row.version == version)
    return page(request, "version.html", post=post, version=shown, changes=changes)


def _field_diff(field: str, before: str, after: str) -> list[Piece]:
    if not field.endswith("-media"):
        return diff_words(before, after)
    # The field holds the picture's hash, which says nothing to people.
    removed = [Piece("out", str(_("the picture that was here")))] if before else []
    return [*removed, *([Piece("in", str(_("another picture") if before else _("a new picture")))] if after else [])]


@router.post("/posts/{post_id}/versions/{version}")
def restore_version(request: Request, post_id: int, version: int) -> Response:
    """Restores an earlier version as a new one, so that nothing is lost."""
    desk = desk_of(request)
    with desk.database.reading() as session:
        content = load_version(session, post_id, version)
    queue_of(request).edit(post_id, check_input(PostChanges, content.model_dump()))
    flash(request, _("The post is back at version {version}.", version=version))
    return redirect(request, "edit_post_page", post_id=post_id)
