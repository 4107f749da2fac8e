"""The way to addresses that somebody wrote down, without being led to machines that only we can reach.

A name is resolved once, every address that it has must be allowed, and the connection goes to the
address that was judged, not to whatever the name means a moment later.
"""

from __future__ import annotations

import ipaddress
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from requests.utils import DEFAULT_CA_BUNDLE_PATH
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import LocationParseError
from urllib3.util import Url, parse_url

from publisher.core.machine_errors import machine_problem
from publisher.core.name_resolving import RESOLVE_SECONDS, NotResolvedInTime, resolve
from publisher.core.special_addresses import IPAddress, is_public


class AddressRefused(Exception):
    """The address can't or must not be asked; the message is a clause."""


@dataclass(frozen=True, slots=True)
class ResolvedHost:
    """A URL, and where its host is: every address of it was judged."""

    url: Url
    host: str
    port: int
    addresses: tuple[str, ...]

    def connection(self, address: str, timeout: float) -> HTTPConnection:
        """One connection, not made yet. `timeout`: seconds that each single wait may take."""
        if self.url.scheme == "http":
            return HTTPConnection(address, self.port, timeout=timeout)
        return HTTPSConnection(address, self.port, timeout=timeout, **self._trust)

    @property
    def _trust(self) -> dict[str, Any]:
        return {
            "server_hostname": self.host,
            "assert_hostname": self.host,
            "cert_reqs": "CERT_REQUIRED",
            "ca_certs": DEFAULT_CA_BUNDLE_PATH,
        }


@contextmanager
def ended_in_time(connection: HTTPConnection, seconds: float) -> Iterator[None]:
    """Ends a connection from outside when everything that is done with it takes too long, however it drips."""
    timer = threading.Timer(max(seconds, 0.0), _shut, [connection])
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


def _shut(connection: HTTPConnection) -> None:
    sock = connection.sock
    try:
        if sock is not None:
            # Not the method of a TLS socket, which would take away what the waiting thread still uses.
            socket.socket.shutdown(sock, socket.SHUT_RDWR)
    except OSError:
        return  # It was closed a moment before.


def resolve_public_host(
    url: str,
    also: Callable[[IPAddress], bool],
    seconds: float = RESOLVE_SECONDS,
    *,
    places: threading.BoundedSemaphore | None = None,
) -> ResolvedHost:
    """Where a URL leads. `also`: which addresses may be asked besides the public ones.

    Its name must be resolved within so many `seconds`, in one of the `places` for names that are being resolved.

    Raises:
        NotAsked: it is no URL, nobody has that name or tells where it is in time, or an address of it must not
            be asked.
    """
    try:
        parts = parse_url(url)
    except LocationParseError:
        raise AddressRefused("it is no address") from None
    if parts.scheme not in ("http", "https") or not parts.host:
        raise AddressRefused("only http:// and https:// can be asked")
    host = parts.host.strip("[]")
    port = parts.port or (443 if parts.scheme == "https" else 80)
    return ResolvedHost(parts, host, port, _judged(host, port, also, seconds, places))


def _judged(
    host: str, port: int, also: Callable[[IPAddress], bool], seconds: float, places: threading.BoundedSemaphore | None
) -> tuple[str, ...]:
    """Where the host is, when every address that it has may be asked."""
    try:
        found = resolve(host, port, seconds, places=places)
    except NotResolvedInTime:
        raise AddressRefused(f"no name server told in time where {host} is") from None
    except (OSError, UnicodeError) as error:
        raise AddressRefused(machine_problem(error) or f"there is no {host}") from None
    addresses = [ipaddress.ip_address(each.partition("%")[0]) for each in found]
    for address in addresses:
        if not (is_public(address) or also(address)):
            raise AddressRefused(f"{host} is no public address, and is not asked")
    return tuple(str(address) for address in addresses)
