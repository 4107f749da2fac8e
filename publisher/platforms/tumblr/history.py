"""Reads every post that a blog has shown, as an import takes it."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from publisher.core.content import HistoryPicture, HistoryPost
from publisher.platforms.tumblr import recognition as posts
from publisher.platforms.tumblr.client import PAGE, SafeTumblrClient
from publisher.platforms.tumblr.public_text import is_visible, tags_of

HEADINGS = frozenset({"heading1", "heading2"})
MAX_TITLE = 200
MARKS = {"bold": "**", "italic": "*"}
_SIGNS = re.compile(r"([\\*_\[\]`])")


def read_history(client: SafeTumblrClient, url_of: Callable[[posts.PostData], str]) -> Iterator[HistoryPost]:
    """Yields the blog's own posts, the newest first. `url_of`: returns where followers see a post.

    Raises PlatformError.
    """
    seen: set[str] = set()
    before: int | None = None
    skip = 0
    while True:
        page = client.recent(before, skip)
        new = [shown for shown in page if posts.identifier(shown) not in seen]
        seen |= {posts.identifier(shown) for shown in new}
        for shown in new:
            if is_visible(shown) and not shown.get("trail") and (post := _post(shown, url_of(shown))):
                yield post
        if len(page) < PAGE:
            return
        # A second can have more posts than a page, and a pinned post stands first whatever its age.
        oldest = posts.timestamp(page[-1]) + 1
        skip = skip + PAGE if oldest == before or not new else 0
        before = oldest if new else before


def _post(shown: posts.PostData, url: str) -> HistoryPost | None:
    """Returns a post; None where Tumblr does not say when it was published."""
    published_at = posts.instant(shown)
    if published_at is None:
        return None
    title, paragraphs = _texts(shown)
    return HistoryPost(
        remote_id=posts.identifier(shown),
        url=url,
        published_at=published_at,
        title=title,
        paragraphs=tuple(paragraphs),
        tags=tags_of(shown) or (),
        pictures=tuple(filter(None, map(_picture, posts.blocks(shown, "image")))),
    )


def _texts(shown: posts.PostData) -> tuple[str, list[str]]:
    """Returns the title and the paragraphs. The title is a heading, else the first line."""
    blocks = [block for block in posts.blocks(shown, "text") if str(block.get("text") or "").strip()]
    if not blocks:
        return str(shown.get("summary") or "")[:MAX_TITLE], []
    heading = next((block for block in blocks if block.get("subtype") in HEADINGS), blocks[0])
    first, _line, rest = str(heading["text"]).strip().partition("\n")
    paragraphs = [_markdown(block) for block in blocks if block is not heading]
    if len(first) > MAX_TITLE:
        return str(shown.get("summary") or first)[:MAX_TITLE], [_markdown(heading), *paragraphs]
    return first, [*([_escaped(rest.strip())] if rest.strip() else []), *paragraphs]


def _markdown(block: Mapping[str, Any]) -> str:
    """Returns the text of a block with its links and emphasis; a piece within another one is left plain."""
    text = str(block["text"])
    written: list[str] = []
    at = 0
    for piece in sorted(_pieces(block, len(text)), key=lambda piece: (piece["start"], -piece["end"])):
        if piece["start"] < at:
            continue
        inner = _escaped(text[piece["start"] : piece["end"]])
        mark = MARKS.get(str(piece.get("type")))
        marked = f"{mark}{inner}{mark}" if mark else f"[{inner}]({piece['url']})"
        written += [_escaped(text[at : piece["start"]]), marked if inner.strip() == inner and inner else inner]
        at = piece["end"]
    return "".join((*written, _escaped(text[at:]))).strip()


def _pieces(block: Mapping[str, Any], length: int) -> Iterator[Mapping[str, Any]]:
    formatting = block.get("formatting")
    for piece in formatting if isinstance(formatting, list) else ():
        if not isinstance(piece, dict):
            continue
        start, end = piece.get("start"), piece.get("end")
        is_link = piece.get("type") == "link" and str(piece.get("url") or "").startswith(("http://", "https://"))
        is_inside = isinstance(start, int) and isinstance(end, int) and 0 <= start < end <= length
        if is_inside and (is_link or piece.get("type") in MARKS):
            yield piece


def _picture(block: posts.PostData) -> HistoryPicture | None:
    """Returns a picture with its copies, the widest first; None where the block names none."""
    media = block.get("media")
    copies = [copy for copy in media if isinstance(copy, dict)] if isinstance(media, list) else []
    copies.sort(key=lambda copy: width if isinstance(width := copy.get("width"), int) else 0, reverse=True)
    addresses = tuple(str(copy["url"]) for copy in copies if copy.get("url"))
    return HistoryPicture(addresses=addresses, alt_text=str(block.get("alt_text") or "")) if addresses else None


def _escaped(text: str) -> str:
    return _SIGNS.sub(r"\\\1", text)
