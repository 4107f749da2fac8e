"""Reads the texts and pictures of HTML: paragraphs in the small Markdown of posts, and the images among them."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urljoin

from lxml import etree, html

from publisher.core.problems import Problem
from publisher.intake.problem_codes import ImportProblem

BLOCKS = frozenset({
    "address", "article", "aside", "blockquote", "body", "dd", "div", "dl", "dt", "figcaption", "figure", "footer",
    "form", "h1", "h2", "h3", "h4", "h5", "h6", "header", "hr", "li", "main", "nav", "ol", "p", "pre", "section",
    "table", "td", "th", "tr", "ul",
})  # fmt: skip
LEFT_OUT = frozenset({"script", "style", "template", "noscript", "iframe", "object", "svg", "head", "title"})
MARKS = {"b": "b", "strong": "b", "i": "i", "em": "i", "cite": "i"}
"""Which mark an element is: bold or italic."""
MARK_SIGNS = {"b": "**", "i": "*"}
PICTURE = re.compile(r"\.(?:jpe?g|png|gif|tiff?|webp|avif|heic)(?:$|\?)", re.IGNORECASE)
MAX_HTML = 5_000_000
MAX_DEPTH = 2_048
"""The parser's own limit: it stops there, and what follows is lost."""
MAX_SRCSET = 10_000
_COPY_SIZE = re.compile(r"(\d{1,5}(?:\.\d{1,3})?)[wx](?:,(.*))?$", re.DOTALL)
"""The width or the density of a copy in a `srcset`, and the next address where no space is between them."""
_MARK = re.compile(r"\0([bBiI])")
"""Stands in a line where a mark begins (a capital) or ends. No text has a NUL."""
_SIGNS = re.compile(r"([\\*_\[\]`])")
_SIZE = re.compile(r"-\d{2,5}x\d{2,5}(?=\.\w+(?:$|\?))")
"""What WordPress adds to the name of a smaller copy."""


class HtmlNotReadWhole(Exception):
    """Says that HTML is too long or too deep, so that a part of its text would be missing."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem)
        self.problem = problem


@dataclass(frozen=True, slots=True)
class HtmlPicture:
    """Holds an image of a page."""

    addresses: tuple[str, ...]
    """Where it is: the largest copy that is known first."""
    alt_text: str
    position: int = 0
    """How many paragraphs come before it."""


@dataclass(slots=True)
class HtmlText:
    """Holds the paragraphs and images of a page, in their order."""

    blocks: list[str] = field(default_factory=list)
    pictures: list[HtmlPicture] = field(default_factory=list)


def parse_html(text: str) -> Any:
    """Parses a page or a part of one; None where there is nothing in it. Reads nothing from elsewhere.

    Raises:
        HtmlNotReadWhole: it is too long or too deep.
    """
    # As bytes: the parser refuses a text that declares an encoding of its own.
    return _parse(text.replace("\0", "").encode("utf-8", "replace"), "utf-8")


def parse_page(content: bytes) -> Any:
    """Parses a page that says its encoding itself; None where there is nothing in it. Raises HtmlNotReadWhole."""
    try:
        return parse_html(content.decode("utf-8-sig"))
    except UnicodeDecodeError:
        return _parse(content, None)


def _parse(content: bytes, encoding: str | None) -> Any:
    if not content.strip():
        return None
    if len(content) > MAX_HTML:
        raise HtmlNotReadWhole(ImportProblem.HTML_TOO_LONG(limit=MAX_HTML // 1_000_000))
    parser = html.HTMLParser(encoding=encoding, no_network=True, remove_comments=True, remove_pis=True, huge_tree=True)
    try:
        root = html.document_fromstring(content, parser=parser)
    except (etree.ParserError, ValueError):
        root = None
    # The parser only notes it, and returns what stands before.
    if any(entry.type == etree.ErrorTypes.ERR_RESOURCE_LIMIT for entry in parser.error_log):
        raise HtmlNotReadWhole(ImportProblem.HTML_TOO_DEEP(limit=MAX_DEPTH))
    return root


def read_html(text: str, base: str = "") -> HtmlText:
    """Reads a part of a page. `base`: the address that its links are relative to."""
    root = parse_html(text)
    return HtmlText() if root is None else read_elements([root], base)


def read_elements(elements: Iterable[Any], base: str = "") -> HtmlText:
    """Reads parsed elements, in their order."""
    reader = _Reader(base)
    for element in elements:
        reader.read(element)
    return reader.result


def plain_text(text: str) -> str:
    """Returns the text of HTML in one line, without marks."""
    root = parse_html(text)
    return "" if root is None else " ".join("".join(root.itertext()).split())


class _Reader:
    """Walks elements without recursion, however deep they are."""

    def __init__(self, base: str) -> None:
        self.result = HtmlText()
        self._base = base
        self._line: list[str] = []
        self._links: list[tuple[str, int, int]] = []
        """The address of each link that is open, its paragraph, and its first part there."""
        self._paragraph = 0
        self._last_link = (-1, 0)
        """The paragraph and the first part of the last link that was written."""
        self._prefix = ""
        self._skipping: Any = None

    def read(self, root: Any) -> None:
        for event, element in etree.iterwalk(root, events=("start", "end")):
            if not isinstance(element.tag, str):
                if event == "end" and self._skipping is None:
                    self._add(element.tail)
                continue
            if event == "start":
                self._begin(element)
            else:
                self._end(element)
                if self._skipping is None and element is not root:
                    self._add(element.tail)
        self._break()

    def _begin(self, element: Any) -> None:
        if self._skipping is not None:
            return
        tag = element.tag.lower()
        if tag in LEFT_OUT:
            self._skipping = element
            return
        if tag in BLOCKS:
            self._break()
            self._prefix = {"li": "- ", "blockquote": "> "}.get(tag, self._prefix if tag == "p" else "")
        elif tag == "br":
            self._line.append("\n")
        elif tag == "img":
            self._add_picture(element)
        elif tag == "a":
            self._links.append((self._address(element.get("href") or ""), self._paragraph, len(self._line)))
        elif tag in MARKS:
            self._line.append(f"\0{MARKS[tag].upper()}")
        self._add(element.text)

    def _end(self, element: Any) -> None:
        if self._skipping is not None:
            if element is self._skipping:
                self._skipping = None
            return
        tag = element.tag.lower()
        if tag in BLOCKS:
            self._break()
            self._prefix = ""
        elif tag == "a" and self._links:
            self._end_link()
        elif tag in MARKS:
            self._line.append(f"\0{MARKS[tag]}")

    def _end_link(self) -> None:
        address, paragraph, begin = self._links.pop()
        if paragraph != self._paragraph:
            begin = 0
        # A link around another one is none in Markdown.
        if self._last_link >= (self._paragraph, begin):
            return
        label = "".join(self._line[begin:])
        if address.startswith(("http://", "https://", "mailto:")) and label.strip():
            self._line[begin:] = [f"[{label}]({address})"]
            self._last_link = (self._paragraph, begin)

    def _add(self, text: str | None) -> None:
        if text:
            self._line.append(_SIGNS.sub(r"\\\1", re.sub(r"\s+", " ", text)))

    def _add_picture(self, element: Any) -> None:
        source = element.get("src") or element.get("data-src") or ""
        if not source or source.startswith("data:"):
            return
        link = self._links[-1][0] if self._links else ""
        address = self._address(source)
        addresses = [link] if PICTURE.search(link) else []
        original = _SIZE.sub("", address)
        addresses += [original] if original != address else []
        addresses += [*self._larger_copies(element.get("srcset") or ""), address]
        alt_text = " ".join((element.get("alt") or "").split())
        self.result.pictures.append(HtmlPicture(tuple(dict.fromkeys(addresses)), alt_text, len(self.result.blocks)))

    def _larger_copies(self, srcset: str) -> list[str]:
        """Returns the address of the largest copy that an image names, if it names any."""
        copies: list[tuple[float, str]] = []
        address = ""
        for word in srcset[:MAX_SRCSET].split():
            size = _COPY_SIZE.match(word)
            if size and address:
                copies.append((float(size[1]), address))
            address = ((size[2] or "") if size else word).lstrip(",")
        return [self._address(max(copies)[1])] if copies else []

    def _address(self, address: str) -> str:
        try:
            return urljoin(self._base, address.strip())
        except ValueError:
            return address

    def _break(self) -> None:
        """Ends a paragraph."""
        text = _close_marks("".join(self._line))
        lines = [" ".join(line.split()) for line in text.split("\n")]
        block = "\n".join(line for line in lines if line)
        # A link that goes on over the end of a paragraph begins anew; a mark that does is none.
        self._line = []
        self._paragraph += 1
        if block:
            self.result.blocks.append(f"{self._prefix}{block}")


@dataclass(slots=True)
class _OpenMark:
    """Holds a mark that has begun and not ended."""

    kind: str
    begin: int
    """The place of its first part."""
    inner: set[str] = field(default_factory=set)
    """The kinds of the marks inside."""


def _close_marks(text: str) -> str:
    """Puts the signs of emphasis right beside the words that they mark; those around nothing go."""
    parts: list[str] = []
    opened: list[_OpenMark] = []
    for number, part in enumerate(_MARK.split(text)):
        if number % 2 == 0:
            parts.append(part)
        elif part.isupper():
            opened.append(_OpenMark(part.lower(), len(parts)))
        elif opened and opened[-1].kind == part:
            _close_mark(opened.pop(), parts, opened[-1].inner if opened else set())
    return "".join(parts)


def _close_mark(mark: _OpenMark, parts: list[str], outer: set[str]) -> None:
    """Marks the parts since a mark began. Of marks inside each other, only bold in italic is one in Markdown."""
    outer |= mark.inner
    if mark.inner - ({"b"} if mark.kind == "i" else set()):
        return
    content = "".join(parts[mark.begin :])
    words = content.strip()
    if not words or words.startswith("*"):
        return
    sign = MARK_SIGNS[mark.kind]
    before = content[: len(content) - len(content.lstrip())]
    after = content[len(content.rstrip()) :]
    parts[mark.begin :] = [f"{before}{sign}{words}{sign}{after}"]
    outer.add(mark.kind)
