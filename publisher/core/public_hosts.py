"""Connects to addresses that people entered, and refuses those of private networks.

A name is resolved once, every address that it has must be allowed, and the connection goes to the
address that was checked, not to whatever the name resolves to a moment later.
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
from publisher.core.messages import Message, _
from publisher.core.name_resolving import RESOLVE_SECONDS, NotResolvedInTime, resolve
from publisher.core.special_addresses import IPAddress, is_public


class AddressRefused(Exception):
    """The address can't or must not be requested; `text` is a clause."""

    def __init__(self, text: Message) -> None:
        super().__init__(text)
        self.text = text


class NotResolvedNow(AddressRefused):
    """Nothing is known of the name now; a name server may tell later."""


class NotPublic(AddressRefused):
    """The host has an address that is no public one."""


@dataclass(frozen=True, slots=True)
class ResolvedHost:
    """Holds a URL and the addresses of its host, all of which were checked."""

    url: Url
    host: str
    port: int
    addresses: tuple[str, ...]

    def connection(self, address: str, timeout: float) -> HTTPConnection:
        """Makes a connection that is not open yet. `timeout`: seconds that each single wait may take."""
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
def close_after(connection: HTTPConnection | socket.socket, seconds: float) -> Iterator[None]:
    """Closes a connection after so many seconds, even while its answer comes in byte by byte.

    While a body is read, name the socket: a connection of which the server says that it will close knows it no more.
    """
    timer = threading.Timer(max(seconds, 0.0), _shut_down, [connection])
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


def _shut_down(connection: HTTPConnection | socket.socket) -> None:
    sock = connection if isinstance(connection, socket.socket) else connection.sock
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
    resolver_limit: threading.BoundedSemaphore | None = None,
) -> ResolvedHost:
    """Resolves the host of a URL and refuses private addresses. `also`: tells which other addresses are allowed.

    Its name must be resolved within so many `seconds`. `resolver_limit`: bounds how many names are resolved at once.

    Raises:
        AddressRefused: it is no URL, or its name is unknown.
        NotResolvedNow: no name server told where it is.
        NotPublic: one of its addresses is not allowed.
    """
    try:
        parts = parse_url(url)
    except LocationParseError:
        raise AddressRefused(_("it is no address")) from None
    if parts.scheme not in ("http", "https") or not parts.host:
        raise AddressRefused(_("only http:// and https:// can be asked"))
    host = parts.host.strip("[]")
    port = parts.port or (443 if parts.scheme == "https" else 80)
    return ResolvedHost(parts, host, port, _resolve_and_check(host, port, also, seconds, resolver_limit))


def _resolve_and_check(
    host: str,
    port: int,
    also: Callable[[IPAddress], bool],
    seconds: float,
    resolver_limit: threading.BoundedSemaphore | None,
) -> tuple[str, ...]:
    """Returns the addresses of a host, when all of them are allowed."""
    try:
        resolved = resolve(host, port, seconds, resolver_limit=resolver_limit)
    except NotResolvedInTime:
        raise _not_resolved_now(host) from None
    except (OSError, UnicodeError) as error:
        if isinstance(error, socket.gaierror) and error.errno == socket.EAI_AGAIN:
            raise _not_resolved_now(host) from None
        if problem := machine_problem(error):
            raise NotResolvedNow(problem) from None
        raise AddressRefused(_("there is no {host}", host=host)) from None
    addresses = [ipaddress.ip_address(address.partition("%")[0]) for address in resolved]
    for address in addresses:
        if not (is_public(address) or also(address)):
            raise NotPublic(_("{host} is no public address, and is not asked", host=host))
    return tuple(str(address) for address in addresses)


def _not_resolved_now(host: str) -> NotResolvedNow:
    return NotResolvedNow(_("no name server told in time where {host} is", host=host))
