"""Turns Tumblr's answers into their content, or into the `PlatformError` that each stands for."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import requests

from publisher.core.messages import Message, _
from publisher.core.problems import ProblemCode
from publisher.platforms.base import Quota, QuotaKind
from publisher.platforms.errors import (
    ContentRejected,
    CredentialsRefused,
    PlatformError,
    RateLimited,
    Unavailable,
    Unconfirmed,
)
from publisher.platforms.transport import SentRequest, is_from_gateway, json_object, retry_after, short_answer
from publisher.platforms.tumblr.problem_codes import TumblrAccountProblem, TumblrPostProblem, TumblrRequestProblem

DAILY_CODES = frozenset({8004, 8011, 8022, 8023})
"""Too many uploads, videos, queued posts or posts for one day."""
NO_DEFINITE_ANSWER = frozenset({408, 425})
GLITCH = "glitch"
"""In the detail of a 400 without a code: something broke at Tumblr, and the post has no fault."""
ONE_DAY = timedelta(days=1)
MINUTE_WINDOW = timedelta(seconds=65)
"""The limit per minute and address has no header; this is longer than its window."""
DAILY_PAUSE = timedelta(hours=1)
"""How long to wait for a new day on Tumblr's calendar when Tumblr does not say when it begins."""

WINDOWS = {"Perhour": "requests, an hour", "Perday": "requests, a day"}
"""How the headers name each window, and what people call it."""
DAILY_LIMITS: dict[str, tuple[QuotaKind, str]] = {
    "posts": ("posts", "posts, a day"),
    "photos": ("media", "pictures, a day"),
}
"""What of `user/limits` concerns a picture desk."""
MAX_DIGITS = 9
LAST_INSTANT = 253_402_300_800


@dataclass(frozen=True, slots=True)
class TumblrRequestKind(SentRequest):
    """Says how far a request to Tumblr is meant to go."""

    carries_post: bool = False
    """A refusal of what it carries is one of the post."""


class NotFound(CredentialsRefused):
    """Says that there is no such blog, or no such post on it."""


class DraftUnknown(Unavailable):
    """Says that a draft may have been made: the answer to its request was lost, or can't be read."""


class DailyLimit(RateLimited):
    """Says that the day's posts or uploads are used up; `user/limits` may know until when."""


def read_answer(response: requests.Response, sent: TumblrRequestKind, now: datetime) -> Any:
    """Returns what Tumblr answered with. Raises the `PlatformError` that the answer means."""
    body = json_object(response)
    if 200 <= response.status_code < 300:
        meta = body.get("meta") if body else None
        if body and isinstance(meta, dict) and str(meta.get("status", "")).startswith("2"):
            return body.get("response")
        raise _unreadable(sent, response)
    own = None if is_from_gateway(response, _is_own) else body
    error = _refusal(response, own, now) or _unreadable(sent, response)
    if isinstance(error, ContentRejected) and not sent.carries_post:
        problem = TumblrRequestProblem.REQUEST_REFUSED(step=sent.what, answer=error.problem)
        raise Unavailable(problem, status=error.status, answer=error.answer)
    raise error


def _is_own(body: Mapping[str, Any]) -> bool:
    """Returns whether an error has Tumblr's own shape, the present or the former one."""
    if isinstance(body.get("meta"), dict):
        return "errors" in body or "response" in body
    response = body.get("response")
    return isinstance(response, dict) and ("errors" in response or "error" in response)


def _unreadable(sent: TumblrRequestKind, response: requests.Response) -> PlatformError:
    """Returns the error for an answer that does not say what became of its request."""
    kind = Unconfirmed if sent.publishing else Unavailable
    problem = TumblrRequestProblem.OUTCOME_UNKNOWN(step=sent.what, status=response.status_code)
    return kind(problem, status=response.status_code, answer=short_answer(response))


def _refusal(response: requests.Response, body: dict[str, Any] | None, now: datetime) -> PlatformError | None:
    """Returns the error of an answer which says that nothing was done; None for any other answer.

    `body`: the answer in Tumblr's own shape. Without one, only being asked to wait counts.
    """
    status, answer = response.status_code, short_answer(response)
    code, detail = _first_error(body)
    why = _reason(detail or response.reason, status, code)
    if status == 429:
        until = next_request_at(response.headers, now)
        return RateLimited(TumblrAccountProblem.RATE_LIMITED(answer=why), retry_at=until, status=status, answer=answer)
    if body is None:
        return None
    if status == 403 and code in DAILY_CODES:
        problem = TumblrAccountProblem.DAILY_LIMIT(answer=why)
        return DailyLimit(problem, retry_at=now + DAILY_PAUSE, status=status, answer=answer)
    if status == 400 and not code and GLITCH in detail.casefold():
        return None
    definite = _definite(status, code)
    return definite[0](definite[1](answer=why), status=status, answer=answer) if definite else None


def _definite(status: int, code: int) -> tuple[type[PlatformError], ProblemCode] | None:
    """Returns what an answer of Tumblr's own says for certain."""
    match status:
        case 401:
            return CredentialsRefused, TumblrAccountProblem.KEYS_REFUSED
        case 404:
            return NotFound, TumblrAccountProblem.NOT_FOUND
        case 503:
            return Unavailable, TumblrRequestProblem.UNAVAILABLE
        case 400 if not code:
            return ContentRejected, TumblrPostProblem.POST_REFUSED_WITHOUT_CODE
    if 400 <= status < 500 and status not in NO_DEFINITE_ANSWER:
        return ContentRejected, TumblrPostProblem.POST_REFUSED
    return None


def _reason(detail: str, status: int, code: int) -> Message:
    """Returns what Tumblr says about a refusal, for people."""
    reason: str | Message = detail or _("no reason given")
    if code:
        return _("{reason} ({status}, code {code})", reason=reason, status=status, code=code)
    return _("{reason} ({status})", reason=reason, status=status)


def _first_error(body: dict[str, Any] | None) -> tuple[int, str]:
    """Returns code and sentence of an answer's first error, in the present or the former shape."""
    inner = body.get("response") if body else None
    former_errors = inner.get("errors") if isinstance(inner, dict) else None
    errors = (body.get("errors") if body else None) or former_errors
    for error in errors if isinstance(errors, list) else ():
        if isinstance(error, str):
            return 0, error
        if isinstance(error, dict):
            code = error.get("code")
            detail = error.get("detail") or error.get("message") or error.get("title") or ""
            return code if isinstance(code, int) else 0, str(detail)
    return 0, ""


def next_request_at(headers: Mapping[str, str], now: datetime) -> datetime:
    """Returns when the windows that are used up open again. Tumblr gives that in seconds from now."""
    opens = [
        now + timedelta(seconds=_seconds(headers.get(f"X-Ratelimit-{window}-Reset")))
        for window in WINDOWS
        if headers.get(f"X-Ratelimit-{window}-Remaining", "").strip() == "0"
    ]
    retry_at = retry_after(headers, now)
    return max([*opens, *([retry_at] if retry_at else [])], default=now + MINUTE_WINDOW)


def _seconds(header: str | None) -> int:
    """Returns a header's seconds, within a day; what can't be read counts as the limit per minute."""
    text = (header or "").strip()
    readable = text.isdecimal() and len(text) < 20
    return min(int(text), int(ONE_DAY.total_seconds())) if readable else int(MINUTE_WINDOW.total_seconds())


def request_quotas(headers: Mapping[str, str], now: datetime) -> list[Quota]:
    """Returns what an answer reports about the app's requests, without what can't be read or true."""
    quotas = []
    for window, name in WINDOWS.items():
        limit, remaining, reset = (
            _number(headers.get(f"X-Ratelimit-{window}-{part}")) for part in ("Limit", "Remaining", "Reset")
        )
        if limit is not None and remaining is not None and reset is not None:
            quotas += _plausible_quota("requests", name, limit, remaining, now + timedelta(seconds=reset), now)
    return quotas


def daily_quotas(answer: object, now: datetime) -> list[Quota]:
    """Returns what `user/limits` reports about the day's posts and pictures, without what can't be read."""
    user = answer.get("user") if isinstance(answer, dict) else None
    quotas = []
    for key, (kind, name) in DAILY_LIMITS.items():
        match user.get(key) if isinstance(user, dict) else None:
            case {"limit": int(limit), "remaining": int(remaining), "reset_at": int(reset_at)}:
                if 0 < reset_at < LAST_INSTANT:
                    quotas += _plausible_quota(
                        kind, name, limit, max(remaining, 0), datetime.fromtimestamp(reset_at, UTC), now
                    )
    return quotas


def _plausible_quota(
    kind: QuotaKind, name: str, limit: int, remaining: int, resets_at: datetime, now: datetime
) -> list[Quota]:
    """Returns the quota, if it can be true."""
    if not (0 <= remaining <= limit < 10**MAX_DIGITS and now < resets_at <= now + 2 * ONE_DAY):
        return []
    return [Quota(kind=kind, name=name, maximum=limit, remaining=remaining, resets_at=resets_at)]


def _number(text: str | None) -> int | None:
    text = (text or "").strip()
    return int(text) if text.isascii() and text.isdecimal() and len(text) <= MAX_DIGITS else None


def daily_reset(quotas: Iterable[Quota]) -> datetime | None:
    """Returns when the last of the used-up limits begins anew; None when Tumblr does not say."""
    return max((quota.resets_at for quota in quotas if quota.remaining == 0), default=None)
