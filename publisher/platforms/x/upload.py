"""Uploads pictures to X, at once or in chunks, waits for them and describes them. No follower sees anything."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from publisher.core.clock import sleep
from publisher.core.content import Rendition
from publisher.platforms.errors import ContentRejected, Unavailable
from publisher.platforms.transport import SentRequest, deadline_for, json_object
from publisher.platforms.x.answers import processing_pause, read_media, read_processing
from publisher.platforms.x.client import XClient
from publisher.platforms.x.problem_codes import XProblem

CHUNK = 1_000_000
ONE_SHOT_BYTES = 5_000_000
PROCESSING_SECONDS = 120.0


class Uploads:
    """Uploads pictures. Each request may take as long as its bytes do on the slowest line that is allowed."""

    def __init__(self, client: XClient, uplink_bytes_per_second: float) -> None:
        self._client = client
        self._uplink = uplink_bytes_per_second

    def upload(self, image: Rendition, sent: SentRequest) -> str:
        """Returns the id of an uploaded picture that a post may show."""
        content = image.path.read_bytes()
        if image.format == "gif" or len(content) > ONE_SHOT_BYTES:
            media = self._upload_in_chunks(content, image, sent)
        else:
            media = self._upload_at_once(content, image, sent)
        return self._processed(media, sent)

    def describe(self, reference: str, alt_text: str, sent: SentRequest) -> None:
        """Gives an uploaded picture its alt text."""
        metadata = {"id": reference, "metadata": {"alt_text": {"text": alt_text}}}
        self._client.request("POST", "/2/media/metadata", json=metadata, sent=sent)

    def _upload_at_once(self, content: bytes, image: Rendition, sent: SentRequest) -> dict[str, Any]:
        file = (f"picture.{image.format}", content, image.mime_type)
        body = {"data": {"media_category": "tweet_image"}, "files": {"media": file}}
        deadline = deadline_for(len(content), self._uplink)
        return self._ask(sent, "POST", "/2/media/upload", read_timeout=deadline, **body)

    def _upload_in_chunks(self, content: bytes, image: Rendition, sent: SentRequest) -> dict[str, Any]:
        category = "tweet_gif" if image.format == "gif" else "tweet_image"
        start = {"media_type": image.mime_type, "media_category": category, "total_bytes": len(content)}
        route = f"/2/media/upload/{self._ask(sent, 'POST', '/2/media/upload/initialize', json=start)['id']}"
        for index, offset in enumerate(range(0, len(content), CHUNK)):
            self._client.request(
                "POST",
                f"{route}/append",
                data={"segment_index": str(index)},
                files={"media": ("chunk", content[offset : offset + CHUNK], "application/octet-stream")},
                sent=sent,
                read_timeout=deadline_for(CHUNK, self._uplink),
            )
        return self._ask(sent, "POST", f"{route}/finalize")

    def _processed(self, media: Mapping[str, Any], sent: SentRequest) -> str:
        """Returns the id of an upload, once X has done with it what it does before a post may show it."""
        query = {"command": "STATUS", "media_id": str(media["id"])}
        seconds = 0.0
        while (processing := read_processing(media)).get("state") in ("pending", "in_progress"):
            if seconds >= PROCESSING_SECONDS:
                raise Unavailable(XProblem.MEDIA_STILL_PROCESSING(step=sent.what, seconds=round(seconds)))
            pause = processing_pause(processing)
            sleep(pause)
            seconds += pause
            media = self._ask(sent, "GET", "/2/media/upload", params=query)
        if processing.get("state") == "failed":
            raise ContentRejected(XProblem.MEDIA_NOT_PROCESSED(step=sent.what))
        return query["media_id"]

    def _ask(self, sent: SentRequest, method: str, route: str, **options: Any) -> dict[str, Any]:
        """Asks X about a medium."""
        return read_media(json_object(self._client.request(method, route, sent=sent, **options)), sent.what)
