"""Identifies the text of a post, so that another post with the same text is found."""

from __future__ import annotations

import hashlib

MIN_LETTERS = 12
"""Shorter texts are alike by chance."""


def text_digest(title: str, standfirst: str, body: str) -> str | None:
    """Returns the same value for texts that differ only in spaces and capitals; None for a text that says too little.

    The body decides; where there is none, title and standfirst do.
    """
    words = " ".join((body.strip() or f"{title} {standfirst}").casefold().split())
    return hashlib.sha256(words.encode()).hexdigest() if len(words) >= MIN_LETTERS else None
