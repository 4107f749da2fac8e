"""Adapts the instagrapi client: it sends each request once, waits for none for ever, and prints nothing."""

from __future__ import annotations

import functools
import json
import logging
import math
import secrets
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any

import requests
from curl_cffi import CurlOpt
from curl_cffi.requests.exceptions import RequestException as CurlError
from instagrapi import Client, config
from instagrapi.exceptions import ChallengeRequired, PhotoNotUpload
from instagrapi.transports import create_curl_h2_adapter

from publisher.core.clock import monotonic
from publisher.core.content import Rendition
from publisher.platforms.base import Connection, UploadedMedia
from publisher.platforms.exchange import CONNECT_TIMEOUT
from publisher.platforms.instagram.answers import Answer
from publisher.platforms.transport import note_clock, platform_time

API_URL = f"https://{config.API_DOMAIN}"
SEND_BUFFER = 512 * 1024
"""Bytes that the system may still be sending when curl has handed over the last one, and sees no progress."""
PER_CONNECTION: dict[str, Any] = {
    "request_timeout": 0,
    "session_retry_total": 0,
    "public_request_retries_count": 1,
    "private_transport": "curl",
    "public_transport": "requests",
}
"""What a stored session must not decide. The library calls its pause before each request a timeout."""

# The library writes answers, and so what they hand out, to its logs.
SILENT = logging.getLogger("publisher.platforms.instagram.adapter.wire")
SILENT.disabled = True


class CodeSent(ChallengeRequired):  # type: ignore[misc]
    """Says that Instagram has sent the account's owner a code, by mail or message, and waits for it."""


class OnceClient(Client):  # type: ignore[misc]
    """Talks to Instagram for one account. Its `private_request` sends one request, whatever happens."""

    private_request_logger = SILENT
    public_request_logger = SILENT
    request_logger = SILENT
    code_context = ""

    def __init__(self, connection: Connection, session: Mapping[str, Any]) -> None:
        self._channel = connection
        self._timeout = connection.profile.publishing.timeout_seconds
        self._ends: float | None = None
        self.platform_time: datetime | None = None
        """Instagram's clock, by the last answer that carried something out."""
        self.clock_ahead: timedelta | None = None
        """How far it was ahead of ours then."""
        verify = str(connection.ca_file) if connection.ca_file else True
        super().__init__(
            settings={**session, **PER_CONNECTION, "tls_verify": verify},
            proxy=connection.proxy,
            tls_verify=verify,
            session_retry_total=0,
            with_challenge_flow=False,
            logger=SILENT,
        )
        for http in (self.public, self.graphql):
            # Through `requests` an answer that drips would never end: its timeout begins again with each byte.
            http.mount("https://", create_curl_h2_adapter())
        for http in (self.private, self.public, self.graphql):
            http.trust_env = False
            http.max_redirects = 0
            http.request = functools.partial(self._timed, http.request)
            http.get_adapter(API_URL).client.curl_options.update(self._curl_options())

    def _curl_options(self) -> dict[CurlOpt, int]:
        stall = self._timeout + SEND_BUFFER / self._channel.uplink_bytes_per_second
        return {
            # On a connection that it has used before, curl sends a request again when that connection breaks.
            CurlOpt.FRESH_CONNECT: 1,
            CurlOpt.FORBID_REUSE: 1,
            # So many seconds without a byte in either direction end an upload.
            CurlOpt.LOW_SPEED_LIMIT: 1,
            CurlOpt.LOW_SPEED_TIME: math.ceil(stall),
        }

    @contextmanager
    def within(self, seconds: float) -> Iterator[None]:
        """Gives all requests that are sent inside so many seconds together."""
        outer = self._ends
        ends = monotonic() + seconds
        self._ends = ends if outer is None else min(outer, ends)
        try:
            yield
        finally:
            self._ends = outer

    def _timed(
        self, send: Callable[..., requests.Response], *arguments: Any, timeout: float = 0.0, **options: Any
    ) -> requests.Response:
        """Sends a request with one deadline from the first try to connect to the last byte of the answer.

        `timeout`: seconds for it, where it may take longer than others.
        """
        seconds = timeout or self._timeout
        if self._ends is not None:
            seconds = min(seconds, self._ends - monotonic())
        if seconds <= 0:
            raise requests.Timeout("the time for this and all requests before it is over")
        connect = min(CONNECT_TIMEOUT, seconds / 2)
        began = self._channel.clock.now()
        # curl takes the sum of both for the whole exchange.
        response = send(*arguments, timeout=(connect, seconds - connect), **options)
        note_clock(response.headers, self._channel.platform_clock, clock=self._channel.clock, began=began)
        clock = platform_time(response.headers) if response.ok and Answer.of(response).is_own else None
        if clock is not None:
            self.platform_time, self.clock_ahead = clock, clock - self._channel.clock.now()
        return response

    def session(self) -> dict[str, Any]:
        """Returns what is stored: the log-in, the device that it belongs to, its language and time zone."""
        settings: dict[str, Any] = self.get_settings()
        return {name: value for name, value in settings.items() if name not in PER_CONNECTION and name != "tls_verify"}

    def private_request(self, endpoint: str, data: Any = None, params: Any = None, **options: Any) -> dict[str, Any]:
        """Sends one request and returns its answer. The library's own method sends again after some errors.

        Raises:
            Exception: any of the library's or of `requests`'.
        """
        authorization = {"Authorization": self.authorization} if self.authorization else {}
        headers = {**authorization, **(options.pop("headers", None) or {})}
        answer: dict[str, Any] = self._send_private_request(
            endpoint, data=data, params=params, headers=headers, **options
        )
        return answer

    def bloks_extract_context_data(self, result: dict[str, Any], app_id: str) -> str:
        """Remembers the context: the last one before a code is asked for is what the code needs."""
        self.code_context = str(super().bloks_extract_context_data(result, app_id))
        return self.code_context

    def bloks_caa_resolve_two_step_verification(
        self, send_result: dict[str, Any], verification_code: str = "", domain: str | None = None
    ) -> dict[str, Any]:
        # The code of an authenticator app, which may have been given, is not the one that is asked for here.
        context: dict[str, Any] = super().bloks_caa_resolve_two_step_verification(send_result, domain=domain)
        return context

    def challenge_code_or_raised(self, choice: Any, wait_seconds: int = 5, attempts: int = 24) -> str:
        """Raises instead of asking: the library would ask at the terminal, and print the answer."""
        raise CodeSent("Instagram has sent a code")

    def enter_sent_code(self, code: str, context: str, access: str) -> bool:
        """Goes on after `CodeSent`, from the same device. Returns False when the code is wrong.

        `context` and `access`: `code_context` and `caa_aac` of the client that was sent the code.
        """
        self.caa_aac = access
        if not self.bloks_apply_login_response(self.bloks_ap_two_step_verification_submit_code(context, code)):
            return False
        self.login_flow()
        return True

    def upload(self, image: Rendition, upload_id: str, *, in_carousel: bool) -> None:
        """Uploads the bytes of an image as they are: the library would crop and encode it again."""
        content = image.path.read_bytes()
        name = f"{upload_id}_0_{secrets.randbelow(9_000_000_000) + 1_000_000_000}"
        parameters = {
            "upload_id": upload_id,
            "media_type": "1",
            "xsharing_user_ids": "[]",
            "retry_context": json.dumps(
                {"num_step_auto_retry": 0, "num_reupload": 0, "num_step_manual_retry": 0}, separators=(",", ":")
            ),
            "image_compression": json.dumps({"lib_name": "moz", "lib_version": "3.1.m", "quality": "80"}),
            **({"is_sidecar": "1"} if in_carousel else {}),
        }
        headers = {
            "Accept-Encoding": "gzip",
            "Content-Type": "application/octet-stream",
            "Content-Length": str(len(content)),
            "Offset": "0",
            "X-Entity-Type": image.mime_type,
            "X-Entity-Name": name,
            "X-Entity-Length": str(len(content)),
            "X-Instagram-Rupload-Params": json.dumps(parameters),
            "X_FB_PHOTO_WATERFALL_ID": str(uuid.uuid4()),
        }
        response = self.last_response = self.private.post(
            f"{API_URL}/rupload_igphoto/{name}",
            data=content,
            headers=self.private_headers(headers),
            timeout=self._timeout + len(content) / self._channel.uplink_bytes_per_second,
        )
        # A page of something in front of Instagram may come with status 200, too.
        if response.status_code != 200 or not Answer.of(response).is_own:
            raise PhotoNotUpload("the image was not taken", response=response)

    def publish(self, caption: str, media: Sequence[UploadedMedia], upload_id: str) -> dict[str, Any]:
        """Sends the one request that publishes these uploads, and returns the answer."""
        answer: dict[str, Any]
        if len(media) == 1:
            (only,) = media
            width, height = only.image.width, only.image.height
            answer = self.photo_configure(only.reference, width, height, caption, extra_data=_alt_text(only))
        else:
            ids = {"client_sidecar_id": upload_id, "upload_id": upload_id}
            answer = self.album_configure([_child(upload) for upload in media], caption, extra_data=ids)
        return answer


def never_sent(error: BaseException) -> bool:
    """Returns whether the connection failed before a byte of the request left: curl counts them."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, CurlError):
            return cause.response is not None and cause.response.request_size == 0
        cause = cause.__cause__ or cause.__context__
    return False


def _alt_text(media: UploadedMedia) -> dict[str, str]:
    return {"custom_accessibility_caption": media.alt_text} if media.alt_text else {}


def _child(media: UploadedMedia) -> dict[str, Any]:
    size = [media.image.width, media.image.height]
    return {
        "upload_id": media.reference,
        "edits": json.dumps({"crop_original_size": size, "crop_center": [0.0, 0.0], "crop_zoom": 1.0}),
        "extra": json.dumps({"source_width": media.image.width, "source_height": media.image.height}),
        "scene_capture_type": "",
        "scene_type": None,
        **_alt_text(media),
    }
