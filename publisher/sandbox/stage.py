"""The whole stage: three platforms, each on its own wire, and the control port."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from publisher.sandbox.base import SandboxPlatform
from publisher.sandbox.control import Control
from publisher.sandbox.faults import FaultBox
from publisher.sandbox.http1 import HttpServer
from publisher.sandbox.http2 import TlsServer
from publisher.sandbox.instagram.service import HOSTS, InstagramSandbox
from publisher.sandbox.ledger import Ledger
from publisher.sandbox.tumblr.service import TumblrSandbox
from publisher.sandbox.x.service import XSandbox


@dataclass(frozen=True, slots=True)
class Ports:
    """Where to listen on loopback; 0 takes any free port."""

    control: int = 0
    tumblr: int = 0
    x: int = 0
    instagram_proxy: int = 0


class Stage:
    """Starts and stops every server of the sandbox together."""

    def __init__(self, ca_file: Path, ports: Ports = Ports()) -> None:
        self.ledger = Ledger()
        self.faults = FaultBox()
        self.tumblr = TumblrSandbox(self.ledger, self.faults)
        self.x = XSandbox(self.ledger, self.faults)
        self.instagram = InstagramSandbox(self.ledger, self.faults)
        self._tumblr_server = self._plain(self.tumblr, ports.tumblr)
        self._x_server = self._plain(self.x, ports.x)
        self._instagram_server = TlsServer(
            self.instagram.answer,
            hosts=HOSTS,
            ca_file=ca_file,
            refuse=self._refuses(self.instagram),
            proxy_port=ports.instagram_proxy,
        )
        self.control = Control(self.platforms, self.ledger, self.faults, self.connection, port=ports.control)

    def _plain(self, platform: SandboxPlatform, port: int) -> HttpServer:
        return HttpServer(platform.answer, port=port, refuse=self._refuses(platform))

    def _refuses(self, platform: SandboxPlatform) -> functools.partial[bool]:
        return functools.partial(self._takes_refusal, platform.name)

    def _takes_refusal(self, name: str) -> bool:
        return self.faults.take(name, refusing=True) is not None

    @property
    def platforms(self) -> tuple[SandboxPlatform, ...]:
        return (self.tumblr, self.x, self.instagram)

    def platform(self, name: str) -> SandboxPlatform:
        return next(platform for platform in self.platforms if platform.name == name)

    def connection(self, platform: str) -> dict[str, str]:
        """The channel settings that lead to a platform of this stage."""
        if platform == self.instagram.name:
            return {"proxy": self._instagram_server.proxy_url, "ca_file": str(self._instagram_server.ca_file)}
        server = self._tumblr_server if platform == self.tumblr.name else self._x_server
        return {"base_url": server.url}

    def start(self) -> None:
        for server in (self._tumblr_server, self._x_server, self._instagram_server):
            server.start()
        self.control.start()

    def reset(self) -> None:
        """Empty the stage, with its clocks at the system's time and nothing wrong with it."""
        self.ledger.clear()
        self.ledger.shift(timedelta(0))
        self.faults.clear()
        for platform in self.platforms:
            platform.reset()

    def stop(self) -> None:
        self.control.stop()
        for server in (self._instagram_server, self._x_server, self._tumblr_server):
            server.stop()
