"""Whether a link answers, without ever asking an address that is not public."""

from __future__ import annotations

from urllib.parse import urljoin

import urllib3
from urllib3.util import Url

from publisher import __version__
from publisher.outside import NotAsked, find_place

TIMEOUT_SECONDS = 10.0
MOST_REDIRECTS = 5
MOST_ADDRESSES = 3
"""Of one host: the first may be IPv6, and the way there broken."""
CLOSED_TO_PROGRAMS = (401, 403, 405, 406, 429, 451, 999)
"""Sites that turn programs away answer so, and people see the page nevertheless."""
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
    for _ in range(MOST_REDIRECTS + 1):
        status, onward = _ask(url, loopback)
        if onward is None:
            return _judge(status)
        url = urljoin(url, onward)
    raise NoAnswer(f"it leads on more than {MOST_REDIRECTS} times")


def _judge(status: int) -> str:
    if status in CLOSED_TO_PROGRAMS:
        return f"answers {status}: it may be closed to programs only"
    if status >= 400:
        raise NoAnswer(f"it answers {status}")
    return "answers"


def _ask(url: str, loopback: bool) -> tuple[int, str | None]:
    """The status, and where it leads."""
    try:
        place = find_place(url, lambda address: loopback and address.is_loopback)
    except NotAsked as refusal:
        raise NoAnswer(str(refusal)) from None
    failure = ""
    for address in place.addresses[:MOST_ADDRESSES]:
        try:
            with place.pool(address, urllib3.Timeout(TIMEOUT_SECONDS)) as pool:
                status, onward = _request(pool, "HEAD", place.url)
                return _request(pool, "GET", place.url) if status in ASK_AGAIN else (status, onward)
        except urllib3.exceptions.SSLError:
            failure = "its certificate can't be trusted"
        except (urllib3.exceptions.HTTPError, UnicodeError) as error:
            failure = f"it can't be reached ({type(error).__name__})"
    raise NoAnswer(failure)


def _request(pool: urllib3.HTTPConnectionPool, method: str, parts: Url) -> tuple[int, str | None]:
    headers = {"Host": parts.netloc or "", "User-Agent": f"publisher/{__version__}", "Accept": "*/*"}
    answer = pool.urlopen(
        method, parts.request_uri, headers=headers, redirect=False, preload_content=False, assert_same_host=False
    )
    try:
        return answer.status, answer.get_redirect_location() or None
    finally:
        answer.close()
