"""Checks the pictures of a Tumblr post, and reads them for the request that carries them."""

from __future__ import annotations

from collections.abc import Sequence

from publisher.core.content import Rendition
from publisher.core.machine_errors import machine_problem
from publisher.platforms.base import (
    UploadedMedia,
)
from publisher.platforms.errors import (
    Unavailable,
    UnsupportedContent,
)
from publisher.platforms.profiles import ImageLimits
from publisher.platforms.tumblr.client import Attachment
from publisher.platforms.tumblr.problem_codes import TumblrPostProblem


def check_picture(image: Rendition, position: int, limits: ImageLimits) -> None:
    """Raises UnsupportedContent for a picture that Tumblr does not take, Unavailable for one whose file is gone."""
    if image.format not in limits.formats:
        raise UnsupportedContent(TumblrPostProblem.PICTURE_FORMAT(format=image.format, position=position + 1))
    if not image.path.is_file():
        raise Unavailable(TumblrPostProblem.PICTURE_GONE(position=position + 1))
    if (size := image.path.stat().st_size) > limits.max_bytes:
        raise UnsupportedContent(
            TumblrPostProblem.PICTURE_TOO_LARGE(position=position + 1, count=size, maximum=limits.max_bytes)
        )


def check_total_size(media: Sequence[UploadedMedia], limits: ImageLimits) -> None:
    """Raises UnsupportedContent when the pictures are too much together."""
    total, limit = sum(_size(picture) for picture in media), limits.max_total_bytes
    if limit is not None and total > limit:
        raise UnsupportedContent(TumblrPostProblem.PICTURES_TOO_LARGE(count=total, maximum=limit))


def make_attachment(media: UploadedMedia) -> Attachment:
    """Reads the file of a picture for the request. Raises Unavailable."""
    try:
        content = media.image.path.read_bytes()
    except OSError as error:
        raise _unreadable(media, error) from error
    name = f"{media.reference}.{media.image.format}"
    return Attachment(identifier=media.reference, file_name=name, mime_type=media.image.mime_type, content=content)


def _size(media: UploadedMedia) -> int:
    try:
        return media.image.path.stat().st_size
    except OSError as error:
        raise _unreadable(media, error) from error


def _unreadable(media: UploadedMedia, error: OSError) -> Unavailable:
    if why := machine_problem(error):
        return Unavailable(TumblrPostProblem.FILE_NOT_READ(name=media.reference, why=why))
    return Unavailable(TumblrPostProblem.FILE_GONE(name=media.reference))
