"""Resolves host names within a time: the system's own resolver has no deadline, and may hang for minutes."""

from __future__ import annotations

import queue
import socket
import threading

RESOLVE_SECONDS = 5.0
MAX_RESOLVERS = 16
"""So many names are resolved at once. A thread whose name server hangs can't be ended, and keeps its place."""

_PLACES = threading.BoundedSemaphore(MAX_RESOLVERS)


class NotResolvedInTime(Exception):
    """The system's resolver did not answer in time; nothing is known of the name."""


def resolve(host: str, port: int, seconds: float = RESOLVE_SECONDS) -> list[str]:
    """Returns the addresses of a host for TCP, each as often as the system tells it.

    Raises:
        NotResolvedInTime: there was no answer within so many seconds, or too many names wait for one.
        OSError: nobody has that name, or this machine lacks what is needed to ask.
        UnicodeError: it can't be a name.
    """
    places = _PLACES
    if not places.acquire(blocking=False):
        raise NotResolvedInTime(host)
    answers: queue.SimpleQueue[list[str] | Exception] = queue.SimpleQueue()
    # A daemon: a name server that hangs does not keep the process from ending.
    thread = threading.Thread(target=_ask, args=(host, port, answers, places), name="name-resolver", daemon=True)
    try:
        thread.start()
    except BaseException:
        places.release()
        raise
    try:
        answer = answers.get(timeout=max(seconds, 0.0))
    except queue.Empty:
        raise NotResolvedInTime(host) from None
    if isinstance(answer, Exception):
        raise answer
    return answer


def _ask(
    host: str, port: int, answers: queue.SimpleQueue[list[str] | Exception], places: threading.BoundedSemaphore
) -> None:
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        answers.put([str(info[4][0]) for info in found])
    except Exception as error:
        answers.put(error)
    finally:
        places.release()
