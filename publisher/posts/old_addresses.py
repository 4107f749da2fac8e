"""Finds posts by the addresses at which they were published before, so that a site can lead readers on."""

from __future__ import annotations

import hashlib
import re
from urllib.parse import unquote, urlsplit

from sqlalchemy import case, select
from sqlalchemy.orm import Session

from publisher.db.imports import PublishedLink

OWN_SITE = "site"
"""What an import calls the outlet's own site, unless its source says otherwise."""
_INDEX = re.compile(r"(?<=/)index\.x?html?$")


def address_key(address: str) -> str | None:
    """Identifies a whole address, or a path, by its path and query. None: it is a first page, or no address."""
    try:
        parts = urlsplit(address)
    except ValueError:
        return None
    path = _INDEX.sub("", unquote(parts.path, errors="replace")).rstrip("/")
    if not path and not parts.query:
        return None
    query = f"?{parts.query}" if parts.query else ""
    return hashlib.sha256(f"{path}{query}".encode("utf-8", "surrogatepass")).hexdigest()


def post_of_old_address(session: Session, path: str) -> int | None:
    """Returns the number of the post that was published at a path; None: none that is known.

    `path`: as a reader asks for it, with its query. A query that no old address has, such as one that a newsletter
    adds, is left out. Where links of several platforms have the path, that of the outlet's own site counts, then the
    one that came first.
    """
    # A path that begins with two slashes would be read as one with a host.
    asked = "/" + path.lstrip("/")
    for form in (asked, asked.partition("?")[0]):
        key = address_key(form)
        if key is None:
            continue
        query = select(PublishedLink.post_id).where(PublishedLink.address_key == key)
        own_first = case((PublishedLink.platform == OWN_SITE, 0), else_=1)
        if (found := session.scalar(query.order_by(own_first, PublishedLink.id).limit(1))) is not None:
            return found
    return None
