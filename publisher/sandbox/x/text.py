"""How X counts a text and what it makes of one, by the rules that X published (twitter-text)."""

from __future__ import annotations

import hashlib
import importlib
import re
import sys
import unicodedata
from functools import cache
from importlib import resources
from types import ModuleType
from typing import Any

LONGEST_PARSED = 1000
"""Code points. The search for links takes more than quadratic time; X refuses such texts anyway."""


@cache
def _rules() -> Any:
    """The library. It asks `pkg_resources`, which newer setuptools lack, for one data file."""
    if "pkg_resources" in sys.modules:
        return importlib.import_module("twitter_text")
    stand_in = ModuleType("pkg_resources")
    vars(stand_in)["resource_string"] = lambda module, name: (
        resources.files(module.rpartition(".")[0]).joinpath(name).read_bytes()
    )
    sys.modules["pkg_resources"] = stand_in
    try:
        return importlib.import_module("twitter_text")
    finally:
        sys.modules.pop("pkg_resources", None)


def fits(text: str, limit: int) -> bool:
    """Whether the weighted length of a text is within the limit."""
    return len(text) <= LONGEST_PARSED and int(_rules().parse_tweet(text).weightedLength) <= limit


def short_link(address: str) -> str:
    return f"https://t.co/{hashlib.sha256(address.encode()).hexdigest()[:10]}"


def as_shown(text: str, media: str | None) -> tuple[str, list[dict[str, str]]]:
    """A text as X gives it back, and its links: composed, escaped, each address a short link.

    `media` names attached media: they add a short link of their own.
    """
    composed = unicodedata.normalize("NFC", text).strip()
    links: list[dict[str, str]] = []
    shown, end = "", 0
    for found in _rules().extract_urls_with_indices(composed):
        first, last = found["indices"]
        address = str(found["url"])
        bare = re.sub("^https?://", "", address, flags=re.IGNORECASE)
        expanded = address if bare != address else f"http://{address}"
        links.append({"url": short_link(address), "expanded_url": expanded, "display_url": bare})
        shown += _escaped(composed[end:first]) + short_link(address)
        end = last
    shown += _escaped(composed[end:])
    return (f"{shown} {short_link(media)}".strip() if media else shown), links


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
