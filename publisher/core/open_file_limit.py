"""Raises the limit of open files of a process, and divides it between web connections and everything else."""

from __future__ import annotations

import resource

MAX_OPEN_FILES = 65_536
"""More is never needed, and some libraries prepare memory for as many as are allowed."""
RESERVED_DESCRIPTORS = 128
"""For publishing, alerts, the database and pictures: never given to callers of the web server."""
MIN_CONNECTIONS = 8


def raise_open_files_limit() -> int:
    """Raises the soft limit of open files to the hard one, and returns the limit that then holds."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    limit = MAX_OPEN_FILES if hard == resource.RLIM_INFINITY else min(hard, MAX_OPEN_FILES)
    if soft == resource.RLIM_INFINITY or soft >= limit:
        return MAX_OPEN_FILES if soft == resource.RLIM_INFINITY else soft
    resource.setrlimit(resource.RLIMIT_NOFILE, (limit, hard))
    return limit


def bound_connections(configured: int) -> int:
    """Returns how many connections a server may keep open: as many as configured, at most half of the descriptors."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY:
        return configured
    return max(MIN_CONNECTIONS, min(configured, (soft - RESERVED_DESCRIPTORS) // 2))
