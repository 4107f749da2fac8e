"""Brings web addresses into the form in which they are sent, before anything is decided by them."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

_UNSENDABLE = re.compile(r"[\x00-\x1f\x7f\ud800-\udfff]")
"""Control characters, and bytes that were no UTF-8."""


def is_sendable(address: str) -> bool:
    """Decides whether an address has no character that none has."""
    return _UNSENDABLE.search(address) is None


def resolve_dots(address: str) -> str:
    """Returns an address whose path has no `.` and `..`, which are resolved at the latest when it is sent.

    Raises:
        ValueError: it is no address.
    """
    parts = urlsplit(address)
    segments: list[str] = []
    plain = ""
    for segment in parts.path.split("/"):
        plain = segment.lower().replace("%2e", ".")
        if plain == "..":
            del segments[max(len(segments) - 1, 1) :]
        elif plain != ".":
            segments.append(segment)
    if plain in (".", ".."):
        segments.append("")
    path = "/".join(segments)
    return address if path == parts.path else parts._replace(path=path).geturl()
