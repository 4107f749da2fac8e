"""Receives the pictures of posts and keeps them until they expire."""

from __future__ import annotations

import io
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from PIL import Image

from publisher.sandbox.instagram.login import fail, succeed
from publisher.sandbox.ledger import Ledger, LedgerImage, image_of
from publisher.sandbox.wire import Answer, Request, read_object

MAX_BYTES = 8_000_000
MIN_RATIO, MAX_RATIO = 0.8, 1.91
RATIO_TOLERANCE = 0.01
MAX_CHILDREN = 10


class Refusal(Exception):
    """Says that the platform refuses a post; `answer` is its own answer."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.answer = fail(400, message)


@dataclass(frozen=True, slots=True, kw_only=True)
class Upload:
    content: bytes
    format: str
    """Pillow's name of the format; empty when it is no image."""
    at: datetime
    width: int = 1
    height: int = 1


class Uploads:
    """Keeps each upload for `lifetime`. A body that was cut is refused and not kept."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._uploads: dict[str, Upload] = {}
        self.lifetime = timedelta(days=1)

    def receive(self, request: Request, upload_id: str) -> Answer:
        if request.headers.get("x-entity-length") != str(len(request.body)):
            return _failed_upload(400, "PartialRequestError", "Partial request")
        if len(request.body) > MAX_BYTES:
            return _failed_upload(413, "FileTooLargeError", "The image is larger than 8 MB")
        parameters = read_object(request.headers.get("x-instagram-rupload-params", "{}"))
        if parameters.get("upload_id") != upload_id:
            return _failed_upload(400, "InvalidRequestError", "The upload ids differ")
        self._uploads[upload_id] = _measured(request.body, self._ledger.now())
        return succeed(upload_id=upload_id, xsharing_nonces={})

    def has(self, upload_id: str) -> bool:
        """Decides whether an upload was received and has not expired."""
        upload = self._uploads.get(upload_id)
        return upload is not None and self._ledger.now() - upload.at < self.lifetime

    def images(self, children: list[dict[str, Any]]) -> list[LedgerImage]:
        """Returns the pictures of a carousel. Raises Refusal."""
        if not 2 <= len(children) <= MAX_CHILDREN:
            raise Refusal("The carousel must have between 2 and 10 items")
        images = [self.image(metadata) for metadata in children]
        # The platform would crop the others to the first one's shape; the sandbox refuses them, so that tests notice.
        first_ratio = images[0].width / images[0].height
        if any(abs(image.width / image.height - first_ratio) > RATIO_TOLERANCE for image in images):
            raise Refusal("All items of a carousel must have the same aspect ratio")
        return images

    def image(self, metadata: dict[str, Any]) -> LedgerImage:
        """Returns one picture of a post. Raises Refusal."""
        upload = self._uploads[str(metadata["upload_id"])]
        if upload.format != "JPEG":
            raise Refusal("Uploaded image isn't in the right format")
        if not MIN_RATIO - RATIO_TOLERANCE <= upload.width / upload.height <= MAX_RATIO + RATIO_TOLERANCE:
            raise Refusal("Uploaded image isn't in an allowed aspect ratio")
        return image_of(
            upload.content,
            width=upload.width,
            height=upload.height,
            mime_type="image/jpeg",
            alt_text=metadata.get("custom_accessibility_caption"),
        )


def needs_reupload(upload_id: str) -> Answer:
    return succeed(
        error_title="bad image input extra:{}", message="media_needs_reupload", media={"upload_id": upload_id}
    )


def picture_as_json(image: LedgerImage) -> dict[str, Any]:
    """Returns a picture as the platform describes it."""
    candidate = {
        "width": image.width,
        "height": image.height,
        "url": f"https://scontent.cdninstagram.com/{image.sha256}.jpg",
    }
    return {
        "media_type": 1,
        "original_width": image.width,
        "original_height": image.height,
        "image_versions2": {"candidates": [candidate]},
        "accessibility_caption": image.alt_text,
    }


def _measured(content: bytes, at: datetime) -> Upload:
    try:
        with Image.open(io.BytesIO(content)) as image:
            return Upload(content=content, format=image.format or "", width=image.width, height=image.height, at=at)
    except OSError:
        return Upload(content=content, format="", at=at)


def _failed_upload(status: int, kind: str, message: str) -> Answer:
    return Answer.of_json(status, {"debug_info": {"retriable": False, "type": kind, "message": message}})
