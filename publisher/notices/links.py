"""Whether a link answers, without ever asking an address that is not public.

A link is what somebody wrote into a post; asked from inside, it must lead nobody to machines
that only we can reach. So its name is resolved once, every address it has must be public, and
the connection goes to the address that was judged, not to whatever the name means a moment later.
"""

from __future__ import annotations

import ipaddress
import socket
from typing import Any
from urllib.parse import urljoin

import urllib3
from requests.utils import DEFAULT_CA_BUNDLE_PATH
from urllib3.exceptions import LocationParseError
from urllib3.util import Url, parse_url

from publisher import __version__

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
        parts = parse_url(url)
    except LocationParseError:
        raise NoAnswer("it is no address") from None
    if parts.scheme not in ("http", "https") or not parts.host:
        raise NoAnswer("only http:// and https:// can be asked")
    host = parts.host.strip("[]")
    port = parts.port or (443 if parts.scheme == "https" else 80)
    failure = ""
    for address in _public_addresses(host, port, loopback)[:MOST_ADDRESSES]:
        try:
            with _pool(parts.scheme, host, address, port) as pool:
                status, onward = _request(pool, "HEAD", parts)
                return _request(pool, "GET", parts) if status in ASK_AGAIN else (status, onward)
        except urllib3.exceptions.SSLError:
            failure = "its certificate can't be trusted"
        except (urllib3.exceptions.HTTPError, UnicodeError) as error:
            failure = f"it can't be reached ({type(error).__name__})"
    raise NoAnswer(failure)


def _public_addresses(host: str, port: int, loopback: bool) -> list[str]:
    """Where the host is, when every address that it has may be asked."""
    try:
        found = [info[4][0] for info in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)]
    except (OSError, UnicodeError):
        raise NoAnswer(f"there is no {host}") from None
    addresses = [ipaddress.ip_address(str(each).partition("%")[0]) for each in found]
    for address in addresses:
        if not (_is_public(address) or (loopback and address.is_loopback)):
            raise NoAnswer(f"{host} is no public address, and is not asked")
    return [str(address) for address in addresses]


def _is_public(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> bool:
    # What an IPv6 address carries inside decides: the network may hand it on to that.
    inside = None
    if isinstance(address, ipaddress.IPv6Address):
        inside = address.ipv4_mapped or address.sixtofour or (address.teredo[1] if address.teredo else None)
        if address in ipaddress.ip_network("64:ff9b::/96"):
            inside = ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    return address.is_global and not address.is_multicast and (inside is None or inside.is_global)


def _pool(scheme: str, host: str, address: str, port: int) -> urllib3.HTTPConnectionPool:
    shared: dict[str, Any] = {"timeout": urllib3.Timeout(TIMEOUT_SECONDS), "retries": False, "maxsize": 1}
    if scheme == "http":
        return urllib3.HTTPConnectionPool(address, port, **shared)
    return urllib3.HTTPSConnectionPool(
        address,
        port,
        server_hostname=host,
        assert_hostname=host,
        cert_reqs="CERT_REQUIRED",
        ca_certs=DEFAULT_CA_BUNDLE_PATH,
        **shared,
    )


def _request(pool: urllib3.HTTPConnectionPool, method: str, parts: Url) -> tuple[int, str | None]:
    headers = {"Host": parts.netloc or "", "User-Agent": f"publisher/{__version__}", "Accept": "*/*"}
    answer = pool.urlopen(
        method, parts.request_uri, headers=headers, redirect=False, preload_content=False, assert_same_host=False
    )
    try:
        return answer.status, answer.get_redirect_location() or None
    finally:
        answer.close()
