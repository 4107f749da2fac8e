"""A post's form with everything around it: looks, versions, comments, history."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from fastapi import Request
from fastapi.responses import Response
from sqlalchemy import select
from sqlalchemy.orm import Session

from publisher.db.models import Event, Post
from publisher.db.staff import Autosave, PostVersion
from publisher.desk import Desk
from publisher.post_queue import autosaves, review
from publisher.post_queue.approval import PostProblem
from publisher.post_queue.drafts import PostContent
from publisher.post_queue.errors import PostError
from publisher.post_queue.storing import last_pick, load_post
from publisher.post_queue.unsaved import unsaved_post
from publisher.post_queue.versions import versions_of
from publisher.staff.accounts import actor_of
from publisher.web.differences import pieces
from publisher.web.errors import NotThere
from publisher.web.forms import Mistakes, content_of_fields, fields_of_post, image_numbers
from publisher.web.looks import looks_of, template_captions
from publisher.web.rendering import desk_of, page

LATEST = 10
"""So many versions and events stand beside the form."""


@dataclass
class Shown:
    """What a form shows: a stored post or a new one, as stored or as somebody typed it."""

    fields: dict[str, str]
    post: Post | None = None
    mistakes: Mapping[str, str] = field(default_factory=dict)
    problems: tuple[PostProblem, ...] = ()
    theirs: Mapping[str, str] = field(default_factory=dict)
    """Where somebody else saved meanwhile: what they wrote, by field."""


def show_form(request: Request, shown: Shown, status: int = 200) -> Response:
    desk = desk_of(request)
    post = shown.post
    kept = kept_autosave(request, post) if post and status == 200 else None
    with desk.database.reading() as session:
        versions: list[PostVersion] = versions_of(session, post.id)[:LATEST] if post else []
        comments = review.comments_of(session, post.id) if post else []
        pick = last_pick(session, post) if post else None
        history = _history(session, post) if post else []
    try:
        content = content_of_fields(
            PostContent, {**shown.fields, "title": shown.fields.get("title") or " "}, desk.settings.outlet.zone
        )
        looks = looks_context(request, desk, unsaved(desk, content))
    except Mistakes:
        looks = {"looks": [], "bare": {}, "pieces": pieces}
    return page(
        request,
        "editor.html",
        status,
        shown=shown,
        post=post,
        fields=shown.fields,
        mistakes=shown.mistakes,
        image_numbers=image_numbers(shown.fields),
        languages=_languages(desk, post),
        channels=desk.settings.channels.values(),
        versions=versions,
        comments=comments,
        history=history,
        pick=pick,
        kept=kept,
        **looks,
    )


def looks_context(request: Request, desk: Desk, post: Post) -> dict[str, Any]:
    bare = template_captions(desk, post) if any(text.strip() for text in post.captions.values()) else {}
    return {"looks": looks_of(desk, post, request.app.state.specs), "bare": bare, "pieces": pieces}


def unsaved(desk: Desk, content: PostContent) -> Post:
    with desk.database.reading() as session:
        return unsaved_post(session, content)


def load(desk: Desk, post_id: int) -> Post:
    with desk.database.reading() as session:
        try:
            return load_post(session, post_id)
        except PostError:
            raise NotThere(f"There is no post {post_id}.") from None


def stored_fields(desk: Desk, post: Post) -> dict[str, str]:
    place = "reserve" if post.reserve else "date" if post.fixed_date else "queue"
    return {
        **fields_of_post(post, _languages(desk, post), desk.settings.outlet.zone),
        "place": place,
        "fixed_date": post.fixed_date.isoformat() if post.fixed_date else "",
        "version": str(post.version),
    }


def _languages(desk: Desk, post: Post | None) -> list[str]:
    """The languages of a translation: those that channels show, and those that the post has."""
    own = post.language if post else desk.settings.outlet.language
    wanted = [desk.settings.channel_language(channel) for channel in desk.settings.channels.values()]
    return [each for each in dict.fromkeys([*wanted, *(post.translations if post else ())]) if each != own]


def _history(session: Session, post: Post) -> list[Event]:
    query = select(Event).where(Event.post_id == post.id).order_by(Event.id.desc()).limit(LATEST)
    return list(session.scalars(query))


def kept_autosave(request: Request, post: Post) -> Autosave | None:
    """What this person typed and did not save."""
    return autosaves.kept(desk_of(request).database, post.id, request.state.session.person_id)


def actor(request: Request) -> str:
    return actor_of(request.state.session.person)
