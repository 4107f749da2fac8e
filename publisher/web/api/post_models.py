"""Defines the models of posts and pictures in the API."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, field_serializer
from pydantic.json_schema import SkipJsonSchema

from publisher.core import post_limits
from publisher.core.colour_channels import ColourChannel, proposed_colours
from publisher.core.content import AdaptedPost, ContentProblem, ImageChoices, Link
from publisher.core.problems import Problem
from publisher.core.value_range import ValueFacts, ValueKind, WindowChoice, limits_of
from publisher.db.models import Media, Post, PostImage
from publisher.posts.drafts import ImageDraft, PostChanges, PostDraft
from publisher.posts.picture_channels import chosen_window, merge_of_picture
from publisher.posts.problems import PostProblem, problem_to_json

Hash = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
EXAMPLE_HASH = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"

DESCRIPTIONS = {
    "title": "Its title.",
    "standfirst": "One or two sentences below the title.",
    "body": "The text, in a small Markdown.",
    "written_by": "Who wrote the text.",
    "credit": "Whose picture it is, as followers read it.",
    "licence": "Under which licence it is shown.",
    "link": "The post's own page.",
    "links": "Further reading.",
    "tags": "Without `#`.",
    "language": "The language that it is written in.",
    "embargo_until": "It does not go out before this instant.",
    "fixed_date": "It goes out on exactly this day.",
    "reserve": "It waits in the reserve, for days on which the queue has nothing.",
    "captions": "Captions written by hand, by channel name, or by `lang:` and a language.",
    "translations": "By language: `title`, `standfirst`, `body`, `credit`, `link`, `links`, `tags` and `alt_texts`, "
    "one for each picture. What is left out of credit, links and tags is the original's.",
    "images": "Its pictures, in their order.",
    "media": "The `sha256` of a picture that was uploaded before.",
    "alt_text": "What the picture shows, for people who don't see it.",
    "choices": "How the picture is fitted where a channel can't take it as it is, which values of it are black and "
    "white (`window`), and how its colour channels are merged (`colour_channels`, one after the other).",
}
EXAMPLES: dict[str, list[Any]] = {
    "title": ["Mitosis in a newt lung cell"],
    "standfirst": ["A cell divides, and its chromosomes line up."],
    "credit": ["Jane Doe, University of Example"],
    "licence": ["CC BY 4.0"],
    "link": ["https://example.org/pictures/mitosis"],
    "tags": [["mitosis", "microscopy"]],
    "language": ["en"],
    "embargo_until": ["2026-05-12T10:00:00+01:00"],
    "fixed_date": ["2026-05-12"],
    "media": [EXAMPLE_HASH],
    "alt_text": ["A green spindle with chromosomes in its middle."],
}


def _describe(schema: dict[str, Any]) -> None:
    for name, field in schema.get("properties", {}).items():
        if name in DESCRIPTIONS:
            field.setdefault("description", DESCRIPTIONS[name])
        if name in EXAMPLES:
            field.setdefault("examples", EXAMPLES[name])
        if "patternProperties" in field:
            # The keys are languages, and nothing else.
            field["additionalProperties"] = False


def _describe_new_post(schema: dict[str, Any]) -> None:
    _describe(schema)
    in_reserve = {"reserve": {"const": True}, "fixed_date": {"type": "string"}}
    schema["not"] = {"properties": in_reserve, "required": list(in_reserve)}


def _describe_changes(schema: dict[str, Any]) -> None:
    _describe(schema)
    schema["minProperties"] = 1


class NewPicture(ImageDraft):
    """A picture of a new post: one that was uploaded to `/images` before."""

    model_config = ConfigDict(json_schema_extra=_describe)

    # A path would be one on the machine of the desk.
    file: SkipJsonSchema[None] = None
    media: Hash


class NewPost(PostDraft):
    """A post as it is added: as a draft, at the end of the queue or of the reserve, or for a day of its own."""

    model_config = ConfigDict(json_schema_extra=_describe_new_post)

    images: tuple[NewPicture, ...] = Field(default=(), max_length=post_limits.IMAGES)


class Changes(PostChanges):
    """The changed fields of a post; the others stay."""

    model_config = ConfigDict(json_schema_extra=_describe_changes)

    images: tuple[NewPicture, ...] = Field(default=(), max_length=post_limits.IMAGES)


class ValuesOut(BaseModel):
    """Which values a picture has, and what each choice of `choices.window` shows as black and as white."""

    kind: ValueKind = Field(description="How they are stored.", examples=["uint16"])
    minimum: int | float = Field(examples=[0])
    maximum: int | float = Field(examples=[4095])
    unusable: int = Field(description="How many are no finite numbers.", examples=[0])
    full: tuple[int | float, int | float] = Field(description="Black and white with `full`.", examples=[[0, 65535]])
    detected: tuple[int | float, int | float] = Field(
        description="With `detected`, the proposal.", examples=[[0, 4095]]
    )
    percentile: tuple[int | float, int | float] = Field(description="With `percentile`.", examples=[[12, 3977]])
    needs_choice: bool = Field(description="Whether a post with it waits until somebody has chosen.")

    @classmethod
    def of(cls, facts: ValueFacts) -> ValuesOut:
        return cls(
            kind=facts.kind,
            minimum=facts.minimum,
            maximum=facts.maximum,
            unusable=facts.unusable,
            full=facts.full,
            detected=facts.detected,
            percentile=facts.percentiles,
            needs_choice=facts.needs_choice,
        )


class ColourChannelOut(BaseModel):
    """A colour channel of a picture."""

    name: str = Field(description="As the file names it; empty: it does not.", examples=["DAPI"])
    colour: str = Field(description="The file's own, else the proposed one.", examples=["#0000ff"])
    values: ValuesOut

    @classmethod
    def of(cls, channel: ColourChannel, colour: str) -> ColourChannelOut:
        return cls(name=channel.name, colour=colour, values=ValuesOut.of(channel.values))


class ShownValuesOut(BaseModel):
    """What a picture of a post shows as black and as white; of a colour channel, as black and as its colour."""

    number: int = Field(description="The place of the colour channel in the file; 1 for a picture without several.")
    colour: str = Field(description="Its colour; empty for a picture without several.", examples=["#0000ff"])
    black: int | float = Field(examples=[0])
    white: int | float = Field(examples=[4095])
    chosen: WindowChoice | None = Field(description="What somebody chose; null: it is as the desk proposes.")


class PictureOut(BaseModel):
    """The facts of a stored picture."""

    sha256: str = Field(description="Its name: the SHA-256 of the file.", examples=[EXAMPLE_HASH])
    file_name: str = Field(description="What the file was called.", examples=["spindle.tif"])
    format: str = Field(examples=["tiff"])
    width: int = Field(description="Pixels, upright.", examples=[4000])
    height: int = Field(examples=[3000])
    bits: int = Field(description="Of each colour channel.", examples=[16])
    frames: int = Field(description="More than one in an animation.", examples=[1])
    bytes: int = Field(examples=[48_000_000])
    values: ValuesOut | None = Field(
        description="Which values its pixels have, all channels together; null: it has 8 bits, or they are not known."
    )
    colour_channels: list[ColourChannelOut] = Field(
        description="The colour channels of a file that has several to be merged, in their order; else empty."
    )
    gutters: list[float] = Field(description="Where the panels of a composite meet, as fractions of its width.")
    warnings: list[str] = Field(description="What is unusual about it; it can be shown all the same.")
    created_at: datetime = Field(description="When it was first stored.")

    @classmethod
    def of(cls, media: Media) -> PictureOut:
        fields = {name: getattr(media, name) for name in cls.model_fields}
        fields["warnings"] = [str(warning) for warning in media.warnings]
        fields["values"] = media.values and ValuesOut.of(media.values)
        fields["colour_channels"] = [
            ColourChannelOut.of(channel, colour)
            for channel, colour in zip(media.colour_channels, proposed_colours(media.colour_channels), strict=True)
        ]
        return cls.model_validate(fields)


class PostPicture(BaseModel):
    """A picture of a post, and what staff say about it."""

    model_config = ConfigDict(json_schema_extra=_describe)

    media: str
    width: int
    height: int
    alt_text: str
    credit: str
    licence: str
    choices: ImageChoices
    shown_values: list[ShownValuesOut] = Field(
        description="What is black and white, once for each colour channel that is shown. Empty: it has 8 bits."
    )

    @classmethod
    def of(cls, image: PostImage) -> PostPicture:
        return cls(
            shown_values=_shown_values(image),
            media=image.media_sha256,
            width=image.media.width,
            height=image.media.height,
            alt_text=image.alt_text,
            credit=image.credit,
            licence=image.licence,
            choices=ImageChoices.model_validate(image.choices),
        )


def _shown_values(image: PostImage) -> list[ShownValuesOut]:
    choices = ImageChoices.model_validate(image.choices)
    if image.media.channel_facts:
        return [
            ShownValuesOut(
                number=channel.number,
                colour=channel.colour,
                black=channel.black,
                white=channel.white,
                chosen=chosen_window(choices, channel.number),
            )
            for channel in merge_of_picture(image)
        ]
    if image.media.values is None:
        return []
    black, white = limits_of(choices.window, image.media.values)
    return [ShownValuesOut(number=1, colour="", black=black, white=white, chosen=choices.window)]


class PostOut(BaseModel):
    """A post as it is stored. Its `version` is its `ETag`."""

    model_config = ConfigDict(json_schema_extra=_describe)

    id: int = Field(examples=[17])
    version: int = Field(description="Grows with every change.", examples=[3])
    state: str = Field(description="`draft`, `in_review`, `approved` or `withdrawn`.", examples=["draft"])
    title: str
    standfirst: str
    body: str
    written_by: str
    credit: str
    licence: str
    link: str
    links: list[Link]
    tags: list[str]
    language: str
    embargo_until: datetime | None
    captions: dict[str, str]
    translations: dict[str, dict[str, Any]]
    images: list[PostPicture]
    fixed_date: date | None
    reserve: bool
    last_shown_on: date | None = Field(description="The last day on which followers saw it.")
    published_elsewhere_on: date | None = Field(
        description="The day on which it was published before it came into this desk; null: this desk publishes it."
    )
    edited_by: str = Field(description="Who changed it last.")
    created_at: datetime
    updated_at: datetime
    approved_at: datetime | None

    @classmethod
    def of(cls, post: Post, **more: Any) -> Any:
        """Makes the model of a stored post; `more`: fields besides."""
        names = set(PostOut.model_fields) - {"images"}
        images = [PostPicture.of(image) for image in post.images]
        return cls.model_validate({**{name: getattr(post, name) for name in names}, "images": images, **more})


class PostSummary(BaseModel):
    """A post in a list."""

    model_config = ConfigDict(json_schema_extra=_describe)

    id: int = Field(examples=[17])
    title: str
    state: str = Field(description="`draft`, `in_review`, `approved` or `withdrawn`.", examples=["approved"])
    tags: list[str]
    reserve: bool
    last_shown_on: date | None = Field(description="The last day on which followers saw it.")


class ContentProblemOut(BaseModel):
    """Something that staff should know before a post goes out to a channel."""

    field: str = Field(description="Where it is mended.", examples=["images[0].alt_text"])
    message: str = Field(description="One sentence: what is wrong and what to do.")
    code: str = Field(description="Names the kind of problem; it never changes.", examples=["adapt.no-alt-text"])
    parameters: dict[str, Any] = Field(description="The values in the sentence.", examples=[{"picture": 1}])
    remedy: str | None = Field(description="Names what a person can do; null: the sentence says it.")
    blocking: bool = Field(description="Whether the post can't be approved with it.")


class ProblemOut(ContentProblemOut):
    """Something that staff should know before a post goes out."""

    channels: list[str] = Field(description="The channels that have it; none: it is the post's own.")

    @classmethod
    def of(cls, problem: PostProblem) -> ProblemOut:
        return cls.model_validate(problem.to_json())


class AdaptedOut(AdaptedPost):
    """The exact text, images and alt texts of one channel."""

    @field_serializer("problems")
    def _serialize_problems(self, problems: tuple[ContentProblem, ...]) -> list[ContentProblemOut]:
        return [ContentProblemOut.model_validate(problem_to_json(problem)) for problem in problems]

    @field_serializer("left_out")
    def _serialize_left_out(self, left_out: tuple[Problem, ...]) -> list[str]:
        return [str(remark) for remark in left_out]


class CreatedPost(PostOut):
    """A post that was just added."""

    warnings: list[str] = Field(description="What staff should know before it goes out; blocking problems first.")


class EditedPost(PostOut):
    """A post that was just changed, and what became of the change."""

    back_to_review: bool = Field(description="It was approved; somebody has to approve the changed one.")
    applies_to: list[str] = Field(
        description="Channels whose delivery waits: they get the change when somebody approves it."
    )
    too_late: list[str] = Field(description="Channels that have, or may have, the post as it was.")
    warnings: list[str] = Field(description="What staff should know before it goes out; blocking problems first.")


class ApprovedPost(PostOut):
    """A post that goes out when its turn comes."""

    remarks: list[ProblemOut] = Field(description="What is not perfect about it, and blocks nothing.")
    applies_to: list[str] = Field(description="Of a picked post: channels whose delivery waited and has this text now.")
    too_late: list[str] = Field(description="Of a picked post: channels that have, or may have, it as it was before.")
