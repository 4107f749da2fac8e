"""Renders rich text as HTML, and lengths in words, for previews."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import groupby, pairwise

from markupsafe import Markup

from publisher.adapt.text.blocks import to_blocks
from publisher.adapt.text.counting import unit_name
from publisher.adapt.text.markdown import TextMarker
from publisher.adapt.text.mentions import PeopleDirectory
from publisher.adapt.text.rich_text import Marker
from publisher.core.content import AdaptedPost, Span, TextBlock
from publisher.core.messages import _
from publisher.platforms.profiles import TextLimits

_ELEMENTS = {"bold": "strong", "italic": "em"}
_WEB = ("https://", "http://")
_PAGE = TextLimits(unit="code_points", limit=1_000_000, rich=True)
"""A web page takes texts of any length, with their formatting."""
_LISTS = {"bullet": Markup("<ul>{}</ul>"), "number": Markup("<ol>{}</ol>")}


def describe_length(adapted: AdaptedPost) -> str:
    """Describes the length of the caption and its limit, in the platform's unit."""
    unit = unit_name(adapted.unit, adapted.platform)
    return str(_("{count:number} of {limit:number} {unit}", count=adapted.count, limit=adapted.limit, unit=unit))


def rich_parts(blocks: Iterable[TextBlock]) -> list[tuple[str, list[Markup]]]:
    """Renders blocks of rich text as pairs of a kind and its HTML; the items of one list are together."""
    parts: list[tuple[str, list[Markup]]] = []
    for kind, run in groupby(blocks, key=lambda block: block.kind):
        contents = [_rich_text(block) for block in run]
        if kind in ("bullet", "number"):
            parts.append((kind, contents))
        else:
            parts.extend((kind, [content]) for content in contents)
    return parts


def _rich_text(block: TextBlock) -> Markup:
    inside = [edge for span in block.spans for edge in (span.start, span.end) if 0 < edge < len(block.text)]
    edges = sorted({0, len(block.text), *inside})
    pieces = [
        _format_text(block.text[start:end], [span for span in block.spans if span.start <= start and end <= span.end])
        for start, end in pairwise(edges)
    ]
    return Markup("").join(pieces)


def _format_text(text: str, spans: Iterable[Span]) -> Markup:
    html = Markup("{}").format(text)
    for span in sorted(spans, key=lambda span: span.kind == "link"):
        if span.kind in _ELEMENTS:
            html = Markup("<{0}>{1}</{0}>").format(_ELEMENTS[span.kind], html)
        elif (span.url or "").lower().startswith(_WEB):
            html = Markup('<a href="{}" rel="noreferrer">{}</a>').format(span.url, html)
        else:
            html = Markup("<b>{}</b>").format(html)
    return html


def page_html(markdown: str) -> Markup:
    """Renders a post's Markdown as paragraphs, lists and quotes of a web page. No HTML of the text gets through."""
    marker = TextMarker(Marker(), "", "marked", PeopleDirectory())
    blocks = to_blocks(marker.marker.read(marker.blocks(markdown)).tidy(), _PAGE)
    return Markup("\n").join(_page_part(kind, contents) for kind, contents in rich_parts(blocks))


def _page_part(kind: str, contents: list[Markup]) -> Markup:
    contents = [Markup("<br>\n").join(content.split("\n")) for content in contents]
    if kind in _LISTS:
        items = Markup("").join(Markup("<li>{}</li>").format(content) for content in contents)
        return _LISTS[kind].format(items)
    if kind == "quote":
        return Markup("<blockquote><p>{}</p></blockquote>").format(contents[0])
    return Markup("<p>{}</p>").format(contents[0])


def line_html(markdown: str) -> Markup:
    """Renders a text of one paragraph, such as a title or a credit, with its emphasis and links."""
    marker = TextMarker(Marker(), "", "marked", PeopleDirectory())
    blocks = to_blocks(marker.marker.read(marker.inline(markdown)).tidy(), _PAGE)
    return Markup("<br>\n").join(Markup("<br>\n").join(_rich_text(block).split("\n")) for block in blocks)
