"""Names the owner of a lease so that another process on the same machine can tell whether it lives."""

from __future__ import annotations

import os
import socket
from functools import cache
from pathlib import Path


@cache
def _machine() -> str:
    """Names this boot of this machine, and the process numbers that are valid here."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()[:13]
        numbers = os.readlink("/proc/self/ns/pid").strip("pid:[]")
    except OSError:
        return ""
    return f"{boot}/{numbers}"


def _started(pid: int) -> str | None:
    """Returns when a process started, in the kernel's ticks; None when there is no such process."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="ascii", errors="replace")
    except OSError:
        return None
    fields = stat.rpartition(")")[2].split()
    return None if fields[0] in ("Z", "X") else fields[19]


def owner_name() -> str:
    """Returns the owner's name of this process: `host:pid:start:machine`."""
    pid = os.getpid()
    return f"{socket.gethostname()}:{pid}:{_started(pid) or ''}:{_machine()}"


def host_of(owner: str) -> str:
    """Returns the host in an owner's name, or nothing where it is no such name."""
    parts = owner.split(":")
    return parts[0] if len(parts) == 4 and parts[1].isdigit() else ""


def is_surely_gone(owner: str) -> bool:
    """Returns whether the owner was a process of this machine that no longer runs.

    A name from another machine, another boot or another process namespace is never judged:
    only its lease shows it.
    """
    parts = owner.split(":")
    if len(parts) != 4 or not parts[1].isdigit() or not parts[2] or not _machine() or parts[3] != _machine():
        return False
    return _started(int(parts[1])) != parts[2]
