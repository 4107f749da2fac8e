"""Reads paragraphs, lists and quotes.

The markup is what the editor writes. A line that only begins like a list or a quote stays text: `1953. Two people`,
`> 90 % of cells`, `- 20 °C`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Literal

import regex

from publisher.adapt.text.markup_signs import BOLD, BOLD_END

BlockKind = Literal["bullet", "number", "quote"]
MAX_QUOTES = 5

_MARKER = regex.compile(r"(?P<sign>[-*+])\s+(?=\S)|(?P<number>\d{1,3})(?P<stop>[.)])\s+(?=\S)|(?P<quote>>)(?:\s+|\Z)")
_HEADING = regex.compile(r"(?P<level>#{1,6}) (?P<words>\S.*?)(?: +#+)?\Z")
_UNDERLINE = regex.compile(r"(?:={3,}|-{3,})\Z")
_ENDS_SENTENCE = regex.compile(r"[.!?:;,…\d]\Z")
_QUANTITY = regex.compile(r"[~≈<>≤≥±+−–-]?\s?[.,]?\d")
_SIGNED_QUANTITY = regex.compile(r"[.,]?\d[\d.,]*\s?(?:°|%|‰|ºC|[mµk]?V\b|dB\b|K\b)")
_LOWER = regex.compile(r"[\p{Ll}(]")
_STOP = regex.compile(r"[.!?:;…][\"'’”»)\]*_]*\Z")
_WRAPPED = range(50, 121)
"""The longest line of a paragraph whose lines were cut by a program, in characters."""


@dataclass(frozen=True, slots=True)
class Block:
    """Holds a paragraph, list item or quote."""

    kind: BlockKind | None
    """None: a paragraph."""
    prefix: str
    """What stands before it in plain text: a bullet or a number."""
    text: str


@dataclass(slots=True)
class _Line:
    text: str
    """Without its marker, where that is one."""
    source: str
    marker: BlockKind | None = None
    """What it begins like; None once it is known to be text."""
    sign: str = ""
    number: int = 0

    @property
    def is_blank(self) -> bool:
        return not self.source


@dataclass(slots=True)
class _Item:
    """Holds the lines of one block."""

    kind: BlockKind | None
    prefix: str
    lines: list[str] = field(default_factory=list)


def read_blocks(text: str) -> list[Block]:
    """Reads a cleaned text. Blocks are in order, and none is empty."""
    return list(_read([line.strip() for line in text.split("\n")], MAX_QUOTES))


def _read(texts: Sequence[str], depth: int) -> Iterator[Block]:
    lines = [_line(text) for text in _headings(texts)]
    _reject_accidental_lists(lines)
    _reject_accidental_quotes(lines, depth)
    for item in _items(lines):
        if item.kind == "quote":
            for block in _read(item.lines, depth - 1):
                yield Block(block.kind or "quote", block.prefix, block.text)
        elif words := _joined(item.lines):
            yield Block(item.kind, item.prefix, words)


def _line(text: str) -> _Line:
    marker = _MARKER.match(text)
    if marker is None:
        return _Line(text, text)
    rest = text[marker.end() :]
    if marker["quote"]:
        return _Line(rest, text, "quote")
    if marker["number"]:
        return _Line(rest, text, "number", marker["stop"], int(marker["number"]))
    return _Line(rest, text, "bullet", marker["sign"])


def _headings(texts: Sequence[str]) -> Iterator[str]:
    """Makes headings bold paragraphs, as pasted ones are."""
    for number, text in enumerate(texts):
        following = texts[number + 1] if number + 1 < len(texts) else ""
        alone = number == 0 or not texts[number - 1]
        if heading := _heading(text, is_alone=alone):
            yield from ("", f"{BOLD}{heading}{BOLD_END}", "")
        elif alone and _is_underlined(text, following):
            yield from ("", f"{BOLD}{text}{BOLD_END}", "")
        elif not (number and _is_underlined(texts[number - 1], text) and (number == 1 or not texts[number - 2])):
            yield text


def _heading(text: str, *, is_alone: bool) -> str | None:
    """Returns the words of a heading. One sign may stand for "number", as in `# of cells` or `# Mice: 5`."""
    heading = _HEADING.match(text)
    if heading is None:
        return None
    words = str(heading["words"])
    if len(heading["level"]) > 1:
        return words
    return words if is_alone and words[0].isupper() and not _ENDS_SENTENCE.search(words) else None


def _is_underlined(text: str, following: str) -> bool:
    """Decides whether a line is a heading by the signs under it; a sentence is parted from the next part by dashes."""
    return bool(text and _UNDERLINE.match(following) and not (following[0] == "-" and _ENDS_SENTENCE.search(text)))


def _reject_accidental_lists(lines: Sequence[_Line]) -> None:
    """Makes text of each line that begins like an item of a list and is none."""
    previous_list_end = -1
    for start, numbers in _runs(lines):
        if lines[start].marker == "bullet":
            accepted = _is_bulleted(lines, numbers)
        else:
            adjoins = previous_list_end >= 0 and all(line.is_blank for line in lines[previous_list_end:start])
            accepted = lines[start].number == 1 and len(numbers) > 1 and not adjoins
            if accepted:
                previous_list_end = _end_of_item(lines, numbers[-1])
        if not accepted:
            for number in numbers:
                _make_text(lines[number])


def _make_text(line: _Line) -> None:
    line.marker, line.text = None, line.source


def _runs(lines: Sequence[_Line]) -> Iterator[tuple[int, list[int]]]:
    """Yields the lines that begin like the items of one list, by their numbers."""
    run: list[int] = []
    for number, line in enumerate(lines):
        if line.marker not in ("bullet", "number"):
            continue
        if run and _is_next_item(lines, run[-1], number):
            run.append(number)
            continue
        if run:
            yield run[0], run
        run = [number]
    if run:
        yield run[0], run


def _is_next_item(lines: Sequence[_Line], previous: int, number: int) -> bool:
    last, line = lines[previous], lines[number]
    follows = (last.marker, last.sign) == (line.marker, line.sign) and (
        line.marker == "bullet" or line.number == last.number + 1
    )
    return follows and all(between.is_blank for between in lines[_end_of_item(lines, previous) : number])


def _end_of_item(lines: Sequence[_Line], number: int) -> int:
    """Returns the number of the first line behind an item and the lines that continue it."""
    end = number + 1
    while end < len(lines) and not lines[end].is_blank and lines[end].marker is None:
        end += 1
    return end


def _is_bulleted(lines: Sequence[_Line], numbers: Sequence[int]) -> bool:
    first = lines[numbers[0]]
    interrupts = numbers[0] > 0 and not lines[numbers[0] - 1].is_blank
    texts = [lines[number].text for number in numbers]
    if all(_SIGNED_QUANTITY.match(text) for text in texts):
        return False
    if len(numbers) > 1:
        return first.sign != "+" or not all(_QUANTITY.match(text) for text in texts)
    return first.sign == "-" and not interrupts and not _QUANTITY.match(first.text)


def _reject_accidental_quotes(lines: Sequence[_Line], depth: int) -> None:
    start = 0
    while start < len(lines):
        end = start
        while end < len(lines) and lines[end].marker == "quote":
            end += 1
        quoted = lines[start:end]
        written = [line.text for line in quoted if line.text]
        interrupts = start > 0 and not lines[start - 1].is_blank
        accidental = not written or all(_QUANTITY.match(text) for text in written) or (interrupts and len(quoted) == 1)
        if accidental or depth == 0:
            for line in quoted:
                _make_text(line)
        start = end + 1


def _items(lines: Iterable[_Line]) -> Iterator[_Item]:
    """Groups lines to blocks."""
    item = _Item(None, "")
    for line in lines:
        if line.is_blank:
            yield item
            item = _Item(None, "")
        elif line.marker in ("bullet", "number"):
            yield item
            prefix = f"{line.number}{line.sign} " if line.marker == "number" else "• "
            item = _Item(line.marker, prefix, [line.text])
        elif line.marker == item.kind or (line.marker is None and item.kind != "quote"):
            item.lines.append(line.text)
        else:
            yield item
            item = _Item(line.marker, "", [line.text])
    yield item


def _joined(lines: Sequence[str]) -> str:
    """Returns the lines of a paragraph as one text. Lines that a program has cut at a width become one."""
    shown = [line.removesuffix("\\").rstrip() if not line.endswith("\\\\") else line for line in lines]
    return (" " if _is_hard_wrapped(lines) else "\n").join(shown).strip()


def _is_hard_wrapped(lines: Sequence[str]) -> bool:
    """Tells whether each line was cut only since its next word did not fit, in the middle of a sentence."""
    width = max(map(len, lines), default=0)
    if len(lines) < 2 or width not in _WRAPPED or any(line.endswith("\\") for line in lines):
        return False
    full = all(len(line) + 1 + len(following.split(" ", 1)[0]) > width for line, following in pairwise(lines))
    runs_on = [not _STOP.search(line) and bool(_LOWER.match(following)) for line, following in pairwise(lines)]
    return full and any(runs_on) and 2 * sum(runs_on) >= len(runs_on)
