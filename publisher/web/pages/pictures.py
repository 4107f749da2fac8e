"""Pictures as pages show them: thumbnails of originals, and finished pictures by the hash of their making.

Everything is served as what the renderer made, never as what was uploaded.
"""

from __future__ import annotations

import threading
from typing import Annotated

from fastapi import APIRouter, Path, Request
from fastapi.responses import FileResponse, Response

from publisher.adapt.rendering import ImageRefused
from publisher.content import Rendition, RenditionSpec
from publisher.web.errors import NotThere
from publisher.web.looks import Specs
from publisher.web.rendering import desk_of

router = APIRouter()

WIDTHS = (160, 320, 640, 1280)
"""The thumbnails that there are, in pixels of their longer side."""
KEPT = "private, max-age=31536000, immutable"
NOT_HERE = "This picture is not here."
_MAKING = threading.BoundedSemaphore(2)
"""So many pictures are made at once, however many a page shows: publishing needs the machine too."""
Hash = Annotated[str, Path(pattern="^[0-9a-f]{64}$")]


def thumbnail_spec(sha256: str, width: int) -> RenditionSpec:
    """A small picture of all that the original shows, as WebP. A dark scan is lit, so that it is recognised."""
    return RenditionSpec(
        source=sha256,
        formats=("webp",),
        max_bytes=20_000 + width * width,
        max_width=width,
        max_height=width,
        window="percentile",
    )


@router.get("/pictures/{sha256}/{width}.webp")
def thumbnail(request: Request, sha256: Hash, width: int) -> Response:
    if width not in WIDTHS:
        raise NotThere(NOT_HERE)
    try:
        return _file(_render(request, thumbnail_spec(sha256, width)))
    except ImageRefused:
        raise NotThere(NOT_HERE) from None


@router.get("/renditions/{digest}")
def rendition(request: Request, digest: Hash) -> Response:
    """A finished picture that a preview or a delivery shows: made before, or asked for by a preview of late."""
    renderer = desk_of(request).renderer
    specs: Specs = request.app.state.specs
    wanted = specs.get(digest)
    try:
        made = _render(request, wanted) if wanted else renderer.stored(digest)
    except ImageRefused:
        made = None
    if made is None:
        raise NotThere(NOT_HERE)
    return _file(made)


def _render(request: Request, spec: RenditionSpec) -> Rendition:
    renderer = desk_of(request).renderer
    if made := renderer.stored(spec.digest):
        return made
    with _MAKING:
        return renderer.render(spec)


def _file(made: Rendition) -> Response:
    return FileResponse(made.path, media_type=made.mime_type, headers={"cache-control": KEPT})
