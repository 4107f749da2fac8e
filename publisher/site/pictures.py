"""Specifies the copies of a picture that the site shows, in several widths, and names their files."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

from publisher.adapt.images.geometry import lay_out
from publisher.adapt.images.plans import media_text_of
from publisher.adapt.text.fields import credit_lines, licence_of
from publisher.adapt.text.markdown import plain_words
from publisher.core.colour_channels import merge_of
from publisher.core.content import RENDITION_RECIPE, ImageFormat, RenditionSpec, SourceImage, SourcePost
from publisher.core.value_range import window_of

WIDTHS = (480, 960, 1600)
"""Pixels across: a phone, a page, a large or a dense screen."""
THUMBNAIL_WIDTH = 320
FORMATS: tuple[ImageFormat, ...] = ("webp", "jpeg")
MAX_HEIGHT_SHARE = 2
"""A picture is at most so many times as high as it is wide; a taller one is shown less wide."""
NAME = re.compile(r"([1-9][0-9]{0,11})-([1-9][0-9]?)-[1-9][0-9]{2,3}-[0-9a-f]{16}\.(?:webp|jpeg)", re.ASCII)
"""The name of a copy's file: post, picture, width, the beginning of what names its content."""


@dataclass(frozen=True, slots=True)
class PictureCopy:
    """Describes one file of a picture."""

    name: str
    width: int
    height: int
    spec: RenditionSpec


@dataclass(frozen=True, slots=True)
class SitePicture:
    """Describes a picture on a page, with its copies from the narrowest to the widest."""

    copies: dict[ImageFormat, tuple[PictureCopy, ...]]
    thumbnail: PictureCopy
    alt_text: str
    credit: str
    licence: str

    @property
    def main(self) -> PictureCopy:
        """Returns the copy for programs that choose none."""
        return self.copies["jpeg"][min(1, len(self.copies["jpeg"]) - 1)]

    @property
    def largest(self) -> PictureCopy:
        return self.copies["jpeg"][-1]

    def files(self) -> Iterator[PictureCopy]:
        """Yields all files of the picture."""
        yield self.thumbnail
        for copies in self.copies.values():
            yield from copies


def site_pictures(post_id: int, post: SourcePost) -> tuple[SitePicture, ...]:
    """Describes the pictures of a cleaned post. One without a credit of its own has the post's."""
    pictures = []
    for number, image in enumerate(_credited(post), start=1):
        copies = {image_format: _copies(post_id, number, image, image_format) for image_format in FORMATS}
        thumbnail = _copy(post_id, number, image, THUMBNAIL_WIDTH, "webp")
        pictures.append(SitePicture(copies, thumbnail, image.alt_text, image.credit, image.licence))
    return tuple(pictures)


def first_thumbnail(post_id: int, post: SourcePost) -> PictureCopy | None:
    """Describes the small copy of a cleaned post's first picture, for lists. None: it has none."""
    image = next(_credited(post), None)
    return None if image is None else _copy(post_id, 1, image, THUMBNAIL_WIDTH, "webp")


def _credited(post: SourcePost) -> Iterator[SourceImage]:
    shared = _plain("; ".join(credit_lines(post))), _plain(licence_of(post))
    for image in post.images:
        credit, licence = _plain(image.credit) or shared[0], _plain(image.licence) or shared[1]
        yield image.model_copy(update={"credit": credit, "licence": licence})


def _plain(text: str) -> str:
    return "; ".join(plain_words(line) for line in text.split("\n") if line)


def _copies(post_id: int, number: int, image: SourceImage, image_format: ImageFormat) -> tuple[PictureCopy, ...]:
    """Describes the copies of a picture in one format. Nothing is enlarged, so that a small picture has fewer."""
    widest = min(image.width, WIDTHS[-1])
    widths = [WIDTHS[0], *(width for narrower, width in pairwise(WIDTHS) if widest > narrower)]
    return tuple(_copy(post_id, number, image, width, image_format) for width in widths)


def _copy(post_id: int, number: int, image: SourceImage, width: int, image_format: ImageFormat) -> PictureCopy:
    choices = image.choices
    channels = merge_of(image.colour_channels, choices.colour_channels or (), choices.window)
    text = media_text_of(image)
    spec = RenditionSpec(
        source=image.media,
        formats=(image_format,),
        max_bytes=40_000 + width * width // 2,
        max_width=width,
        max_height=width * MAX_HEIGHT_SHARE,
        window="full" if channels else window_of(choices.window, image.values),
        channels=channels,
        creator=text.creator,
        copyright=text.copyright,
        description=text.description,
        recipe=RENDITION_RECIPE,
    )
    size = lay_out(image.width, image.height, max_width=spec.max_width, max_height=spec.max_height)
    name = f"{post_id}-{number}-{width}-{spec.digest[:16]}.{image_format}"
    return PictureCopy(name, size.width, size.height, spec)
