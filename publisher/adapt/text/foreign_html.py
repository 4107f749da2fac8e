"""Writes what HTML means with the small markup of posts and the signs of `markup_signs`."""

from __future__ import annotations

import html
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum, auto

import regex

from publisher.adapt.text.markup_signs import (
    BOLD,
    BOLD_END,
    ITALIC,
    ITALIC_END,
    LINK,
    LINK_ADDRESS,
    LINK_END,
    literal,
)
from publisher.adapt.text.raised_text import raise_or_lower


class Trouble(Enum):
    """Names what can be wrong with markup that the editor does not write."""

    PICTURE = auto()
    """A picture inside the text, which followers don't get."""
    EMBEDDED = auto()
    """A film, a form, a gallery or another thing that only a web page can show."""
    NOT_CLOSED = auto()
    """A tag or comment without its other half."""
    REFERENCE_MISSING = auto()
    """A footnote or link that refers to nothing."""
    TABLE = auto()
    """A table, which followers read as lines."""
    NOT_RAISED = auto()
    """Raised or lowered text for which there are no characters."""


REMOVED = "script|style|template|noscript|iframe|object|video|audio|svg|math|canvas|form|button|select|textarea|title"


def _names(text: str) -> frozenset[str]:
    return frozenset(text.split())


_BOLD = frozenset(("b", "strong"))
_ITALIC = frozenset(("i", "em", "cite", "dfn", "var"))
_HEADINGS = frozenset(f"h{level}" for level in range(1, 7))
_PARAGRAPHS = _names(
    """html body head p div section article nav header footer main aside figure figcaption address center dl pre
    details summary"""
)
_LINES = _names("dt dd caption tr")
_CELLS = _names("td th")
_PARTS_OF_TABLES = _names("thead tbody tfoot colgroup col")
_UNMARKED = _names(
    """span font u s del ins mark small big abbr code kbd samp tt time bdi bdo ruby strike nobr acronym o:p st1:place"""
)
_PAIRED = _BOLD | _ITALIC | _HEADINGS | _UNMARKED | {"sub", "sup", "a", "q", "blockquote"}
_SINGLE = {"br": "\n", "wbr": "", "hr": "\n\n"}
_PICTURES = _names("img picture")
_EMBEDDED = _names("embed input source param link meta") | frozenset(REMOVED.split("|"))
_LISTS = _names("ul ol menu")
_ALL = (
    _PAIRED | _PARAGRAPHS | _LINES | _CELLS | _PARTS_OF_TABLES | _PICTURES | _EMBEDDED | _LISTS | {"li", "table"}
    | frozenset(_SINGLE)
)  # fmt: skip
_VALUE = r"\s*=\s*(?:\"[^\"<>]*+\"|'[^'<>]*+'|[^\s\"'<>/]++)"
TAG = (
    rf"<(?P<closing>/?)(?P<tag>{'|'.join(sorted(_ALL, key=len, reverse=True))})"
    rf"(?P<attributes>(?:\s+[a-z:_-]++{_VALUE})*+|(?=[^<>]*=\s*[\"'])(?:\s+[a-z:_-]++(?:{_VALUE})?)*+)\s*+/?>"
)
"""A tag as it is written in well-formed HTML: in `a<b and c>d` there is none."""

_HREF = regex.compile(r"\shref\s*=\s*(?:\"([^\"]*)\"|'([^']*)'|(\S+))", regex.IGNORECASE)
_LOOSE_MARKER = regex.compile(r"(?m)^(- |\d+\. )\s+")
_LINE_ENDS = regex.compile(r"\s*\n\s*")
_WORD = regex.compile(r"[\p{L}\p{N}]")
_SPACES = " \t\n"
MAX_OPEN = 50
"""How many open tags a closing one is compared with."""


@dataclass(frozen=True, slots=True)
class Tag:
    """Holds a tag: its name in small letters, its attributes, itself as it is written, and where in the text."""

    name: str
    attributes: str
    markup: str
    at: int
    closing: bool = False


@dataclass(slots=True)
class _Open:
    """Remembers a tag that was not closed yet, and how much was written before it."""

    tag: Tag
    written: int


class HtmlWriter:
    """Collects text, and changes it to what the tags around it mean."""

    def __init__(self, find: Callable[[Trouble, str, int], None]) -> None:
        self._find = find
        self._out: list[str] = []
        self._open: list[_Open] = []
        self._lists: list[int | None] = []
        """The next number of each open list; None: it has bullets."""
        self._has_lists = False

    def add(self, text: str) -> None:
        if text:
            self._out.append(text)

    def finish(self) -> str:
        """Returns all of it."""
        self._report_unclosed(0)
        return str(_LOOSE_MARKER.sub(r"\1", "".join(self._out)) if self._has_lists else "".join(self._out))

    def tag(self, tag: Tag) -> None:
        """Reads a tag."""
        name = tag.name
        if name in _PAIRED:
            if tag.closing:
                self._close(tag)
            else:
                self._open.append(_Open(tag, len(self._out)))
        elif name in _PICTURES or name in _EMBEDDED:
            if not tag.closing:
                self._find(Trouble.PICTURE if name in _PICTURES else Trouble.EMBEDDED, tag.markup, tag.at)
        elif name in _LISTS:
            self._read_list(tag)
        else:
            self._read_block(tag)

    def _close(self, tag: Tag) -> None:
        for number in range(len(self._open) - 1, max(-1, len(self._open) - MAX_OPEN - 1), -1):
            if self._open[number].tag.name == tag.name:
                break
        else:
            self._find(Trouble.NOT_CLOSED, tag.markup, tag.at)
            return
        self._report_unclosed(number + 1)
        element = self._open.pop()
        content = "".join(self._out[element.written :])
        self._out[element.written :] = [self._meaning(element.tag, content)]

    def _report_unclosed(self, first: int) -> None:
        """Reports elements that were not closed, from one on."""
        for element in self._open[first:]:
            self._find(Trouble.NOT_CLOSED, element.tag.markup, element.tag.at)
        del self._open[first:]

    def _meaning(self, element: Tag, content: str) -> str:
        name = element.name
        if not content.strip(_SPACES):
            return content
        if name in _BOLD:
            return _around(content, BOLD, BOLD_END)
        if name in _ITALIC:
            return _around(content, ITALIC, ITALIC_END)
        if name in _HEADINGS:
            return f"\n\n{BOLD}{_LINE_ENDS.sub(' ', content.strip(_SPACES))}{BOLD_END}\n\n"
        if name == "blockquote":
            lines = content.strip(_SPACES).split("\n")
            return "\n\n" + "\n".join(f"> {line}" for line in lines) + "\n\n"
        if name in ("sub", "sup"):
            return self._raised(content, element)
        if name == "a":
            return _link(content, element.attributes)
        return f"“{content}”" if name == "q" else content

    def _raised(self, content: str, element: Tag) -> str:
        bare = content.strip(_SPACES)
        shown = raise_or_lower(bare, "sup" if element.name == "sup" else "sub")
        if shown is not None:
            return shown
        if not _WORD.search(bare):
            return content
        self._find(Trouble.NOT_RAISED, bare, element.at)
        sign = literal("^" if element.name == "sup" else "_")
        return f"{sign}{bare}" if len(bare) == 1 or bare.isalnum() else f"{sign}{literal('(')}{bare}{literal(')')}"

    def _read_list(self, tag: Tag) -> None:
        name, closing = tag.name, tag.closing
        self._has_lists = True
        if not closing:
            self._lists.append(1 if name == "ol" else None)
        elif self._lists:
            self._lists.pop()
        self.add("\n" if self._lists and not closing and len(self._lists) > 1 else "\n\n")

    def _read_block(self, tag: Tag) -> None:
        name, closing = tag.name, tag.closing
        if name in _SINGLE:
            self.add(_SINGLE[name])
        elif name == "li" and not closing:
            number = self._lists[-1] if self._lists else None
            if number is not None:
                self._lists[-1] = number + 1
            self.add("\n- " if number is None else f"\n{number}. ")
        elif name == "table":
            if not closing:
                self._find(Trouble.TABLE, tag.markup, tag.at)
            self.add("\n\n")
        elif name in _CELLS:
            if not closing and self._out and not self._out[-1].endswith("\n"):
                self.add(" · ")
        elif name in _LINES:
            self.add("\n" if not closing and self._out and not self._out[-1].endswith("\n") else "")
        elif name in _PARAGRAPHS:
            self.add("\n\n")


def _around(content: str, sign: str, end: str) -> str:
    """Puts signs around the words of each line."""
    bare = content.strip(_SPACES)
    lead = content[: len(content) - len(content.lstrip(_SPACES))]
    trail = content[len(content.rstrip(_SPACES)) :]
    marked = _LINE_ENDS.sub(lambda gap: f"{end}{gap[0]}{sign}", bare)
    return f"{lead}{sign}{marked}{end}{trail}"


def _link(content: str, attributes: str) -> str:
    found = _HREF.search(attributes)
    label = _LINE_ENDS.sub(" ", content)
    if found is None:
        return label
    address = html.unescape(next((value for value in found.groups() if value is not None), ""))
    if regex.search(r"\s", address):
        return label
    return f"{LINK}{label}{LINK_ADDRESS}{address}{LINK_END}"
