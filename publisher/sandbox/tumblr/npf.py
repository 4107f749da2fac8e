"""Reads a post in Tumblr's own format (NPF) and refuses what Tumblr's documents don't allow."""

from __future__ import annotations

import io
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from PIL import Image, UnidentifiedImageError

from publisher.sandbox.ledger import LedgerImage, image_of
from publisher.sandbox.wire import Part, Request, read_json, read_object

BAD_FORMAT, BAD_MEDIA = 8001, 8005
BAD_MULTIPART = 5002
STATES = {"published": "published", "draft": "draft", "queue": "queued", "private": "private"}
"""The states of requests, and their names in answers."""
READ_ONLY = "original_dimensions_missing"
MAX_BLOCKS = 1000
MAX_IMAGES = 30
MAX_LINKS = 100
MAX_TEXT_LENGTH = MAX_ALT_TEXT_LENGTH = 4096
MAX_JSON_BYTES = 1_000_000
MAX_IMAGE_BYTES = 10_000_000
MAX_TAGS = 30
MAX_TAG_LENGTH = 140
PICTURE_FORMATS = {"JPEG": "image/jpeg", "PNG": "image/png", "GIF": "image/gif", "WEBP": "image/webp"}


class Refusal(Exception):
    """Says that the request is refused, with the HTTP status, Tumblr's code and its sentence."""

    def __init__(self, status: int, code: int, detail: str) -> None:
        super().__init__(detail)
        self.status = status
        self.code = code
        self.detail = detail


@dataclass(frozen=True, slots=True, kw_only=True)
class NewPost:
    """Holds the post that a request contains, with its pictures measured."""

    content: list[dict[str, Any]]
    layout: list[dict[str, Any]]
    images: tuple[LedgerImage, ...]
    tags: tuple[str, ...]
    slug: str
    source_url: str
    state: str

    @property
    def text(self) -> str:
        """Returns what followers read: a blank line between blocks, and the marks of list items."""
        lines: list[str] = []
        number = 0
        for block in self.content:
            number = number + 1 if block.get("subtype") == "ordered-list-item" else 0
            prefix = f"{number}. " if number else "• " if block.get("subtype") == "unordered-list-item" else ""
            if block["type"] == "text":
                lines.append(prefix + block["text"])
        return "\n\n".join(lines)


def read_post(request: Request, uploaded: Mapping[str, LedgerImage]) -> NewPost:
    """Reads the post of a JSON request, or of a multipart request whose first part is named `json`.

    `uploaded`: pictures that were uploaded before, by their address.

    Raises:
        Refusal: Tumblr would refuse it.
    """
    body, parts = _read_body(request)
    content = body.get("content")
    if not isinstance(content, list) or not content or not all(isinstance(block, dict) for block in content):
        raise Refusal(400, BAD_FORMAT, "'content' must be an array")
    state = STATES.get(body.get("state", "published"))
    if state is None:
        raise Refusal(400, BAD_FORMAT, "there is no such state")
    if len(content) > MAX_BLOCKS:
        raise Refusal(400, BAD_FORMAT, "too many blocks")
    layout = body.get("layout") or []
    _check_layout(layout, content)
    images = [_read_image(block, parts, uploaded) for block in content if block.get("type") == "image"]
    if len(images) > MAX_IMAGES:
        raise Refusal(400, BAD_FORMAT, "too many image blocks")
    _check_texts([block for block in content if block.get("type") != "image"])
    return NewPost(
        content=content,
        layout=layout,
        images=tuple(images),
        tags=_read_tags(body.get("tags") or ""),
        slug=str(body.get("slug") or ""),
        source_url=str(body.get("source_url") or ""),
        state=state,
    )


def requested_state(request: Request) -> str:
    """Returns the state that a request names, without reading its pictures; `published` where it names none."""
    return str(_requested(request).get("state", "published"))


def requested_content(request: Request) -> object:
    """Returns the content of a request as it is written there, without reading its pictures."""
    return _requested(request).get("content")


def _requested(request: Request) -> dict[str, Any]:
    text = request.body
    if request.mime_type == "multipart/form-data":
        text = text.partition(b"\r\n\r\n")[2].partition(b"\r\n--")[0]
    return read_object(text)


def _read_body(request: Request) -> tuple[dict[str, Any], dict[str, Part]]:
    parts = request.parts() if request.mime_type == "multipart/form-data" else []
    if parts and (parts[0].name != "json" or parts[0].mime_type != "application/json"):
        raise Refusal(400, BAD_FORMAT, "the first part must be named json and hold JSON")
    if not parts and request.mime_type != "application/json":
        raise Refusal(400, 0, "Hit a glitch. Try again.")
    source = parts[0].content if parts else request.body
    if len(source) > MAX_JSON_BYTES:
        raise Refusal(400, BAD_FORMAT, "the post is too large")
    try:
        body = read_json(source)
    except ValueError:
        body = None
    if not isinstance(body, dict):
        raise Refusal(400, BAD_FORMAT, "the post is no JSON object")
    return body, {part.name: part for part in parts[1:]}


def _read_image(
    block: Mapping[str, Any], parts: Mapping[str, Part], uploaded: Mapping[str, LedgerImage]
) -> LedgerImage:
    alt_text = block.get("alt_text")
    if alt_text is not None and (not isinstance(alt_text, str) or len(alt_text) > MAX_ALT_TEXT_LENGTH):
        raise Refusal(400, BAD_FORMAT, "alt_text is too long")
    media = block.get("media")
    first = media[0] if isinstance(media, list) and media else media
    if not isinstance(first, dict) or READ_ONLY in first:
        raise Refusal(400, BAD_FORMAT, "an image block names no media")
    if image := uploaded.get(str(first.get("url"))):
        return replace(image, alt_text=alt_text)
    part = parts.get(str(first.get("identifier")))
    if part is None:
        raise Refusal(400, BAD_FORMAT, "an image block names no part of this request")
    return _read_part(part, alt_text)


def _read_part(part: Part, alt_text: str | None) -> LedgerImage:
    if len(part.content) > MAX_IMAGE_BYTES:
        raise Refusal(400, 0, "Nice image, but we don't support that format. Try resaving it as a gif, jpg, or png.")
    try:
        with Image.open(io.BytesIO(part.content)) as picture:
            kind, (width, height) = PICTURE_FORMATS.get(picture.format or ""), picture.size
    except (UnidentifiedImageError, OSError, ValueError):
        kind, width, height = None, 0, 0
    if kind is None or part.mime_type != kind:
        raise Refusal(400, BAD_MEDIA, "Sorry, we don't support this media format yet.")
    return image_of(part.content, width=width, height=height, mime_type=kind, alt_text=alt_text)


def _check_texts(blocks: list[dict[str, Any]]) -> None:
    links = 0
    for block in blocks:
        text = block.get("text")
        if block.get("type") != "text" or not isinstance(text, str):
            raise Refusal(400, BAD_FORMAT, "a block is neither text nor image")
        if len(text) > MAX_TEXT_LENGTH:
            raise Refusal(400, BAD_FORMAT, "a text block is too long")
        for format_range in block.get("formatting") or []:
            if not 0 <= format_range.get("start", -1) < format_range.get("end", -1) <= len(text):
                raise Refusal(400, BAD_FORMAT, "formatting lies outside of its text")
            links += format_range.get("type") == "link"
    if links > MAX_LINKS:
        raise Refusal(400, BAD_FORMAT, "too many links")


def _check_layout(layout: list[dict[str, Any]], content: list[dict[str, Any]]) -> None:
    for arrangement in layout:
        if arrangement.get("type") != "rows":
            continue
        rows = [row.get("blocks", []) for row in arrangement.get("display", [])]
        if any("mode" in row for row in arrangement.get("display", [])):
            raise Refusal(403, 0, "You can't use this layout.")
        if sorted(number for row in rows for number in row) != list(range(len(content))):
            raise Refusal(400, BAD_FORMAT, "rows must name every block once")
        if any(len(row) > 1 and any(content[number].get("type") != "image" for number in row) for row in rows):
            raise Refusal(400, BAD_FORMAT, "only images may share a row")


def _read_tags(text: str) -> tuple[str, ...]:
    tags = tuple(tag.strip() for tag in text.split(",") if tag.strip())
    if len(tags) > MAX_TAGS or any(len(tag) > MAX_TAG_LENGTH for tag in tags):
        raise Refusal(400, BAD_FORMAT, "too many tags, or a tag that is too long")
    return tags
