"""Links and tags of a caption as Bluesky wants them: beside the text, placed in UTF-8 bytes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import regex

from publisher.adapt.counting import url_places
from publisher.content import Span, TextBlock

MOST_TAG = 64
"""Code points of a tag; a longer one stays plain text."""

_LINK, _TAG = "app.bsky.richtext.facet#link", "app.bsky.richtext.facet#tag"
_HASHTAG = regex.compile(r"(?<!\S)[#＃]\S*[^\s\d\p{P}]\S*")
_LOOSE_END = regex.compile(r"\p{P}+\Z")


def facets(caption: str, blocks: Sequence[TextBlock] = ()) -> list[dict[str, Any]]:
    """The facets of a caption in their order: its links, addresses written out, and hashtags.

    `blocks` say the same as `caption`, and which labels lead where. Each facet is as the lexicon
    `app.bsky.richtext.facet` has it; none overlaps another, none cuts a character.
    """
    links = [*_labels(caption, blocks)]
    links += [place for place in _addresses(caption) if _free(place, links)]
    places = sorted([*links, *(tag for tag in _hashtags(caption) if _free(tag, links))], key=lambda span: span.start)
    return [_facet(caption, place) for place in places]


def _labels(caption: str, blocks: Iterable[TextBlock]) -> Iterator[Span]:
    """The links of the blocks, where they stand in the caption."""
    at = 0
    for block in blocks:
        at += len(caption[at:]) - len(caption[at:].lstrip("\n"))
        if block.kind in ("bullet", "number"):
            at = caption.index(" ", at) + 1
        for span in block.spans:
            if span.kind == "link" and span.url:
                yield span.model_copy(update={"start": at + span.start, "end": at + span.end})
        at += len(block.text)


def _addresses(caption: str) -> Iterator[Span]:
    for start, end in url_places(caption):
        yield Span(start=start, end=end, kind="link", url=caption[start:end])


def _hashtags(caption: str) -> Iterator[Span]:
    for found in _HASHTAG.finditer(caption):
        tag = _LOOSE_END.sub("", found[0])
        if len(tag) <= MOST_TAG + 1:
            yield Span(start=found.start(), end=found.start() + len(tag), kind="tag")


def _free(place: Span, taken: Iterable[Span]) -> bool:
    return all(place.end <= other.start or other.end <= place.start for other in taken)


def _facet(caption: str, place: Span) -> dict[str, Any]:
    shown = caption[place.start : place.end]
    start = len(caption[: place.start].encode())
    feature = {"$type": _LINK, "uri": place.url} if place.kind == "link" else {"$type": _TAG, "tag": shown[1:]}
    return {"index": {"byteStart": start, "byteEnd": start + len(shown.encode())}, "features": [feature]}
