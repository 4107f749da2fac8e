"""Turns X's answers outside 2xx into errors. Only X's own words decide about a post or an account."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import requests

from publisher.core.problems import Problem
from publisher.platforms.errors import (
    ActionsRefused,
    AlreadyPublic,
    ContentRejected,
    CredentialsRefused,
    MediaExpired,
    PlatformError,
    RateLimited,
    TextRemembered,
    Unavailable,
    Unconfirmed,
)
from publisher.platforms.transport import (
    MAX_RETRY_AFTER,
    SentRequest,
    is_from_gateway,
    is_shortened_wait,
    json_object,
    retry_after,
    short_answer,
)
from publisher.platforms.x.answers import MAX_WINDOW, WINDOWS, parse_epoch
from publisher.platforms.x.problem_codes import XProblem

DEFAULT_PAUSE = timedelta(minutes=15)
DAILY_PAUSE = timedelta(hours=1)

DUPLICATE_CODE = 187
DAILY_CODES = frozenset({185, 344})
ACCOUNT_CODES = frozenset({32, 64, 89, 99, 326})
DUPLICATE_WORDS = re.compile(r"duplicate content|status is a duplicate")
DAILY_WORDS = re.compile(r"daily.*limit|limit.*daily")
MEDIA_WORDS = re.compile(r"media ids? (?:are|is) invalid|invalid media ids?")
UNSEEN_WORDS = re.compile(r"deleted or not visible")
CREDIT_WORDS = re.compile(r"usage-capped|usage cap\b")
ACCOUNT_WORDS = re.compile(
    r"\bsuspended\b|\blocked\b|oauth1[ -](?:app )?permissions|client-forbidden|client-not-enrolled"
    r"|unsupported-authentication|\bscopes?\b"
)

CONTENT_STATUSES = frozenset({400, 403, 404, 413, 422})
"""What X answers, in its own words, to a post that it does not take. Others say nothing about the post."""


class Missing(Unavailable):
    """Says that X does not have what was asked for."""


def describe_answer(response: requests.Response) -> dict[str, Any]:
    """Returns what an attempt's record keeps of an answer."""
    return {
        "status": response.status_code,
        "request_id": response.headers.get("x-transaction-id"),
        "answer": short_answer(response),
    }


@dataclass(frozen=True, slots=True)
class _Refusal:
    """Holds a refusal in X's words."""

    detail: str
    words: str
    codes: frozenset[int]


def judge_refusal(response: requests.Response, sent: SentRequest, *, reading: bool, now: datetime) -> PlatformError:
    """Judges an answer outside 2xx. Only X's own words decide about a post or an account.

    A gateway's page with any status may hide that X has carried the request out.
    """
    status = response.status_code
    if status == 408 or status >= 500 or status < 400:
        return lost_answer(response, sent, XProblem.SERVER_ERROR(step=sent.what, status=status))
    if is_from_gateway(response, _has_own_shape) and not (status == 402 and json_object(response)):
        return _gateway_answered(response, sent, now)
    refusal = _read_refusal(response)
    if status == 402 or CREDIT_WORDS.search(refusal.words):
        return ActionsRefused(XProblem.CREDITS_USED_UP(), **describe_answer(response))
    if status == 429:
        return _rate_limited(response, sent, now, DEFAULT_PAUSE)
    if status == 401 or refusal.codes & ACCOUNT_CODES:
        return CredentialsRefused(XProblem.KEYS_REFUSED(answer=refusal.detail), **describe_answer(response))
    if status == 403 and (error := _forbidden(response, refusal, sent, now)):
        return error
    return _refused_content(response, refusal, sent, reading=reading)


def _refused_content(
    response: requests.Response, refusal: _Refusal, sent: SentRequest, *, reading: bool
) -> PlatformError:
    status = response.status_code
    if reading or status not in CONTENT_STATUSES:
        kind = Missing if reading and status == 404 else Unavailable
        problem = XProblem.NOT_READ(step=sent.what, status=status, answer=refusal.detail)
        return kind(problem, **describe_answer(response))
    if sent.publishing and MEDIA_WORDS.search(refusal.words):
        return MediaExpired(XProblem.MEDIA_EXPIRED(step=sent.what), **describe_answer(response))
    problem = XProblem.REFUSED(step=sent.what, answer=refusal.detail)
    return ContentRejected(problem, **describe_answer(response))


def _gateway_answered(response: requests.Response, sent: SentRequest, now: datetime) -> PlatformError:
    """Judges a 4xx that X did not write."""
    if response.status_code == 429 and (not sent.publishing or _names_a_window(response.headers)):
        return _rate_limited(response, sent, now, DEFAULT_PAUSE)
    return lost_answer(response, sent, XProblem.GATEWAY_ANSWERED(step=sent.what, status=response.status_code))


def _names_a_window(headers: Mapping[str, str]) -> bool:
    """Returns whether the headers are those that only X gives."""
    return any(f"{window}-{part}" in headers for window in WINDOWS for part in ("limit", "remaining", "reset"))


def _has_own_shape(body: Mapping[str, Any]) -> bool:
    """Returns whether this is one of X's two shapes of errors."""
    error_list = body.get("errors")
    errors = error_list if isinstance(error_list, list) else []
    if any(isinstance(error, dict) and _texts(error, "message", "detail", "title") for error in errors):
        return True
    return bool(_texts(body, "title") and (_texts(body, "type") or _texts(body, "detail")))


def judge_duplicate(error: AlreadyPublic) -> TextRemembered:
    """Judges a duplicate of a post that was never sent before, and of which X lists no new one."""
    return TextRemembered(
        XProblem.TEXT_POSTED_BEFORE(),
        status=error.status,
        request_id=error.request_id,
        answer=error.answer,
    )


def judge_refused_reply(error: ContentRejected, *, answered_is_old: bool) -> PlatformError:
    """Judges X's refusal to continue a thread whose earlier posts are public.

    `answered_is_old`: the post before it is so old that X shows it by now, if it is there.
    """
    details: dict[str, Any] = {"status": error.status, "request_id": error.request_id, "answer": error.answer}
    is_unseen = UNSEEN_WORDS.search(str(error.problem.parameters.get("answer", "")))
    if is_unseen and answered_is_old:
        return ContentRejected(XProblem.REPLIED_POST_GONE(), **details)
    if is_unseen:
        # X says this of a post that it has only just taken, too.
        return Unavailable(XProblem.REPLIED_POST_NOT_SHOWN_YET(refusal=error.problem), **details)
    return ContentRejected(XProblem.THREAD_ENDED(refusal=error.problem), **details)


def _forbidden(
    response: requests.Response, refusal: _Refusal, sent: SentRequest, now: datetime
) -> PlatformError | None:
    """Judges a 403 that says more than that this post is not welcome."""
    if DUPLICATE_CODE in refusal.codes or DUPLICATE_WORDS.search(refusal.words):
        if not sent.publishing:
            return None
        # An earlier try whose answer was lost may be the original: the adapter knows whether there was one.
        return AlreadyPublic(XProblem.TEXT_MAYBE_OURS(step=sent.what), **describe_answer(response))
    if refusal.codes & DAILY_CODES or DAILY_WORDS.search(refusal.words):
        return _rate_limited(response, sent, now, DAILY_PAUSE)
    if ACCOUNT_WORDS.search(refusal.words):
        return CredentialsRefused(XProblem.ACCOUNT_NOT_ALLOWED(answer=refusal.detail), **describe_answer(response))
    return None


def lost_answer(response: requests.Response, sent: SentRequest, problem: Problem) -> PlatformError:
    """Returns the error for an answer that does not say what became of a request."""
    kind = Unconfirmed if sent.publishing else Unavailable
    return kind(problem, **describe_answer(response))


def _rate_limited(response: requests.Response, sent: SentRequest, now: datetime, default: timedelta) -> RateLimited:
    retry_at = _retry_at(response.headers, now) or now + default
    problem = XProblem.RATE_LIMITED(step=sent.what, at=retry_at)
    if is_shortened_wait(retry_at, now):
        problem = XProblem.RATE_LIMITED_FOR_LONG(step=sent.what, at=retry_at, count=MAX_RETRY_AFTER.days)
    return RateLimited(problem, retry_at=retry_at, **describe_answer(response))


def _retry_at(headers: Mapping[str, str], now: datetime) -> datetime | None:
    """Returns the end of the last exhausted window, or what `Retry-After` says."""
    resets = [_reset(headers, window) for window in WINDOWS]
    instants = [*(reset for reset in resets if reset), retry_after(headers, now)]
    return max((at for at in instants if at and now < at <= now + MAX_WINDOW), default=None)


def _reset(headers: Mapping[str, str], window: str) -> datetime | None:
    """Returns when this window opens again, if it is exhausted; headers come and go, and may hold anything."""
    try:
        if float(headers.get(f"{window}-remaining", "0")) > 0:
            return None
    except ValueError:
        return None
    return parse_epoch(headers.get(f"{window}-reset"))


def _read_refusal(response: requests.Response) -> _Refusal:
    """Reads both shapes of X's errors, and anything else."""
    body = json_object(response) or {}
    error_list = body.get("errors")
    errors = [error for error in error_list if isinstance(error, dict)] if isinstance(error_list, list) else []
    messages = [text for error in errors for text in _texts(error, "message", "detail")]
    own = _texts(body, "detail", "title", "error_description", "error")
    types = [text for part in (body, *errors) for text in _texts(part, "type")]
    codes = frozenset(error["code"] for error in errors if isinstance(error.get("code"), int))
    detail = next(iter([*messages, *own]), f"HTTP {response.status_code}")
    words = " ".join([*messages, *own, *types]).lower()
    return _Refusal(" ".join(detail.split())[:200].rstrip("."), words, codes)


def _texts(part: Mapping[str, Any], *names: str) -> list[str]:
    return [part[name] for name in names if isinstance(part.get(name), str) and part[name]]
