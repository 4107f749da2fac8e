"""Reads emphasis, links and mentions inside one paragraph.

The markup is what the editor writes. Stars and underscores that CommonMark would take for emphasis inside a formula,
such as in `4*5=20 and 6*7=42`, stay text.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Literal

import regex

from publisher.adapt.text.markup_signs import BOLD, ENDS, LINK, LINK_ADDRESS, LITERAL, remove_signs
from publisher.adapt.text.mentions import MENTION
from publisher.adapt.text.web_addresses import address_end, completed

MAX_NESTING = 20
MAX_OPENERS = 50
"""How many stars before a closing one are asked whether they belong to it."""

_SPECIAL = regex.compile(r"[\\*_\[@\ue000-\ue007]|(?<![A-Za-z0-9])https?://", regex.IGNORECASE)
_ESCAPABLE = frozenset("!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~")
_ESCAPE = regex.compile(r"\\([*_\[\]()<>\\])")
_BRACKET = regex.compile(r"\\.|\ue000.|[\[\]\ue001-\ue005\ue007]", regex.DOTALL)
_DESTINATION = regex.compile(
    r"\(\s*+(?:<(?P<angled>[^<>\n]*+)>|(?P<bare>(?:PLAIN|\((?:PLAIN|\((?:PLAIN)*+\))*+\))*+))"
    r"(?:\s+(?:\"[^\"\n]*+\"|'[^'\n]*+'))?\s*+\)"
    r"|\((?P<spaced>https?://[^()\n\"']*+)\)".replace("PLAIN", r"\\.|[^\s()\\]"),
    regex.IGNORECASE,
)
# What stands behind a label and is no such address is text: "[1](2)", "[NaCl](0.5)".
_ADDRESS = regex.compile(
    r"\Z|[a-z][a-z0-9+.-]*:|//|[/#?.]\D|10\.\d{4,9}/|(?=\S*\p{L}{2})\S*?[\p{L}\p{N}-](?:\.\p{L}{2}|/|#)",
    regex.IGNORECASE,
)
# Raised and lowered figures and letters, such as the number of a note, stand outside the word.
_WORD = regex.compile(r"[\p{Lu}\p{Ll}\p{Lt}\p{Lo}\p{Nd}\p{M}]")
_ONE_WORD = regex.compile(r"[\p{L}\p{N}\p{M}\u2010\u2011-]+")
_IDENTIFIER = regex.compile(r"__[a-z0-9]+__(?![\w])")
_LETTER = regex.compile(r"\p{L}")
_CALL = regex.compile(r"[\p{L}\p{N}_)\]]\[\S+\Z")
"""What stands before the `]()` of code such as `f[i]()`: a link stands apart from the word before it."""
_FORMULA = regex.compile(r"[=<>×·^/+±≤≥]")
_AFTER_OPENING = regex.compile(r"[\p{L}\p{N}\p{M}\p{Ps}\p{Pi}\p{Sc}\p{So}\"'¿¡§@#\[\\<>~+±=×−–—\-*_/&\ue000-\ue005]")
_BEFORE_CLOSING = regex.compile(r"[^\s\p{Ps}\p{Pi}¿¡\ue001\ue003]")


@dataclass(slots=True)
class Emphasis:
    """Stands for italic or bold words."""

    kind: Literal["italic", "bold"]
    children: list[Node]


@dataclass(slots=True)
class LinkedText:
    """Stands for a label with its address; the label of an address that is written out is the address."""

    children: list[Node]
    url: str


@dataclass(frozen=True, slots=True)
class Mention:
    """Stands for a person, by name."""

    name: str


Node = str | Emphasis | LinkedText | Mention


@dataclass(slots=True)
class _Run:
    """Holds a run of stars or underscores."""

    sign: str
    count: int
    before: str
    after: str
    left: int = 0
    closes: list[int] = field(default_factory=list)
    opens: list[int] = field(default_factory=list)

    def can_open(self) -> bool:
        return bool(_AFTER_OPENING.match(self.after)) and self.before != "\\"

    def can_close(self) -> bool:
        return bool(_BEFORE_CLOSING.match(self.before))

    @property
    def begins_in_word(self) -> bool:
        return bool(_WORD.match(self.before)) and not self.closes


def read_inline(text: str) -> list[Node]:
    """Reads a paragraph. What is no markup of ours is text, letter by letter."""
    return _read(text, MAX_NESTING, links=True)


def links_among(nodes: Iterable[Node]) -> Iterator[LinkedText]:
    """Yields every link of a paragraph."""
    for node in nodes:
        if isinstance(node, LinkedText):
            yield node
        elif isinstance(node, Emphasis):
            yield from links_among(node.children)


def _read(text: str, depth: int, *, links: bool) -> list[Node]:
    if depth == 0:
        return [remove_signs(text)]
    ends = _ends_of_brackets(text)
    items: list[Node | _Run] = []
    at = done = 0
    while special := _SPECIAL.search(text, at):
        start = special.start()
        piece, end = _piece(text, start, ends, depth, links=links)
        at = end
        if piece is None:
            continue
        items.extend((text[done:start], piece))
        done = end
    items.append(text[done:])
    return _emphasized([item for item in items if item != ""])


def _piece(text: str, at: int, ends: dict[int, int], depth: int, *, links: bool) -> tuple[Node | _Run | None, int]:
    """Reads what begins with a special character, and returns it with its end. None: it is ordinary text."""
    sign = text[at]
    if sign == LITERAL:
        return text[at + 1 : at + 2], at + 2
    if sign == "\\":
        escaped = text[at + 1 : at + 2]
        return (escaped, at + 2) if escaped in _ESCAPABLE and escaped else (None, at + 1)
    if sign == "_" and (identifier := _IDENTIFIER.match(text, at)):
        return identifier[0], identifier.end()
    if sign in "*_":
        return _run(text, at)
    if sign == "@":
        mention = MENTION.match(text, at)
        return (Mention(mention[1]), mention.end()) if mention else (None, at + 1)
    if sign == "[":
        return _link(text, at, ends.get(at), depth) if links and at in ends else (None, at + 1)
    if sign in ENDS or "\ue000" <= sign <= "\ue007":
        return _understood(text, at, ends.get(at), depth)
    end = address_end(text, at)
    if text[at - 1 : at] == "_" and text[:end].endswith("_"):
        end -= 1
    address = _plain_address(text[at:end])
    return (LinkedText([address], address) if links else address), end


def _plain_address(address: str) -> str:
    return str(_ESCAPE.sub(r"\1", address)).replace(LITERAL, "")


def _ends_of_brackets(text: str) -> dict[int, int]:
    """Finds for each bracket, and each sign of `markup_signs` that opens something, where its partner stands."""
    ends: dict[int, int] = {}
    open_brackets: list[int] = []
    open_signs: dict[str, list[int]] = {end: [] for end in ENDS.values()}
    for found in _BRACKET.finditer(text):
        sign = found[0]
        if sign == "[":
            open_brackets.append(found.start())
        elif sign == "]" and open_brackets:
            ends[open_brackets.pop()] = found.start()
        elif sign in ENDS:
            open_signs[ENDS[sign]].append(found.start())
        elif open_signs.get(sign):
            ends[open_signs[sign].pop()] = found.start()
    return ends


def _run(text: str, at: int) -> tuple[_Run, int]:
    end = at
    while text[end : end + 1] == text[at]:
        end += 1
    return _Run(text[at], end - at, text[at - 1 : at] if at else "", text[end : end + 1], left=end - at), end


def _link(text: str, at: int, label_end: int | None, depth: int) -> tuple[Node | None, int]:
    destination = _DESTINATION.match(text, label_end + 1) if label_end is not None else None
    if destination is None or label_end is None:
        return None, at + 1
    address = _plain_address(destination["angled"] or destination["bare"] or destination["spaced"] or "").strip()
    is_code = not address and _CALL.match(text[at - 1 : label_end]) is not None
    if is_code or not _ADDRESS.match(address):
        return None, at + 1
    return LinkedText(_read(text[at + 1 : label_end], depth - 1, links=False), completed(address)), destination.end()


def _understood(text: str, at: int, end: int | None, depth: int) -> tuple[Node | None, int]:
    """Reads what `markup_signs` stand around; a sign without its partner is left out."""
    if end is None:
        return "", at + 1
    inner = text[at + 1 : end]
    if text[at] == LINK:
        label, _sign, address = inner.rpartition(LINK_ADDRESS)
        return LinkedText(_read(label, depth - 1, links=False), completed(_plain_address(address))), end + 1
    kind: Literal["bold", "italic"] = "bold" if text[at] == BOLD else "italic"
    return Emphasis(kind, _read(inner, depth - 1, links=True)), end + 1


def _emphasized(items: Sequence[Node | _Run]) -> list[Node]:
    """Pairs the runs of stars and underscores, and returns the words between them as emphasis."""
    openers: dict[str, list[int]] = {"*": [], "_": []}
    for number, run in enumerate(items):
        if not isinstance(run, _Run):
            continue
        if run.can_close():
            _close(run, number, items, openers[run.sign], openers)
        if run.left and run.can_open():
            openers[run.sign].append(number)
    return _built(items)


def _close(
    closer: _Run, number: int, items: Sequence[Node | _Run], openers: list[int], all_openers: dict[str, list[int]]
) -> None:
    while closer.left:
        for opened in reversed(openers[-MAX_OPENERS:]):
            opener = items[opened]
            if isinstance(opener, _Run) and _is_meant(opener, closer, items, (opened, number)):
                break
        else:
            return
        count = 2 if opener.left >= 2 and closer.left >= 2 else 1
        opener.left -= count
        closer.left -= count
        opener.opens.insert(0, count)
        closer.closes.append(count)
        # Whatever was opened in between stays text, so that emphasis never overlaps.
        for others in all_openers.values():
            others[:] = [other for other in others if other < opened or (other == opened and opener.left)]


def _is_meant(opener: _Run, closer: _Run, items: Sequence[Node | _Run], places: tuple[int, int]) -> bool:
    """Tells whether two runs are emphasis, and not signs of a formula, a footnote or a name."""
    ends_in_word = bool(_WORD.match(closer.after)) and closer.left <= opener.left
    count = places[1] - places[0] - 1
    if not count or (opener.begins_in_word and ends_in_word):
        return False
    if opener.begins_in_word or ends_in_word:
        word = items[places[0] + 1]
        if opener.sign == "_" or count > 1 or not isinstance(word, str) or not _ONE_WORD.fullmatch(word):
            return False
        return bool(_LETTER.search(word)) and (
            not opener.begins_in_word or bool(_LETTER.match(opener.before) and _LETTER.match(word))
        )
    if not (opener.after.isdigit() and closer.before.isdigit()):
        return True
    return not any(isinstance(item, str) and _FORMULA.search(item) for item in items[places[0] + 1 : places[1]])


def _built(items: Sequence[Node | _Run]) -> list[Node]:
    stack: list[list[Node]] = [[]]
    for item in items:
        if not isinstance(item, _Run):
            stack[-1].append(item)
            continue
        for count in item.closes:
            children = stack.pop()
            stack[-1].append(Emphasis("bold" if count == 2 else "italic", children))
        if item.left:
            stack[-1].append(item.sign * item.left)
        stack.extend([] for _count in item.opens)
    return stack[0]
