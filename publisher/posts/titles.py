"""Says how a post is called where people see it: a draft may have no title yet."""

from __future__ import annotations

from publisher.core.messages import _


def shown_title(title: str) -> str:
    """Returns a post's title for the present reader, or a word in its place where it has none yet."""
    return title or str(_("Untitled"))
