"""Serves the pages from a thread of a process that may do other work too."""

from __future__ import annotations

import socket
import threading

import uvicorn

from publisher.core.clock import monotonic, sleep
from publisher.core.errors import UserError
from publisher.core.listening_socket import ListeningSocket
from publisher.core.messages import _
from publisher.core.open_file_limit import bound_connections
from publisher.core.special_addresses import normalize_address
from publisher.desk import Desk
from publisher.web.app import create_app
from publisher.web.connections import ConnectionLimits, DeskConfig

START_TIMEOUT_SECONDS = 120.0
ACCEPT_BACKLOG = 16
"""Connections that are accepted in one go, before any of them is counted: each has a file descriptor."""


class NotServed(UserError):
    """The pages can't be served; the message is one sentence."""

    code = "pages-not-served"


class WebServer:
    """Serves the pages of a desk at an address of this machine. Port 0: any that is free."""

    def __init__(
        self,
        desk: Desk,
        *,
        host: str,
        port: int,
        root_path: str = "",
        proxies: tuple[str, ...] = (),
        limits: ConnectionLimits | None = None,
    ) -> None:
        """`limits`: of connections. None: as configured, and as the process has descriptors."""
        self._host = host
        self._socket = _bind(host, port)
        self.port: int = self._socket.getsockname()[1]
        self._app = create_app(desk, root_path=root_path)
        config = DeskConfig(
            self._app,
            limits or _configured_limits(desk, proxies),
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=bool(proxies),
            forwarded_allow_ips=list(proxies),
            timeout_graceful_shutdown=5,
            backlog=ACCEPT_BACKLOG,
        )
        self._connections = config.connections
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._server.run, args=([self._socket],), name="web", daemon=True)

    @property
    def url(self) -> str:
        host = f"[{self._host}]" if ":" in self._host else self._host
        return f"http://{host}:{self.port}"

    @property
    def connections(self) -> int:
        """Returns how many connections are open."""
        return len(self._connections)

    def start(self) -> None:
        """Starts to serve, and returns when requests can come. Raises NotServed."""
        self._thread.start()
        deadline = monotonic() + START_TIMEOUT_SECONDS
        while not self._server.started:
            if not self._thread.is_alive() or monotonic() > deadline:
                raise NotServed(_("the pages could not be served; the log says why"))
            sleep(0.01)

    def stop(self) -> None:
        """Finishes the answers that have begun, and stops serving."""
        # A page that listens to changes would never end by itself.
        self._app.state.stopping.set()
        self._server.should_exit = True
        self._thread.join()
        self._socket.close()


def _configured_limits(desk: Desk, proxies: tuple[str, ...]) -> ConnectionLimits:
    web = desk.settings.web
    total = bound_connections(web.connections)
    return ConnectionLimits(
        total=total,
        # Where the process may open few files, one address would otherwise take all.
        per_address=min(web.connections_per_address, total // 2),
        shared_addresses=frozenset(map(normalize_address, proxies)),
    )


def _bind(host: str, port: int) -> socket.socket:
    listening = ListeningSocket(socket.AF_INET6 if ":" in host else socket.AF_INET, "web")
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((host, port))
    except OSError as error:
        listening.close()
        text = _(
            "port {port} of {host} can't be used ({reason}); choose another with --port",
            port=port,
            host=host,
            reason=error.strerror,
        )
        raise NotServed(text) from None
    return listening
