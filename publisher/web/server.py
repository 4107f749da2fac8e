"""Serves the pages from a thread of a process that may do other work too."""

from __future__ import annotations

from publisher.core.errors import UserError
from publisher.core.http_connections import BoundedConfig, ConnectionLimits
from publisher.core.http_server import HttpServer, bind
from publisher.core.listening_socket import ListeningSocket
from publisher.core.messages import _
from publisher.core.open_file_limit import bound_connections
from publisher.core.special_addresses import normalize_address
from publisher.desk import Desk
from publisher.web.app import create_app


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
        listening = _bind(host, port)
        self._app = create_app(desk, root_path=root_path)
        config = BoundedConfig(
            self._app,
            limits or _configured_limits(desk, proxies),
            name="web",
            proxy_headers=bool(proxies),
            forwarded_allow_ips=list(proxies),
            timeout_graceful_shutdown=5,
        )
        self._server = HttpServer(config, listening, name="web")
        self.port = self._server.port

    @property
    def url(self) -> str:
        host = f"[{self._host}]" if ":" in self._host else self._host
        return f"http://{host}:{self.port}"

    @property
    def connections(self) -> int:
        """Returns how many connections are open."""
        return self._server.connections

    def start(self) -> None:
        """Starts to serve, and returns when requests can come. Raises NotServed."""
        if not self._server.start():
            raise NotServed(_("the pages could not be served; the log says why"))

    def stop(self) -> None:
        """Finishes the answers that have begun, and stops serving."""
        # A page that listens to changes would never end by itself.
        self._app.state.stopping.set()
        self._server.stop()


def _configured_limits(desk: Desk, proxies: tuple[str, ...]) -> ConnectionLimits:
    web = desk.settings.web
    total = bound_connections(web.connections)
    return ConnectionLimits(
        total=total,
        # Where the process may open few files, one address would otherwise take all.
        per_address=min(web.connections_per_address, total // 2),
        shared_addresses=frozenset(map(normalize_address, proxies)),
    )


def _bind(host: str, port: int) -> ListeningSocket:
    try:
        return bind(host, port, name="web")
    except OSError as error:
        text = _(
            "port {port} of {host} can't be used ({reason}); choose another with --port",
            port=port,
            host=host,
            reason=error.strerror,
        )
        raise NotServed(text) from None
