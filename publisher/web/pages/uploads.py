"""Receives pictures in pieces, so that a lost connection costs one piece; renders a picture's part of a form."""

from __future__ import annotations

from collections.abc import AsyncIterator
from functools import partial
from typing import Annotated

from fastapi import APIRouter, Depends, Form, Path, Query, Request
from fastapi.responses import JSONResponse, Response
from starlette.requests import ClientDisconnect

from publisher.core.messages import _
from publisher.db.models import Media
from publisher.db.staff import Upload
from publisher.media import MediaUnreachable
from publisher.posts.errors import PostError
from publisher.posts.uploads import UploadBusy, UploadNotFound, Uploads, WrongOffset
from publisher.settings.private_paths import UPLOADS
from publisher.web.errors import NotFound, PageError, as_sentence
from publisher.web.forms import file_name
from publisher.web.pages.pictures import MISSING_PICTURE, Hash
from publisher.web.post_form import picture_context
from publisher.web.rendering import desk_of, page
from publisher.web.slow_work import RETRY_SECONDS, WorkRefused, person_of, slow_work_of

router = APIRouter()

MAX_FILE_SIZE = 10**15
"""No file is larger. A file that is too large for a picture is refused with a sentence."""

UploadId = Annotated[str, Path(pattern="^[0-9a-f]{32}$")]


async def piece_of(request: Request) -> AsyncIterator[bytes]:
    """Yields the raw body of a request. Raises WorkRefused where too many come in already: they are in memory."""
    with slow_work_of(request).pieces.reserved_for(person_of(request)):
        try:
            piece = await request.body()
        except ClientDisconnect:
            raise PageError(_("The connection was lost; the piece is sent again.")) from None
        yield piece


@router.post("/uploads")
def begin_upload(
    request: Request, name: Annotated[str, Form(max_length=1000)], size: Annotated[int, Form(ge=0, le=MAX_FILE_SIZE)]
) -> Response:
    """Begins an upload, and answers its `id`: the pieces go to `/uploads/ID/OFFSET`, one after the other."""
    try:
        return _upload_response(
            _uploads(request).begin(_person(request), file_name(name), size, desk_of(request).now())
        )
    except PostError as error:
        return _refusal_response(error)


@router.get("/uploads/{upload_id}")
def upload_state(request: Request, upload_id: UploadId) -> Response:
    try:
        return _upload_response(_uploads(request).find(_person(request), upload_id))
    except PostError as error:
        return _refusal_response(error)


@router.post("/uploads/{upload_id}/forget")
def forget_upload(request: Request, upload_id: UploadId) -> Response:
    try:
        _uploads(request).forget(_person(request), upload_id)
    except PostError as error:
        return _refusal_response(error)
    return JSONResponse({})


@router.post("/uploads/{upload_id}/{offset}")
async def add_piece(
    request: Request,
    upload_id: UploadId,
    offset: Annotated[int, Path(ge=0)],
    piece: Annotated[bytes, Depends(piece_of)],
) -> Response:
    """Adds a piece; the last one, or an empty one after it, inspects and stores the whole picture.

    409 with `received`: another piece has to come first. 503 with `Retry-After`: other pictures come first; an empty
    piece asks again.
    """
    try:
        work, person = slow_work_of(request), person_of(request)
        upload = await work.piece_files.run(partial(_add_piece, request, upload_id, offset, piece), person)
        if upload.received < upload.size:
            return _upload_response(upload)
        return _upload_response(upload, await work.pictures.run(partial(_finish, request, upload_id), person))
    except (PostError, MediaUnreachable, WorkRefused) as error:
        return _refusal_response(error)


def _add_piece(request: Request, upload_id: str, offset: int, piece: bytes) -> Upload:
    uploads, person = _uploads(request), _person(request)
    upload = uploads.find(person, upload_id)
    if piece or offset < upload.size:
        upload = uploads.add(person, upload_id, offset, piece)
    return upload


def _finish(request: Request, upload_id: str) -> Media:
    return _uploads(request).finish(_person(request), upload_id, desk_of(request).now())


@router.get("/pictures/{sha256}/form")
def picture_form(
    request: Request,
    sha256: Hash,
    number: Annotated[int, Query(ge=0, le=999)],
    languages: Annotated[str, Query(pattern=r"^[A-Za-z0-9,-]{0,200}$")] = "",
) -> Response:
    """Renders the part of a post's form for a stored picture. `languages`: those it is translated to."""
    context = picture_context(request, sha256, number, [language for language in languages.split(",") if language])
    if context is None:
        raise NotFound(MISSING_PICTURE)
    return page(request, "picture.html", **context)


def _uploads(request: Request) -> Uploads:
    desk = desk_of(request)
    return Uploads(desk.database, desk.store, desk.settings.path(UPLOADS))


def _person(request: Request) -> int:
    person: int = request.state.session.person_id
    return person


def _upload_response(upload: Upload, media: Media | None = None) -> Response:
    body: dict[str, object] = {"id": upload.id, "size": upload.size, "received": upload.received}
    if media is not None:
        warnings = [str(warning) for warning in media.warnings]
        body |= {"sha256": media.sha256, "width": media.width, "height": media.height, "warnings": warnings}
    return JSONResponse(body)


def _refusal_response(error: Exception) -> Response:
    if isinstance(error, WrongOffset):
        return JSONResponse({"error": str(error), "received": error.received}, 409)
    body = {"error": as_sentence(str(error))}
    if isinstance(error, WorkRefused | UploadBusy):
        return JSONResponse(body, 503, {"retry-after": str(RETRY_SECONDS)})
    status = 404 if isinstance(error, UploadNotFound) else 503 if isinstance(error, MediaUnreachable) else 422
    return JSONResponse(body, status)
