"""Whether a link answers, without ever asking an address that is not public."""

from __future__ import annotations

import ssl
import threading
from http.client import HTTPException
from urllib.parse import urljoin

from urllib3.exceptions import HTTPError
from urllib3.util.ssl_match_hostname import CertificateError

from publisher import __version__
from publisher.core.clock import monotonic
from publisher.core.name_resolving import MAX_RESOLVERS, RESOLVE_SECONDS
from publisher.core.public_hosts import AddressRefused, ResolvedHost, ended_in_time, resolve_public_host

TIMEOUT_SECONDS = 10.0
"""For each single wait."""
WHOLE_SECONDS = 20.0
"""For all of it, wherever the link leads on to: a server that drips its answer is left after so long."""
MAX_REDIRECTS = 5
MAX_ADDRESSES = 3
"""Of one host: the first may be IPv6, and the way there broken."""
CLOSED_TO_PROGRAMS = (401, 403, 405, 406, 429, 451, 999)
"""Sites that turn programs away answer so, and people see the page nevertheless."""
_NAMES = threading.BoundedSemaphore(MAX_RESOLVERS)
"""Of links only: anybody who writes may give a name that hangs, and webhooks go on all the same."""
ASK_AGAIN = (400, 403, 404, 405, 406, 501, 503)
"""What some servers answer to HEAD although they answer GET well."""


class NoAnswer(Exception):
    """The link leads nowhere; the message is a clause."""


def check_link(url: str, *, loopback: bool) -> str:
    """Ask a link, and what it leads on to, and return what is to be told of a link that answers.

    `loopback`: this machine may be asked too, as on the sandbox.

    Raises:
        NoAnswer: nothing answers there, or it must not be asked.
    """
    deadline = monotonic() + WHOLE_SECONDS
    for _ in range(MAX_REDIRECTS + 1):
        status, onward = _ask(url, loopback, deadline)
        if onward is None:
            return _judge(status)
        url = urljoin(url, onward)
    raise NoAnswer(f"it leads on more than {MAX_REDIRECTS} times")


def _judge(status: int) -> str:
    if status in CLOSED_TO_PROGRAMS:
        return f"answers {status}: it may be closed to programs only"
    if status >= 400:
        raise NoAnswer(f"it answers {status}")
    return "answers"


def _ask(url: str, loopback: bool, deadline: float) -> tuple[int, str | None]:
    """The status, and where it leads. `deadline`: by the monotonic clock."""
    left = deadline - monotonic()
    try:
        place = resolve_public_host(
            url, lambda address: loopback and address.is_loopback, min(RESOLVE_SECONDS, left), places=_NAMES
        )
    except AddressRefused as refusal:
        raise NoAnswer(str(refusal)) from None
    failure = ""
    for address in place.addresses[:MAX_ADDRESSES]:
        try:
            status, onward = _request(place, address, "HEAD", deadline)
            return _request(place, address, "GET", deadline) if status in ASK_AGAIN else (status, onward)
        except (ssl.SSLError, CertificateError):
            failure = "its certificate can't be trusted"
        except (HTTPError, HTTPException, OSError, ValueError):
            failure = "it can't be reached"
        if monotonic() >= deadline:
            raise NoAnswer(f"it does not answer within {WHOLE_SECONDS:g} s")
    raise NoAnswer(failure)


def _request(place: ResolvedHost, address: str, method: str, deadline: float) -> tuple[int, str | None]:
    """One request on a connection of its own; nothing of the answer's body is read."""
    headers = {"Host": place.url.netloc or "", "User-Agent": f"publisher/{__version__}", "Accept": "*/*"}
    left = deadline - monotonic()
    # Shut from outside can only be what is connected, so connecting itself has to end before.
    connection = place.connection(address, max(min(TIMEOUT_SECONDS, left), 0.001))
    try:
        with ended_in_time(connection, left):
            connection.connect()
            connection.request(method, place.url.request_uri, headers=headers, preload_content=False)
            answer = connection.getresponse()
        if monotonic() >= deadline:
            raise TimeoutError  # What was shut from outside may look like the end of the head.
        return answer.status, answer.get_redirect_location() or None
    finally:
        connection.close()
