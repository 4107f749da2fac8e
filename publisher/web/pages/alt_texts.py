"""Lists the pictures without an alt text, and takes one alt text after the other."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import Response
from starlette.datastructures import FormData

from publisher.adapt.text.markdown import plain_words
from publisher.archive.alt_texts import (
    PAGE_SIZE,
    NewAltText,
    PicturePlace,
    alt_text_progress,
    deadline_of,
    list_missing,
    next_missing,
    write_alt_text,
)
from publisher.core.messages import Message, _
from publisher.core.problems import Problem
from publisher.db.models import Post
from publisher.posts.channel_texts import write_channels
from publisher.posts.errors import PostError, StaleEdit
from publisher.schedule.slots import slot_day
from publisher.web.errors import NotFound, sentence_of
from publisher.web.forms import fields_of, posted_form
from publisher.web.post_form import parse_version, post_or_404
from publisher.web.rendering import actor_of, desk_of, flash, page, redirect

router = APIRouter(prefix="/archive/alt-texts")

NO_SUCH_PICTURE = _("This post has no picture with this number.")
Place = Annotated[str, Query(pattern=r"^(\d{1,9}\.\d{1,2})?$", max_length=12)]
"""A picture of a post in an address: `17.2` is the second one of post 17."""


@router.get("")
def alt_texts(request: Request, after: Place = "") -> Response:
    """Shows the progress by year, and the pictures that lack an alt text. `after`: those behind this one."""
    desk = desk_of(request)
    with desk.database.reading() as session:
        progress = alt_text_progress(session)
        found = list_missing(session, after=_read_place(after), limit=PAGE_SIZE + 1)
    today = slot_day(desk.now(), desk.settings.outlet.zone)
    return page(
        request,
        "alt_texts.html",
        progress=progress,
        pictures=found[:PAGE_SIZE],
        more=found[PAGE_SIZE - 1].place if len(found) > PAGE_SIZE else None,
        is_first_page=not after,
        deadline=deadline_of(desk.settings.archive.alt_texts_until, today, progress.missing),
    )


@dataclass(frozen=True, slots=True)
class _Typed:
    """Holds a text that was not saved, and why."""

    text: str
    mistake: Message | Problem
    media: str
    """The hash of the picture that the form showed; empty: it did not say."""


@router.get("/{post_id}/{picture}")
def picture_alt_text(request: Request, post_id: int, picture: int) -> Response:
    """Shows one picture with its title and text, and the field for its alt text."""
    return _render(request, PicturePlace(post_id, picture))


@router.post("/{post_id}/{picture}")
def save_alt_text(
    request: Request, post_id: int, picture: int, form: Annotated[FormData, Depends(posted_form)]
) -> Response:
    """Saves an alt text, and goes to the next picture that lacks one."""
    desk, fields, place = desk_of(request), fields_of(form), PicturePlace(post_id, picture)
    text, media = fields.get("alt_text", ""), fields.get("media", "")
    with desk.database.reading() as session:
        following = next_missing(session, place)
    try:
        saved = write_alt_text(desk, NewAltText(place, text, parse_version(fields)), actor=actor_of(request))
    except StaleEdit:
        mistake = _("Somebody has changed this post meanwhile. Look at it, and save your text again if it still fits.")
        return _render(request, place, _Typed(text, mistake, media), 409)
    except PostError as error:
        return _render(request, place, _Typed(text, sentence_of(error.text), media), 422)
    if saved.back_to_review:
        flash(request, _("Saved. The post was approved; with your change it is in review again."), "note")
    elif following is None:
        flash(request, _("Saved. It was the last one: every picture of the archive has an alt text."))
    else:
        flash(request, _("Saved. Here is the next picture."))
    if following is None:
        return redirect(request, "alt_texts")
    return redirect(request, "picture_alt_text", post_id=following.post_id, picture=following.picture)


def _render(request: Request, place: PicturePlace, typed: _Typed | None = None, status: int = 200) -> Response:
    desk = desk_of(request)
    try:
        post = _post_with(request, place)
        place = _present_place(post, place, typed)
    except NotFound:
        if typed is None:
            raise
        return _render_gone(request, place, typed)
    image = post.images[place.picture - 1]
    with desk.database.reading() as session:
        progress = alt_text_progress(session)
        following = next_missing(session, place)
    return page(
        request,
        "alt_text.html",
        status,
        post=post,
        image=image,
        body="\n".join(map(plain_words, post.body.split("\n"))),
        channels=write_channels(image.choices.get("colour_channels")),
        number=place.picture,
        text=typed.text if typed else image.alt_text if image.has_alt_text else "",
        mistake=typed.mistake if typed else "",
        following=following,
        progress=progress,
    )


def _render_gone(request: Request, place: PicturePlace, typed: _Typed) -> Response:
    """Shows what was typed for a picture that is not there any more."""
    with desk_of(request).database.reading() as session:
        post, following = session.get(Post, place.post_id), next_missing(session, place)
    return page(request, "alt_text_gone.html", 409, post=post, text=typed.text, following=following)


def _present_place(post: Post, place: PicturePlace, typed: _Typed | None) -> PicturePlace:
    """Returns where the picture that a form showed is now. Raises NotFound: it was removed."""
    pictures = [image.media_sha256 for image in post.images]
    if typed is None or typed.media in ("", pictures[place.picture - 1]):
        return place
    if typed.media not in pictures:
        raise NotFound(NO_SUCH_PICTURE)
    return PicturePlace(post.id, pictures.index(typed.media) + 1)


def _post_with(request: Request, place: PicturePlace) -> Post:
    """Returns the post that has a picture. Raises NotFound."""
    post = post_or_404(desk_of(request), place.post_id)
    if not 1 <= place.picture <= len(post.images):
        raise NotFound(NO_SUCH_PICTURE)
    return post


def _read_place(text: str) -> PicturePlace | None:
    post_id, _dot, picture = text.partition(".")
    return PicturePlace(int(post_id), int(picture)) if picture else None
