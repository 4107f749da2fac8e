"""One HTTP request through `requests`, sent once, with every bad end told apart.

What decides is whether the platform may have carried the request out. A name that was not
resolved, a connection that was not made, a TLS or proxy hand-shake that failed: nothing was
sent. Anything later, a lost or unreadable answer above all, leaves a publishing request
unconfirmed; a request that publishes nothing may simply be tried again.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any

import requests
import urllib3

from publisher.platforms.errors import Unavailable, Unconfirmed

CONNECT_TIMEOUT = 10.0
ANSWER_LENGTH = 300

NEVER_SENT = (
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
    """How far a request is meant to go, and what to call it in a sentence."""

    what: str
    publishing: bool = False


def new_session(user_agent: str, *, proxy: str | None = None, ca_file: Path | None = None) -> requests.Session:
    """A session that takes nothing from the environment: no proxy, no netrc, no other CA file."""
    session = requests.Session()
    session.trust_env = False
    session.headers["User-Agent"] = user_agent
    if proxy:
        session.proxies = {"http": proxy, "https": proxy}
    if ca_file:
        session.verify = str(ca_file)
    return session


def send_once(
    session: requests.Session,
    method: str,
    url: str,
    *,
    sent: SentRequest,
    read_timeout: float,
    **options: Any,
) -> requests.Response:
    """Send one request: no redirect is followed, nothing is sent again, every wait has an end.

    `read_timeout` is the time in seconds from the first try to connect until the answer begins.
    A body in one piece must pass within the connection's timeout; one read from a file may take longer.

    Raises:
        Unavailable: it never left, or it publishes nothing.
        Unconfirmed: it publishes, and may have been carried out.
    """
    timeout: Any = urllib3.Timeout(connect=CONNECT_TIMEOUT, total=read_timeout)
    try:
        return session.request(method, url, timeout=timeout, allow_redirects=False, **options)
    except requests.RequestException as error:
        name = _cause_name(error)
        if was_never_sent(error):
            raise Unavailable(f"{sent.what}: not reached ({name})") from error
        if sent.publishing:
            raise Unconfirmed(f"{sent.what}: the answer was lost ({name})") from error
        raise Unavailable(f"{sent.what}: no answer ({name})") from error


def was_never_sent(error: requests.RequestException) -> bool:
    """Whether no byte of the request can have reached the platform.

    A TLS error counts only when the certificate was refused: others also break an answer off.
    """
    if isinstance(error, NEVER_SENT) or isinstance(_cause(error), NEVER_CONNECTED):
        return True
    return isinstance(error, requests.exceptions.SSLError) and "CERTIFICATE_VERIFY_FAILED" in str(error)


def _cause(error: BaseException) -> BaseException:
    """The urllib3 error inside a `requests` error."""
    first = error.args[0] if error.args else None
    reason = getattr(first, "reason", first)
    return reason if isinstance(reason, BaseException) else error


def _cause_name(error: BaseException) -> str:
    return type(_cause(error)).__name__


def json_object(response: requests.Response) -> dict[str, Any] | None:
    """The body as a JSON object; None when it is anything else."""
    try:
        loaded = response.json()
    except ValueError:
        return None
    return loaded if isinstance(loaded, dict) else None


def short_answer(response: requests.Response) -> str:
    """The beginning of an answer, for an attempt's record."""
    return " ".join(response.text.split())[:ANSWER_LENGTH]


def retry_after(headers: Mapping[str, str], now: datetime) -> datetime | None:
    """When a `Retry-After` header allows the next request. Both its forms are understood."""
    value = headers.get("Retry-After", "").strip()
    try:
        if value.isdecimal():
            return now + timedelta(seconds=int(value))
        instant = parsedate_to_datetime(value)
    except (ValueError, OverflowError):
        return None
    return instant if instant.tzinfo else instant.replace(tzinfo=UTC)
