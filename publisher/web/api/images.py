"""Receives pictures whole, and serves their facts."""

from __future__ import annotations

import tempfile
from collections.abc import AsyncIterator
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request, Response
from fastapi import Path as PathParameter
from fastapi.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect

from publisher.db.models import Media
from publisher.posts.pictures import store_picture
from publisher.web.api.guard import PICTURE_TYPE, GuardedRoute, desk_of
from publisher.web.api.post_models import EXAMPLE_HASH, PictureOut
from publisher.web.api.problems import RequestRefused
from publisher.web.api.response_docs import BODY_STATUSES, LOCATION, problems, success
from publisher.web.forms import file_name
from publisher.web.problem_codes import RequestProblem
from publisher.web.slow_work import person_of, slow_work_of

router = APIRouter(prefix="/images", tags=["images"], route_class=GuardedRoute)

BINARY = {"schema": {"type": "string", "format": "binary"}}
BODY = {
    "requestBody": {
        "required": True,
        "description": "The file itself.",
        "content": {PICTURE_TYPE: BINARY, "image/*": BINARY},
    }
}


@dataclass(frozen=True, slots=True)
class ReceivedPicture:
    """A picture that was received into a temporary file."""

    path: Path
    resources: ExitStack
    """Holds the file and its place until it is closed."""


async def picture_of(request: Request) -> AsyncIterator[ReceivedPicture]:
    """Receives the body into a file that lives as long as the request, or until `resources` is closed.

    Raises WorkRefused where too many come in already.
    """
    with ExitStack() as resources:
        resources.enter_context(slow_work_of(request).bodies.reserved_for(person_of(request)))
        file = resources.enter_context(tempfile.NamedTemporaryFile(prefix="publisher-"))
        try:
            async for piece in request.stream():
                await run_in_threadpool(file.write, piece)
        except ClientDisconnect:
            raise RequestRefused(400, RequestProblem.BODY_INTERRUPTED()) from None
        file.flush()
        yield ReceivedPicture(Path(file.name), resources)


@router.post(
    "",
    status_code=201,
    response_model=PictureOut,
    openapi_extra=BODY,
    responses={**success(201, "It is stored.", LOCATION), **problems(503, *BODY_STATUSES)},
)
async def api_upload_image(
    request: Request,
    response: Response,
    picture: Annotated[ReceivedPicture, Depends(picture_of)],
    name: Annotated[
        str, Query(max_length=255, description="What the file is called.", examples=["spindle.tif"])
    ] = "picture",
) -> Any:
    """Uploads one picture; posts then name it by its `sha256`. The same file sent again is the same picture."""
    desk = desk_of(request)
    keep = partial(store_picture, desk.database, desk.store, picture.path, file_name(name), desk.now())
    # It may take longer than the request: the file is kept until the work is over.
    resources = picture.resources.pop_all()
    media = await slow_work_of(request).pictures.run(keep, person_of(request), afterwards=resources.close)
    response.headers["Location"] = f"{request.url.path}/{media.sha256}"
    return PictureOut.of(media)


@router.get("/{sha256}", response_model=PictureOut, responses={**success(200, "Its facts."), **problems(404, 422)})
def api_image(
    request: Request, sha256: Annotated[str, PathParameter(pattern="^[0-9a-f]{64}$", examples=[EXAMPLE_HASH])]
) -> Any:
    """Reads the facts of a stored picture."""
    with desk_of(request).database.reading() as session:
        media = session.get(Media, sha256)
    if media is None:
        raise RequestRefused(404, RequestProblem.PICTURE_UNKNOWN(picture=sha256))
    return PictureOut.of(media)
