"""Lists the pictures without an alt text, and takes an alt text for one of them."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Any

from fastapi import APIRouter, Path, Query, Request, Response
from pydantic import BaseModel, Field

from publisher.archive.alt_texts import (
    NewAltText,
    PicturePlace,
    PictureWithoutAltText,
    YearProgress,
    alt_text_progress,
    list_missing,
    write_alt_text,
)
from publisher.core.post_limits import ALT_TEXT, IMAGES
from publisher.posts.post_store import load_post
from publisher.web.api.conditions import IfMatch, etag, require_match
from publisher.web.api.guard import GuardedRoute, actor, desk_of
from publisher.web.api.paging import Id, Limit
from publisher.web.api.post_models import EXAMPLE_HASH, PostOut
from publisher.web.api.response_docs import BODY_STATUSES, ETAG, problems, success

router = APIRouter(tags=["archive"], route_class=GuardedRoute)


class YearOut(BaseModel):
    """The pictures of one year."""

    year: int | None = Field(
        description="When followers saw them last; null: they wait in the reserve.", examples=[2019]
    )
    pictures: int = Field(examples=[365])
    missing: int = Field(description="How many have no alt text.", examples=[14])

    @classmethod
    def of(cls, counted: YearProgress) -> YearOut:
        return cls(year=counted.year, pictures=counted.pictures, missing=counted.missing)


class MissingOut(BaseModel):
    """A picture without an alt text."""

    post: int = Field(examples=[17])
    picture: int = Field(description="Its number in the post, counted from 1.", examples=[1])
    title: str
    language: str = Field(examples=["en"])
    media: str = Field(description="The SHA-256 of the original.", examples=[EXAMPLE_HASH])
    file_name: str = Field(examples=["spindle.tif"])
    last_shown_on: date | None
    reserve: bool = Field(description="The reserve shows it once it has an alt text and its post is approved.")

    @classmethod
    def of(cls, picture: PictureWithoutAltText) -> MissingOut:
        names = ("picture", "title", "language", "file_name", "last_shown_on", "reserve")
        values = {name: getattr(picture, name) for name in names}
        return cls(post=picture.post_id, media=picture.sha256, **values)


class AltTextsOut(BaseModel):
    """How many pictures have an alt text, and a page of those that have none."""

    until: date | None = Field(description="The outlet's deadline.", examples=["2027-04-24"])
    pictures: int = Field(description="Of the whole archive.", examples=[4012])
    missing: int = Field(examples=[211])
    years: list[YearOut]
    items: list[MissingOut] = Field(description="Those of the reserve in its order, then the newest shown.")
    next: str | None = Field(
        description="The path of the next page; null on the last one.", examples=["/api/v1/alt-texts?after=17.1"]
    )


class AltText(BaseModel):
    """What a picture shows, in the language of its post."""

    alt_text: str = Field(min_length=1, max_length=ALT_TEXT, examples=["A green spindle with chromosomes in it."])


@router.get(
    "/alt-texts",
    response_model=AltTextsOut,
    responses={**success(200, "Progress, and pictures without an alt text."), **problems(422)},
)
def api_alt_texts(
    request: Request,
    after: Annotated[
        str, Query(pattern=r"^(\d{1,9}\.\d{1,2})?$", description="Post and number of the last picture that you have.")
    ] = "",
    limit: Limit = 50,
) -> Any:
    """Lists the pictures without an alt text, of all that followers have seen and of the reserve."""
    desk = desk_of(request)
    post_id, _dot, picture = after.partition(".")
    last = PicturePlace(int(post_id), int(picture)) if picture else None
    with desk.database.reading() as session:
        progress = alt_text_progress(session)
        listed = list_missing(session, after=last, limit=limit)
    more = f"{request.url.path}?limit={limit}&after={listed[-1].post_id}.{listed[-1].picture}" if listed else None
    return AltTextsOut(
        until=desk.settings.archive.alt_texts_until,
        pictures=progress.pictures,
        missing=progress.missing,
        years=[YearOut.of(year) for year in progress.years],
        items=[MissingOut.of(missing) for missing in listed],
        next=more if len(listed) == limit else None,
    )


@router.put(
    "/posts/{post_id}/images/{picture}/alt-text",
    response_model=PostOut,
    responses={**success(200, "It is stored.", ETAG), **problems(404, 409, 412, 428, *BODY_STATUSES)},
)
def api_write_alt_text(
    request: Request,
    response: Response,
    post_id: Id,
    picture: Annotated[int, Path(ge=1, le=IMAGES, description="Its number, counted from 1.")],
    new: AltText,
    if_match: IfMatch = None,
) -> Any:
    """Gives a picture of a post its alt text. An approved post goes back to review, as with every change."""
    desk = desk_of(request)
    with desk.database.reading() as session:
        version = load_post(session, post_id).version
    require_match(if_match, version)
    write_alt_text(desk, NewAltText(PicturePlace(post_id, picture), new.alt_text, version), actor=actor(request))
    with desk.database.reading() as session:
        post = load_post(session, post_id)
        response.headers["ETag"] = etag(post.version)
        return PostOut.of(post)
