"""Finds the address of a licence, for pages and for search engines."""

from __future__ import annotations

import re

_CC = re.compile(r"\bCC[ -]BY((?:[ -](?:NC|ND|SA))*)(?:[ -]v?(\d\.\d))?", re.IGNORECASE)
_CC0 = re.compile(r"\bCC[ -]?0\b|\bCC Zero\b", re.IGNORECASE)
_ADDRESS = re.compile(r"https?://[^\s<>()\"']+[^\s<>()\"'.,;]")
LATEST = "4.0"


def licence_url(licence: str) -> str | None:
    """Returns the address at which a licence is written; None: it names none that is known."""
    if match := _ADDRESS.search(licence):
        return match[0]
    if _CC0.search(licence):
        return "https://creativecommons.org/publicdomain/zero/1.0/"
    if match := _CC.search(licence):
        kind = re.sub(r"[ -]+", "-", f"by{match[1].lower()}")
        return f"https://creativecommons.org/licenses/{kind}/{match[2] or LATEST}/"
    return None
