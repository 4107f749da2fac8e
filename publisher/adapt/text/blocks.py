"""Turns a marked text into rich blocks, and blocks into plain text."""

from __future__ import annotations

from bisect import bisect_right
from functools import partial
from itertools import pairwise

import regex

from publisher.adapt.text.counting import rules_of
from publisher.adapt.text.rich_text import BLOCK_KINDS, Mark, MarkKind, RichText
from publisher.adapt.text.shortening import last_end
from publisher.core.content import Span, TextBlock
from publisher.platforms.profiles import TextLimits

_BLANK_LINE = regex.compile(r"\n{2,}")
_INLINE: tuple[MarkKind, ...] = ("bold", "italic", "link", "mention")
_SHOWN: tuple[MarkKind, ...] = (*BLOCK_KINDS, *_INLINE)


def to_blocks(rich: RichText, limits: TextLimits) -> tuple[TextBlock, ...]:
    """Makes blocks of a tidied text: one per paragraph, heading, list item; none longer than the platform takes."""
    segments = _segments(rich)
    marks: list[list[Mark]] = [[] for _ in segments]
    for mark in rich.marks_of_kind(*_SHOWN, "prefix"):
        number = bisect_right(segments, mark.start, key=lambda segment: segment[1])
        while number < len(segments) and segments[number][0] < mark.end:
            marks[number].append(mark)
            number += 1
    whole = (_block(RichText(rich.text, tuple(own)), *segment) for own, segment in zip(marks, segments, strict=True))
    return tuple(piece for block in whole for piece in _split(block, limits))


def _segments(rich: RichText) -> list[tuple[int, int]]:
    edges = {0, len(rich.text)}
    for mark in rich.marks_of_kind(*BLOCK_KINDS):
        edges |= {mark.start, mark.end}
    for gap in _BLANK_LINE.finditer(rich.text):
        edges |= {gap.start(), gap.end()}
    trimmed = [_trim(rich.text, start, end) for start, end in pairwise(sorted(edges))]
    return [(start, end) for start, end in trimmed if start < end]


def _trim(text: str, start: int, end: int) -> tuple[int, int]:
    part = text[start:end]
    return start + len(part) - len(part.lstrip()), end - len(part) + len(part.rstrip())


def _block(rich: RichText, start: int, end: int) -> RichText:
    """Returns one segment as a text of its own, without the prefix of a list item."""
    block = rich.part(start, end, *_SHOWN, "prefix")
    for prefix in block.marks_of_kind("prefix"):
        block = block.replace(prefix.start, prefix.end)
    return block


def _split(block: RichText, limits: TextLimits) -> list[TextBlock]:
    pieces: list[TextBlock] = []
    while limits.block_limit is not None and rules_of(limits).count(block.text) > limits.block_limit:
        at = last_end(block, partial(_fits, block.text, limits)) or limits.block_limit
        pieces.append(_text_block(block, 0, len(block.text[:at].rstrip())))
        rest = len(block.text) - len(block.text[at:].lstrip())
        block = block.part(rest, len(block.text), *_SHOWN)
    return [*pieces, _text_block(block, 0, len(block.text))]


def _fits(text: str, limits: TextLimits, at: int) -> bool:
    return rules_of(limits).count(text[:at]) <= (limits.block_limit or 0)


def _text_block(block: RichText, start: int, end: int) -> TextBlock:
    kinds = block.inside(start, end, *BLOCK_KINDS)
    spans = [_span(mark) for mark in block.inside(start, end, *_INLINE)]
    kind = kinds[0].kind if kinds else "paragraph"
    return TextBlock(kind=kind, text=block.text[start:end], spans=tuple(spans))  # type: ignore[arg-type]


def _span(mark: Mark) -> Span:
    return Span(start=mark.start, end=mark.end, kind=mark.kind, url=mark.value or None)  # type: ignore[arg-type]


def plain_form(blocks: tuple[TextBlock, ...]) -> str:
    """Returns the blocks as plain text, as followers read it."""
    lines: list[str] = []
    previous, number = "", 0
    for block in blocks:
        number = number + 1 if block.kind == previous == "number" else 1
        if lines:
            lines.append("\n" if block.kind == previous and previous in ("bullet", "number") else "\n\n")
        prefix = {"bullet": "• ", "number": f"{number}. "}.get(block.kind, "")
        lines.append(prefix + block.text)
        previous = block.kind
    return "".join(lines)
