"""Shows the result of a change of several posts on the next page, with its undo."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Any

from fastapi import Request
from pydantic import ValidationError

from publisher.core.messages import COUNT, Message, _, ngettext, plural_template
from publisher.core.problems import value_from_json, value_to_json
from publisher.posts.titles import shown_title
from publisher.posts.undo import Undo
from publisher.schedule.bulk import BulkChanges, BulkResult
from publisher.schedule.listing import place_of
from publisher.staff.roles import Permission
from publisher.web.errors import ROLES_FORBID_IT, Forbidden, PageError
from publisher.web.rendering import actor_of, desk_of, flash, stored_flashes_of

APPROVED = plural_template("{count:number} post is approved.", "{count:number} posts are approved.")
MOVED = plural_template("{count:number} post is moved.", "{count:number} posts are moved.")
WITHDRAWN = plural_template("{count:number} post is withdrawn.", "{count:number} posts are withdrawn.")
TAGGED = plural_template("{count:number} post is tagged.", "{count:number} posts are tagged.")
UNTAGGED = plural_template("{count:number} post is without these tags.", "{count:number} posts are without these tags.")
AS_BEFORE = plural_template("{count:number} post is as before.", "{count:number} posts are as before.")


def bulk_for(request: Request) -> BulkChanges:
    """Returns the bulk actions of the person who asks."""
    return BulkChanges(desk_of(request), actor_of(request))


def flash_result(request: Request, result: BulkResult, done: Message, *, undo: bool = True) -> None:
    """Shows the result of a change on the next page, with its undo. `done`: such as `APPROVED` or `MOVED`."""
    number, refused = len(result.done), len(result.refused)
    texts = []
    if number or not refused:
        texts.append(done.fill({COUNT: number}))
    if again := _count_sent_to_review(result):
        texts.append(
            ngettext(
                "{count:number} post that was approved needs approval again.",
                "{count:number} posts that were approved need approval again.",
                count=again,
            )
        )
    if refused:
        texts.append(
            ngettext(
                "{count:number} post stays as it was; the reason stands below.",
                "{count:number} posts stay as they were; the reasons stand below.",
                count=refused,
            )
        )
    _flash(request, texts, result, undo=undo)


def _count_sent_to_review(result: BulkResult) -> int:
    changes = result.undo.changes if result.undo else ()
    return sum(1 for change in changes if (change.before.state, change.after.state) == ("approved", "in_review"))


def flash_place(request: Request, post_id: int, result: BulkResult) -> None:
    """Shows the new place of a post that was moved alone on the next page, with its undo."""
    flash_places(request, [post_id], result)


def flash_places(request: Request, post_ids: Sequence[int], result: BulkResult) -> None:
    """Shows the new places of posts on the next page, with one undo for all of them."""
    _flash(request, [_place_text(request, post_id) for post_id in post_ids], result, undo=True)


def _place_text(request: Request, post_id: int) -> Message:
    desk = desk_of(request)
    with desk.database.reading() as session:
        post, day = place_of(session, desk.settings, post_id, now=desk.now())
    if post.fixed_date:
        return _fixed_place(shown_title(post.title), post.fixed_date, is_approved=post.state == "approved")
    if post.place == "reserve":
        return _place_in_reserve(shown_title(post.title), post.number, day)
    return _place_in_line(shown_title(post.title), post.number, day)


def _fixed_place(post: str, day: date, *, is_approved: bool) -> Message:
    if is_approved:
        return _("“{post}” goes out on {day:long_day}.", post=post, day=day)
    return _("“{post}” goes out on {day:long_day}, once it is approved.", post=post, day=day)


def _place_in_reserve(post: str, number: int, day: date | None) -> Message:
    if day is None:
        return _("“{post}” is number {number} in the reserve now.", post=post, number=number)
    return _("“{post}” is number {number} in the reserve now, for {day:long_day}.", post=post, number=number, day=day)


def _place_in_line(post: str, number: int, day: date | None) -> Message:
    if day is None:
        return _("“{post}” is number {number} in line now.", post=post, number=number)
    return _("“{post}” is number {number} in line now, for {day:long_day}.", post=post, number=number, day=day)


def _flash(request: Request, texts: list[Message], result: BulkResult, *, undo: bool) -> None:
    refused = [
        {"id": post.post_id, "title": shown_title(post.title), "reasons": value_to_json(post.reasons)}
        for post in result.refused
    ]
    undo_json = result.undo.model_dump_json() if undo and result.undo else ""
    flash(request, texts, "bad" if refused else "good", refused=refused, undo=undo_json)


def last_change(request: Request) -> dict[str, Any]:
    """Returns the posts that the last change `refused`, and its `undo` as a form sends it."""
    flashes = stored_flashes_of(request)
    flashed = flashes[-1] if flashes else {}
    refused = [{**post, "reasons": value_from_json(post["reasons"])} for post in flashed.get("refused", [])]
    return {"refused": refused, "undo": flashed.get("undo", "")}


def undo_bulk_change(request: Request, undo_json: str) -> None:
    """Undoes the change that a form of `last_change` holds, and shows the result on the next page.

    Raises:
        Forbidden: whoever asks may not make such a change.
    """
    try:
        undo = Undo.model_validate_json(undo_json)
    except ValidationError:
        raise PageError(_("That change can't be read; open the page again.")) from None
    may_approve = Permission.APPROVE in request.state.permissions
    if undo.act != "tag" and not may_approve:
        raise Forbidden(ROLES_FORBID_IT)
    flash_result(request, bulk_for(request).undo(undo, may_approve=may_approve), AS_BEFORE, undo=False)
