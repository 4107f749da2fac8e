"""tweepy's client over one sending function, and what X's refusals mean.

tweepy itself waits without end, follows redirects, writes tokens to its log and knows neither
X's present address nor its present media upload. All its methods go through `request`, which
is replaced here.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import requests
import tweepy
from requests.auth import AuthBase

from publisher.clock import Clock
from publisher.platforms.base import QuotaListener
from publisher.platforms.errors import (
    ContentRejected,
    CredentialsRefused,
    PlatformError,
    RateLimited,
    Unavailable,
    Unconfirmed,
)
from publisher.platforms.transport import SentRequest, json_object, retry_after, send_once, short_answer
from publisher.platforms.x_answers import LONGEST_WINDOW, WINDOWS, epoch, quotas_in

API_URL = "https://api.x.com"
READ_TIMEOUT = 60.0

DEFAULT_PAUSE = timedelta(minutes=15)
DAILY_PAUSE = timedelta(hours=1)

DUPLICATE_CODE = 187
DAILY_CODES = frozenset({185, 344})
ACCOUNT_CODES = frozenset({32, 64, 89, 99, 326})
DUPLICATE_WORDS = re.compile(r"duplicate content|status is a duplicate")
DAILY_WORDS = re.compile(r"daily.*limit|limit.*daily")
UNSEEN_WORDS = re.compile(r"deleted or not visible")
CREDIT_WORDS = re.compile(r"usage-capped|usage cap\b")
ACCOUNT_WORDS = re.compile(
    r"\bsuspended\b|\blocked\b|oauth1[ -](?:app )?permissions|client-forbidden|client-not-enrolled"
    r"|unsupported-authentication|\bscopes?\b"
)

for _library in ("tweepy", "oauthlib", "requests_oauthlib", "urllib3"):
    # At DEBUG they write headers, tokens and signatures.
    logging.getLogger(_library).setLevel(logging.WARNING)


class Missing(Unavailable):
    """X says that what was asked for is not there."""


class XClient(tweepy.Client):  # type: ignore[misc]
    """`tweepy.Client` whose requests are sent once, have an end, and fail with a `PlatformError`.

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
    ) -> None:
        super().__init__(return_type=dict, wait_on_rate_limit=False)
        self.session = session
        self._signer = signer
        self._base_url = (base_url or API_URL).rstrip("/")
        self._clock = clock
        self._quotas = quotas

    def request(
        self,
        method: str,
        route: str,
        params: Mapping[str, Any] | None = None,
        json: Mapping[str, Any] | None = None,
        user_auth: bool = False,
        *,
        sent: SentRequest | None = None,
        read_timeout: float = READ_TIMEOUT,
        **body: Any,
    ) -> requests.Response:
        """Send one request as the channel's user, whatever `user_auth` says.

        Returns a 2xx answer that is a JSON object, or that is empty where nothing was asked for
        or published. `body` is `data` and `files`, as `requests` takes them.
        """
        sent = sent or SentRequest("Reading from X")
        response = send_once(
            self.session,
            method,
            self._base_url + route,
            sent=sent,
            read_timeout=read_timeout,
            params=params,
            json=json,
            auth=self._signer(),
            **body,
        )
        now = self._clock.now()
        if seen := quotas_in(response.headers, method, route, now):
            self._quotas(seen)
        reading = method == "GET"
        if not 200 <= response.status_code < 300:
            raise refusal(response, sent, reading=reading, now=now)
        may_be_empty = not (reading or sent.publishing)
        if json_object(response) is None and not (may_be_empty and not response.content):
            raise _lost(response, sent, "an answer that can't be read")
        return response


def told(response: requests.Response) -> dict[str, Any]:
    """What an attempt's record keeps of an answer."""
    return {
        "status": response.status_code,
        "request_id": response.headers.get("x-transaction-id"),
        "answer": short_answer(response),
    }


@dataclass(frozen=True, slots=True)
class _Problem:
    """A refusal in X's words."""

    detail: str
    words: str
    codes: frozenset[int]


def refusal(response: requests.Response, sent: SentRequest, *, reading: bool, now: datetime) -> PlatformError:
    """What an answer outside 2xx means for the delivery."""
    status = response.status_code
    problem = _problem(response)
    if status == 402 or CREDIT_WORDS.search(problem.words):
        return CredentialsRefused(
            "X takes no more posts from this app: its credits or its usage cap are used up; add credits in X's "
            "developer console, then run `publisher doctor`",
            **told(response),
        )
    if status == 429:
        return _rate_limited(response, sent, now, DEFAULT_PAUSE)
    if status == 408 or status >= 500 or status < 400:
        return _lost(response, sent, f"HTTP {status}")
    if status == 401 or problem.codes & ACCOUNT_CODES:
        return CredentialsRefused(
            f"X refused this channel's keys or tokens ({problem.detail}); check them, or connect the channel again",
            **told(response),
        )
    if status == 403 and (error := _forbidden(response, problem, sent, now)):
        return error
    if reading:
        kind = Missing if status == 404 and json_object(response) is not None else Unavailable
        return kind(f"{sent.what}: X answered {status} ({problem.detail})", **told(response))
    return ContentRejected(f"{sent.what}: X refused it ({problem.detail})", **told(response))


def refused_reply(error: ContentRejected) -> PlatformError:
    """What it means that X refused to continue a thread whose earlier posts are public."""
    kept: dict[str, Any] = {"status": error.status, "request_id": error.request_id, "answer": error.answer}
    if UNSEEN_WORDS.search(error.message):
        # X says this of a post that it has only just taken, too.
        return Unavailable(f"{error.message}; the reply waits until X shows the post before it", **kept)
    return ContentRejected(f"{error.message}; what was posted before it stands, and the thread ends there", **kept)


def _forbidden(
    response: requests.Response, problem: _Problem, sent: SentRequest, now: datetime
) -> PlatformError | None:
    """A 403 that says more than that this post is not welcome."""
    if DUPLICATE_CODE in problem.codes or DUPLICATE_WORDS.search(problem.words):
        if not sent.publishing:
            return None
        # An earlier try whose answer was lost may be the original: only the look-up knows.
        return Unconfirmed(f"{sent.what}: X has a post with this very text already; it may be ours", **told(response))
    if problem.codes & DAILY_CODES or DAILY_WORDS.search(problem.words):
        return _rate_limited(response, sent, now, DAILY_PAUSE)
    if ACCOUNT_WORDS.search(problem.words):
        return CredentialsRefused(
            f"X does not let this app act for the account ({problem.detail}); give the app read and write "
            "permission, see that the account is in order, then connect the channel again",
            **told(response),
        )
    return None


def _lost(response: requests.Response, sent: SentRequest, what: str) -> PlatformError:
    kind = Unconfirmed if sent.publishing else Unavailable
    return kind(f"{sent.what}: X gave {what}", **told(response))


def _rate_limited(response: requests.Response, sent: SentRequest, now: datetime, default: timedelta) -> RateLimited:
    retry_at = _retry_at(response.headers, now) or now + default
    return RateLimited(
        f"{sent.what}: X asks to wait until {retry_at:%Y-%m-%d %H:%M} UTC", retry_at=retry_at, **told(response)
    )


def _retry_at(headers: Mapping[str, str], now: datetime) -> datetime | None:
    """The end of the last exhausted window, or what `Retry-After` says."""
    resets = [_reset(headers, window) for window in WINDOWS]
    named = [*(reset for reset in resets if reset), retry_after(headers, now)]
    return max((at for at in named if at and now < at <= now + LONGEST_WINDOW), default=None)


def _reset(headers: Mapping[str, str], window: str) -> datetime | None:
    """When this window opens again, if it is exhausted; headers come and go, and may hold anything."""
    try:
        if float(headers.get(f"{window}-remaining", "0")) > 0:
            return None
    except ValueError:
        return None
    return epoch(headers.get(f"{window}-reset"))


def _problem(response: requests.Response) -> _Problem:
    """Both shapes of X's errors, and anything else."""
    body = json_object(response) or {}
    listed = body.get("errors")
    errors = [error for error in listed if isinstance(error, dict)] if isinstance(listed, list) else []
    messages = [text for error in errors for text in _texts(error, "message", "detail")]
    own = _texts(body, "detail", "title", "error_description", "error")
    types = [text for part in (body, *errors) for text in _texts(part, "type")]
    codes = frozenset(error["code"] for error in errors if isinstance(error.get("code"), int))
    detail = next(iter([*messages, *own]), f"HTTP {response.status_code}")
    words = " ".join([*messages, *own, *types]).lower()
    return _Problem(" ".join(detail.split())[:200].rstrip("."), words, codes)


def _texts(part: Mapping[str, Any], *names: str) -> list[str]:
    return [part[name] for name in names if isinstance(part.get(name), str) and part[name]]
