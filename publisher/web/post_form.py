"""Renders a post's form with its previews, versions, comments and history."""

from __future__ import annotations

import re
import shutil
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import date
from functools import partial
from pathlib import Path
from typing import Annotated, Any

from fastapi import Depends, Request
from fastapi.responses import Response
from sqlalchemy import select
from starlette.datastructures import FormData, UploadFile

from publisher.core.messages import Message, _, ngettext
from publisher.core.post_limits import IMAGES, MAX_ROW_NUMBER
from publisher.core.problems import Problem
from publisher.db.models import Media, Post
from publisher.desk import Desk
from publisher.media import MediaError
from publisher.posts.drafts import PostContent
from publisher.posts.errors import PostError
from publisher.posts.pictures import store_picture
from publisher.posts.possibly_shown import possibly_shown
from publisher.posts.post_store import last_pick, load_post
from publisher.posts.problems import PostProblem
from publisher.posts.repeats import repeats_among
from publisher.posts.unsaved import build_unsaved_post
from publisher.schedule.approval import problems_of_post
from publisher.schedule.post_queue import PostQueue
from publisher.web.channel_preview import ApprovalBlocker, approval_blockers, channel_previews, template_captions
from publisher.web.correction_context import correction_context
from publisher.web.differences import diff_words
from publisher.web.errors import NotFound, sentence_of
from publisher.web.field_labels import label_of, value_label
from publisher.web.form_changes import differing_fields
from publisher.web.form_field_names import anchor_of
from publisher.web.forms import (
    Mistakes,
    content_of_fields,
    fields_of,
    fields_of_post,
    file_name,
    framed_channels,
    image_numbers,
    next_image_number,
    posted_form,
    with_placeholder_titles,
)
from publisher.web.post_story import story_context
from publisher.web.rendering import actor_of, address, desk_of, page
from publisher.web.shown_parts import shown_pictures
from publisher.web.slow_work import WorkRefused, person_of, slow_work_of
from publisher.web.text_language import language_of_field
from publisher.web.unsaved_texts import tab_of, unsaved_context
from publisher.web.verdict import verdict_on


@dataclass
class EditorForm:
    """The content of a form: a stored post or a new one, as stored or as somebody typed it."""

    fields: dict[str, str]
    post: Post | None = None
    mistakes: Mapping[str, Message | Problem] = field(default_factory=dict)
    problems: tuple[PostProblem, ...] = ()
    theirs: Mapping[str, str] = field(default_factory=dict)
    """The texts of somebody else who saved meanwhile, by field."""


def render_form(request: Request, form: EditorForm, status: int = 200) -> Response:
    desk = desk_of(request)
    post = form.post
    unsaved = []
    if post and status == 200:
        shown_tabs = {tab_of(form.fields, "continues")} if "continues" in form.fields else set()
        unsaved = unsaved_context(request, post, fields_of_stored(desk, post), shown_tabs)
    with desk.database.reading() as session:
        story = story_context(session, post, desk.now(), desk.settings.archive.reuse)
        pick = last_pick(session, post) if post else None
        corrections = correction_context(session, post.id if post and pick else None)
        warnings = possibly_shown(session, [post.id]).values() if post else ()
        restore_warnings = [warning.problem.message for warning in warnings]
    return page(
        request,
        "editor.html",
        status,
        post=post,
        fields=form.fields,
        mistakes=form.mistakes,
        theirs=[
            (
                label_of(name),
                language_of_field(name, form.fields.get("language", "")),
                name.endswith("-media"),
                value_label(name, text),
                value_label(name, form.fields.get(name, "")),
            )
            for name, text in form.theirs.items()
        ],
        problems=[(problem, _anchor(problem)) for problem in form.problems],
        image_numbers=image_numbers(form.fields),
        more_captions=_other_captions(desk, form.fields),
        has_captions=any(text.strip() for name, text in form.fields.items() if name.startswith("caption-")),
        channels=desk.settings.channels.values(),
        pick=pick,
        restore_warnings=restore_warnings,
        unsaved=unsaved,
        **story,
        **_pictures_context(desk, form.fields, languages_of(desk, post)),
        **preview_context(request, form.fields, post.id if post else None),
        **corrections,
    )


def preview_context(request: Request, fields: Mapping[str, str], post_id: int | None = None) -> dict[str, Any]:
    """Returns the context of `channel_previews.html` for a form, whether or not it can be saved as it is.

    `post_id`: the post that the form is of, which does not repeat itself.
    """
    desk = desk_of(request)
    try:
        content = content_of_fields(PostContent, with_placeholder_titles(fields), desk.settings.outlet.zone)
    except Mistakes as mistakes:
        return {
            "mistakes_of_fields": mistakes.fields,
            "previews": [],
            "shown_pictures": [],
            "blockers": [],
            "verdict": None,
            "has_repeat": False,
            "approval_remarks": [],
            "template_texts": {},
            "diff_words": diff_words,
            **_staff_preview(request),
        }
    with desk.database.reading() as session:
        post = build_unsaved_post(session, content)
        stored = session.get(Post, post_id) if post_id is not None else None
        _take_place(post, fields, stored)
        of_post = problems_of_post(session, post, desk)
        is_changed = stored is not None and bool(differing_fields(fields_of_stored(desk, stored), fields))
    template_texts = template_captions(desk, post) if any(text.strip() for text in post.captions.values()) else {}
    numbers = image_numbers(fields)
    previews = channel_previews(desk, post, request.app.state.recent_specs, numbers)
    adapted = [preview.adapted for preview in previews if preview.adapted]
    blockers = approval_blockers(of_post, previews, numbers)
    is_approved = stored is not None and stored.state == "approved"
    return {
        "mistakes_of_fields": {},
        "previews": previews,
        "shown_pictures": shown_pictures(post, adapted, numbers),
        "blockers": blockers,
        "verdict": verdict_on(len(blockers), is_approved=is_approved, is_changed=is_changed),
        "repeat_is_meant": fields.get("repeat_is_meant") == "yes",
        "has_repeat": any(problem.problem.blocking for problem in repeats_among(of_post)),
        "approval_remarks": [
            ApprovalBlocker(remark.problem.problem, anchor_of(remark.problem.field, numbers=numbers))
            for remark in of_post
            if not remark.problem.blocking
        ],
        "template_texts": template_texts,
        "diff_words": diff_words,
        **_staff_preview(request),
    }


def _take_place(post: Post, fields: Mapping[str, str], stored: Post | None) -> None:
    """Gives a post that is stored nowhere what the form says of its place, and what is known of the stored one."""
    place = fields.get("place", "queue")
    post.reserve, post.fixed_date = place == "reserve", None
    if place == "date":
        with suppress(ValueError):
            post.fixed_date = date.fromisoformat(fields.get("fixed_date", ""))
    if stored is not None:
        post.id, post.state, post.intended_repeats = stored.id, stored.state, list(stored.intended_repeats)


def _staff_preview(request: Request) -> dict[str, Any]:
    """Returns what `channel_previews.html` needs for people of the desk."""
    return {"is_shared": False, "picture_url": lambda digest: address(request, "rendition", digest=digest)}


def picture_context(request: Request, sha256: str, number: int, languages: list[str]) -> dict[str, Any] | None:
    """Returns the context of `picture.html` for a stored picture; None: there is no such picture."""
    fields = {f"images-{number}-media": sha256}
    context = _pictures_context(desk_of(request), fields, languages)
    return (
        {"fields": fields, "number": number, "mistakes": {}, "shown_pictures": (), **context}
        if context["media"]
        else None
    )


def _pictures_context(desk: Desk, fields: Mapping[str, str], languages: list[str]) -> dict[str, Any]:
    """Returns what the fields of pictures need: the `media` rows by hash, the channels, the strictest `alt_limit`."""
    numbers = image_numbers(fields)
    hashes = [fields[f"images-{number}-media"] for number in numbers]
    framed = [channel for number in numbers for channel in framed_channels(fields, number)]
    with desk.database.reading() as session:
        media = {row.sha256: row for row in session.scalars(select(Media).where(Media.sha256.in_(hashes)))}
    limit = min((target.profile.alt_text.limit for target in desk.targets.values()), default=1000)
    return {
        "media": media,
        "alt_limit": limit,
        "languages": languages,
        "framing_channels": list(dict.fromkeys([*desk.targets, *framed])),
        "shape_channel": _shape_channel(desk),
    }


def _shape_channel(desk: Desk) -> str:
    """Returns the channel that a person will want to crop for: the first that takes few shapes, else the first."""
    limits = {name: target.profile.images for name, target in desk.targets.items()}
    narrow = (name for name, images in limits.items() if images.max_ratio is not None or images.min_ratio is not None)
    return next(narrow, next(iter(limits), ""))


@dataclass(frozen=True, slots=True)
class FormWithFiles:
    """A form whose files were stored as pictures, as a browser without scripts sends them."""

    fields: dict[str, str]
    refused: dict[str, Message | Problem]
    """The mistakes of the field `files`: files that are no pictures, or too many."""


async def form_with_files(request: Request, form: Annotated[FormData, Depends(posted_form)]) -> FormWithFiles:
    """Inspects and stores the files of a form, one after the other in the queue of pictures.

    Where the queue is full, the form is shown again, so that nothing that was typed is lost.
    """
    fields = fields_of(form)
    refused: list[Message | Problem] = []
    files = [file for file in form.getlist("files") if isinstance(file, UploadFile) and file.filename]
    if len(files) > IMAGES:
        refused.append(
            ngettext(
                "You chose {count} picture; a post has {maximum} at most, and the first {maximum} were taken.",
                "You chose {count} pictures; a post has {maximum} at most, and the first {maximum} were taken.",
                count=len(files),
                maximum=IMAGES,
            )
        )
    for file in files[:IMAGES]:
        try:
            media = await slow_work_of(request).pictures.run(partial(_store_file, request, file), person_of(request))
        except (PostError, MediaError) as error:
            refused.append(sentence_of(error.text))
        except WorkRefused as refusal:
            refused.append(refusal.text)
            break
        else:
            fields[f"images-{next_image_number(fields)}-media"] = media.sha256
    return FormWithFiles(fields, {"files": Message("{reasons:sentences}", {"reasons": refused})} if refused else {})


def _store_file(request: Request, sent: UploadFile) -> Media:
    desk = desk_of(request)
    with tempfile.NamedTemporaryFile(prefix="publisher-") as file:
        shutil.copyfileobj(sent.file, file)
        file.flush()
        return store_picture(desk.database, desk.store, Path(file.name), file_name(sent.filename or ""), desk.now())


def _anchor(problem: PostProblem) -> str:
    return anchor_of(problem.problem.field, channel=problem.channels[0] if problem.channels else "")


def _other_captions(desk: Desk, fields: Mapping[str, str]) -> list[str]:
    """Lists handwritten captions that are for no configured channel: for a language, or a removed channel."""
    names = (name.removeprefix("caption-") for name in fields if name.startswith("caption-"))
    return [name for name in names if name not in desk.settings.channels]


def post_or_404(desk: Desk, post_id: int) -> Post:
    """Loads a post. Raises NotFound."""
    with desk.database.reading() as session:
        try:
            return load_post(session, post_id)
        except PostError:
            raise NotFound(_("There is no post {post}.", post=post_id)) from None


def fields_of_stored(desk: Desk, post: Post) -> dict[str, str]:
    """Returns the fields of a stored post, with its place and its version."""
    place = "reserve" if post.reserve else "date" if post.fixed_date else "queue"
    return {
        **fields_of_post(post, languages_of(desk, post), desk.settings.outlet.zone),
        "place": place,
        "fixed_date": post.fixed_date.isoformat() if post.fixed_date else "",
        "version": str(post.version),
    }


def fields_of_content(desk: Desk, content: PostContent) -> dict[str, str]:
    """Returns the form fields of a content that is not stored as a post."""
    with desk.database.reading() as session:
        post = build_unsaved_post(session, content)
    return fields_of_post(post, list(content.translations), desk.settings.outlet.zone)


def parse_version(fields: Mapping[str, str]) -> int | None:
    """Returns the version of the post that a form is based on; None where it names none."""
    text = fields.get("version", "")
    return min(int(text), MAX_ROW_NUMBER) if re.fullmatch("[0-9]{1,18}", text) else None


def languages_of(desk: Desk, post: Post | None) -> list[str]:
    """Lists the languages of translations: those of the channels, and those that the post has."""
    own = post.language if post else desk.settings.outlet.language
    languages = [desk.settings.channel_language(channel) for channel in desk.settings.channels.values()]
    return [name for name in dict.fromkeys([*languages, *(post.translations if post else ())]) if name != own]


def queue_of(request: Request) -> PostQueue:
    """Returns the post queue for the person who asks."""
    return PostQueue(desk_of(request), actor_of(request))
