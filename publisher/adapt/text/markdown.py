"""Turns the small Markdown of posts into marked text: emphasis, links, paragraphs, lists, quotes. The rest is text."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Literal

import regex

from publisher.adapt.text.block_markup import BlockKind, read_blocks
from publisher.adapt.text.foreign_markup import understand
from publisher.adapt.text.inline_markup import Emphasis, LinkedText, Mention, Node, links_among, read_inline
from publisher.adapt.text.mentions import MENTION, PeopleDirectory
from publisher.adapt.text.rich_text import Marker, remove_marks
from publisher.adapt.text.web_addresses import find_addresses

LinkStyle = Literal["marked", "written", "label"]
"""`marked`: a label that carries its address; `written`: label and address; `label`: the label alone."""

_WEB = regex.compile(r"https?://[^\s/]", regex.IGNORECASE)
_MAIL = regex.compile(r"mailto:\s*([^\s?]+@[^\s?]+)", regex.IGNORECASE)
_SCHEME = regex.compile(r"^https?://(?:www\.)?", regex.IGNORECASE)

_LINE_ENDS = regex.compile(r"\s*\n\s*")


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
        if mail := _MAIL.match(url):
            return label if mail[1].casefold() in remove_marks(label).casefold() else f"{label} ({mail[1]})"
        if not _WEB.match(url):
            return label
        if self.links == "marked":
            return self.marker.wrap(label or url, "link", url)
        # A label that is the beginning of the address would show it twice.
        if _SCHEME.sub("", url).startswith(_SCHEME.sub("", remove_marks(label))):
            return label if self.links == "label" and label else url
        return self.marker.wrap(label, "link", url) if self.links == "label" else f"{label} ({url})"

    def plain(self, text: str) -> str:
        """Returns text with mentions resolved and, where links can be marked, addresses marked."""
        text = MENTION.sub(lambda match: self.mention(match[1]), text)
        if self.links != "marked":
            return text
        pieces: list[str] = []
        at = 0
        for start, end in find_addresses(text):
            pieces += (text[at:start], self.link(text[start:end], text[start:end]))
            at = end
        return "".join((*pieces, text[at:]))

    def inline(self, text: str) -> str:
        """Reads emphasis and links; no lists or quotes."""
        shown = understand(text)[0]
        return self._inline(_LINE_ENDS.sub("\n" if "\n" in text else " ", shown))

    def blocks(self, text: str) -> str:
        """Reads paragraphs, lists and quotes, with emphasis and links inside them."""
        pieces: list[str] = []
        previous: BlockKind | None = None
        for block in read_blocks(understand(text)[0]):
            content = self._inline(block.text)
            if not content:
                continue
            if pieces:
                pieces.append("\n" if block.kind == previous and block.kind in ("bullet", "number") else "\n\n")
            lead = self.marker.wrap(block.prefix, "prefix")
            pieces.append(self.marker.wrap(lead + content, block.kind) if block.kind else content)
            previous = block.kind
        return "".join(pieces)

    def lost_links(self, line: str) -> Iterator[tuple[str, str]]:
        """Yields the words and the address, which may be empty, of each link of a line that leads to no web page."""
        for link in links_among(read_inline(understand(line)[0])):
            if not _WEB.match(link.url) and not _MAIL.match(link.url):
                yield remove_marks(self._marked(link.children)), link.url

    def _inline(self, text: str) -> str:
        return self._marked(read_inline(text))

    def _marked(self, nodes: Iterable[Node]) -> str:
        return "".join(map(self._marked_node, nodes))

    def _marked_node(self, node: Node) -> str:
        match node:
            case Emphasis(kind, children):
                return self.marker.wrap(self._marked(children), kind)
            case LinkedText(children, url):
                return self.link(self._marked(children), url)
            case Mention(name):
                return self.mention(name)
            case text:
                return text


def plain_words(text: str) -> str:
    """Returns a text of one line without its markup; a link is its label."""
    return remove_marks(plain_marker().inline(text))


def plain_marker() -> TextMarker:
    """Makes a marker for texts that are only read, on no platform."""
    return TextMarker(Marker(), "", "label", PeopleDirectory())
