"""Serves the pictures of pages: thumbnails of originals, and renditions by the digest of their spec.

Only files of the renderer are served, never what was uploaded.
"""

from __future__ import annotations

from collections.abc import Callable
from html import escape
from typing import Annotated

from fastapi import APIRouter, Path, Request
from fastapi.responses import FileResponse, Response

from publisher.adapt.images.rendering import ImageRefused
from publisher.core.content import Rendition, RenditionSpec
from publisher.core.messages import _
from publisher.web.channel_preview import RecentSpecs
from publisher.web.errors import NotFound
from publisher.web.picture_making import PictureMaker
from publisher.web.rendering import desk_of
from publisher.web.slow_work import WorkRefused, person_of, slow_work_of

router = APIRouter()

WIDTHS = (160, 320, 640, 1280)
"""The sizes of thumbnails, in pixels of their longer side."""
PICTURE_CACHE_CONTROL = "private, max-age=31536000, immutable"
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


def thumbnail_spec(sha256: str, width: int) -> RenditionSpec:
    """Returns the spec of a small WebP of the whole original. Dark scans are lightened."""
    return RenditionSpec(
        source=sha256,
        formats=("webp",),
        max_bytes=20_000 + width * width,
        max_width=width,
        max_height=width,
        window="percentile",
    )


@router.get("/pictures/{sha256}/{width}.webp")
async def thumbnail(request: Request, sha256: Hash, width: int) -> Response:
    if width not in WIDTHS:
        raise NotFound(MISSING_PICTURE)
    return await _respond(request, lambda: _stored_or_made(request, thumbnail_spec(sha256, width)))


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
