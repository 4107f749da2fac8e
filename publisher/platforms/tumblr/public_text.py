"""Reads a post as Tumblr shows it: its text, its tags, and whether followers see it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from publisher.core.content import AdaptedPost, PublishedPost
from publisher.platforms.text_difference import TextDifference, first_difference
from publisher.platforms.tumblr import recognition as posts
from publisher.platforms.tumblr.npf import text_blocks

VISIBLE_STATE = "published"


def text_of(blocks: Sequence[Mapping[str, Any]]) -> str:
    """Returns all that followers read in a post's text blocks."""
    return "\n\n".join(str(block.get("text") or "") for block in blocks)


def tags_of(shown: Mapping[str, Any]) -> tuple[str, ...] | None:
    """Returns a post's tags; None where the answer has no list of them."""
    tags = shown.get("tags")
    return tuple(str(tag) for tag in tags) if isinstance(tags, list) else None


def is_visible(shown: Mapping[str, Any]) -> bool:
    """Returns whether followers see a post. Drafts, queued and private posts have another state."""
    return bool(shown.get("state", VISIBLE_STATE) == VISIBLE_STATE)


def published_post(shown: posts.PostData, remote_id: str, url: str) -> PublishedPost:
    """Returns a post as followers see it. `remote_id`: the one that was asked for."""
    images = posts.blocks(shown, "image")
    return PublishedPost(
        remote_id=posts.identifier(shown) or remote_id,
        url=url,
        image_count=len(images),
        alt_texts=tuple(str(image.get("alt_text") or "") for image in images),
        text=text_of(posts.blocks(shown, "text")),
        tags=tags_of(shown),
        visible=is_visible(shown),
        state=str(shown.get("state") or ""),
        is_own=True,
        published_at=posts.instant(shown),
    )


def text_difference(post: AdaptedPost, shown: str) -> TextDifference | None:
    """Returns where the shown text parts from the post's; None: followers read what was sent."""
    return first_difference("\n\n".join(block.text for block in text_blocks(post)), shown)
