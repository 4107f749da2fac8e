"""Recognises errors of this machine, so that none is taken for a fault of an account or a post."""

from __future__ import annotations

import errno
import socket
import ssl
from collections.abc import Iterator

from publisher.core.messages import Message, _

PROBLEMS = {
    errno.EMFILE: _("this machine has no free file descriptors for the desk (the limit of its process is reached)"),
    errno.ENFILE: _("this machine has no free file descriptors"),
    errno.ENOMEM: _("this machine has no free memory"),
    errno.ENOBUFS: _("this machine has no free memory for network connections"),
    errno.ENOSPC: _("a disk of this machine is full"),
    errno.EDQUOT: _("a disk quota of this machine is used up"),
    errno.EIO: _("a disk of this machine failed to read or write"),
}
"""Clauses for people, by error number. None of these errors says anything about the other side."""


def machine_problem(error: BaseException) -> Message | None:
    """Returns what this machine lacked, as a clause, when that caused an error; else None."""
    for cause in causes(error):
        if isinstance(cause, MemoryError):
            return PROBLEMS[errno.ENOMEM]
        # Errors of names and of TLS have numbers of their own.
        if isinstance(cause, socket.gaierror | ssl.SSLError):
            continue
        if isinstance(cause, OSError) and cause.errno in PROBLEMS:
            return PROBLEMS[cause.errno]
    return None


def reading_problem(error: BaseException) -> Message | None:
    """Returns why this machine could not read or write a file, as a clause, where that says nothing about the file.

    Besides what the machine lacks, that is a missing permission.
    """
    if problem := machine_problem(error):
        return problem
    denied = any(isinstance(cause, PermissionError) for cause in causes(error))
    return _("the user that the desk runs as has no permission for it") if denied else None


def causes(error: BaseException) -> Iterator[BaseException]:
    """Yields an error and those that led to it, each once."""
    known_ids: set[int] = set()
    waiting: list[object] = [error]
    while waiting:
        cause = waiting.pop()
        if not isinstance(cause, BaseException) or id(cause) in known_ids:
            continue
        known_ids.add(id(cause))
        yield cause
        # Libraries hand an error on in their own: urllib3 as `reason`, requests as the first argument.
        waiting += [cause.__cause__, cause.__context__, getattr(cause, "reason", None), *cause.args]
