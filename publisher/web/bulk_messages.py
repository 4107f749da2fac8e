"""Changes of several posts: who makes them, and how the next page tells what came of them and takes them back."""

from __future__ import annotations

from typing import Any

from fastapi import Request
from pydantic import ValidationError

from publisher.db.staff import WebSession
from publisher.posts.undo import Undo
from publisher.schedule.bulk import Bulk, BulkResult
from publisher.schedule.listing import place_of
from publisher.staff.accounts import actor_of
from publisher.staff.roles import Permission
from publisher.web.dates import long_day
from publisher.web.errors import Forbidden, PageError
from publisher.web.rendering import desk_of, flash, plural


def bulk_of(request: Request) -> Bulk:
    """The hand of whoever asks."""
    return Bulk(desk_of(request), actor_of(request.state.session.person))


def tell(request: Request, outcome: BulkResult, done: str, *, undo: bool = True) -> None:
    """Have the next page tell what came of a change, and offer to take it back. `done`: `approved`, `moved`."""
    number, refused = len(outcome.done), len(outcome.refused)
    parts = []
    if number or not refused:
        parts.append(f"{plural(number, 'post is', 'posts are')} {done}.")
    if again := _sent_to_review(outcome):
        parts.append(
            f"{plural(again, 'post that was approved needs', 'posts that were approved need')} approval again."
        )
    if refused:
        parts.append(f"{plural(refused, 'post is', 'posts are')} not.")
    _tell(request, " ".join(parts), outcome, undo=undo)


def _sent_to_review(outcome: BulkResult) -> int:
    changes = outcome.undo.changes if outcome.undo else ()
    return sum(1 for change in changes if (change.before.state, change.after.state) == ("approved", "in_review"))


def tell_place(request: Request, post_id: int, outcome: BulkResult) -> None:
    """Have the next page tell where a post that was moved alone stands now, and offer to take it back."""
    desk = desk_of(request)
    with desk.database.reading() as session:
        post, day = place_of(session, desk.settings, post_id, now=desk.now())
    if post.fixed_date:
        ready = "" if post.state == "approved" else ", once it is approved"
        sentence = f"“{post.title}” goes out on {long_day(post.fixed_date)}{ready}."
    else:
        where = "the reserve" if post.place == "reserve" else "line"
        sentence = f"“{post.title}” is number {post.number} in {where} now{f', for {long_day(day)}' if day else ''}."
    _tell(request, sentence, outcome, undo=True)


def _tell(request: Request, text: str, outcome: BulkResult, *, undo: bool) -> None:
    refused = [{"id": each.post_id, "title": each.title, "reasons": list(each.reasons)} for each in outcome.refused]
    back = outcome.undo.model_dump_json() if undo and outcome.undo else ""
    flash(request, text, "bad" if refused else "good", refused=refused, undo=back)


def waiting_changes(request: Request) -> dict[str, Any]:
    """What a page tells of the last change besides its sentence: `refused` posts, and `undo` as a form sends it."""
    session: WebSession = request.state.session
    told = session.flash[-1] if session.flash else {}
    return {"refused": told.get("refused", []), "undo": told.get("undo", "")}


def take_back(request: Request, sent: str) -> None:
    """Undo the change that a form of `waiting_changes` names, and have the next page tell what came of it.

    Raises:
        Forbidden: whoever asks may not make such a change.
    """
    try:
        undo = Undo.model_validate_json(sent)
    except ValidationError:
        raise PageError("That change can't be read; open the page again.") from None
    may_approve = Permission.APPROVE in request.state.permissions
    if undo.act != "tag" and not may_approve:
        raise Forbidden("Your roles don't allow this; ask an admin of the desk.")
    tell(request, bulk_of(request).undo(undo, may_approve=may_approve), "as before", undo=False)
