"""Sends one HTTP request through `requests`, once, and distinguishes every bad end.

Every request has one deadline for the whole exchange, see `exchange`. What decides is whether the
platform may have carried the request out. A name that was not resolved, a connection that was not
made, a TLS or proxy hand-shake that failed: nothing was sent. Anything later, a lost or unreadable
answer above all, leaves a publishing request unconfirmed; a request that publishes nothing may
simply be tried again.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any

import requests
import urllib3

from publisher.core.clock import Clock
from publisher.core.messages import Message
from publisher.core.network_errors import describe_failure
from publisher.platforms.errors import PlatformError, Unavailable, Unconfirmed
from publisher.platforms.exchange import (
    ANSWER_TIMEOUT,
    CONNECT_TIMEOUT,
    CaFileUnreadable,
    Exchange,
    TimedAdapter,
    exchange_of,
)
from publisher.platforms.problem_codes import RequestProblem

ANSWER_LENGTH = 300
MAX_RETRY_AFTER = timedelta(days=2)
"""Nobody waits longer for a platform, whatever it asks for."""
MAX_SECONDS_DIGITS = 9
CLOCK_EXCHANGE = timedelta(seconds=5)
"""An exchange that took longer says too little about the platform's clock."""
HALF_A_SECOND = timedelta(seconds=0.5)

NEVER_SENT = (
    CaFileUnreadable,
    requests.ConnectTimeout,
    requests.exceptions.ProxyError,
    requests.exceptions.InvalidURL,
    requests.exceptions.InvalidSchema,
    requests.exceptions.MissingSchema,
    requests.exceptions.InvalidHeader,
)
NEVER_CONNECTED = (
    urllib3.exceptions.NewConnectionError,
    urllib3.exceptions.NameResolutionError,
    urllib3.exceptions.ConnectTimeoutError,
)


@dataclass(frozen=True, slots=True)
class SentRequest:
    """Says how far a request is meant to go, and names its step for people, such as "Publishing on Tumblr"."""

    what: Message
    publishing: bool = False


def new_session(user_agent: str, *, proxy: str | None = None, ca_file: Path | None = None) -> requests.Session:
    """Opens a session that takes nothing from the environment: no proxy, no netrc, no other CA file."""
    session = requests.Session()
    session.trust_env = False
    session.headers["User-Agent"] = user_agent
    if proxy:
        session.proxies = {"http": proxy, "https": proxy}
    for scheme in ("https://", "http://"):
        session.mount(scheme, TimedAdapter(ca_file))
    return session


def deadline_for(size: int, uplink_bytes_per_second: float) -> float:
    """Returns the seconds that a request with a body of `size` bytes may take on the slowest line that is allowed."""
    return CONNECT_TIMEOUT + size / uplink_bytes_per_second + ANSWER_TIMEOUT


def send_once(
    session: requests.Session,
    method: str,
    url: str,
    *,
    sent: SentRequest,
    read_timeout: float,
    **options: Any,
) -> requests.Response:
    """Sends one request: no redirect is followed, nothing is sent again, every wait has an end.

    `read_timeout` is the time in seconds for the whole exchange, from resolving the name to the
    last byte of the answer. `deadline_for` gives it for a body of some size.

    Raises:
        Unavailable: it never left, or it publishes nothing.
        Unconfirmed: it publishes, and may have been carried out.
    """
    timeout: Any = urllib3.Timeout(connect=min(CONNECT_TIMEOUT, read_timeout), total=read_timeout)
    with exchange_of(read_timeout) as exchange:
        try:
            return session.request(method, url, timeout=timeout, allow_redirects=False, **options)
        except requests.RequestException as error:
            raise _failure(error, exchange, sent) from error


def _failure(error: requests.RequestException, exchange: Exchange, sent: SentRequest) -> PlatformError:
    why = describe_failure(error)
    if isinstance(error, CaFileUnreadable):
        return Unavailable(RequestProblem.CA_FILE_UNREADABLE(step=sent.what, file=error.file, why=error.why))
    if was_never_sent(error) or exchange.surely_not_sent:
        return Unavailable(RequestProblem.NOT_REACHED(step=sent.what, why=why))
    if sent.publishing:
        return Unconfirmed(RequestProblem.ANSWER_LOST(step=sent.what, why=why))
    return Unavailable(RequestProblem.NO_ANSWER(step=sent.what, why=why))


def was_never_sent(error: requests.RequestException) -> bool:
    """Returns whether no byte of the request can have reached the platform.

    A TLS error counts only when the certificate was refused: others also break an answer off.
    """
    if isinstance(error, NEVER_SENT) or isinstance(_cause(error), NEVER_CONNECTED):
        return True
    return isinstance(error, requests.exceptions.SSLError) and "CERTIFICATE_VERIFY_FAILED" in str(error)


def _cause(error: BaseException) -> BaseException:
    """Returns the urllib3 error inside a `requests` error."""
    first = error.args[0] if error.args else None
    reason = getattr(first, "reason", first)
    return reason if isinstance(reason, BaseException) else error


def json_object(response: requests.Response) -> dict[str, Any] | None:
    """Returns the body as a JSON object; None when it is anything else."""
    try:
        loaded = response.json()
    except ValueError:
        return None
    return loaded if isinstance(loaded, dict) else None


def short_answer(response: requests.Response) -> str:
    """Returns the beginning of an answer, for an attempt's record."""
    return " ".join(response.text.split())[:ANSWER_LENGTH]


def is_from_gateway(response: requests.Response, has_own_shape: Callable[[Mapping[str, Any]], bool]) -> bool:
    """Returns whether something in front of the platform answered: HTML, no JSON object, or not the platform's shape.

    Such an answer says nothing about a post or an account.
    """
    body = json_object(response)
    return body is None or "html" in response.headers.get("Content-Type", "").lower() or not has_own_shape(body)


def is_page(response: requests.Response) -> bool:
    """Returns whether the body of an answer is a page, which a gateway sends and no platform does.

    The type that the answer claims does not count: the plain text of a refused log-in has come as HTML, see
    https://github.com/themattharris/tmhOAuth/issues/87.
    """
    return response.text.lstrip("\ufeff \t\r\n").startswith("<")


def platform_time(headers: Mapping[str, str]) -> datetime | None:
    """Reads the platform's clock from a `Date` header, to the second; None where a cache answered, too."""
    if headers.get("Age", "0").strip() != "0":
        return None
    return _http_date(headers.get("Date", ""))


def note_clock(
    headers: Mapping[str, str], listener: Callable[[timedelta], None], *, clock: Clock, began: datetime
) -> None:
    """Reports to the listener how far the platform's clock is ahead of ours, if the answer says so.

    `began`: our clock when the exchange began. The answer's `Date` is compared with the middle of it.
    """
    took = clock.now() - began
    platform_now = platform_time(headers)
    if platform_now is not None and timedelta(0) <= took <= CLOCK_EXCHANGE:
        listener(platform_now + HALF_A_SECOND - (began + took / 2))


def retry_after(headers: Mapping[str, str], now: datetime) -> datetime | None:
    """Reads when a `Retry-After` header allows the next request, at most `MAX_RETRY_AFTER` from now.

    Both forms of the header are understood; a date is compared with the answer's own `Date`, where
    there is one. None: it can't be read, or it lies in the past.
    """
    wait = _asked_wait(headers, now)
    return None if wait is None or wait < timedelta(0) else now + min(wait, MAX_RETRY_AFTER)


def is_shortened_wait(retry_at: datetime, now: datetime) -> bool:
    """Returns whether a platform may have asked for a longer wait than anybody waits."""
    return retry_at - now >= MAX_RETRY_AFTER


def _asked_wait(headers: Mapping[str, str], now: datetime) -> timedelta | None:
    value = headers.get("Retry-After", "").strip()
    if value.isascii() and value.isdecimal():
        return timedelta(seconds=int(value)) if len(value) <= MAX_SECONDS_DIGITS else None
    instant = _http_date(value)
    return instant - (platform_time(headers) or now) if instant else None


def _http_date(value: str) -> datetime | None:
    try:
        instant = parsedate_to_datetime(value.strip())
        return instant.astimezone(UTC) if instant.tzinfo else instant.replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        return None
