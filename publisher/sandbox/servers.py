"""Starts every sandbox platform on its own server, and the control port."""

from __future__ import annotations

import functools
from datetime import timedelta
from pathlib import Path

from publisher.sandbox.base import SandboxPlatform
from publisher.sandbox.control import ControlPort
from publisher.sandbox.discovery import sandbox_class, sandbox_names
from publisher.sandbox.faults import FaultQueue
from publisher.sandbox.http1 import HttpServer
from publisher.sandbox.http2 import TlsServer
from publisher.sandbox.ledger import Ledger


class SandboxServers:
    """Starts and stops every server of the sandbox together."""

    def __init__(self, folder: Path, port: int = 0) -> None:
        """Prepares the servers; certificates are written to `folder`.

        `port`: of the control port on loopback; the platforms take the next ones. 0: any free ports.
        """
        self.ledger = Ledger()
        self.faults = FaultQueue()
        self.platforms = tuple(sandbox_class(name)(self.ledger, self.faults) for name in sandbox_names())
        self._servers = {
            platform.name: self._server(platform, folder, port + number if port else 0)
            for number, platform in enumerate(self.platforms, start=1)
        }
        self.control = ControlPort(self.platforms, self.ledger, self.faults, self.connection, port=port)

    def _server(self, platform: SandboxPlatform, folder: Path, port: int) -> HttpServer | TlsServer:
        refuse = functools.partial(self._refuses_connection, platform.name)
        if not platform.hosts:
            return HttpServer(platform.answer, port=port, refuse=refuse)
        ca_file = folder / f"{platform.name}-ca.pem"
        return TlsServer(platform.answer, hosts=platform.hosts, ca_file=ca_file, refuse=refuse, proxy_port=port)

    def _refuses_connection(self, name: str) -> bool:
        return self.faults.take(name, at_connection=True) is not None

    def platform(self, name: str) -> SandboxPlatform:
        """Returns the platform with this name."""
        return next(platform for platform in self.platforms if platform.name == name)

    def connection(self, platform: str) -> dict[str, str]:
        """Returns the channel settings that lead to a platform."""
        return self._servers[platform].channel_settings

    def start(self) -> None:
        for server in self._servers.values():
            server.start()
        self.control.start()

    def reset(self) -> None:
        """Removes all posts and faults, and sets every clock to the system's time."""
        self.ledger.clear()
        self.ledger.shift(timedelta(0))
        self.faults.clear()
        for platform in self.platforms:
            platform.reset()

    def stop(self) -> None:
        self.control.stop()
        for server in reversed(self._servers.values()):
            server.stop()
