"""Sends all of tweepy's requests through one function.

tweepy itself waits without end, follows redirects, writes tokens to its log and knows neither
X's present address nor its present media upload. All its methods go through `request`, which
is replaced here.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import datetime
from typing import Any

import requests
import tweepy
from requests.auth import AuthBase

from publisher.core.clock import Clock
from publisher.core.messages import _
from publisher.platforms.base import ClockListener, QuotaListener
from publisher.platforms.errors import Unavailable
from publisher.platforms.transport import SentRequest, json_object, note_clock, platform_time, send_once
from publisher.platforms.x.answers import dicts_in, read_data, read_quotas
from publisher.platforms.x.problem_codes import XProblem
from publisher.platforms.x.refusals import judge_refusal, lost_answer

API_URL = "https://api.x.com"
READ_TIMEOUT = 60.0
ACCESS_LEVEL, READ_ONLY = "x-access-level", "read"
"""With OAuth 1, each answer tells what the access token was made for."""

for _library in ("tweepy", "oauthlib", "requests_oauthlib", "urllib3"):
    # At DEBUG they write headers, tokens and signatures.
    logging.getLogger(_library).setLevel(logging.WARNING)


class XClient(tweepy.Client):  # type: ignore[misc]
    """Sends the requests of `tweepy.Client` once, with an end; they fail with a `PlatformError`.

    `signer` is asked before each request for what signs it.
    """

    def __init__(
        self,
        session: requests.Session,
        signer: Callable[[], AuthBase],
        *,
        base_url: str | None,
        clock: Clock,
        quotas: QuotaListener,
        platform_clock: ClockListener,
    ) -> None:
        super().__init__(return_type=dict, wait_on_rate_limit=False)
        self.session = session
        self._signer = signer
        self._base_url = (base_url or API_URL).rstrip("/")
        self._clock = clock
        self._quotas = quotas
        self._platform_clock = platform_clock
        self.platform_time: datetime | None = None
        """X's clock in its newest answer that gave it."""
        self.may_only_read = False
        """Whether X's newest answer said that these keys may only read."""
        self.posts_read = 0
        """How many posts answers showed, and one for each answer that was lost: X asks a price for each."""

    def request(
        self,
        method: str,
        route: str,
        *,
        user_auth: bool = False,
        sent: SentRequest | None = None,
        read_timeout: float = READ_TIMEOUT,
        **body: Any,
    ) -> requests.Response:
        """Sends one request as the channel's user, whatever `user_auth` says.

        Returns a 2xx answer that is a JSON object, or that is empty where nothing was asked for
        or published. `body` is `params`, `json`, `data` and `files`, as `requests` takes them.
        """
        reads_posts = method == "GET" and "/tweets" in route
        try:
            response = self._request(method, route, sent or SentRequest(_("Reading from X")), read_timeout, **body)
        except Unavailable:
            self.posts_read += reads_posts
            raise
        if reads_posts:
            answer = json_object(response)
            self.posts_read += len(dicts_in(answer, "data")) or bool(read_data(answer))
        return response

    def _request(
        self, method: str, route: str, sent: SentRequest, read_timeout: float, **body: Any
    ) -> requests.Response:
        auth = self._signer()
        began = self._clock.now()
        response = send_once(
            self.session,
            method,
            self._base_url + route,
            sent=sent,
            read_timeout=read_timeout,
            auth=auth,
            **body,
        )
        note_clock(response.headers, self._platform_clock, clock=self._clock, began=began)
        self.platform_time = platform_time(response.headers) or self.platform_time
        self.may_only_read = response.headers.get(ACCESS_LEVEL) == READ_ONLY
        now = self._clock.now()
        if quotas := read_quotas(response.headers, method, route, now):
            self._quotas(quotas)
        reading = method == "GET"
        if not 200 <= response.status_code < 300:
            raise judge_refusal(response, sent, reading=reading, now=now)
        may_be_empty = not (reading or sent.publishing)
        if json_object(response) is None and not (may_be_empty and not response.content):
            raise lost_answer(response, sent, XProblem.ANSWER_UNREADABLE(step=sent.what))
        return response
