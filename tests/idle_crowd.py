"""Opens many connections that send nothing, or little by little, for tests of the web server."""

from __future__ import annotations

import resource
import select
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from tests.waiting import TIMEOUT

RECONNECT_SECONDS = 0.2


def allow_many_files() -> None:
    """Lets this process open the files that a crowd needs."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard if hard != resource.RLIM_INFINITY else 65_536, hard))


class IdleCrowd:
    """Keeps a number of connections open, and opens a new one for each that the server closes."""

    def __init__(self, port: int, size: int, first_bytes: bytes = b"") -> None:
        self._port = port
        self._size = size
        self._first_bytes = first_bytes
        self._open: list[socket.socket] = []
        self._ended = threading.Event()
        self._full = threading.Event()
        self._thread = threading.Thread(target=self._keep, daemon=True)
        self.opened = 0

    def start(self) -> None:
        """Returns when every connection was opened once."""
        self._thread.start()
        assert self._full.wait(TIMEOUT)

    def end(self) -> None:
        self._ended.set()
        self._thread.join()
        for connection in self._open:
            connection.close()

    def _keep(self) -> None:
        while not self._ended.is_set():
            while len(self._open) < self._size and not self._ended.is_set():
                self._open_one()
            self._full.set()
            self._drop_closed()
            self._ended.wait(RECONNECT_SECONDS)

    def _open_one(self) -> None:
        connection = socket.socket()
        connection.settimeout(2)
        try:
            connection.connect(("127.0.0.1", self._port))
            connection.sendall(self._first_bytes)
        except OSError:
            connection.close()
            self._ended.wait(RECONNECT_SECONDS)
            return
        self.opened += 1
        self._open.append(connection)

    def _drop_closed(self) -> None:
        poll = select.poll()
        by_number = {connection.fileno(): connection for connection in self._open}
        for number in by_number:
            poll.register(number, select.POLLIN)
        for number, _ in poll.poll(0):
            by_number[number].close()
            self._open.remove(by_number[number])


@contextmanager
def idle_crowd(port: int, size: int, first_bytes: bytes = b"") -> Iterator[IdleCrowd]:
    allow_many_files()
    crowd = IdleCrowd(port, size, first_bytes)
    crowd.start()
    try:
        yield crowd
    finally:
        crowd.end()
