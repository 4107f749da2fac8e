"""Opens connections for `requests` that keep one deadline for a whole exchange.

An exchange is everything from resolving the name to the last byte of the answer. The libraries'
own timeouts begin again with every byte that comes, so that an answer of one byte in five seconds
never ends. Here each call of a socket may take only what is left of the exchange, and a body is
sent in pieces, so that a line on which nothing passes any more is given up.
Resolving a name is the one step that nobody can interrupt, so that a thread of its own does it.
"""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import lru_cache
from pathlib import Path
from typing import Any

import requests
from requests.adapters import HTTPAdapter
from requests.utils import DEFAULT_CA_BUNDLE_PATH
from urllib3 import HTTPConnectionPool, HTTPSConnectionPool, PoolManager
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import ConnectTimeoutError, NameResolutionError, NewConnectionError
from urllib3.util.connection import allowed_gai_family

from publisher.core.clock import monotonic
from publisher.core.file_reading import CERTIFICATES_BYTES, check_plain_file
from publisher.core.messages import Message
from publisher.core.name_resolving import MAX_RESOLVERS, NotResolvedInTime, find_addresses

CONNECT_TIMEOUT = 10.0
"""Seconds for one address of the platform to take the connection, and again for the TLS hand-shake."""
STALL_TIMEOUT = 30.0
"""Seconds after which a body of which no byte passes any more is given up."""
ANSWER_TIMEOUT = 60.0
"""Seconds from the last byte of the request until the last byte of the answer."""
PIECE_BYTES = 16_384
UNSENT_BYTES = 4 * PIECE_BYTES
"""So much may wait in the system's buffer. A larger buffer would take a whole picture, and hide that nothing passes."""


class CaFileUnreadable(requests.RequestException):
    """Says that the file with the trusted authorities can't be read; nothing was sent."""

    def __init__(self, file: str, why: Message | str) -> None:
        super().__init__(f"the CA file {file} can't be read ({why})")
        self.file = file
        self.why = why


class Exchange:
    """Counts the time of one exchange, and knows whether any of its request left."""

    def __init__(self, seconds: float) -> None:
        self._ends = monotonic() + seconds
        self._answer_ends = self._ends
        self._connected_here = False
        self._began = False

    @property
    def surely_not_sent(self) -> bool:
        """Returns whether the connection was made for this exchange, and no byte of the request was sent."""
        return self._connected_here and not self._began

    def connected(self) -> None:
        """Notes that a connection was made, or failed: what was sent until now was no part of the request."""
        self._connected_here, self._began, self._answer_ends = True, False, self._ends

    def seconds_to_connect(self) -> float:
        return min(CONNECT_TIMEOUT, self._left(self._ends))

    def seconds_to_send(self) -> float:
        self._began = True
        return min(STALL_TIMEOUT, self._left(self._ends))

    def seconds_to_read(self) -> float:
        return self._left(self._answer_ends)

    def sent(self) -> None:
        """Notes that something was sent: the time for the answer begins again."""
        self._answer_ends = min(self._ends, monotonic() + ANSWER_TIMEOUT)

    @staticmethod
    def _left(ends: float) -> float:
        seconds = ends - monotonic()
        if seconds <= 0:
            raise TimeoutError("the time for the whole exchange is over")
        return seconds


_NAMES = threading.BoundedSemaphore(MAX_RESOLVERS)
"""Of platforms only: links and webhooks whose names hang keep no post back."""
_CURRENT: ContextVar[Exchange | None] = ContextVar("exchange", default=None)
_ALL_END: ContextVar[float | None] = ContextVar("all_end", default=None)


@contextmanager
def within(seconds: float) -> Iterator[None]:
    """Gives all exchanges of this thread inside so many seconds together."""
    token = _ALL_END.set(monotonic() + seconds)
    try:
        yield
    finally:
        _ALL_END.reset(token)


@contextmanager
def exchange_of(seconds: float) -> Iterator[Exchange]:
    """Gives everything that this thread sends and reads inside so many seconds in all."""
    ends = _ALL_END.get()
    exchange = Exchange(seconds if ends is None else min(seconds, ends - monotonic()))
    token = _CURRENT.set(exchange)
    try:
        yield exchange
    finally:
        _CURRENT.reset(token)


class _TimedSocket(socket.socket):
    """Ends every call of a socket with the exchange that it belongs to."""

    def sendall(self, data: Any, flags: int = 0) -> None:
        exchange = _CURRENT.get()
        if exchange is None:
            super().sendall(data, flags)
            return
        with memoryview(data) as whole, whole.cast("B") as body:
            sent = 0
            while sent < len(body):
                self.settimeout(exchange.seconds_to_send())
                sent += self.send(body[sent : sent + PIECE_BYTES], flags)
                exchange.sent()

    def recv_into(self, buffer: Any, nbytes: int | None = None, flags: int = 0) -> int:
        self._allow_reading()
        return super().recv_into(buffer, nbytes or 0, flags)

    def recv(self, buflen: int = 1024, flags: int = 0) -> bytes:
        self._allow_reading()
        return super().recv(buflen, flags)

    def _allow_reading(self) -> None:
        if exchange := _CURRENT.get():
            self.settimeout(exchange.seconds_to_read())


class _TimedTlsSocket(_TimedSocket, ssl.SSLSocket):
    """Does the same over TLS. Python's own calls apply a timeout to all records that they take."""

    def do_handshake(self, block: bool = False) -> None:
        if exchange := _CURRENT.get():
            self.settimeout(exchange.seconds_to_connect())
        super().do_handshake(block)


class _SharedContext(ssl.SSLContext):
    """Holds a TLS context that many threads use at the same time: it is not changed after it was made."""

    sslsocket_class = _TimedTlsSocket

    def set_alpn_protocols(self, alpn_protocols: Any) -> None:
        """Ignores what urllib3 sets before each connection: the same once more, and while others connect."""


def shared_context(ca_file: Path | None) -> ssl.SSLContext:
    """Returns the TLS context of a CA file, read once for as long as the file stays the same.

    Raises:
        CaFileUnreadable: it can't be read, or there is no certificate in it.
    """
    path = str(ca_file or DEFAULT_CA_BUNDLE_PATH)
    try:
        check_plain_file(Path(path), CERTIFICATES_BYTES)
        state = Path(path).stat()
        return _loaded_context(path, state.st_mtime_ns, state.st_size)
    except OSError as error:
        raise CaFileUnreadable(path, error.strerror or str(error)) from error


@lru_cache(maxsize=16)
def _loaded_context(path: str, _modified_ns: int, _size: int) -> ssl.SSLContext:
    context = _SharedContext(ssl.PROTOCOL_TLS_CLIENT)
    ssl.SSLContext.set_alpn_protocols(context, ["http/1.1"])
    context.hostname_checks_common_name = False
    context.load_verify_locations(path)
    return context


class _TimedConnection(HTTPConnection):
    """Connects within the time of the exchange, however many addresses a name has."""

    def connect(self) -> None:
        try:
            super().connect()
        finally:
            if exchange := _CURRENT.get():
                exchange.connected()

    def _new_conn(self) -> socket.socket:
        host = self._dns_host.strip("[]")
        exchange = _CURRENT.get()
        seconds = exchange.seconds_to_connect() if exchange else CONNECT_TIMEOUT
        try:
            addresses = find_addresses(host, self.port, seconds, resolver_limit=_NAMES, family=allowed_gai_family())
        except NotResolvedInTime as error:
            raise ConnectTimeoutError(self, f"no name server told in time where {host} is") from error
        except socket.gaierror as error:
            raise NameResolutionError(self.host, self, error) from error
        except UnicodeError as error:
            raise NewConnectionError(self, f"{host!r} is no name of a host") from error
        failure = OSError("the name has no address")
        for family, kind, protocol, _, address in addresses:
            try:
                return self._connected(_TimedSocket(family, kind, protocol), address)
            except OSError as error:
                failure = error
        if isinstance(failure, TimeoutError):
            raise ConnectTimeoutError(self, f"no connection to {host} in time") from failure
        raise NewConnectionError(self, f"no connection to {host}: {failure}") from failure

    def _connected(self, connection: socket.socket, address: Any) -> socket.socket:
        try:
            for option in self.socket_options or ():
                connection.setsockopt(*option)
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT, UNSENT_BYTES)
            exchange = _CURRENT.get()
            connection.settimeout(exchange.seconds_to_connect() if exchange else CONNECT_TIMEOUT)
            connection.connect(address)
        except BaseException:
            connection.close()
            raise
        return connection


class _TimedTlsConnection(_TimedConnection, HTTPSConnection):
    pass


class _TimedPool(HTTPConnectionPool):
    ConnectionCls = _TimedConnection


class _TimedTlsPool(HTTPSConnectionPool):
    ConnectionCls = _TimedTlsConnection


class TimedAdapter(HTTPAdapter):
    """Sends once, over connections that keep the exchange's deadline and trust one CA file."""

    def __init__(self, ca_file: Path | None) -> None:
        self._ca_file = ca_file
        super().__init__(max_retries=0)

    def init_poolmanager(self, *arguments: Any, **options: Any) -> None:
        super().init_poolmanager(*arguments, **options)
        _use_timed(self.poolmanager)

    def proxy_manager_for(self, proxy: str, **options: Any) -> Any:
        if proxy.lower().startswith("https"):
            options["proxy_ssl_context"] = shared_context(self._ca_file)
        manager = super().proxy_manager_for(proxy, **options)
        if not proxy.lower().startswith("socks"):
            _use_timed(manager)
        return manager

    def build_connection_pool_key_attributes(
        self, request: requests.PreparedRequest, verify: Any, cert: Any = None
    ) -> Any:
        host, _ = super().build_connection_pool_key_attributes(request, True, cert)
        if host["scheme"] != "https":
            return host, {}
        return host, {"cert_reqs": "CERT_REQUIRED", "ssl_context": shared_context(self._ca_file)}

    def cert_verify(self, conn: Any, url: str, verify: Any, cert: Any) -> None:
        """Leaves out what the library does here: it would load the CA file again for each connection."""


def _use_timed(manager: PoolManager) -> None:
    manager.pool_classes_by_scheme = {"http": _TimedPool, "https": _TimedTlsPool}
