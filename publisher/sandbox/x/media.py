"""Receives media for the simulated X, in one request or in chunks, with their descriptions."""

from __future__ import annotations

import base64
import binascii
import io
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from PIL import Image, UnidentifiedImageError

from publisher.sandbox.ledger import LedgerImage, image_of
from publisher.sandbox.wire import Answer, Request
from publisher.sandbox.x.problems import Refusal, invalid, problem

MEDIA_LIFETIME = timedelta(hours=24)
MAX_IMAGE_BYTES = 5 * 1024 * 1024
MAX_GIF_BYTES = 15 * 1024 * 1024
MAX_GIF_SIZE = (1280, 1080)
MAX_GIF_FRAMES = 350
SIDE_BOUNDS = (4, 8192)
MAX_SEGMENTS = 1000
MAX_ALT_TEXT_LENGTH = 1000
MIME_TYPES = {"JPEG": "image/jpeg", "PNG": "image/png", "GIF": "image/gif", "WEBP": "image/webp"}
CATEGORIES = ("tweet_image", "tweet_gif")
INVALID_IDS = "Your media IDs are invalid."
UNKNOWN_FORMAT = "The type of your media is not recognized."


@dataclass(slots=True)
class Upload:
    id: str
    category: str
    ends_at: datetime
    total: int | None = None
    """The size in bytes that a chunked upload announced."""
    segments: dict[int, bytes] = field(default_factory=dict)
    picture: LedgerImage | None = None
    state: str | None = None
    """The state of processing; None: there is no processing."""
    alt_text: str | None = None

    @property
    def media_key(self) -> str:
        return f"{16 if self.category == 'tweet_gif' else 3}_{self.id}"

    @property
    def usable(self) -> bool:
        return self.picture is not None and self.state in (None, "succeeded")


class MediaUploads:
    """Keeps each upload for a day."""

    def __init__(self, now: Callable[[], datetime], next_id: Callable[[], str]) -> None:
        self._now = now
        self._next_id = next_id
        self._uploads: dict[str, Upload] = {}

    def forget(self) -> None:
        """Lets every upload expire."""
        self._uploads.clear()

    def answer(self, request: Request) -> Answer:
        """Answers any request below /2/media. Raises Refusal."""
        match request.method, request.path.removeprefix("/2/media/").split("/"):
            case "POST", ["upload"]:
                return self._upload_whole(request)
            case "GET", ["upload"]:
                return self._status(request)
            case "POST", ["upload", "initialize"]:
                return self._initialize(request)
            case "POST", ["upload", number, "append"]:
                return self._append(self._upload(number), request)
            case "POST", ["upload", number, "finalize"]:
                return self._finalize(self._upload(number))
            case "POST", ["metadata"]:
                return self._describe(request)
            case _:
                return problem(404, "Not Found", "Not Found")

    def take(self, numbers: list[str]) -> list[Upload]:
        """Returns the uploads that a post shows. Raises Refusal."""
        uploads = [self._uploads.get(number) for number in numbers]
        usable_uploads = [upload for upload in uploads if upload and upload.usable and upload.ends_at > self._now()]
        animated = any(upload.category == "tweet_gif" for upload in usable_uploads)
        if (
            len(usable_uploads) != len(numbers)
            or len(set(numbers)) != len(numbers)
            or (animated and len(usable_uploads) > 1)
        ):
            raise Refusal(invalid(INVALID_IDS, "media.media_ids", numbers))
        return usable_uploads

    def _new(self, category: str, total: int | None = None) -> Upload:
        if category not in CATEGORIES:
            raise Refusal(invalid(f"{category!r} is no media_category of a picture.", "media_category", category))
        upload = Upload(self._next_id(), category, self._now() + MEDIA_LIFETIME, total)
        self._uploads[upload.id] = upload
        return upload

    def _upload(self, number: object) -> Upload:
        upload = self._uploads.get(str(number))
        if upload is None:
            raise Refusal(invalid("The media id is unknown.", "id", number))
        return upload

    def _upload_whole(self, request: Request) -> Answer:
        fields = fields_of(request)
        content = fields.get("media", b"")
        if len(content) > MAX_IMAGE_BYTES:
            raise Refusal(problem(413, "Payload Too Large", "The media is too large for one request."))
        upload = self._new(fields.get("media_category", b"").decode())
        upload.picture = picture_of(content, upload.category)
        return Answer.of_json(200, {"data": self._upload_as_json(upload)})

    def _initialize(self, request: Request) -> Answer:
        body = json_of(request)
        if body.get("media_type") not in MIME_TYPES.values() or not isinstance(body.get("total_bytes"), int):
            raise Refusal(invalid(UNKNOWN_FORMAT, "media_type", body.get("media_type")))
        upload = self._new(str(body.get("media_category")), body["total_bytes"])
        return Answer.of_json(200, {"data": self._upload_as_json(upload)})

    def _append(self, upload: Upload, request: Request) -> Answer:
        fields = fields_of(request)
        index = fields.get("segment_index", b"").decode()
        if not index.isdecimal() or int(index) >= MAX_SEGMENTS or "media" not in fields:
            raise Refusal(invalid("segment_index must be a number from 0 to 999.", "segment_index", index))
        upload.segments[int(index)] = fields["media"]
        return Answer(status=204)

    def _finalize(self, upload: Upload) -> Answer:
        content = b"".join(upload.segments[index] for index in sorted(upload.segments))
        if len(content) != upload.total:
            raise Refusal(invalid("Segments do not add up to provided total file size."))
        upload.picture = picture_of(content, upload.category)
        if upload.category == "tweet_gif":
            upload.state = "pending"
        return Answer.of_json(200, {"data": self._upload_as_json(upload)})

    def _status(self, request: Request) -> Answer:
        upload = self._upload(request.query.get("media_id"))
        if upload.state is not None:
            upload.state = {"pending": "in_progress"}.get(upload.state, "succeeded")
        return Answer.of_json(200, {"data": self._upload_as_json(upload)})

    def _describe(self, request: Request) -> Answer:
        body = json_of(request)
        upload = self._upload(body.get("id"))
        try:
            text = str(body["metadata"]["alt_text"]["text"])
        except (KeyError, TypeError):
            raise Refusal(invalid("metadata.alt_text.text is missing.", "metadata")) from None
        if not 1 <= len(text) <= MAX_ALT_TEXT_LENGTH:
            raise Refusal(invalid(f"Alt text must have 1 to {MAX_ALT_TEXT_LENGTH} characters.", "metadata"))
        upload.alt_text = text
        return Answer.of_json(200, {"data": {"id": upload.id, "associated_metadata": body["metadata"]}})

    def _upload_as_json(self, upload: Upload) -> dict[str, Any]:
        values: dict[str, Any] = {
            "id": upload.id,
            "media_key": upload.media_key,
            "expires_after_secs": int(MEDIA_LIFETIME.total_seconds()),
        }
        if upload.picture is not None:
            picture = upload.picture
            values["size"] = len(picture.content)
            values["image"] = {"image_type": picture.mime_type, "w": picture.width, "h": picture.height}
        if upload.state is not None:
            percent = {"pending": 0, "in_progress": 50, "succeeded": 100}[upload.state]
            values["processing_info"] = {"state": upload.state, "check_after_secs": 1, "progress_percent": percent}
        return values


def fields_of(request: Request) -> dict[str, bytes]:
    """Reads the fields of a multipart upload, or of its JSON variant with base64."""
    if request.mime_type == "multipart/form-data":
        return {part.name: part.content for part in request.parts()}
    fields = {name: str(value).encode() for name, value in json_of(request).items()}
    try:
        return fields | {"media": base64.b64decode(fields.get("media", b""), validate=True)}
    except binascii.Error:
        raise Refusal(invalid("media must be base64.", "media")) from None


def json_of(request: Request) -> dict[str, Any]:
    try:
        value = request.json()
    except ValueError:
        value = None
    if not isinstance(value, dict):
        raise Refusal(invalid("The body must be a JSON object."))
    return value


def picture_of(content: bytes, category: str) -> LedgerImage:
    """Reads a picture and checks X's limits. Raises Refusal."""
    try:
        with Image.open(io.BytesIO(content)) as image:
            image.load()
            image_format, (width, height), frames = image.format or "", image.size, getattr(image, "n_frames", 1)
    except (UnidentifiedImageError, OSError, Image.DecompressionBombError):
        raise Refusal(invalid(UNKNOWN_FORMAT, "media")) from None
    animated = category == "tweet_gif"
    if image_format not in MIME_TYPES or (animated and image_format != "GIF"):
        raise Refusal(invalid(UNKNOWN_FORMAT, "media"))
    if len(content) > (MAX_GIF_BYTES if animated else MAX_IMAGE_BYTES):
        raise Refusal(invalid("File size exceeds the limit.", "media"))
    if not SIDE_BOUNDS[0] <= min(width, height) or max(width, height) > SIDE_BOUNDS[1]:
        raise Refusal(invalid("Image dimensions must be >= 4x4 and <= 8192x8192", "media"))
    if animated and (width > MAX_GIF_SIZE[0] or height > MAX_GIF_SIZE[1] or frames > MAX_GIF_FRAMES):
        raise Refusal(invalid("A GIF must be at most 1280x1080 pixels and 350 frames.", "media"))
    return image_of(content, width=width, height=height, mime_type=MIME_TYPES[image_format], alt_text=None)
