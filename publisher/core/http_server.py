"""Serves an ASGI application from a thread of a process that may do other work too."""

from __future__ import annotations

import socket
import threading

import uvicorn

from publisher.core.clock import monotonic, sleep
from publisher.core.http_connections import BoundedConfig
from publisher.core.listening_socket import ListeningSocket

START_TIMEOUT_SECONDS = 120.0


class HttpServer:
    """Serves the application of a configuration on a bound socket, from `start` to `stop`."""

    def __init__(self, config: BoundedConfig, listening: socket.socket, *, name: str) -> None:
        """`name`: of the thread."""
        self._config = config
        self._socket = listening
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._server.run, args=([listening],), name=name, daemon=True)

    @property
    def port(self) -> int:
        """Returns the port that it listens on."""
        return int(self._socket.getsockname()[1])

    @property
    def connections(self) -> int:
        """Returns how many connections are open."""
        return len(self._config.connections)

    def start(self) -> bool:
        """Starts to serve, and returns when requests can come. False: it did not start, and the log says why."""
        self._thread.start()
        deadline = monotonic() + START_TIMEOUT_SECONDS
        while not self._server.started:
            if not self._thread.is_alive() or monotonic() > deadline:
                return False
            sleep(0.01)
        return True

    def stop(self) -> None:
        """Finishes the answers that have begun, for as long as the configuration allows, and stops serving."""
        self._server.should_exit = True
        self._thread.join()
        self._socket.close()


def bind(host: str, port: int, *, name: str) -> ListeningSocket:
    """Binds a port of this machine. Port 0: any that is free. `name`: of the server, for the log. Raises OSError."""
    listening = ListeningSocket(socket.AF_INET6 if ":" in host else socket.AF_INET, name)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((host, port))
    except OSError:
        listening.close()
        raise
    return listening
