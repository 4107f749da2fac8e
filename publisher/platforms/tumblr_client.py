"""pytumblr with a transport of its own.

The library as it comes waits without end, follows redirects, drops headers, puts captions into
the address and takes an error for a success. Here its two verbs are replaced, so that its
methods keep working and every bad end is a `PlatformError`.
"""

from __future__ import annotations

import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import requests
from pytumblr import TumblrRestClient
from pytumblr.request import TumblrRequest
from urllib3 import encode_multipart_formdata
from urllib3.fields import RequestField

from publisher.clock import Clock, monotonic
from publisher.platforms.base import Quota, QuotaListener
from publisher.platforms.errors import Unavailable, Unconfirmed
from publisher.platforms.transport import SentRequest, send_once
from publisher.platforms.tumblr_answers import daily_quotas, read_answer, request_quotas

API = "https://api.tumblr.com"
READING = SentRequest("Reading from Tumblr")
POSTING = SentRequest("Posting to Tumblr", publishing=True)
PAGE = 20
"""The most posts that one answer lists."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Keys:
    consumer_key: str
    consumer_secret: str
    oauth_token: str
    oauth_token_secret: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Attachment:
    """One file of a multipart request, under the identifier that its content block names."""

    identifier: str
    file_name: str
    mime_type: str
    content: bytes


class SafeTumblrRequest(TumblrRequest):  # type: ignore[misc]  # pytumblr has no types
    """pytumblr's transport with time limits, without redirects, which sends everything once."""

    def __init__(
        self,
        keys: Keys,
        *,
        host: str,
        session: requests.Session,
        timeout: float,
        clock: Clock,
        quotas: QuotaListener,
    ) -> None:
        super().__init__(keys.consumer_key, keys.consumer_secret, keys.oauth_token, keys.oauth_token_secret, host=host)
        self._session = session
        self._timeout = timeout
        self._clock = clock
        self._quotas = quotas

    def get(self, url: str, params: Mapping[str, Any] | None = None) -> Any:
        """The `response` of an answer. Nothing is changed, so that no end is `Unconfirmed`."""
        return self._send("GET", url, READING, params=dict(params or {}))

    def post(self, url: str, params: Mapping[str, Any] | None = None, files: Sequence[Attachment] = ()) -> Any:
        """Send `params` as JSON, with `files` behind it, and return the `response` of the answer."""
        body = json.dumps(dict(params or {}), ensure_ascii=False).encode()
        if not files:
            return self._send("POST", url, POSTING, data=body, headers={"Content-Type": "application/json"})
        content, content_type = _multipart(body, files)
        timely = _TimelyBody(content, self._timeout)
        return self._send("POST", url, POSTING, data=timely, headers={"Content-Type": content_type})

    def _send(self, method: str, url: str, sent: SentRequest, **options: Any) -> Any:
        response = send_once(
            self._session, method, self.host + url, sent=sent, read_timeout=self._timeout, auth=self.oauth, **options
        )
        now = self._clock.now()
        if seen := request_quotas(response.headers, now):
            self._quotas(seen)
        return read_answer(response, sent, now)


class SafeTumblrClient(TumblrRestClient):  # type: ignore[misc]  # pytumblr has no types
    """One blog, through the API that posts are written in."""

    def __init__(
        self,
        keys: Keys,
        blog: str,
        *,
        host: str,
        session: requests.Session,
        timeout: float,
        clock: Clock,
        quotas: QuotaListener,
    ) -> None:
        super().__init__(keys.consumer_key, keys.consumer_secret, keys.oauth_token, keys.oauth_token_secret, host)
        self.request = SafeTumblrRequest(keys, host=host, session=session, timeout=timeout, clock=clock, quotas=quotas)
        self._clock = clock
        self._quotas = quotas
        self._posts = f"/v2/blog/{quote(blog, safe=':')}/posts"

    def create(self, body: Mapping[str, Any], files: Sequence[Attachment]) -> str:
        """Publish a post, once, and return its id."""
        answer = self.request.post(self._posts, body, files)
        identifier = str(answer.get("id", "")) if isinstance(answer, dict) else ""
        if not identifier.isdecimal():
            raise Unconfirmed("Tumblr accepted the post and did not say under which number", answer=str(answer)[:300])
        return identifier

    def recent(self, before: int | None, skip: int) -> list[dict[str, Any]]:
        """The newest published posts but for `skip` of them, of those before a time in epoch seconds."""
        params = {"npf": "true", "limit": PAGE, "offset": skip} | ({} if before is None else {"before": before})
        answer = self.request.get(self._posts, params)
        posts = answer.get("posts") if isinstance(answer, dict) else None
        if not isinstance(posts, list) or not all(isinstance(post, dict) and post.get("id") for post in posts):
            raise Unavailable("Tumblr listed the posts in a way that can't be read", answer=str(answer)[:300])
        return posts

    def single(self, identifier: str) -> dict[str, Any]:
        """One post. Raises NotFound when it is not there."""
        answer = self.request.get(f"{self._posts}/{quote(identifier, safe='')}", {"post_format": "npf"})
        if not isinstance(answer, dict) or not isinstance(answer.get("content"), list):
            raise Unavailable("Tumblr showed the post in a way that can't be read", answer=str(answer)[:300])
        return answer

    def limits(self) -> list[Quota]:
        """What is left of the day's posts and pictures, as far as Tumblr tells it in a way that can be read."""
        found = daily_quotas(self.request.get("/v2/user/limits"), self._clock.now())
        if found:
            self._quotas(found)
        return found


class _TimelyBody(io.BytesIO):
    """A body that is sent in small pieces: a slow line may take its time, and yet has an end."""

    def __init__(self, content: bytes, seconds: float) -> None:
        super().__init__(content)
        self._end = monotonic() + seconds

    def read(self, size: int | None = -1, /) -> bytes:
        if monotonic() > self._end:
            raise TimeoutError("the body could not be sent in time")
        return super().read(size)


def _multipart(body: bytes, files: Sequence[Attachment]) -> tuple[bytes, str]:
    """The JSON first, as Tumblr wants it, then the files."""
    fields = [RequestField("json", body, headers={"Content-Type": "application/json"})]
    fields[0].make_multipart(content_type="application/json")
    for file in files:
        field = RequestField(file.identifier, file.content, filename=file.file_name)
        field.make_multipart(content_type=file.mime_type)
        fields.append(field)
    return encode_multipart_formdata(fields)
