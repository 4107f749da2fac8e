"""Serves the site from a thread of a process that may do other work too."""

from __future__ import annotations

import threading

from publisher.core.errors import ErrorKind, UserError
from publisher.core.http_connections import BoundedConfig, ConnectionLimits
from publisher.core.http_server import HttpServer, bind
from publisher.core.messages import _
from publisher.core.open_file_limit import bound_connections
from publisher.core.special_addresses import normalize_address
from publisher.desk import Desk
from publisher.site.app import SiteApp, create_site

MAX_CONNECTIONS = 500
PER_ADDRESS = 50


class SiteNotServed(UserError):
    """The site can't be served; the message is one sentence."""

    code = "site-not-served"
    kind = ErrorKind.CONFIGURATION


class SiteServer:
    """Serves the site of a desk at its configured address. Port 0: any that is free."""

    def __init__(self, desk: Desk) -> None:
        """Raises SiteNotServed where the port can't be used."""
        site = desk.settings.site
        self._host = site.host
        try:
            listening = bind(site.host, site.port, name="site")
        except OSError as error:
            text = _(
                "port {port} of {host} can't be used ({reason}); choose another for site.port",
                port=site.port,
                host=site.host,
                reason=error.strerror,
            )
            raise SiteNotServed(text) from None
        limits = ConnectionLimits(
            total=bound_connections(MAX_CONNECTIONS),
            per_address=PER_ADDRESS,
            shared_addresses=frozenset(map(normalize_address, site.proxies)),
            closes_busy=True,
        )
        app = SiteApp(desk)
        self._preparation = threading.Thread(target=app.prepare, name="site preparation", daemon=True)
        config = BoundedConfig(
            create_site(app),
            limits,
            name="site",
            proxy_headers=bool(site.proxies),
            forwarded_allow_ips=list(site.proxies),
            timeout_graceful_shutdown=5,
        )
        self._server = HttpServer(config, listening, name="site")

    @property
    def url(self) -> str:
        host = f"[{self._host}]" if ":" in self._host else self._host
        return f"http://{host}:{self._server.port}"

    def start(self) -> None:
        """Starts to serve, and returns when requests can come. Raises SiteNotServed."""
        if not self._server.start():
            raise SiteNotServed(_("the site could not be served; the log says why"))
        self._preparation.start()

    def stop(self) -> None:
        """Finishes the answers that have begun, and stops serving."""
        self._server.stop()
        if self._preparation.is_alive():
            self._preparation.join()
