"""Shows the result of a change of several posts on the next page, with its undo."""

from __future__ import annotations

from typing import Any

from fastapi import Request
from pydantic import ValidationError

from publisher.db.staff import WebSession
from publisher.posts.undo import Undo
from publisher.schedule.bulk import BulkChanges, BulkResult
from publisher.schedule.listing import place_of
from publisher.staff.accounts import actor_of
from publisher.staff.roles import Permission
from publisher.web.date_format import long_day
from publisher.web.errors import Forbidden, PageError
from publisher.web.rendering import desk_of, flash, plural


def bulk_for(request: Request) -> BulkChanges:
    """Returns the bulk actions of the person who asks."""
    return BulkChanges(desk_of(request), actor_of(request.state.session.person))


def flash_result(request: Request, result: BulkResult, done: str, *, undo: bool = True) -> None:
    """Shows the result of a change on the next page, with its undo. `done`: such as `approved` or `moved`."""
    number, refused = len(result.done), len(result.refused)
    parts = []
    if number or not refused:
        parts.append(f"{plural(number, 'post is', 'posts are')} {done}.")
    if again := _count_sent_to_review(result):
        parts.append(
            f"{plural(again, 'post that was approved needs', 'posts that were approved need')} approval again."
        )
    if refused:
        parts.append(f"{plural(refused, 'post is', 'posts are')} not.")
    _flash(request, " ".join(parts), result, undo=undo)


def _count_sent_to_review(result: BulkResult) -> int:
    changes = result.undo.changes if result.undo else ()
    return sum(1 for change in changes if (change.before.state, change.after.state) == ("approved", "in_review"))


def flash_place(request: Request, post_id: int, result: BulkResult) -> None:
    """Shows the new place of a post that was moved alone on the next page, with its undo."""
    desk = desk_of(request)
    with desk.database.reading() as session:
        post, day = place_of(session, desk.settings, post_id, now=desk.now())
    if post.fixed_date:
        ready = "" if post.state == "approved" else ", once it is approved"
        sentence = f"“{post.title}” goes out on {long_day(post.fixed_date)}{ready}."
    else:
        where = "the reserve" if post.place == "reserve" else "line"
        sentence = f"“{post.title}” is number {post.number} in {where} now{f', for {long_day(day)}' if day else ''}."
    _flash(request, sentence, result, undo=True)


def _flash(request: Request, text: str, result: BulkResult, *, undo: bool) -> None:
    refused = [
        {"id": post.post_id, "title": post.title, "reasons": [str(reason) for reason in post.reasons]}
        for post in result.refused
    ]
    undo_json = result.undo.model_dump_json() if undo and result.undo else ""
    flash(request, text, "bad" if refused else "good", refused=refused, undo=undo_json)


def last_change(request: Request) -> dict[str, Any]:
    """Returns the posts that the last change `refused`, and its `undo` as a form sends it."""
    session: WebSession = request.state.session
    flashed = session.flash[-1] if session.flash else {}
    return {"refused": flashed.get("refused", []), "undo": flashed.get("undo", "")}


def undo_bulk_change(request: Request, undo_json: str) -> None:
    """Undoes the change that a form of `last_change` holds, and shows the result on the next page.

    Raises:
        Forbidden: whoever asks may not make such a change.
    """
    try:
        undo = Undo.model_validate_json(undo_json)
    except ValidationError:
        raise PageError("That change can't be read; open the page again.") from None
    may_approve = Permission.APPROVE in request.state.permissions
    if undo.act != "tag" and not may_approve:
        raise Forbidden("Your roles don't allow this; ask an admin of the desk.")
    flash_result(request, bulk_for(request).undo(undo, may_approve=may_approve), "as before", undo=False)
