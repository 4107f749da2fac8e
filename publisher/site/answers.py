"""Defines what the site answers, to a visitor or as a file of an export."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

HTML = "text/html; charset=utf-8"


@dataclass(frozen=True, slots=True)
class Answer:
    """Holds a whole answer."""

    body: bytes
    media_type: str = HTML
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)


class NotHere(Exception):
    """The site has no such page."""


class Gone(Exception):
    """The post of this page was withdrawn."""


class Moved(Exception):
    """The page is at another path, for good."""

    def __init__(self, path: str) -> None:
        super().__init__(path)
        self.path = path
