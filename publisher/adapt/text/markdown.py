"""Reads the small Markdown of posts: emphasis, strong, links, paragraphs, lists, quotes. The rest is plain text."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

import regex
from markdown_it import MarkdownIt
from markdown_it.token import Token

from publisher.adapt.text.mentions import MENTION, PeopleDirectory
from publisher.adapt.text.rich_text import Marker, MarkKind, remove_marks

LinkStyle = Literal["marked", "written", "label"]
"""`marked`: a label that carries its address; `written`: label and address; `label`: the label alone."""

_URL = regex.compile(r"https?://[^\s<>\"]*[^\s<>\".,;:!?’”»)\]]", regex.IGNORECASE)
_WEB = regex.compile(r"https?://[^\s/]", regex.IGNORECASE)
_SCHEME = regex.compile(r"^https?://(?:www\.)?", regex.IGNORECASE)


def _parser() -> MarkdownIt:
    rules = ["list", "blockquote", "emphasis", "link", "escape", "newline", "balance_pairs", "fragments_join"]
    parser = MarkdownIt("zero", {"html": False, "maxNesting": 20}).enable(rules)
    # An address that is no web address is dropped later, so that its label stays.
    parser.validateLink = lambda url: True  # type: ignore[method-assign]  # noqa: ARG005
    return parser


_MARKDOWN = _parser()


class TextMarker:
    """Turns the Markdown of staff into marked text, for one platform."""

    def __init__(self, marker: Marker, platform: str, links: LinkStyle, people: PeopleDirectory) -> None:
        self.marker = marker
        self.links = links
        self.people = people
        self._platform = platform

    def mention(self, name: str) -> str:
        """Returns the person's handle on this platform, or the plain name."""
        handle = self.people.handle(name, self._platform)
        return self.marker.wrap(handle, "mention") if handle else name

    def link(self, label: str, url: str) -> str:
        """Returns a link with a label, as this platform can show it."""
        if not _WEB.match(url):
            return label
        if self.links == "marked":
            return self.marker.wrap(label or url, "link", url)
        if self.links == "label" and label:
            return label
        # A label that is the beginning of the address would show it twice.
        if _SCHEME.sub("", url).startswith(_SCHEME.sub("", remove_marks(label))):
            return url
        return f"{label} ({url})"

    def plain(self, text: str) -> str:
        """Returns text with mentions resolved and, where links can be marked, addresses marked."""
        text = MENTION.sub(lambda match: self.mention(match[1]), text)
        if self.links != "marked":
            return text
        return str(_URL.sub(lambda match: self.marker.wrap(match[0], "link", match[0]), text))

    def inline(self, text: str) -> str:
        """Reads emphasis and links; no lists or quotes."""
        return "".join(self._inline(_MARKDOWN.parseInline(text)[0].children or []))

    def blocks(self, text: str) -> str:
        """Reads paragraphs, lists and quotes, with emphasis and links inside them."""
        pieces: list[str] = []
        previous: MarkKind | None = None
        for kind, prefix, content in self._blocks(_MARKDOWN.parse(text)):
            if pieces:
                pieces.append("\n" if kind == previous and kind in ("bullet", "number") else "\n\n")
            lead = self.marker.wrap(prefix, "prefix")
            pieces.append(self.marker.wrap(lead + content, kind) if kind else content)
            previous = kind
        return "".join(pieces)

    def _blocks(self, tokens: Iterable[Token]) -> Iterable[tuple[MarkKind | None, str, str]]:
        """Yields kind, prefix in plain text, and content of each block."""
        around: list[MarkKind] = []
        numbers: list[int] = []
        prefix = ""
        for token in tokens:
            if token.type in ("bullet_list_open", "ordered_list_open"):
                numbers.append(int(token.attrGet("start") or 1))
            elif token.type in ("bullet_list_close", "ordered_list_close"):
                numbers.pop()
            elif token.type == "list_item_open":
                around.append("number" if token.info else "bullet")
                prefix = f"{numbers[-1]}. " if token.info else "• "
                numbers[-1] += 1
            elif token.type == "blockquote_open":
                around.append("quote")
            elif token.type in ("list_item_close", "blockquote_close"):
                around.pop()
            elif token.type == "inline" and (content := "".join(self._inline(token.children or []))):
                yield around[-1] if around else None, prefix, content
                prefix = ""

    def _inline(self, tokens: Iterable[Token]) -> list[str]:
        """Returns the inline tokens as marked strings; a stack holds what is open."""
        stack: list[list[str]] = [[]]
        addresses: list[str] = []
        for token in tokens:
            if token.type in ("em_open", "strong_open", "link_open"):
                stack.append([])
                if token.type == "link_open":
                    addresses.append(str(token.attrGet("href") or ""))
            elif token.type in ("em_close", "strong_close"):
                inner = "".join(stack.pop())
                stack[-1].append(self.marker.wrap(inner, "italic" if token.type == "em_close" else "bold"))
            elif token.type == "link_close":
                inner = "".join(stack.pop())
                stack[-1].append(self.link(inner, addresses.pop()))
            elif token.type in ("softbreak", "hardbreak"):
                stack[-1].append("\n")
            else:
                stack[-1].append(token.content if addresses else self.plain(token.content))
        return stack[0]
