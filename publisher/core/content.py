"""Defines the values that stages hand to each other. Each is frozen and can be stored as JSON."""

from __future__ import annotations

import hashlib
import sys
from datetime import datetime
from enum import Enum
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StrictBool, field_validator, model_validator

from publisher.core.colour_channels import MAX_COLOUR_CHANNELS, ColourChannel, MergedChannel
from publisher.core.problems import Problem, recorded_problem
from publisher.core.value_range import NamedWindow, ValueFacts, Window
from publisher.core.window_choice import LARGEST_WHOLE, read_window

Fraction = Annotated[float, Field(ge=0.0, le=1.0, strict=True)]
_WholeValue = Annotated[int, Field(ge=-LARGEST_WHOLE, le=LARGEST_WHOLE)]
_RealValue = Annotated[float, Field(ge=-sys.float_info.max, le=sys.float_info.max)]
ReadWindow = Annotated[
    NamedWindow | tuple[_WholeValue, _WholeValue] | tuple[_RealValue, _RealValue], BeforeValidator(read_window)
]
Fit = Literal["pad", "crop", "split", "as-is"]
ImageFormat = Literal["jpeg", "png", "gif", "webp"]
SourceFormat = Literal["jpeg", "png", "tiff", "webp", "avif", "gif", "heic"]


class Frozen(BaseModel):
    """Refuses changes and unknown fields. Its validator is built at its first use: a command uses few of them."""

    model_config = ConfigDict(frozen=True, extra="forbid")


# --- what staff write ------------------------------------------------------------------------


class Box(Frozen):
    """Marks a rectangle inside a picture, in fractions of its width and height, after orientation."""

    left: Fraction
    top: Fraction
    width: Fraction
    height: Fraction


class Framing(Frozen):
    """Holds which part of a picture is shown; `None` means the channel's or the house's default."""

    fit: Fit | None = None
    focal_point: tuple[Fraction, Fraction] | None = None
    crop_box: Box | None = None

    @property
    def is_empty(self) -> bool:
        return self.fit is None and self.focal_point is None and self.crop_box is None


class ColourChannelChoice(Frozen):
    """Holds what staff decided about one colour channel of a picture."""

    colour: Annotated[str, Field(pattern="^(#[0-9a-f]{6})?$")] = ""
    """Empty: the file's own, else the proposed one."""
    shown: StrictBool | None = None
    """None: as proposed, or because something else is chosen for it."""
    window: ReadWindow | None = None
    """Which of its values are shown as black and as its colour. None: what is chosen for the whole picture."""


class ImageChoices(Framing):
    """Holds what staff decided about one picture. Its own framing is for every channel without one in `channels`."""

    channels: dict[str, Framing] = Field(default_factory=dict)
    """The framing on single channels, by their names. It replaces the one for every channel as a whole."""
    protected: tuple[Box, ...] = ()
    gutters: tuple[Fraction, ...] | None = None
    """Where a wide composite is cut into panels: x positions. None: found by the program."""
    padding: str = "edge"
    """`edge` (the colour of the picture's border), `blur`, or a colour written `#rrggbb`."""
    window: ReadWindow | None = None
    """Which values of a picture with 16 bits are shown as black and as white. None: nobody has chosen."""
    colour_channels: Annotated[tuple[ColourChannelChoice, ...], Field(max_length=MAX_COLOUR_CHANNELS)] | None = None
    """How the colour channels of a file that has several are merged, in their order. None: nobody has chosen."""
    credit_strip: StrictBool = False
    """Write the credit below the picture, outside it."""

    @field_validator("colour_channels")
    @classmethod
    def _remove_last_defaults(cls, chosen: tuple[ColourChannelChoice, ...] | None) -> Any:
        kept = list(chosen or ())
        while kept and kept[-1] == ColourChannelChoice():
            kept.pop()
        return tuple(kept) or None

    @field_validator("channels")
    @classmethod
    def _remove_empty_framings(cls, channels: dict[str, Framing]) -> dict[str, Framing]:
        return {name: framing for name, framing in channels.items() if not framing.is_empty}

    def for_channel(self, channel: str) -> ImageChoices:
        """Returns the choices that hold on one channel, without those for other channels."""
        own = self.channels.get(channel)
        framing = {name: getattr(own, name) for name in Framing.model_fields} if own else {}
        return self.model_copy(update={**framing, "channels": {}})


class SourceImage(Frozen):
    """Describes one picture of a post: the stored original and what staff say about it."""

    media: str
    """SHA-256 of the original file, in hexadecimal: its name in the media store."""
    format: SourceFormat
    width: int
    height: int
    """Pixels, after the EXIF orientation is applied."""
    bits: int = 8
    frames: int = 1
    values: ValueFacts | None = None
    """Which values it has. None: it has 8 bits, or they are not known."""
    colour_channels: tuple[ColourChannel, ...] = ()
    """Where it has several that have to be merged."""
    gutters: tuple[Fraction, ...] = ()
    """Where the program found gaps between panels: x positions. Staff's own, in `choices`, come first."""
    alt_text: str = ""
    credit: str = ""
    licence: str = ""
    choices: ImageChoices = ImageChoices()


class Link(Frozen):
    """Names an address that a post links to."""

    label: str
    url: str


class SourcePost(Frozen):
    """Holds a post in one language, as staff wrote it. `body` is a small Markdown."""

    title: str
    standfirst: str = ""
    body: str = ""
    written_by: str = ""
    credit: str = ""
    licence: str = ""
    link: str = ""
    """The post's own page, where there is one."""
    links: tuple[Link, ...] = ()
    tags: tuple[str, ...] = ()
    language: str = "en"
    images: tuple[SourceImage, ...] = ()
    captions: dict[str, str] = Field(default_factory=dict)
    """Captions written by hand, which replace the template: by channel name, or by `language_caption` for
    every channel that shows this language and has none of its own."""


LANGUAGE_CAPTION_PREFIX = "lang:"
"""Starts the key of a caption for a language. No channel's name has a colon."""


def language_caption_key(language: str) -> str:
    """Returns the key in `captions` of the caption for every channel that shows this language, such as `lang:ca`."""
    return f"{LANGUAGE_CAPTION_PREFIX}{language}"


# --- what one channel will get ---------------------------------------------------------------


def _read_sentence(stored: object) -> object:
    """Reads a remark. Older versions of the program have stored its sentence."""
    return recorded_problem(stored) if isinstance(stored, str) else stored


Remark = Annotated[Problem, BeforeValidator(_read_sentence)]
"""Says something that staff should see, and that blocks nothing."""


class ContentProblem(Frozen):
    """Describes something staff must know before the post goes out."""

    field: str
    """Where to mend it: `title`, `body`, `images[0].alt_text`, `caption`, ..."""
    problem: Problem
    blocking: bool = True
    """A post with a blocking problem can't be approved."""

    @property
    def message(self) -> str:
        """What is wrong and what to do, rendered for the present reader."""
        return str(self.problem)

    @model_validator(mode="before")
    @classmethod
    def _read_former_form(cls, stored: Any) -> Any:
        """Reads what older versions of the program have stored: a sentence as `message`."""
        if not isinstance(stored, dict) or "message" not in stored:
            return stored
        values = {name: value for name, value in stored.items() if name != "message"}
        return {"problem": recorded_problem(str(stored["message"])), **values}


class Span(Frozen):
    """Formats `text[start:end]`, in code points."""

    start: int
    end: int
    kind: Literal["bold", "italic", "link", "tag", "mention"]
    url: str | None = None


BlockKind = Literal["heading", "paragraph", "bullet", "number", "quote"]


class TextBlock(Frozen):
    """Holds one paragraph, heading, list item or quote of rich text."""

    kind: BlockKind = "paragraph"
    text: str
    spans: tuple[Span, ...] = ()


RENDITION_RECIPE = 3
"""The present way of making renditions, a part of what names one. A change that changes bytes needs a new number."""


class RenditionSpec(Frozen):
    """Specifies a rendition: all that decides its bytes, so that its hash can name it."""

    source: str
    """SHA-256 of the original."""
    formats: tuple[ImageFormat, ...]
    """What the channel takes, best first."""
    max_bytes: int
    max_width: int
    max_height: int
    canvas_ratio: float | None = None
    """Width over height that the finished picture must have. None: the picture's own."""
    fit: Fit = "pad"
    crop: Box | None = None
    """The part of the picture that is shown. None: all of it."""
    padding: str = "edge"
    window: Window = "full"
    channels: tuple[MergedChannel, ...] = ()
    """The colour channels to merge. None: the picture is shown as it is."""
    animated: bool = False
    """Keep the animation, where the picture has one and the channel takes it."""
    creator: str = ""
    copyright: str = ""
    description: str = ""
    """Written into the rendition's metadata; everything else there is removed."""
    credit_strip: str = ""
    """Text shown below the picture, outside it. Empty: none."""
    recipe: int = 1
    """The way of making it. A delivery that began with a rendition of an older recipe goes on with that one."""

    @property
    def digest(self) -> str:
        """Returns the SHA-256 of the specification, in hexadecimal."""
        # What older versions of the program stored keeps its name: they knew neither channels to merge nor recipes.
        left_out = {name for name, is_old in (("channels", not self.channels), ("recipe", self.recipe == 1)) if is_old}
        return hashlib.sha256(self.model_dump_json(exclude=left_out).encode()).hexdigest()


class AdaptedImage(Frozen):
    """Specifies one picture that a channel will get, with its alt text."""

    spec: RenditionSpec
    alt_text: str


class AdaptedPost(Frozen):
    """Holds the exact text, images and alt texts that one channel will get."""

    channel: str
    platform: str
    language: str
    title: str
    caption: str
    """What followers read, as plain text. Where the platform has rich text, `blocks` say the same."""
    blocks: tuple[TextBlock, ...] = ()
    thread: tuple[str, ...] = ()
    """The rest of the body, for a channel that shows the whole text: replies below the post, in order."""
    reply_to: str = ""
    """The platform's id of the post that this one answers. Empty: it stands by itself."""
    tags: tuple[str, ...] = ()
    """Tags for a platform that has a field for them; elsewhere they stand in the caption."""
    link: str = ""
    """The source link, for a platform that has a field for it."""
    images: tuple[AdaptedImage, ...] = ()
    count: int = 0
    limit: int = 0
    unit: str = ""
    """The caption's length and limit, in the platform's own unit."""
    left_out: tuple[Remark, ...] = ()
    """What shortening removed."""
    cost_usd: float | None = None
    """Estimated price of publishing, all replies included, in US dollars. None: free, or a reply."""
    problems: tuple[ContentProblem, ...] = ()

    def next_part(self, reply_to: str) -> AdaptedPost:
        """Returns the reply that continues this post, which has a `thread` and which the platform calls `reply_to`.

        Text alone; its length is not counted again.
        """
        return AdaptedPost(
            channel=self.channel,
            platform=self.platform,
            language=self.language,
            title=self.title,
            caption=self.thread[0],
            thread=self.thread[1:],
            reply_to=reply_to,
        )


class Rendition(Frozen):
    """Describes one adapted image file, made and measured."""

    path: Path
    sha256: str
    format: ImageFormat
    width: int
    height: int
    bytes: int
    quality: int | None = None
    """Encoder quality, 1-100. None: lossless."""
    ssim: float | None = None
    """Structural similarity to the resized original, 0-1."""
    colour_difference: float | None = None
    """Mean CIE76 colour difference to the resized original."""
    notes: tuple[Remark, ...] = ()
    """What was done that staff should see: padding, 16-bit mapping, first page of several."""

    @property
    def mime_type(self) -> str:
        return f"image/{self.format}"


# --- what a platform answers -----------------------------------------------------------------


class Account(Frozen):
    """Names the account that the credentials belong to, as the platform says."""

    id: str
    name: str
    url: str | None = None


class Preparation(Frozen):
    """Holds what a platform said just before the publishing request. It is stored with the intent to publish."""

    model_config = ConfigDict(frozen=True, extra="ignore")
    """Another version of the program may have stored more than this one knows."""

    reference: str = ""
    """The platform's id that makes the outcome readable: of a draft, or of the account's newest post. Empty: none."""
    platform_time: datetime | None = None
    """The platform's clock at that moment. Times of posts are compared with it, never with our clock."""
    repeats: bool = False
    """A former request for this post was begun, so that the platform may have it already."""
    unfinished: bool = False
    """It was begun, and no request that publishes was sent with it: the platform may not show it yet."""
    is_draft: bool = False
    """The reference is a draft's, which stays on the platform until it is published or removed."""
    account: str = ""
    """The account that the channel had, as the configuration names it. Empty: not known."""
    restored_since: datetime | None = None
    """From when on a lost desk may have published it, of which a restored database knows nothing. None: it did not."""
    changed_before_restore: bool = False
    """The lost desk had begun to publish it since then, or it was canceled or recorded by hand."""

    @property
    def is_harmless_to_repeat(self) -> bool:
        """Tells whether the request makes one post however often it is sent: publishing a draft does.

        One that was lost may still be carried out then.
        """
        return self.is_draft and bool(self.reference)

    def is_for(self, account: str) -> bool:
        """Tells whether it was prepared for this account, as far as that is known."""
        return not self.account or _normalize_account(self.account) == _normalize_account(account)

    def settled(self) -> Preparation:
        """Returns a copy for a post that a lost desk did not publish, as far as anybody can tell."""
        return self.model_copy(update={"restored_since": None, "changed_before_restore": False})


def _normalize_account(name: str) -> str:
    return name.strip().removeprefix("@").casefold()


class Absence(Enum):
    """Names the reasons why a look-up did not find a post."""

    NOT_LISTED = "not listed"
    """The platform's listing does not show it. A listing may lag behind."""
    UNPUBLISHED = "unpublished"
    """The platform shows it by its id as not public, and repeating the publishing request is harmless."""
    GONE = "gone"
    """What was to be made public is no longer there, and no listing shows the post. It may have another id by now."""


class Publication(Frozen):
    """Names a post that the platform has accepted."""

    remote_id: str
    former_id: str = ""
    """The id that the post had before it was published, where the platform gave it another one."""
    url: str | None = None
    request_id: str | None = None
    answer: str = ""
    """The platform's answer, shortened, without secrets."""
    copies: tuple[Publication, ...] = ()
    """Other posts that are just like this one, where a look-up found several."""


class HistoryPicture(Frozen):
    """Describes a picture of a post that an account has shown."""

    addresses: tuple[str, ...]
    """Where it is: the largest copy first."""
    alt_text: str = ""


class HistoryPost(Frozen):
    """Describes a post that an account has shown, whoever made it, as an import takes it."""

    remote_id: str
    url: str
    published_at: datetime
    title: str
    paragraphs: tuple[str, ...]
    """In the small Markdown of posts."""
    tags: tuple[str, ...] = ()
    pictures: tuple[HistoryPicture, ...] = ()


class PublishedPost(Frozen):
    """Describes a published post as read back from the platform."""

    remote_id: str
    url: str | None
    image_count: int
    alt_texts: tuple[str | None, ...]
    """One per image; None where the platform does not say."""
    text: str | None = None
    """All that followers read, without the platform's escapes. None: the platform does not say."""
    tags: tuple[str, ...] | None = None
    """Where the platform has a field for them."""
    visible: bool = True
    """Whether followers see it."""
    state: str = ""
    """The platform's own word for how a post is hidden that followers don't see, such as `private`."""
    is_own: bool | None = None
    """Whether the channel's account made it. None: the platform does not say."""
    published_at: datetime | None = None
