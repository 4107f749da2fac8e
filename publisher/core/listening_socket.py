"""Defines a listening socket that survives a process without free file descriptors."""

from __future__ import annotations

import errno
import os
import socket
from typing import Any

from publisher.core.machine_errors import machine_problem
from publisher.core.outage_log import LogOnce

KERNEL_BACKLOG = 512
"""So many connections may wait in the kernel until they are accepted."""


class ListeningSocket(socket.socket):
    """Accepts connections. Without a free descriptor it closes the one that waits, with a descriptor kept spare.

    Otherwise the connection would stay in the kernel's queue, and the server would be woken again and again.
    """

    def __init__(self, family: int, name: str) -> None:
        """`name`: the server, for the log."""
        # Named TCP in so many words, or asyncio leaves Nagle's algorithm on: each answer would wait 40 ms for an ACK.
        super().__init__(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        self._spare: int | None = os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC)
        self._outage_log = LogOnce(name, "accepting a connection")

    def listen(self, _backlog: int = KERNEL_BACKLOG, /) -> None:
        """Listens with the kernel's queue as long as ours, however few connections are accepted in one go."""
        super().listen(KERNEL_BACKLOG)

    def accept(self) -> tuple[socket.socket, Any]:
        """Accepts a connection. Raises BlockingIOError when it had to be closed at once."""
        try:
            accepted = super().accept()
        except OSError as error:
            if error.errno not in (errno.EMFILE, errno.ENFILE):
                raise
            self._outage_log.failed(OSError(machine_problem(error)), trace=False)
            self._close_next_connection()
            raise BlockingIOError(errno.EAGAIN, "no descriptor is free") from None
        self._outage_log.worked()
        return accepted

    def _close_next_connection(self) -> None:
        if self._spare is not None:
            os.close(self._spare)
            self._spare = None
        try:
            super().accept()[0].close()
            self._spare = os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC)
        except OSError:
            return  # Another thread took the descriptor; the next turn tries again.

    def close(self) -> None:
        if self._spare is not None:
            os.close(self._spare)
            self._spare = None
        super().close()
