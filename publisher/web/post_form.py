"""A post's form with everything around it: looks, versions, comments, history."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Annotated, Any

from fastapi import Depends, Request
from fastapi.responses import Response
from sqlalchemy import select
from sqlalchemy.orm import Session
from starlette.datastructures import FormData, UploadFile

from publisher.core.post_limits import IMAGES
from publisher.db.models import Event, Media, Post
from publisher.db.staff import Autosave, PostVersion
from publisher.desk import Desk
from publisher.media import MediaError
from publisher.posts import autosaves, review
from publisher.posts.drafts import PostContent
from publisher.posts.errors import PostError
from publisher.posts.pictures import keep_picture
from publisher.posts.possibly_shown import possibly_shown
from publisher.posts.post_store import last_pick, load_post
from publisher.posts.problems import PostProblem
from publisher.posts.unsaved import unsaved_post
from publisher.posts.versions import versions_of
from publisher.schedule.post_queue import PostQueue
from publisher.staff.accounts import actor_of
from publisher.web.channel_preview import channel_previews, template_captions, to_do
from publisher.web.differences import pieces
from publisher.web.errors import NotThere, sentence
from publisher.web.forms import (
    Mistakes,
    anchor_of,
    content_of_fields,
    fields_of,
    fields_of_post,
    file_name,
    image_numbers,
    next_image_number,
    posted,
    with_titles,
)
from publisher.web.labels import label_of
from publisher.web.rendering import desk_of, page
from publisher.web.slow_work import WorkRefused, person_of, slow_work_of

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
        doubts = [shown.problem.message for shown in possibly_shown(session, [post.id]).values()] if post else []
    return page(
        request,
        "editor.html",
        status,
        shown=shown,
        post=post,
        fields=shown.fields,
        mistakes=shown.mistakes,
        theirs=[
            (label_of(name), name.endswith("-media"), text, shown.fields.get(name, ""))
            for name, text in shown.theirs.items()
        ],
        problems=[(each, _anchor(each)) for each in shown.problems],
        image_numbers=image_numbers(shown.fields),
        more_captions=_more_captions(desk, shown.fields),
        has_captions=any(text.strip() for name, text in shown.fields.items() if name.startswith("caption-")),
        channels=desk.settings.channels.values(),
        versions=versions,
        comments=comments,
        history=history,
        pick=pick,
        doubts=doubts,
        kept=kept,
        **_pictures_context(desk, shown.fields, _languages(desk, post)),
        **looks_context(request, shown.fields),
    )


def looks_context(request: Request, fields: Mapping[str, str]) -> dict[str, Any]:
    """What `looks.html` shows of a form, whether or not it can be saved as it is."""
    desk = desk_of(request)
    try:
        content = content_of_fields(PostContent, with_titles(fields), desk.settings.outlet.zone)
    except Mistakes as mistakes:
        return {"unread": mistakes.fields, "looks": [], "to_do": [], "bare": {}, "pieces": pieces}
    with desk.database.reading() as session:
        post = unsaved_post(session, content)
    bare = template_captions(desk, post) if any(text.strip() for text in post.captions.values()) else {}
    looks = channel_previews(desk, post, request.app.state.specs, image_numbers(fields))
    return {"unread": {}, "looks": looks, "to_do": to_do(desk, post, looks), "bare": bare, "pieces": pieces}


def picture_context(request: Request, sha256: str, number: int, languages: list[str]) -> dict[str, Any] | None:
    """What `picture.html` shows of a stored picture that comes into a form; None: there is none."""
    fields = {f"images-{number}-media": sha256}
    context = _pictures_context(desk_of(request), fields, languages)
    return {"fields": fields, "number": number, "mistakes": {}, **context} if context["media"] else None


def _pictures_context(desk: Desk, fields: Mapping[str, str], languages: list[str]) -> dict[str, Any]:
    """`media`: the rows of the form's pictures, by hash; `alt_limit`: what the strictest channel takes."""
    hashes = [fields[f"images-{number}-media"] for number in image_numbers(fields)]
    with desk.database.reading() as session:
        media = {each.sha256: each for each in session.scalars(select(Media).where(Media.sha256.in_(hashes)))}
    limit = min((target.profile.alt_text.limit for target in desk.targets.values()), default=1000)
    return {"media": media, "alt_limit": limit, "languages": languages}


@dataclass(frozen=True, slots=True)
class FormWithFiles:
    """A form with a picture for each file that came along, as a browser without scripts sends them."""

    fields: dict[str, str]
    refused: dict[str, str]
    """What is wrong with the files that are no pictures, as mistakes of the field `files`."""


async def form_with_files(request: Request, form: Annotated[FormData, Depends(posted)]) -> FormWithFiles:
    """Has the files of a form examined and stored, one after the other in the queue of pictures.

    Where the queue takes no more, the form is shown again: nothing that was typed is lost.
    """
    fields, refused = fields_of(form), []
    files = [file for file in form.getlist("files") if isinstance(file, UploadFile) and file.filename]
    if len(files) > IMAGES:
        refused.append(
            f"You chose {len(files)} pictures; a post has {IMAGES} at most, and the first {IMAGES} were taken."
        )
    for file in files[:IMAGES]:
        try:
            media = await slow_work_of(request).pictures.run(partial(_keep_file, request, file), person_of(request))
        except (PostError, MediaError) as error:
            refused.append(sentence(str(error)))
        except WorkRefused as refusal:
            refused.append(str(refusal))
            break
        else:
            fields[f"images-{next_image_number(fields)}-media"] = media.sha256
    return FormWithFiles(fields, {"files": " ".join(refused)} if refused else {})


def _keep_file(request: Request, sent: UploadFile) -> Media:
    desk = desk_of(request)
    with tempfile.NamedTemporaryFile(prefix="publisher-") as file:
        shutil.copyfileobj(sent.file, file)
        file.flush()
        return keep_picture(desk.database, desk.store, Path(file.name), file_name(sent.filename or ""), desk.now())


def _anchor(each: PostProblem) -> str:
    return anchor_of(each.problem.field, channel=each.channels[0] if each.channels else "")


def _more_captions(desk: Desk, fields: Mapping[str, str]) -> list[str]:
    """Captions by hand that are not for one of today's channels: for a language, or for a channel that is gone."""
    names = (name.removeprefix("caption-") for name in fields if name.startswith("caption-"))
    return [name for name in names if name not in desk.settings.channels]


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


def shown_fields(desk: Desk, content: PostContent) -> dict[str, str]:
    """Some content as the form would show it."""
    with desk.database.reading() as session:
        post = unsaved_post(session, content)
    return fields_of_post(post, list(content.translations), desk.settings.outlet.zone)


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


def queue_of(request: Request) -> PostQueue:
    """Returns the post queue for the person who asks."""
    return PostQueue(desk_of(request), actor_of(request.state.session.person))
