"""Checks whether a link answers, and never connects to an address that is not public."""

from __future__ import annotations

import ssl
import threading
from http.client import HTTPException
from urllib.parse import urljoin

from urllib3.exceptions import HTTPError
from urllib3.util.ssl_match_hostname import CertificateError

from publisher import __version__
from publisher.alerts.problem_codes import LinkProblem
from publisher.core.clock import monotonic
from publisher.core.errors import UserError
from publisher.core.messages import Message, _
from publisher.core.name_resolving import MAX_RESOLVERS, RESOLVE_SECONDS
from publisher.core.problems import Problem
from publisher.core.public_hosts import AddressRefused, ResolvedHost, close_after, resolve_public_host

TIMEOUT_SECONDS = 10.0
"""For each single wait."""
WHOLE_SECONDS = 20.0
"""For the whole check with its redirects: a server that answers byte by byte is given up after so long."""
MAX_REDIRECTS = 5
MAX_ADDRESSES = 3
"""Of one host: the first may be IPv6, which may not work here."""
BLOCKED_STATUSES = (401, 403, 405, 406, 429, 451, 999)
"""Some sites answer programs so, and still show the page to people."""
_RESOLVER_SLOTS = threading.BoundedSemaphore(MAX_RESOLVERS)
"""For links only: a writer may enter a name that hangs, and webhooks must not wait for it."""
RETRY_WITH_GET = (400, 403, 404, 405, 406, 501, 503)
"""Some servers answer HEAD so although they answer GET well."""


class BrokenLink(UserError):
    """The link does not work; `problem` is a clause that says why."""

    code = "link-broken"

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem)
        self.problem = problem


def check_link(url: str, *, loopback: bool) -> Message:
    """Requests a link and follows its redirects, and returns a clause about a link that answers.

    `loopback`: this machine may be requested, too, as on the sandbox.

    Raises:
        BrokenLink: nothing answers there, or its address is not public.
    """
    deadline = monotonic() + WHOLE_SECONDS
    for _redirect in range(MAX_REDIRECTS + 1):
        status, location = _request_host(url, loopback, deadline)
        if location is None:
            return _describe_status(status)
        url = urljoin(url, location)
    raise BrokenLink(LinkProblem.LINK_REDIRECTS_TOO_OFTEN(maximum=MAX_REDIRECTS))


def _describe_status(status: int) -> Message:
    if status in BLOCKED_STATUSES:
        return _("answers {status}: it may be closed to programs only", status=status)
    if status >= 400:
        raise BrokenLink(LinkProblem.LINK_REFUSED(status=status))
    return _("answers")


def _request_host(url: str, loopback: bool, deadline: float) -> tuple[int, str | None]:
    """Returns the status and the address that it redirects to. `deadline`: by the monotonic clock."""
    seconds_left = deadline - monotonic()
    try:
        host = resolve_public_host(
            url,
            lambda address: loopback and address.is_loopback,
            min(RESOLVE_SECONDS, seconds_left),
            resolver_limit=_RESOLVER_SLOTS,
        )
    except AddressRefused as refusal:
        raise BrokenLink(LinkProblem.LINK_ADDRESS_REFUSED(reason=refusal.text)) from None
    failure = LinkProblem.LINK_UNREACHABLE
    for address in host.addresses[:MAX_ADDRESSES]:
        try:
            status, location = _request(host, address, "HEAD", deadline)
            return _request(host, address, "GET", deadline) if status in RETRY_WITH_GET else (status, location)
        except (ssl.SSLError, CertificateError):
            failure = LinkProblem.LINK_UNTRUSTED
        except (HTTPError, HTTPException, OSError, ValueError):
            failure = LinkProblem.LINK_UNREACHABLE
        if monotonic() >= deadline:
            raise BrokenLink(LinkProblem.LINK_TOO_SLOW(seconds=f"{WHOLE_SECONDS:g}"))
    raise BrokenLink(failure())


def _request(host: ResolvedHost, address: str, method: str, deadline: float) -> tuple[int, str | None]:
    """Sends one request on its own connection, and reads nothing of the body."""
    headers = {"Host": host.url.netloc or "", "User-Agent": f"publisher/{__version__}", "Accept": "*/*"}
    seconds_left = deadline - monotonic()
    # Only an open connection can be closed at the deadline, so connecting needs its own limit.
    connection = host.connection(address, max(min(TIMEOUT_SECONDS, seconds_left), 0.001))
    try:
        with close_after(connection, seconds_left):
            connection.connect()
            connection.request(method, host.url.request_uri, headers=headers, preload_content=False)
            answer = connection.getresponse()
        if monotonic() >= deadline:
            raise TimeoutError  # A connection closed at the deadline may look like a complete answer.
        return answer.status, answer.get_redirect_location() or None
    finally:
        connection.close()
