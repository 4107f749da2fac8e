"""Limits the open connections of an HTTP server: how many there are, and how slow one may be.

When there are too many, a connection that waits for a request or streams changes is closed for a newer one, so
that whoever keeps connections open shuts nobody out. Connections of slow senders and slow readers are closed.
"""

from __future__ import annotations

import asyncio
import ipaddress
from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass
from enum import Enum, auto
from itertools import chain
from typing import Any

import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from publisher.core.clock import monotonic
from publisher.core.logs import get_logger
from publisher.core.special_addresses import normalize_address, rate_limit_network

STREAM_STATE = "streams_changes"
"""The key in a request's state of an answer that has no end, and whose browser asks again by itself."""
ACCEPT_BACKLOG = 16
"""At most so many are accepted in one go, before any of them is counted: each has a file descriptor."""
SWEEP_SECONDS = 1.0
NEWCOMER_SECONDS = 1.0
"""The request of a new connection may be on its way for so long."""
BUSY_ANSWER = (
    b"HTTP/1.1 503 Service Unavailable\r\ncontent-type: text/plain; charset=utf-8\r\nretry-after: 5\r\n"
    b"connection: close\r\ncontent-length: 47\r\n\r\nToo many connections are open; try again soon.\n"
)


@dataclass(frozen=True, slots=True)
class ConnectionLimits:
    """Says how many connections may be open, and how slow one may be."""

    total: int = 500
    per_address: int = 100
    """Connections of one IPv4 address, or of one /64 network of IPv6."""
    shared_addresses: Collection[str] = ()
    """Addresses of proxies, behind which many people are: only the total counts for them, and for this machine's."""
    head_seconds: float = 10.0
    """A request's head must be complete so long after the connection or the former answer."""
    progress_seconds: float = 10.0
    """In so many seconds a body or an answer must get on by `progress_bytes`."""
    progress_bytes: int = 10_000
    closes_busy: bool = False
    """Whether a new connection may close one whose answer is being made, when all are at work."""


class Phase(Enum):
    """Says what a connection is doing."""

    HEAD = auto()
    """It waits for a request, of which nothing or a part of the head has come."""
    BODY = auto()
    """A request's body is still coming."""
    WORK = auto()
    """The application makes the answer."""
    STREAM = auto()
    """The answer goes on for as long as nobody closes it; the browser asks again when it ends."""


RECEIVING = (Phase.HEAD, Phase.BODY)


class Connections:
    """Tracks the open connections of one server, and closes those that are too many or too slow."""

    def __init__(self, limits: ConnectionLimits, name: str) -> None:
        """`name`: of the server, for the log."""
        self.limits = limits
        self._open: dict[BoundedConnection, None] = {}
        """In the order in which they came."""
        self._by_network: Counter[str] = Counter()
        self._sweep: asyncio.TimerHandle | None = None
        self._log = get_logger(name)

    def __len__(self) -> int:
        return len(self._open)

    def admit(self, connection: BoundedConnection) -> bool:
        """Counts a new connection; False when it can't be taken, because no other may be closed for it."""
        network = connection.network
        if self._is_counted(connection.address) and self._by_network[network] >= self.limits.per_address:
            if not self._close_one(network):
                return False
        elif len(self._open) >= self.limits.total and not self._close_one(None):
            return False
        self._open[connection] = None
        self._by_network[network] += 1
        if self._sweep is None:
            self._sweep = asyncio.get_running_loop().call_later(SWEEP_SECONDS, self._close_slow)
        return True

    def forget(self, connection: BoundedConnection) -> None:
        """Counts a connection no longer."""
        if connection not in self._open:
            return
        del self._open[connection]
        self._by_network[connection.network] -= 1
        if not self._by_network[connection.network]:
            del self._by_network[connection.network]

    def _is_counted(self, address: str) -> bool:
        return address not in self.limits.shared_addresses and not _is_loopback(address)

    def _close_one(self, network: str | None) -> bool:
        """Closes the least busy connection; False when all of them are at work and may go on.

        That is the oldest that waits for a request, else the oldest that streams, else the one that has waited
        longest for the rest of its request. `network`: only one of this network.
        """
        candidates = [connection for connection in self._open if network in (None, connection.network)]
        latest = monotonic() - NEWCOMER_SECONDS
        idle = (candidate for candidate in candidates if candidate.phase is Phase.HEAD and candidate.since < latest)
        streaming = (candidate for candidate in candidates if candidate.phase is Phase.STREAM)
        # A newcomer's request may be on its way, where a form that is sent in halves is not.
        receiving = sorted(
            (candidate for candidate in candidates if candidate.phase in RECEIVING),
            key=lambda candidate: candidate.since,
        )
        busy = candidates if self.limits.closes_busy else []
        chosen = next(chain(idle, streaming, receiving, busy), None)
        if chosen is None:
            return False
        self._log.warning(
            "too many connections are open: the oldest that asked nothing are closed",
            **({"address": network} if network else {}),
        )
        self.forget(chosen)
        chosen.abort()
        return True

    def _close_slow(self) -> None:
        self._sweep = None
        now = monotonic()
        for connection in list(self._open):
            if reason := connection.reason_to_close(now):
                self._log.debug("a slow connection was closed", reason=reason)
                self.forget(connection)
                connection.abort()
        if self._open:
            self._sweep = asyncio.get_running_loop().call_later(SWEEP_SECONDS, self._close_slow)


class BoundedConfig(uvicorn.Config):
    """Configures uvicorn, and holds the connections of its protocols."""

    def __init__(self, app: Any, limits: ConnectionLimits, *, name: str, **options: Any) -> None:
        """`name`: of the server, for the log."""
        super().__init__(
            app,
            http=BoundedConnection,
            log_config=None,
            access_log=False,
            server_header=False,
            # Else one burst would close all others before what they ask is read.
            backlog=max(1, min(ACCEPT_BACKLOG, limits.total // 8)),
            **options,
        )
        self.connections = Connections(limits, name)


class BoundedConnection(H11Protocol):
    """Tracks what one connection waits for, and since when."""

    config: BoundedConfig

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.address = ""
        self.network = ""
        """The address or network that `per_address` counts."""
        self.since = monotonic()
        """The time at which its present phase or progress window began."""
        self._phase = Phase.HEAD
        self._received = 0
        self._unsent = 0
        self._was_stuck = False

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        peer = transport.get_extra_info("peername")
        self.address = normalize_address(str(peer[0])) if peer else ""
        self.network = rate_limit_network(self.address)
        super().connection_made(transport)
        self.since = monotonic()
        if not self.config.connections.admit(self):
            transport.write(BUSY_ANSWER)
            transport.close()

    def connection_lost(self, exc: Exception | None) -> None:
        self.config.connections.forget(self)
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        self._received += len(data)
        super().data_received(data)
        self._note_phase()

    def on_response_complete(self) -> None:
        super().on_response_complete()
        self._note_phase(begins_anew=True)

    def resume_writing(self) -> None:
        super().resume_writing()
        # Tens of kilobytes went out since writing was paused.
        self._begin_window(monotonic())

    @property
    def phase(self) -> Phase:
        if self.cycle is None or self.cycle.response_complete:
            return Phase.HEAD
        # An application is handed the state of its request by reference, however often the scope is copied.
        if self.cycle.scope["state"].get(STREAM_STATE):
            return Phase.STREAM
        return Phase.BODY if self.cycle.more_body else Phase.WORK

    def abort(self) -> None:
        """Hangs up at once."""
        self.transport.abort()

    def reason_to_close(self, now: float) -> str:
        """Returns why this connection is too slow; empty while it is not."""
        limits = self.config.connections.limits
        unsent = self.transport.get_write_buffer_size()
        if unsent or self._was_stuck:
            return self._reason_unread(now, unsent)
        waited = now - self.since
        if self.phase is Phase.HEAD and waited > limits.head_seconds:
            return "no request came"
        if self.phase is Phase.BODY and waited > limits.progress_seconds:
            slow = self._received < limits.progress_bytes and not self.flow.read_paused
            self._begin_window(now)
            return "its request came too slowly" if slow else ""
        return ""

    def _reason_unread(self, now: float, unsent: int) -> str:
        limits = self.config.connections.limits
        if not unsent or not self._was_stuck:
            self._begin_window(now)
            self._was_stuck, self._unsent = bool(unsent), unsent
        elif now - self.since > limits.progress_seconds:
            slow = self._unsent - unsent < limits.progress_bytes
            self._begin_window(now)
            self._unsent = unsent
            return "its answer was read too slowly" if slow else ""
        return ""

    def _note_phase(self, *, begins_anew: bool = False) -> None:
        phase = self.phase
        if begins_anew or phase is not self._phase:
            self._phase = phase
            self._begin_window(monotonic())

    def _begin_window(self, now: float) -> None:
        self.since, self._received = now, 0
        self._unsent = self.transport.get_write_buffer_size()


def _is_loopback(address: str) -> bool:
    try:
        return ipaddress.ip_address(address).is_loopback
    except ValueError:
        return False
