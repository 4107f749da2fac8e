"""Pictures: one is uploaded whole, and its facts are read."""

from __future__ import annotations

import tempfile
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request, Response
from fastapi import Path as PathParameter
from fastapi.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect

from publisher.db.models import Media
from publisher.post_queue.pictures import keep_picture
from publisher.web.api.answers import LOCATION, WITH_BODY, problems, success
from publisher.web.api.guard import PICTURES, GuardedRoute, desk_of
from publisher.web.api.post_models import A_HASH, PictureOut
from publisher.web.api.problems import Problem
from publisher.web.forms import file_name
from publisher.web.slow_work import in_queue, person_of, slow_work_of

router = APIRouter(prefix="/images", tags=["images"], route_class=GuardedRoute)

BINARY = {"schema": {"type": "string", "format": "binary"}}
BODY = {
    "requestBody": {
        "required": True,
        "description": "The file itself.",
        "content": {PICTURES: BINARY, "image/*": BINARY},
    }
}


async def picture_of(request: Request) -> AsyncIterator[Path]:
    """The body, in a file that lives as long as the request. Raises WorkRefused where too many come in already."""
    place = slow_work_of(request).bodies.taken_by(person_of(request))
    with place, tempfile.NamedTemporaryFile(prefix="publisher-") as file:
        try:
            async for piece in request.stream():
                await run_in_threadpool(file.write, piece)
        except ClientDisconnect:
            raise Problem(400, "The connection was lost; send the picture again") from None
        file.flush()
        yield Path(file.name)


@router.post(
    "",
    status_code=201,
    response_model=PictureOut,
    openapi_extra=BODY,
    responses={**success(201, "It is stored.", LOCATION), **problems(503, *WITH_BODY)},
)
@in_queue(lambda work: work.pictures)
def api_upload_image(
    request: Request,
    response: Response,
    picture: Annotated[Path, Depends(picture_of)],
    name: Annotated[
        str, Query(max_length=255, description="What the file is called.", examples=["spindle.tif"])
    ] = "picture",
) -> Any:
    """Upload one picture as it is; posts then name it by its `sha256`. The same file sent again is the same picture."""
    desk = desk_of(request)
    media = keep_picture(desk.database, desk.store, picture, file_name(name), desk.now())
    response.headers["Location"] = f"{request.url.path}/{media.sha256}"
    return PictureOut.of(media)


@router.get("/{sha256}", response_model=PictureOut, responses={**success(200, "Its facts."), **problems(404, 422)})
def api_image(
    request: Request, sha256: Annotated[str, PathParameter(pattern="^[0-9a-f]{64}$", examples=[A_HASH])]
) -> Any:
    """Read the facts of a stored picture."""
    with desk_of(request).database.reading() as session:
        media = session.get(Media, sha256)
    if media is None:
        raise Problem(404, f"There is no picture {sha256}; upload it first")
    return PictureOut.of(media)
