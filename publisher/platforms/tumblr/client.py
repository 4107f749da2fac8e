"""Adapts pytumblr to a transport of its own.

The library as it comes waits without end, follows redirects, drops headers, puts captions into
the address and takes an error for a success. Here its two verbs are replaced, so that its
methods keep working and every bad end is a `PlatformError`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import quote

from pytumblr import TumblrRestClient
from pytumblr.request import TumblrRequest
from urllib3 import encode_multipart_formdata
from urllib3.fields import RequestField

from publisher.core.messages import _
from publisher.platforms.base import Connection, Quota
from publisher.platforms.errors import Unavailable, Unconfirmed
from publisher.platforms.transport import new_session, note_clock, platform_time, send_once
from publisher.platforms.tumblr.answers import (
    DraftUnknown,
    TumblrRequestKind,
    daily_quotas,
    read_answer,
    request_quotas,
)
from publisher.platforms.tumblr.problem_codes import TumblrRequestProblem

API = "https://api.tumblr.com"
USER_AGENT = "publisher (a daily picture desk)"
READING = TumblrRequestKind(_("Reading from Tumblr"))
DRAFTING = TumblrRequestKind(_("Making a draft on Tumblr"), publishing=True, carries_post=True)
"""It publishes nothing, and what became of it is as unknown when its answer is lost."""
REMOVING = TumblrRequestKind(_("Removing a draft from Tumblr"))
POSTING = TumblrRequestKind(_("Posting to Tumblr"), publishing=True, carries_post=True)
PUBLISHING = TumblrRequestKind(_("Publishing the draft on Tumblr"), publishing=True, carries_post=True)
CORRECTING = TumblrRequestKind(_("Correcting the post on Tumblr"), publishing=True, carries_post=True)
"""It makes no post; whether it was carried out is as unknown when its answer is lost."""
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
    """Holds one file of a multipart request, under the identifier that its content block names."""

    identifier: str
    file_name: str
    mime_type: str
    content: bytes


class SafeTumblrRequest(TumblrRequest):  # type: ignore[misc]  # pytumblr has no types
    """Sends pytumblr's requests once, with time limits and without redirects."""

    def __init__(self, keys: Keys, host: str, connection: Connection) -> None:
        super().__init__(keys.consumer_key, keys.consumer_secret, keys.oauth_token, keys.oauth_token_secret, host=host)
        self._session = new_session(USER_AGENT, proxy=connection.proxy, ca_file=connection.ca_file)
        self._timeout = connection.profile.publishing.timeout_seconds
        self._connection = connection
        self.platform_time: datetime | None = None
        """Tumblr's clock in the newest answer that gave it."""
        self.ahead = timedelta(0)
        """How far Tumblr's clock is ahead of ours, by that answer."""

    def get(self, url: str, params: Mapping[str, Any] | None = None, *, timeout: float | None = None) -> Any:
        """Returns the `response` of an answer. Nothing is changed, so that no end is `Unconfirmed`."""
        return self._send("GET", url, READING, timeout or self._timeout, params=dict(params or {}))

    def post(
        self,
        url: str,
        params: Mapping[str, Any] | None = None,
        files: Sequence[Attachment] = (),
        *,
        kind: TumblrRequestKind = POSTING,
    ) -> Any:
        """Sends `params` as JSON, with `files` behind it, and returns the `response` of the answer.

        A large body has more time, as much as the slowest line that is allowed for takes to send it.
        """
        body = _json_body(params or {})
        if not files:
            return self._send("POST", url, kind, self._timeout, data=body, headers=JSON_HEADERS)
        content, content_type = _multipart(body, files)
        seconds = self._timeout + len(content) / self._connection.uplink_bytes_per_second
        return self._send("POST", url, kind, seconds, data=content, headers={"Content-Type": content_type})

    def post_form(self, url: str, fields: Mapping[str, str], *, kind: TumblrRequestKind) -> Any:
        return self._send("POST", url, kind, self._timeout, data=dict(fields))

    def put(self, url: str, params: Mapping[str, Any], *, kind: TumblrRequestKind) -> Any:
        return self._send("PUT", url, kind, self._timeout, data=_json_body(params), headers=JSON_HEADERS)

    def _send(self, method: str, url: str, kind: TumblrRequestKind, timeout: float, **options: Any) -> Any:
        began = self._connection.clock.now()
        response = send_once(
            self._session, method, self.host + url, sent=kind, read_timeout=timeout, auth=self.oauth, **options
        )
        self.platform_time = platform_time(response.headers) or self.platform_time
        note_clock(response.headers, self._note_clock, clock=self._connection.clock, began=began)
        now = self._connection.clock.now()
        if quotas := request_quotas(response.headers, now):
            self._connection.quotas(quotas)
        return read_answer(response, kind, now)

    def _note_clock(self, ahead: timedelta) -> None:
        self.ahead = ahead
        self._connection.platform_clock(ahead)


class SafeTumblrClient(TumblrRestClient):  # type: ignore[misc]  # pytumblr has no types
    """Reaches one blog, through the API that posts are written in."""

    def __init__(self, keys: Keys, blog: str, connection: Connection) -> None:
        host = (connection.base_url or API).rstrip("/")
        super().__init__(keys.consumer_key, keys.consumer_secret, keys.oauth_token, keys.oauth_token_secret, host)
        self.request = SafeTumblrRequest(keys, host, connection)
        self._connection = connection
        self._blog = f"/v2/blog/{quote(blog, safe=':')}"
        self._posts = f"{self._blog}/posts"

    def create(self, body: Mapping[str, Any], files: Sequence[Attachment]) -> dict[str, Any]:
        """Makes a post in the state that `body` names, public if that is `published`; returns the answer.

        Raises:
            Unconfirmed: it may be public.
            DraftUnknown: the draft may exist.
        """
        publishing = body["state"] == "published"
        try:
            answer = self.request.post(self._posts, body, files, kind=POSTING if publishing else DRAFTING)
            if not isinstance(answer, dict) or not str(answer.get("id", "")).isdecimal():
                raise Unconfirmed(TumblrRequestProblem.WITHOUT_NUMBER(), answer=str(answer)[:300])
        except Unconfirmed as error:
            if publishing:
                raise
            raise DraftUnknown(error.problem, status=error.status, answer=error.answer) from error
        return answer

    def edit(self, identifier: str, body: Mapping[str, Any], *, kind: TumblrRequestKind = PUBLISHING) -> dict[str, Any]:
        """Gives a post all of `body`, its state included, and returns the answer."""
        answer = self.request.put(self._post_path(identifier), body, kind=kind)
        return answer if isinstance(answer, dict) else {}

    def remove(self, identifier: str) -> None:
        """Deletes a post for good."""
        self.request.post_form(f"{self._blog}/post/delete", {"id": identifier}, kind=REMOVING)

    def recent(self, before: int | None, skip: int) -> list[dict[str, Any]]:
        """Returns the newest published posts but for `skip` of them, before a time in epoch seconds."""
        params = {"npf": "true", "limit": PAGE, "offset": skip} | ({} if before is None else {"before": before})
        return self._list(self._posts, params)

    def drafts(self, before: str) -> list[dict[str, Any]]:
        """Returns the newest drafts, of those before an id; `0`: of all."""
        return self._list(f"{self._posts}/draft", {"npf": "true", "before_id": before})

    def _list(self, path: str, params: Mapping[str, Any]) -> list[dict[str, Any]]:
        answer = self.request.get(path, params)
        posts = answer.get("posts") if isinstance(answer, dict) else None
        if not isinstance(posts, list) or not all(isinstance(post, dict) and post.get("id") for post in posts):
            raise Unavailable(TumblrRequestProblem.LISTING_UNREADABLE(), answer=str(answer)[:300])
        return posts

    def single(self, identifier: str, *, timeout: float | None = None) -> dict[str, Any]:
        """Returns one post. Raises NotFound when it is not there."""
        answer = self.request.get(self._post_path(identifier), {"post_format": "npf"}, timeout=timeout)
        if not isinstance(answer, dict) or not isinstance(answer.get("content"), list):
            raise Unavailable(TumblrRequestProblem.POST_UNREADABLE(), answer=str(answer)[:300])
        return answer

    def _post_path(self, identifier: str) -> str:
        return f"{self._posts}/{quote(identifier, safe='')}"

    def limits(self) -> list[Quota]:
        """Returns what is left of the day's posts and pictures, as far as it can be read."""
        quotas = daily_quotas(self.request.get("/v2/user/limits"), self._connection.clock.now())
        if quotas:
            self._connection.quotas(quotas)
        return quotas


JSON_HEADERS = {"Content-Type": "application/json"}


def _json_body(params: Mapping[str, Any]) -> bytes:
    return json.dumps(dict(params), ensure_ascii=False).encode()


def _multipart(body: bytes, files: Sequence[Attachment]) -> tuple[bytes, str]:
    """Puts the JSON first, as Tumblr wants it, then the files."""
    fields = [RequestField("json", body, headers={"Content-Type": "application/json"})]
    fields[0].make_multipart(content_type="application/json")
    for file in files:
        field = RequestField(file.identifier, file.content, filename=file.file_name)
        field.make_multipart(content_type=file.mime_type)
        fields.append(field)
    return encode_multipart_formdata(fields)
