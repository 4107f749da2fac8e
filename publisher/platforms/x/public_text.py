"""Compares the text of a post as X shows it with the text that was sent."""

from __future__ import annotations

import html
import re
from collections.abc import Mapping
from typing import Any

from publisher.core.content import AdaptedPost
from publisher.platforms.text_difference import TextDifference, first_difference
from publisher.platforms.x.answers import ADDRESS, MEDIA_LINK, NAMES_BEFORE, SHORT_LINK


def text_of(tweet: Mapping[str, Any]) -> str | None:
    """Returns a post's whole text without X's escapes; None where X does not give it."""
    note = tweet.get("note_tweet")
    shown = note["text"] if isinstance(note, dict) and "text" in note else tweet.get("text")
    return html.unescape(shown) if isinstance(shown, str) else None


def text_difference(post: AdaptedPost, shown: str) -> TextDifference | None:
    """Returns where the shown text parts from the post's; None: followers read what was sent.

    X adds a short link for the media, puts one in the place of each address, and lets some
    replies begin with the names of those who are answered.
    """
    text = shown.strip()
    candidates = [text, MEDIA_LINK.sub("", text)] if post.images else [text]
    if post.reply_to:
        candidates += [NAMES_BEFORE.sub("", candidate) for candidate in candidates]
    differences = [first_difference(post.caption, candidate, _is_same_word) for candidate in candidates]
    return None if None in differences else differences[0]


def _is_same_word(sent: str, shown: str) -> bool:
    if sent == shown:
        return True
    pieces = SHORT_LINK.split(shown)
    return len(pieces) > 1 and re.fullmatch(ADDRESS.join(re.escape(piece) for piece in pieces), sent) is not None
