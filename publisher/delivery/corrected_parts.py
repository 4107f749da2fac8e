"""Compares what followers have of a post with what they are to have, part by part."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from publisher.core.content import AdaptedPost, TextBlock
from publisher.core.messages import Message, _
from publisher.core.problems import Problem
from publisher.platforms.base import PlatformAdapter, PostPart


@dataclass(frozen=True, slots=True)
class PartChange:
    """Holds one difference between what followers have and what they are to have."""

    part: PostPart
    before: str
    after: str
    number: int = 0
    """Of the picture whose alt text it is, from 1."""
    why_not: Problem | None = None
    """Why the platform does not let it be corrected. None: it is corrected."""


def part_changes(before: AdaptedPost, after: AdaptedPost, platform: type[PlatformAdapter]) -> tuple[PartChange, ...]:
    """Lists how two texts of one post differ for followers, each difference with why it can't be corrected, if so."""
    found = [*_text_changes(before, after), *_picture_changes(before, after)]
    if platform.shows_link and before.link != after.link:
        found.append(PartChange(PostPart.LINK, before.link, after.link))
    return tuple(replace(change, why_not=platform.fixed_parts.get(change.part)) for change in found)


def _text_changes(before: AdaptedPost, after: AdaptedPost) -> list[PartChange]:
    changes = []
    if (before.caption, before.blocks) != (after.caption, after.blocks):
        texts = before.caption, after.caption
        if texts[0] == texts[1]:
            # Only links or emphasis differ.
            texts = _marked(before.blocks), _marked(after.blocks)
        changes.append(PartChange(PostPart.TEXT, *texts))
    if before.tags != after.tags:
        changes.append(PartChange(PostPart.TAGS, ", ".join(before.tags), ", ".join(after.tags)))
    return changes


def _picture_changes(before: AdaptedPost, after: AdaptedPost) -> list[PartChange]:
    pairs = list(zip(before.images, after.images, strict=False))
    changes = [
        PartChange(PostPart.ALT_TEXTS, old.alt_text, new.alt_text, number)
        for number, (old, new) in enumerate(pairs, start=1)
        if old.alt_text != new.alt_text
    ]
    strips = [(old.spec.credit_strip, new.spec.credit_strip) for old, new in pairs]
    if any(old != new for old, new in strips):
        old, new = ("; ".join(strip[side] for strip in strips if strip[side]) for side in (0, 1))
        changes.append(PartChange(PostPart.PICTURES, old, new))
    return changes


def _marked(blocks: Sequence[TextBlock]) -> str:
    """Writes rich text with its links and emphasis as Markdown has them."""
    signs = {"bold": "**", "italic": "*"}
    texts = []
    for block in blocks:
        text = block.text
        for span in sorted(block.spans, key=lambda span: span.start, reverse=True):
            inner = text[span.start : span.end]
            sign = signs.get(span.kind, "")
            written = f"[{inner}]({span.url})" if span.url else f"{sign}{inner}{sign}"
            text = text[: span.start] + written + text[span.end :]
        texts.append(f"{block.kind}: {text}")
    return "\n\n".join(texts)


def effective_post(before: AdaptedPost, after: AdaptedPost, changes: Sequence[PartChange]) -> AdaptedPost:
    """Returns what followers are to have: `after`, where a change is one that is sent, and else `before`."""
    sent = {change.part for change in changes if change.why_not is None}
    values: dict[str, object] = {}
    if PostPart.TEXT in sent:
        names = ("title", "caption", "blocks", "count", "limit", "unit", "left_out")
        values |= {name: getattr(after, name) for name in names}
    if PostPart.TAGS in sent:
        values["tags"] = after.tags
    if PostPart.LINK in sent:
        values["link"] = after.link
    if PostPart.ALT_TEXTS in sent:
        new_texts = {change.number: change.after for change in changes if change.part is PostPart.ALT_TEXTS}
        values["images"] = tuple(
            image.model_copy(update={"alt_text": new_texts.get(number, image.alt_text)})
            for number, image in enumerate(before.images, start=1)
        )
    return before.model_copy(update=values)


def describe_part(change: PartChange) -> Message:
    """Names the part of a post that a change is about."""
    match change.part:
        case PostPart.TEXT:
            return _("Text")
        case PostPart.TAGS:
            return _("Tags")
        case PostPart.LINK:
            return _("Link")
        case PostPart.ALT_TEXTS:
            return _("Alt text of picture {number}", number=change.number)
        case PostPart.PICTURES:
            return _("Credit written into the picture")
