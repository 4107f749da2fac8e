"""Reads a post that Tumblr shows: whose it is, in which state, and whether it is as it was sent."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any
from urllib.parse import unquote

from publisher.core.content import AdaptedPost
from publisher.core.messages import Message, _
from publisher.platforms.errors import Unavailable
from publisher.platforms.tumblr.npf import text_blocks
from publisher.platforms.tumblr.problem_codes import TumblrRequestProblem

PUBLISHED, DRAFT, TRANSCODING = "published", "draft", "transcoding"
KEY = re.compile(r"([0-9a-f]{12})(?:-|$)")
FORMER_KEY = re.compile(r"(?:^|-)[0-9a-f]{12}$")
"""The slugs of former versions ended with the token."""
MIN_CUT = 8
"""A slug that was cut counts only with so many characters of the token."""

PostData = Mapping[str, Any]
"""A post as Tumblr shows it: one of a listing, or read by its id."""


def identifier(shown: PostData) -> str:
    return str(shown.get("id_string") or shown.get("id", ""))


def draft_id(shown: PostData) -> str:
    """Returns the id that the post had as a draft, where it got another one since."""
    return str(shown.get("genesis_post_id") or "")


def state(shown: PostData) -> str:
    """Returns `published`, `draft`, `queued`, `private`, `transcoding`; empty where Tumblr does not say."""
    return str(shown.get("state") or "")


def state_name(shown: PostData) -> str | Message:
    """Returns the state of a post for people."""
    return state(shown) or _("not told")


def slug(shown: PostData) -> str:
    return str(shown.get("slug") or "")


def timestamp(shown: PostData) -> int:
    """Returns epoch seconds by Tumblr's clock. Raises Unavailable where a post has none."""
    stamp = shown.get("timestamp")
    if not isinstance(stamp, int):
        raise Unavailable(TumblrRequestProblem.TIME_MISSING())
    return stamp


def instant(shown: PostData) -> datetime | None:
    stamp = shown.get("timestamp")
    try:
        return datetime.fromtimestamp(stamp, UTC) if isinstance(stamp, int) else None
    except (ValueError, OverflowError, OSError):
        return None


def blocks(shown: PostData, kind: str) -> list[PostData]:
    content = shown.get("content")
    return [
        block
        for block in (content if isinstance(content, list) else [])
        if isinstance(block, dict) and block.get("type") == kind
    ]


def has_key(shown: PostData, key: str) -> bool:
    """Returns whether the slug of a post, or its address, is this key, or begins with its token.

    A slug may have been cut, and its hyphens may have become spaces.
    """
    matched = KEY.match(key)
    token = matched[1] if matched else ""
    return any(name == key or _begins_with(_letters(name), token) for name in (slug(shown), _tail(shown)))


def _begins_with(letters: str, token: str) -> bool:
    return bool(token) and (letters.startswith(token) or (len(letters) >= MIN_CUT and token.startswith(letters)))


def _letters(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", unquote(name).casefold())


def _tail(shown: PostData) -> str:
    """Returns the last part of the post's address, if it is more than its id."""
    tail = str(shown.get("post_url") or "").rstrip("/").rpartition("/")[2]
    return "" if tail.isdecimal() and len(tail) > MIN_CUT else tail


def token_of(shown: PostData) -> str:
    """Returns the token with which the slug of some delivery's post begins; empty where there is none."""
    matched = KEY.match(re.sub(r"[^a-z0-9]+", "-", unquote(slug(shown)).casefold()))
    return matched[1] if matched else ""


def has_text_and_tags(shown: PostData, post: AdaptedPost) -> bool:
    """Returns whether a post begins with our text and has our tags, and its slug is no other delivery's key."""
    texts = [block.text.strip() for block in text_blocks(post)][:1]
    begins = [str(block.get("text", "")).strip() for block in blocks(shown, "text")][:1]
    other = token_of(shown) or FORMER_KEY.search(slug(shown))
    return bool(texts) and texts == begins and _folded(shown.get("tags")) == _folded(post.tags) and not other


def has_text_tags_and_pictures(shown: PostData, post: AdaptedPost) -> bool:
    """Returns whether a post begins with our text and has our tags and as many pictures as ours."""
    texts = [block.text.strip() for block in text_blocks(post)][:1]
    begins = [str(block.get("text", "")).strip() for block in blocks(shown, "text")][:1]
    same_tags = (_folded(shown.get("tags")) or set()) == _folded(post.tags)
    return texts == begins and same_tags and len(blocks(shown, "image")) == len(post.images)


def differences(shown: PostData, sent: Mapping[str, Any]) -> list[Message]:
    """Returns the names of the parts in which a draft differs from the body that it was made of."""
    differing = []
    if _texts(shown) != _texts(sent):
        differing.append(_("its text"))
    if (_folded(shown.get("tags")) or set()) != _folded(str(sent["tags"]).split(",")):
        differing.append(_("its tags"))
    pictures, expected = blocks(shown, "image"), blocks(sent, "image")
    if len(pictures) != len(expected):
        differing.append(_("its pictures ({shown} of {sent})", shown=len(pictures), sent=len(expected)))
    elif [_plain(picture.get("alt_text")) for picture in pictures] != [
        _plain(picture.get("alt_text")) for picture in expected
    ]:
        differing.append(_("its alt texts"))
    return differing


def _texts(shown: PostData) -> list[str]:
    return [text for block in blocks(shown, "text") if (text := _plain(block.get("text")))]


def _plain(text: object) -> str:
    """Returns the text without what Tumblr may change: outer and repeated spaces, composed accents."""
    return " ".join(unicodedata.normalize("NFC", str(text or "")).split())


def _folded(tags: object) -> set[str] | None:
    """Returns tags in any order and letter case as one value; None where there is no list of them."""
    if not isinstance(tags, Sequence) or isinstance(tags, str):
        return None
    return {folded for tag in tags if (folded := _plain(tag).casefold())}
