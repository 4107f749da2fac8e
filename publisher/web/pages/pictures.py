"""Serves the pictures of pages: thumbnails of originals, and renditions by the digest of their spec.

Only files of the renderer are served, never what was uploaded.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from html import escape
from typing import Annotated

from fastapi import APIRouter, Path, Query, Request
from fastapi.responses import FileResponse, Response

from publisher.adapt.images.picture_making import PictureMaker
from publisher.adapt.images.rendering import ImageRefused
from publisher.core.colour_channels import MergedChannel, merge_of
from publisher.core.content import ColourChannelChoice, Rendition, RenditionSpec
from publisher.core.messages import _
from publisher.core.value_range import CHOICES, WindowChoice
from publisher.core.window_choice import read_number
from publisher.db.models import Media
from publisher.posts.channel_texts import ChannelTextInvalid, parse_channels, parse_merged
from publisher.posts.thumbnails import thumbnail_spec
from publisher.web.channel_preview import RecentSpecs
from publisher.web.errors import NotFound
from publisher.web.rendering import desk_of
from publisher.web.slow_work import WorkRefused, person_of, slow_work_of

router = APIRouter()

WIDTHS = (160, 320, 640, 1280)
"""The sizes of thumbnails, in pixels of their longer side."""
PICTURE_CACHE_CONTROL = "private, max-age=31536000, immutable"
_NUMBER = r"-?\d{1,20}(\.\d{1,20})?(e-?\d{1,3})?"
WINDOW = rf"^((full|detected|percentile)|{_NUMBER}\.\.{_NUMBER})?$"
"""What a thumbnail shows as black and white: a choice, or the two values."""
MAX_CHANNELS_TEXT = 2000
MISSING_PICTURE = _("This picture is not here.")
PLACEHOLDER = """\
<svg xmlns="http://www.w3.org/2000/svg" width="33" height="33" viewBox="0 0 33 33">\
<title>{title}</title>\
<rect width="33" height="33" fill="#e4e4e4"/><circle cx="10" cy="16.5" r="2" fill="#777"/>\
<circle cx="16.5" cy="16.5" r="2" fill="#777"/><circle cx="23" cy="16.5" r="2" fill="#777"/></svg>
"""
"""`waiting.js` recognises it by its size."""
IS_BEING_MADE = _("This picture is being made; load the page again in a moment")
Hash = Annotated[str, Path(pattern="^[0-9a-f]{64}$")]


PICTURE_ADDRESS = Hash
"""The digest of a rendition in an address."""


async def respond_with_picture(request: Request, spec: RenditionSpec) -> Response:
    """Answers with the rendition of a spec, which is rendered where it is not stored."""
    return await _respond(request, lambda: _stored_or_made(request, spec))


@router.get("/pictures/{sha256}/{width}.webp")
async def thumbnail(
    request: Request,
    sha256: Hash,
    width: int,
    window: Annotated[str, Query(pattern=WINDOW)] = "",
    channels: Annotated[str, Query(max_length=MAX_CHANNELS_TEXT)] = "",
    merged: Annotated[str, Query(max_length=MAX_CHANNELS_TEXT)] = "",
) -> Response:
    """Serves a small copy of an original.

    `window` and `channels`: what staff chose to show of it in a post. `window` or `merged`: what was shown.
    """
    if width not in WIDTHS:
        raise NotFound(MISSING_PICTURE)
    return await _respond(request, lambda: _thumbnail(request, sha256, width, _Shown(window, channels, merged)))


@dataclass(frozen=True, slots=True)
class _Shown:
    """Holds what a thumbnail is to show, as its address says."""

    window: str
    channels: str
    merged: str

    def merge(self, media: Media | None) -> tuple[MergedChannel, ...]:
        """Returns how the colour channels are merged. What can't be read is left out, as for a picture without."""
        found = media.colour_channels if media else ()
        try:
            if self.merged:
                return parse_merged(self.merged, found)
            chosen = [ColourChannelChoice.model_validate(value) for value in parse_channels(self.channels)]
        except ChannelTextInvalid:
            chosen = []
        return merge_of(found, chosen, _choice(self.window))


def _thumbnail(request: Request, sha256: str, width: int, shown: _Shown) -> Rendition | None:
    with desk_of(request).database.reading() as session:
        media = session.get(Media, sha256)
    values = media.values if media else None
    spec = thumbnail_spec(sha256, width, values, _choice(shown.window), merged=shown.merge(media))
    return _stored_or_made(request, spec)


def _choice(window: str) -> WindowChoice | None:
    low, separator, high = window.partition("..")
    if separator:
        return read_number(low), read_number(high)
    return next((choice for choice in CHOICES if choice == window), None)


@router.get("/renditions/{digest}")
async def rendition(request: Request, digest: Hash) -> Response:
    """Serves a rendition of a preview or a delivery: a stored one, or one of a recent preview."""
    specs: RecentSpecs = request.app.state.recent_specs
    spec = specs.get(digest)
    return await _respond(
        request, lambda: _stored_or_made(request, spec) if spec else _stored_rendition(request, digest)
    )


async def _respond(request: Request, fetch: Callable[[], Rendition | None]) -> Response:
    """Answers with the picture, or with a placeholder where it is not ready in time: the page asks again."""
    try:
        return _picture_response(await slow_work_of(request).picture_files.run(fetch, person_of(request)))
    except ImageRefused:
        raise NotFound(MISSING_PICTURE) from None
    except WorkRefused:
        return _picture_response(None)


def _stored_rendition(request: Request, digest: str) -> Rendition:
    stored = desk_of(request).renderer.stored(digest)
    if stored is None:
        raise NotFound(MISSING_PICTURE)
    return stored


def _stored_or_made(request: Request, spec: RenditionSpec) -> Rendition | None:
    """Returns the picture; None: it is being rendered."""
    maker: PictureMaker = request.app.state.picture_maker
    return desk_of(request).renderer.stored(spec.digest) or maker.make(spec)


def _picture_response(rendition: Rendition | None) -> Response:
    if rendition is None:
        placeholder = PLACEHOLDER.format(title=escape(str(IS_BEING_MADE)))
        return Response(placeholder, media_type="image/svg+xml", headers={"cache-control": "no-store"})
    return FileResponse(
        rendition.path, media_type=rendition.mime_type, headers={"cache-control": PICTURE_CACHE_CONTROL}
    )
