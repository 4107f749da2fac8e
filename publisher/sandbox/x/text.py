"""Counts and changes a text as X does, by the rules that X published (twitter-text)."""

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

MAX_PARSED_LENGTH = 1000
"""In code points. The search for links takes more than quadratic time; X refuses longer texts anyway."""


@cache
def _rules() -> Any:
    """Imports the library. It reads one data file by `pkg_resources`, which newer setuptools lack."""
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
    """Decides whether the weighted length of a text is within the limit."""
    return len(text) <= MAX_PARSED_LENGTH and int(_rules().parse_tweet(text).weightedLength) <= limit


def short_link(address: str) -> str:
    return f"https://t.co/{hashlib.sha256(address.encode()).hexdigest()[:10]}"


def as_shown(text: str, media: str | None) -> tuple[str, list[dict[str, str]]]:
    """Returns a text as X shows it, and its links: composed, escaped, each address a short link.

    `media` is the address of attached media: they add a short link of their own.
    """
    composed = unicodedata.normalize("NFC", text).strip()
    links: list[dict[str, str]] = []
    shown_text, end = "", 0
    for link in _rules().extract_urls_with_indices(composed):
        first, last = link["indices"]
        address = str(link["url"])
        display_url = re.sub("^https?://", "", address, flags=re.IGNORECASE)
        expanded_url = address if display_url != address else f"http://{address}"
        links.append({"url": short_link(address), "expanded_url": expanded_url, "display_url": display_url})
        shown_text += _escape(composed[end:first]) + short_link(address)
        end = last
    shown_text += _escape(composed[end:])
    return (f"{shown_text} {short_link(media)}".strip() if media else shown_text), links


def _escape(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
