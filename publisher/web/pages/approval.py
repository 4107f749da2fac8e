"""From draft to approved: review, comments, approval; and the way back to an earlier version."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Form, Request
from fastapi.responses import Response

from publisher.core.post_limits import COMMENT
from publisher.posts.drafts import PostChanges, check_entered
from publisher.posts.errors import StaleEdit
from publisher.posts.versions import content_of, load_version, versions_of
from publisher.schedule.approval import Approval, NotApproved
from publisher.staff.roles import Permission
from publisher.web.differences import Piece, changed_fields, pieces
from publisher.web.errors import Forbidden
from publisher.web.inputs import RowId
from publisher.web.labels import label_of
from publisher.web.post_form import Shown, load, queue_of, show_form, shown_fields, stored_fields
from publisher.web.rendering import desk_of, flash, go, page

router = APIRouter()


@router.post("/posts/{post_id}/review")
def ask_review(request: Request, post_id: int) -> Response:
    queue_of(request).ask_for_review(post_id)
    flash(request, "Saved, and given to review: an editor can approve it now.")
    return go(request, "edit_post_page", post_id=post_id)


@router.post("/posts/{post_id}/approve")
def approve_post(request: Request, post_id: int, version: Annotated[RowId | None, Form()] = None) -> Response:
    """Approve the post as it is stored, if that is the `version` that somebody saw."""
    if Permission.APPROVE not in request.state.permissions:
        raise Forbidden("Only an editor can approve; ask for review instead.")
    desk = desk_of(request)
    try:
        approval = queue_of(request).approve(post_id, expected_version=version)
    except StaleEdit as changed:
        flash(request, f"It is saved, but not approved: {changed}.", "bad")
        return go(request, "edit_post_page", post_id=post_id)
    except NotApproved as refusal:
        post = load(desk, post_id)
        return show_form(request, Shown(stored_fields(desk, post), post, problems=refusal.problems), 422)
    flash(request, _approved(approval))
    return go(request, "edit_post_page", post_id=post_id)


def _approved(approval: Approval) -> str:
    """What came of an approval, in sentences."""
    reach, remarks = approval.reach, len(approval.remarks)
    told = ["Approved: it goes out when its turn comes."]
    if reach.applies_to:
        told = [f"Approved: {', '.join(reach.applies_to)} will show it as it is now."]
    if reach.too_late:
        told.append(f"Too late for {', '.join(reach.too_late)}: they have the post as it was.")
    if remarks:
        told.append(f"{remarks} remarks stand beside the form.")
    return " ".join(told)


@router.post("/posts/{post_id}/send-back")
def send_back_post(request: Request, post_id: int, text: Annotated[str, Form(max_length=COMMENT)] = "") -> Response:
    """A post in review is a draft again; what is to be done stands in the comment."""
    queue = queue_of(request)
    queue.send_back(post_id)
    if text.strip():
        queue.add_comment(post_id, request.state.session.person_id, text)
    flash(request, "It is a draft again.", "note")
    return go(request, "edit_post_page", post_id=post_id)


@router.post("/posts/{post_id}/comments")
def comment_on_post(request: Request, post_id: int, text: Annotated[str, Form(max_length=COMMENT)]) -> Response:
    queue_of(request).add_comment(post_id, request.state.session.person_id, text)
    return go(request, "edit_post_page", post_id=post_id)


@router.post("/posts/{post_id}/withdraw")
def withdraw(request: Request, post_id: int) -> Response:
    queue_of(request).withdraw(post_id)
    flash(request, "Withdrawn: it does not go out. Approving it brings it back.", "note")
    return go(request, "edit_post_page", post_id=post_id)


@router.get("/posts/{post_id}/versions/{version}")
def post_version(request: Request, post_id: int, version: int) -> Response:
    """One version, and how the post differs from it today."""
    desk = desk_of(request)
    post = load(desk, post_id)
    with desk.database.reading() as session:
        content = load_version(session, post_id, version)
        kept = versions_of(session, post_id)
    then, now = shown_fields(desk, content), shown_fields(desk, content_of(post))
    changes = [
        (label_of(name), _told(name, then.get(name, ""), now.get(name, ""))) for name in changed_fields(then, now)
    ]
    made = next(each for each in kept if each.version == version)
    return page(request, "version.html", post=post, made=made, kept=kept, changes=changes)


def _told(field: str, then: str, now: str) -> list[Piece]:
    if not field.endswith("-media"):
        return pieces(then, now)
    # A picture's name is its hash: nobody reads anything in it.
    told = [Piece("out", "the picture that was here")] if then else []
    return [*told, *([Piece("in", "another picture" if then else "a new picture")] if now else [])]


@router.post("/posts/{post_id}/versions/{version}")
def restore_version(request: Request, post_id: int, version: int) -> Response:
    """Make the post what it was; that is a new version, and nothing is lost."""
    desk = desk_of(request)
    with desk.database.reading() as session:
        content = load_version(session, post_id, version)
    queue_of(request).edit(post_id, check_entered(PostChanges, content.model_dump()))
    flash(request, f"The post is again what it was in version {version}.")
    return go(request, "edit_post_page", post_id=post_id)
