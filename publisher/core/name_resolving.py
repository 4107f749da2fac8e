"""Resolves host names within a timeout: the system's own resolver has none, and may hang for minutes."""

from __future__ import annotations

import queue
import socket
import threading
from ipaddress import ip_address
from typing import Any

RESOLVE_SECONDS = 5.0
MAX_RESOLVERS = 16
"""So many names are resolved at once. A thread whose name server hangs can't be ended, and keeps its place."""

AddressInfo = tuple[socket.AddressFamily, socket.SocketKind, int, str, tuple[Any, ...]]
"""An entry of what `socket.getaddrinfo` returns."""

_DEFAULT_LIMIT = threading.BoundedSemaphore(MAX_RESOLVERS)
"""For callers that name none of their own."""


class NotResolvedInTime(Exception):
    """The system's resolver did not answer in time; nothing is known of the name."""


def resolve(
    host: str, port: int, seconds: float = RESOLVE_SECONDS, *, resolver_limit: threading.BoundedSemaphore | None = None
) -> list[str]:
    """Returns the addresses of a host for TCP, each as often as the system lists it.

    Raises what `find_addresses` raises.
    """
    return [
        str(info[4][0]) for info in find_addresses(host, port, seconds, resolver_limit=resolver_limit or _DEFAULT_LIMIT)
    ]


def find_addresses(
    host: str, port: int, seconds: float, *, resolver_limit: threading.BoundedSemaphore, family: int = socket.AF_UNSPEC
) -> list[AddressInfo]:
    """Returns the address entries of a host for TCP sockets, in the order in which they are best tried.

    `resolver_limit`: bounds how many names are resolved at once. Callers that must not wait for each other have one
    each.

    Raises:
        NotResolvedInTime: there was no answer within so many seconds, or too many names wait for one.
        OSError: nobody has that name, or this machine lacks what is needed to ask.
        UnicodeError: it can't be a name.
    """
    if is_address(host):
        return _get_address_info(host, port, family)
    if not resolver_limit.acquire(blocking=False):
        raise NotResolvedInTime(host)
    answers: queue.SimpleQueue[list[AddressInfo] | Exception] = queue.SimpleQueue()
    # A daemon: a name server that hangs does not keep the process from ending.
    thread = threading.Thread(
        target=_resolve_in_thread, args=(host, port, family, answers, resolver_limit), name="name-resolver", daemon=True
    )
    try:
        thread.start()
    except BaseException:
        resolver_limit.release()
        raise
    try:
        answer = answers.get(timeout=max(seconds, 0.0))
    except queue.Empty:
        raise NotResolvedInTime(host) from None
    if isinstance(answer, Exception):
        raise answer
    return answer


def is_address(host: str) -> bool:
    """Tells whether a host is named by its address, which needs no resolving."""
    try:
        ip_address(host.partition("%")[0])
    except ValueError:
        return False
    return True


def _resolve_in_thread(
    host: str,
    port: int,
    family: int,
    answers: queue.SimpleQueue[list[AddressInfo] | Exception],
    resolver_limit: threading.BoundedSemaphore,
) -> None:
    try:
        answers.put(_get_address_info(host, port, family))
    except Exception as error:
        answers.put(error)
    finally:
        resolver_limit.release()


def _get_address_info(host: str, port: int, family: int) -> list[AddressInfo]:
    return list(socket.getaddrinfo(host, port, family, socket.SOCK_STREAM))
