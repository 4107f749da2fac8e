"""Builds an adapted post in Tumblr's own format (NPF): blocks of content, and rows to lay them out in."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

from publisher.core.content import AdaptedPost, Span, TextBlock
from publisher.platforms.base import UploadedMedia
from publisher.platforms.errors import UnsupportedContent
from publisher.platforms.tumblr.problem_codes import TumblrPostProblem

PICTURES_IN_A_ROW = 3
READ_ONLY = "original_dimensions_missing"
SUBTYPES = {"bullet": "unordered-list-item", "number": "ordered-list-item", "quote": "indented"}


def npf_body(post: AdaptedPost, media: Sequence[UploadedMedia], slug: str, *, state: str) -> dict[str, Any]:
    """Returns the JSON that creates this post in a state: its pictures first, then its text.

    Raises:
        UnsupportedContent: a tag holds a comma, which divides tags here.
    """
    check_tags(post)
    text = _text_content(text_blocks(post))
    body: dict[str, Any] = {
        "content": [*map(_image_content, media), *text],
        "state": state,
        "tags": ",".join(post.tags),
        "slug": slug,
    }
    if len(media) > 1:
        body["layout"] = [{"type": "rows", "display": rows(len(media), len(text))}]
    if post.link:
        body["source_url"] = post.link
    return body


def publishing_body(draft: Mapping[str, Any], post: AdaptedPost, slug: str) -> dict[str, Any]:
    """Returns the JSON that publishes a draft, with all that the draft shows: an edit replaces the whole post.

    Its pictures are named by their addresses at Tumblr. No date is sent, so that Tumblr's own clock dates the post.
    """
    body: dict[str, Any] = {
        "content": [_without_notes(block) for block in draft["content"]],
        "layout": draft.get("layout") or [],
        "state": "published",
        "tags": ",".join(post.tags),
        "slug": slug,
    }
    if post.link:
        body["source_url"] = post.link
    return body


def correcting_body(shown: Mapping[str, Any], post: AdaptedPost) -> dict[str, Any]:
    """Returns the JSON that gives a public post another text: its pictures stay, and so do its address and its date.

    Raises:
        UnsupportedContent: a tag holds a comma, which divides tags here.
    """
    check_tags(post)
    blocks = [block for block in shown["content"] if isinstance(block, Mapping) and block.get("type") == "image"]
    images = [
        _with_alt_text(_without_notes(block), image.alt_text) for block, image in zip(blocks, post.images, strict=True)
    ]
    text = _text_content(text_blocks(post))
    layout = [{"type": "rows", "display": rows(len(images), len(text))}] if len(images) > 1 else []
    return {
        "content": [*images, *text],
        "layout": layout,
        "state": "published",
        "tags": ",".join(post.tags),
        "slug": str(shown.get("slug") or ""),
        "source_url": post.link,
    }


def _with_alt_text(block: Mapping[str, Any], alt_text: str) -> dict[str, Any]:
    without = {name: value for name, value in block.items() if name != "alt_text"}
    return {**without, "alt_text": alt_text} if alt_text else without


def check_tags(post: AdaptedPost) -> None:
    """Raises UnsupportedContent where a tag holds a comma, which divides tags here."""
    if divided := [tag for tag in post.tags if "," in tag]:
        raise UnsupportedContent(TumblrPostProblem.TAG_WITH_COMMA(tag=divided[0]))


def _without_notes(block: Mapping[str, Any]) -> dict[str, Any]:
    """Returns a block as it was read, without what Tumblr adds for readers and refuses from writers."""
    media = block.get("media")
    if not isinstance(media, list):
        return dict(block)
    return {**block, "media": [{name: file[name] for name in file if name != READ_ONLY} for file in media]}


def text_blocks(post: AdaptedPost) -> tuple[TextBlock, ...]:
    """Returns the text in blocks; a caption that has none is cut at its blank lines."""
    if post.blocks:
        return post.blocks
    return tuple(TextBlock(text=part.strip()) for part in post.caption.split("\n\n") if part.strip())


def rows(images: int, texts: int) -> list[dict[str, list[int]]]:
    """Returns rows of up to three pictures, as even as can be, and one row for each text.

    Tumblr takes a layout only when it names every block.
    """
    count = -(-images // PICTURES_IN_A_ROW)
    edges = [-(-images * row // count) for row in range(count + 1)]
    pictures = [list(range(start, end)) for start, end in pairwise(edges)]
    return [{"blocks": row} for row in (*pictures, *([images + number] for number in range(texts)))]


def _image_content(media: UploadedMedia) -> dict[str, Any]:
    image = media.image
    file = {"type": image.mime_type, "identifier": media.reference, "width": image.width, "height": image.height}
    block: dict[str, Any] = {"type": "image", "media": [file]}
    if media.alt_text:
        block["alt_text"] = media.alt_text
    return block


def _text_content(blocks: Sequence[TextBlock]) -> list[dict[str, Any]]:
    content = []
    heading = "heading1"
    for block in blocks:
        written: dict[str, Any] = {"type": "text", "text": block.text}
        if block.kind == "heading":
            written["subtype"], heading = heading, "heading2"
        elif block.kind in SUBTYPES:
            written["subtype"] = SUBTYPES[block.kind]
        if formatting := [mark for span in block.spans if (mark := _formatting(span))]:
            written["formatting"] = formatting
        content.append(written)
    return content


def _formatting(span: Span) -> Mapping[str, Any] | None:
    """Returns one piece of inline formatting. Tumblr, too, counts in code points."""
    where = {"start": span.start, "end": span.end}
    if span.url:
        return {**where, "type": "link", "url": span.url}
    return {**where, "type": span.kind} if span.kind in ("bold", "italic") else None
