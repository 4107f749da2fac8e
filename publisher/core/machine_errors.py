"""Recognises errors of this machine, so that none is taken for a fault of an account or a post."""

from __future__ import annotations

import errno
import socket
import ssl
from collections.abc import Iterator

PROBLEMS = {
    errno.EMFILE: "this machine has no free file descriptors for the desk (the limit of its process is reached)",
    errno.ENFILE: "this machine has no free file descriptors",
    errno.ENOMEM: "this machine has no free memory",
    errno.ENOBUFS: "this machine has no free memory for network connections",
    errno.ENOSPC: "a disk of this machine is full",
    errno.EDQUOT: "a disk quota of this machine is used up",
    errno.EIO: "a disk of this machine failed to read or write",
}
"""Clauses for people, by error number. None of these errors says anything about the other side."""


def machine_problem(error: BaseException) -> str:
    """Returns what this machine lacked, as a clause, when that caused an error; else an empty text."""
    for cause in causes(error):
        if isinstance(cause, MemoryError):
            return PROBLEMS[errno.ENOMEM]
        # Errors of names and of TLS have numbers of their own.
        if isinstance(cause, socket.gaierror | ssl.SSLError):
            continue
        if isinstance(cause, OSError) and cause.errno in PROBLEMS:
            return PROBLEMS[cause.errno]
    return ""


def reading_problem(error: BaseException) -> str:
    """Returns why this machine could not read or write a file, as a clause, where that says nothing about the file.

    Besides what the machine lacks, that is a missing permission.
    """
    if problem := machine_problem(error):
        return problem
    denied = any(isinstance(cause, PermissionError) for cause in causes(error))
    return "the user that the desk runs as has no permission for it" if denied else ""


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
