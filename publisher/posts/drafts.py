"""Checks what a person hands in: a whole post, or changes to one."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Annotated, Any, TypeVar

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    Field,
    SerializerFunctionWrapHandler,
    StrictBool,
    StringConstraints,
    ValidationError,
    field_validator,
    model_serializer,
    model_validator,
)

from publisher.core import post_limits
from publisher.core.characters import quote_value, remove_control_characters_from_json
from publisher.core.content import Box, Fraction, Framing, Frozen, ImageChoices, Link
from publisher.core.field_names import describe_path
from publisher.core.messages import _
from publisher.core.value_mistakes import describe_mistake
from publisher.posts.date_mistakes import describe_other_date
from publisher.posts.errors import PostError

Language = Annotated[str, StringConstraints(max_length=16, pattern=r"^[a-z]{2,3}(-[A-Za-z0-9]{2,8})*$")]
Line = Annotated[str, StringConstraints(strip_whitespace=True)]
VISIBLE = r"[^\s\x00-\x1f\x7f-\x9f\u00ad\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb]"
"""Matches texts that are not empty without spaces, control characters and characters without a width."""
WEB_ADDRESS_OR_NOTHING = r"^[\s\x00-\x1f\x7f-\x9f\u202a-\u202e\ufff9-\ufffb]*$|^https?://"


def _require_visible(value: str) -> str:
    if not re.search(VISIBLE, value):
        raise ValueError(_("nobody can see these characters; write something"))
    return value


def _join_lines(value: Any) -> Any:
    return " ".join(line.strip() for line in value.split("\n") if line.strip()) if isinstance(value, str) else value


_TitleLimits = StringConstraints(strip_whitespace=True, max_length=post_limits.TITLE)
OptionalTitle = Annotated[str, _TitleLimits, BeforeValidator(_join_lines)]
"""A title or none, of one line, which lists and messages can show. A credit may have several."""
Title = Annotated[
    str,
    _TitleLimits,
    StringConstraints(min_length=1),
    BeforeValidator(_join_lines),
    AfterValidator(_require_visible),
    Field(json_schema_extra={"pattern": VISIBLE}),
]
FIRST_YEAR, LAST_YEAR = 1990, 2199
DateLike = TypeVar("DateLike", bound=date)


def is_supported_day(value: date) -> bool:
    """Decides whether a day can be an instant in every time zone. Days at the ends of the calendar can't."""
    return FIRST_YEAR <= value.year <= LAST_YEAR


def _require_supported_year(value: DateLike) -> DateLike:
    if not is_supported_day(value):
        raise ValueError(
            _(
                "the year {year} is no year of a desk; write one from {first} to {last}",
                year=value.year,
                first=FIRST_YEAR,
                last=LAST_YEAR,
            )
        )
    return value


def _refuse_other_dates(value: Any) -> Any:
    """Refuses a number, which pydantic would read as the seconds since 1970, and a date in another order."""
    if isinstance(value, int | float) or (isinstance(value, str) and value.strip().lstrip("+-").isdigit()):
        raise ValueError(_("{value} is no date; write it like 2026-05-12", value=quote_value(value)))
    if isinstance(value, str) and (mistake := describe_other_date(value)):
        raise ValueError(mistake)
    return value


WrittenDate = Annotated[date, BeforeValidator(_refuse_other_dates)]
_YEARS = {"pattern": "^(199|20[0-9]|21[0-9])[0-9]-"}
Day = Annotated[WrittenDate, AfterValidator(_require_supported_year), Field(json_schema_extra=_YEARS)]
Instant = Annotated[
    AwareDatetime,
    BeforeValidator(_refuse_other_dates),
    AfterValidator(_require_supported_year),
    Field(json_schema_extra=_YEARS),
]


class CleanedInput(Frozen):
    """Holds what somebody typed, without the characters that are no part of a text."""

    @model_validator(mode="before")
    @classmethod
    def _remove_unwanted_characters(cls, values: Any) -> Any:
        if not isinstance(values, dict):
            return values
        return remove_control_characters_from_json({name: _plain(value) for name, value in values.items()})


def _plain(value: Any) -> Any:
    """Returns a field with its models as mappings, because a model may be of a class without limits."""
    if isinstance(value, BaseModel):
        return value.model_dump(exclude_unset=True)
    if isinstance(value, dict):
        return {
            key: item.model_dump(exclude_unset=True) if isinstance(item, BaseModel) else item
            for key, item in value.items()
        }
    if isinstance(value, list | tuple):
        return [item.model_dump(exclude_unset=True) if isinstance(item, BaseModel) else item for item in value]
    return value


class PictureContent(CleanedInput):
    """Holds one picture: a local file, or the hash of an original that is stored already."""

    file: Path | None = None
    media: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")] | None = None
    alt_text: Line = ""
    credit: Line = ""
    licence: Line = ""
    choices: ImageChoices = ImageChoices()

    @model_validator(mode="after")
    def _one_source(self) -> PictureContent:
        if (self.file is None) == (self.media is None):
            raise ValueError(_("name either the picture's file or the hash of a stored original"))
        return self


class _LinkedInput(CleanedInput):
    """Checks the links of a post or of a translation."""

    @field_validator("link", check_fields=False)
    @classmethod
    def _web_address(cls, value: str) -> str:
        if value and not value.startswith(("https://", "http://")):
            raise ValueError(_("{value} is no web address; start it with https://", value=quote_value(value)))
        return value

    @field_validator("links", check_fields=False)
    @classmethod
    def _web_addresses(cls, value: tuple[Link, ...]) -> tuple[Link, ...]:
        for link in value:
            cls._web_address(link.url)
        return value


class TranslationContent(_LinkedInput):
    """Holds a post's texts in another language. A missing credit, link or tag list is taken from the original."""

    title: Line = Field(min_length=1)
    standfirst: Line = ""
    body: str = ""
    credit: Line = ""
    alt_texts: tuple[Line, ...] = ()
    """One per picture, in order."""
    link: Line = ""
    links: tuple[Link, ...] = ()
    tags: tuple[Line, ...] = ()

    @model_serializer(mode="wrap")
    def _without_missing(self, serialize: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Leaves out what is taken from the original, so that a translation without it is stored as it always was."""
        values: dict[str, Any] = serialize(self)
        return {name: value for name, value in values.items() if value or name not in ("link", "links", "tags")}


class PostContent(_LinkedInput):
    """Holds what a post says and shows; its place in the queue is not part of it."""

    title: Line = ""
    """Empty: a draft that has no title yet."""
    standfirst: Line = ""
    body: str = ""
    written_by: Line = ""
    credit: Line = ""
    licence: Line = ""
    link: Line = ""
    links: tuple[Link, ...] = ()
    tags: tuple[Line, ...] = ()
    language: Language = "en"
    embargo_until: Instant | None = None
    captions: dict[str, str] = Field(default_factory=dict)
    """Captions written by hand, by channel name, or by `lang:` and a language."""
    translations: Mapping[Language, TranslationContent] = Field(default_factory=dict)
    images: tuple[PictureContent, ...] = ()


class NewChoices(ImageChoices):
    """Holds the choices for a picture as it is handed in, within the limits."""

    channels: dict[Annotated[str, Field(max_length=post_limits.CHANNEL_NAME)], Framing] = Field(
        default_factory=dict, max_length=post_limits.CAPTIONS
    )
    protected: tuple[Box, ...] = Field(default=(), max_length=post_limits.BOXES)
    gutters: Annotated[tuple[Fraction, ...], Field(max_length=post_limits.BOXES)] | None = None
    padding: str = Field(default="edge", max_length=post_limits.PADDING)
    credit_strip: StrictBool = False


class ImageDraft(PictureContent):
    """Holds a picture as it is handed in, within the limits."""

    alt_text: Line = Field(default="", max_length=post_limits.ALT_TEXT)
    credit: Line = Field(default="", max_length=post_limits.CREDIT)
    licence: Line = Field(default="", max_length=post_limits.LICENCE)
    choices: NewChoices = NewChoices()


class ShortLink(Link):
    """Holds a link as it is handed in, within the limits."""

    label: str = Field(max_length=post_limits.LINK_LABEL)
    url: str = Field(max_length=post_limits.ADDRESS, json_schema_extra={"pattern": "^https?://"})


class Translation(TranslationContent):
    """Holds a translation as it is handed in, within the limits."""

    title: Title
    standfirst: Line = Field(default="", max_length=post_limits.STANDFIRST)
    body: str = Field(default="", max_length=post_limits.BODY)
    credit: Line = Field(default="", max_length=post_limits.CREDIT)
    alt_texts: tuple[Annotated[Line, Field(max_length=post_limits.ALT_TEXT)], ...] = Field(
        default=(), max_length=post_limits.IMAGES
    )
    link: Line = Field(
        default="", max_length=post_limits.ADDRESS, json_schema_extra={"pattern": WEB_ADDRESS_OR_NOTHING}
    )
    links: tuple[ShortLink, ...] = Field(default=(), max_length=post_limits.LINKS)
    tags: tuple[Annotated[Line, Field(max_length=post_limits.TAG)], ...] = Field(
        default=(), max_length=post_limits.TAGS
    )


class NewContent(PostContent):
    """Holds what a post says as it is handed in, within the limits of `post_limits`."""

    title: Title
    standfirst: Line = Field(default="", max_length=post_limits.STANDFIRST)
    body: str = Field(default="", max_length=post_limits.BODY)
    written_by: Line = Field(default="", max_length=post_limits.WRITTEN_BY)
    credit: Line = Field(default="", max_length=post_limits.CREDIT)
    licence: Line = Field(default="", max_length=post_limits.LICENCE)
    link: Line = Field(
        default="", max_length=post_limits.ADDRESS, json_schema_extra={"pattern": WEB_ADDRESS_OR_NOTHING}
    )
    links: tuple[ShortLink, ...] = Field(default=(), max_length=post_limits.LINKS)
    tags: tuple[Annotated[Line, Field(max_length=post_limits.TAG)], ...] = Field(
        default=(), max_length=post_limits.TAGS
    )
    captions: dict[
        Annotated[str, Field(max_length=post_limits.CHANNEL_NAME)],
        Annotated[str, Field(max_length=post_limits.CAPTION)],
    ] = Field(default_factory=dict, max_length=post_limits.CAPTIONS)
    translations: dict[Language, Translation] = Field(default_factory=dict, max_length=post_limits.TRANSLATIONS)
    images: tuple[ImageDraft, ...] = Field(default=(), max_length=post_limits.IMAGES)


class PostDraft(NewContent):
    """Holds a whole post, as it is added."""

    fixed_date: Day | None = None
    reserve: StrictBool = False

    @model_validator(mode="after")
    def _one_place(self) -> PostDraft:
        if self.reserve and self.fixed_date is not None:
            raise ValueError(_("a post in the reserve has no fixed date; remove one of the two"))
        return self


class PostChanges(NewContent):
    """Holds an edit: the given fields replace those of the post, the others stay."""

    title: Title = Field(default="")


class UntitledDraft(PostDraft):
    """Holds a post that somebody began to write, and that may have no title yet."""

    title: OptionalTitle = ""


class UntitledChanges(PostChanges):
    """Holds an edit of a draft, which may have no title yet."""

    title: OptionalTitle = ""


Input = TypeVar("Input", PostDraft, PostChanges)


def check_input(kind: type[Input], values: Mapping[str, Any]) -> Input:
    """Returns the values as a whole post or as changes to one.

    Raises:
        PostError: one of them can't be used; the sentence begins with the name of its field.
    """
    try:
        return kind.model_validate(values)
    except ValidationError as error:
        mistake = error.errors(include_url=False)[0]
        field = describe_path(mistake["loc"])
        why = describe_mistake(mistake)
        raise PostError(_("{field}: {why}", field=field, why=why) if field else _("{why}", why=why)) from None
