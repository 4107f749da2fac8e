"""What a person hands in: a whole post, or changes to one."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Annotated, Any, TypeVar

from pydantic import AfterValidator, AwareDatetime, Field, StringConstraints, field_validator, model_validator

from publisher.content import Frozen, ImageChoices, Link

Language = Annotated[str, StringConstraints(max_length=16, pattern=r"^[a-z]{2,3}(-[A-Za-z0-9]{2,8})*$")]
Line = Annotated[str, StringConstraints(strip_whitespace=True)]
FIRST_YEAR, LAST_YEAR = 1990, 2199
Moment = TypeVar("Moment", bound=date)


def _of_our_time(value: Moment) -> Moment:
    """Days at the ends of the calendar can't be turned into instants, in one zone or another."""
    if not FIRST_YEAR <= value.year <= LAST_YEAR:
        raise ValueError(f"the year {value.year} is no year of a desk; write one from {FIRST_YEAR} to {LAST_YEAR}")
    return value


Day = Annotated[date, AfterValidator(_of_our_time)]
Instant = Annotated[AwareDatetime, AfterValidator(_of_our_time)]


def _holds_nul(value: Any) -> bool:
    if isinstance(value, str):
        return "\0" in value
    if isinstance(value, dict):
        return any(map(_holds_nul, (*value, *value.values())))
    return isinstance(value, list | tuple) and any(map(_holds_nul, value))


class ImageDraft(Frozen):
    """One picture: a local file, or the hash of an original that is stored already."""

    file: Path | None = None
    media: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")] | None = None
    alt_text: Line = ""
    credit: Line = ""
    licence: Line = ""
    choices: ImageChoices = ImageChoices()

    @model_validator(mode="after")
    def _one_source(self) -> ImageDraft:
        if (self.file is None) == (self.media is None):
            raise ValueError("name either the picture's file or the hash of a stored original")
        return self


class Translation(Frozen):
    """A post's texts in another language. A credit left out is taken from the original."""

    title: Line = Field(min_length=1)
    standfirst: Line = ""
    body: str = ""
    credit: Line = ""
    alt_texts: tuple[Line, ...] = ()
    """One per picture, in their order."""


class PostContent(Frozen):
    """What a post says and shows; where it stands in the queue is not part of it."""

    title: Line = Field(min_length=1)
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
    translations: dict[Language, Translation] = Field(default_factory=dict)
    images: tuple[ImageDraft, ...] = ()

    @model_validator(mode="before")
    @classmethod
    def _readable(cls, values: Any) -> Any:
        # PostgreSQL stores no such character.
        if _holds_nul(values):
            raise ValueError("a text holds the character NUL, which nobody can read; remove it")
        return values

    @field_validator("link")
    @classmethod
    def _web_address(cls, value: str) -> str:
        if value and not value.startswith(("https://", "http://")):
            raise ValueError(f"{value!r} is no web address; start it with https://")
        return value

    @field_validator("links")
    @classmethod
    def _web_addresses(cls, value: tuple[Link, ...]) -> tuple[Link, ...]:
        for link in value:
            cls._web_address(link.url)
        return value


class PostDraft(PostContent):
    """A whole post, as it is added."""

    fixed_date: Day | None = None
    reserve: bool = False

    @model_validator(mode="after")
    def _one_place(self) -> PostDraft:
        if self.reserve and self.fixed_date is not None:
            raise ValueError("a post in the reserve has no fixed date; remove one of the two")
        return self


class PostChanges(PostContent):
    """An edit: the fields that were given replace those of the post, the others stay."""

    title: Line = Field(default="", min_length=1)
