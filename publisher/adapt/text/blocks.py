"""Turns a marked text into rich blocks, and blocks into plain text."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from functools import partial
from itertools import groupby, pairwise

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
    whole = [
        RichText(rich.text, tuple(own)).part(*segment, *_SHOWN, "prefix")
        for own, segment in zip(marks, segments, strict=True)
    ]
    written_out = _items_of_long_lists(whole, limits)
    return tuple(
        piece
        for number, block in enumerate(whole)
        for piece in _split(_written_out(block) if number in written_out else _without_prefix(block), limits)
    )


def _items_of_long_lists(blocks: Sequence[RichText], limits: TextLimits) -> set[int]:
    """Finds the items of numbered lists of which an item is longer than a block, by their numbers.

    A platform numbers each block of a list anew. What an item goes on with is no item, and the next list begins at 1.
    """
    items: set[int] = set()
    for is_numbered, run in groupby(range(len(blocks)), lambda number: _kind(blocks[number]) == "number"):
        numbers = list(run)
        if is_numbered and any(_is_too_long(_without_prefix(blocks[number]).text, limits) for number in numbers):
            items.update(numbers)
    return items


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


def _kind(block: RichText) -> str:
    kinds = block.marks_of_kind(*BLOCK_KINDS)
    return kinds[0].kind if kinds else "paragraph"


def _without_prefix(block: RichText) -> RichText:
    """Returns one segment without the prefix of a list item, which the platform writes."""
    for prefix in block.marks_of_kind("prefix"):
        block = block.replace(prefix.start, prefix.end)
    return block


def _written_out(block: RichText) -> RichText:
    """Returns an item of a list as a paragraph that begins with its number."""
    return RichText(block.text, tuple(block.marks_of_kind(*_INLINE)))


def _split(block: RichText, limits: TextLimits) -> list[TextBlock]:
    pieces: list[TextBlock] = []
    while _is_too_long(block.text, limits):
        at = last_end(block, partial(_fits, block.text, limits)) or limits.block_limit
        pieces.append(_text_block(block, 0, len(block.text[:at].rstrip())))
        rest = len(block.text) - len(block.text[at:].lstrip())
        # An item of a list goes on as a paragraph: a second item would be another one.
        going_on: tuple[MarkKind, ...] = _INLINE if _kind(block) in ("bullet", "number") else _SHOWN
        block = block.part(rest, len(block.text), *going_on)
    return [*pieces, _text_block(block, 0, len(block.text))]


def _is_too_long(text: str, limits: TextLimits) -> bool:
    return limits.block_limit is not None and rules_of(limits).count(text) > limits.block_limit


def _fits(text: str, limits: TextLimits, at: int) -> bool:
    return rules_of(limits).count(text[:at]) <= (limits.block_limit or 0)


def _text_block(block: RichText, start: int, end: int) -> TextBlock:
    spans = [_span(mark) for mark in block.inside(start, end, *_INLINE)]
    return TextBlock(kind=_kind(block), text=block.text[start:end], spans=tuple(spans))  # type: ignore[arg-type]


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
