"""Parses links to posts, as people copy them, without contacting anybody."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum
from urllib.parse import urlsplit

MAX_ID = 2**63 - 1
POST_ID = re.compile(r"[1-9][0-9]{0,18}", re.ASCII)
MAX_LENGTH = 2000
DEFAULT_PORTS = {"http": 80, "https": 443}
WITHOUT_SCHEME = re.compile(r"[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)+/\S+", re.ASCII)


class LinkFault(Enum):
    """Says why a link or an id names no post of a channel's account."""

    NOT_A_LINK = "not-a-link"
    """It is neither an address nor an id."""
    OTHER_PLATFORM = "other-platform"
    """Its host is not the platform's."""
    OTHER_ACCOUNT = "other-account"
    """It names another account of the platform."""
    NOT_A_POST = "not-a-post"
    """It leads to the platform, but not to a post."""


class LinkRefused(Exception):
    """Says that a link or an id names no post of the account; `fault` says why."""

    def __init__(self, fault: LinkFault) -> None:
        super().__init__(fault.value)
        self.fault = fault


@dataclass(frozen=True, slots=True)
class Link:
    """Holds an address without its query and fragment."""

    host: str
    """In lower case."""
    path: tuple[str, ...]
    """Its segments, without empty ones."""


def read_link(reference: str) -> Link | None:
    """Parses an address; returns None for text that is no address, such as an id.

    Raises:
        LinkRefused: an address that no browser would show so: a password, a control character, a strange port.
    """
    if WITHOUT_SCHEME.fullmatch(reference):
        reference = f"https://{reference}"
    if "/" not in reference and ":" not in reference:
        return None
    if len(reference) > MAX_LENGTH or any(
        not character.isprintable() or character.isspace() for character in reference
    ):
        raise LinkRefused(LinkFault.NOT_A_LINK)
    try:
        parts = urlsplit(reference)
        host, port = parts.hostname, parts.port
    except ValueError:
        raise LinkRefused(LinkFault.NOT_A_LINK) from None
    if parts.scheme not in DEFAULT_PORTS or not host or "@" in parts.netloc or "\\" in reference:
        raise LinkRefused(LinkFault.NOT_A_LINK)
    if port not in (None, DEFAULT_PORTS[parts.scheme]):
        raise LinkRefused(LinkFault.OTHER_PLATFORM)
    return Link(host.removesuffix("."), tuple(segment for segment in parts.path.split("/") if segment))


def numeric_id(text: str) -> str:
    """Returns a post's number as it is. Raises LinkRefused when it can't be one."""
    if not POST_ID.fullmatch(text) or int(text) > MAX_ID:
        raise LinkRefused(LinkFault.NOT_A_POST)
    return text


def same_account(account: str, other: str) -> bool:
    """Returns whether two spellings name the same account."""
    return account.strip().removeprefix("@").casefold() == other.strip().removeprefix("@").casefold()
