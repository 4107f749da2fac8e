"""Reads robots.txt: what a site lets programs ask for, and how long it wants them to wait."""

from __future__ import annotations

from typing import Protocol

from protego import Protego

ROBOT_NAME = "publisher"
"""The name by which a robots.txt can speak to this program."""
MAX_DELAY_SECONDS = 30.0


class RobotRules(Protocol):
    """Says what programs may ask a site for."""

    def allows(self, url: str) -> bool: ...

    @property
    def delay(self) -> float: ...


class NoRules:
    """Stands for a site that has no robots.txt: everything may be asked for."""

    delay = 0.0

    def allows(self, _url: str) -> bool:
        return True


class ReadRules:
    """Holds the rules of a robots.txt."""

    def __init__(self, content: bytes) -> None:
        self._rules = Protego.parse(content.decode("utf-8-sig", "replace"))
        self.delay = min(float(self._rules.crawl_delay(ROBOT_NAME) or 0.0), MAX_DELAY_SECONDS)
        """Seconds between two requests that the site asks for."""

    def allows(self, url: str) -> bool:
        return bool(self._rules.can_fetch(url, ROBOT_NAME))
