from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from publisher.adapt.blocks import plain_form, to_blocks
from publisher.adapt.facets import MOST_TAG, facets
from publisher.adapt.markdown import TextMarker
from publisher.adapt.people import People
from publisher.adapt.rich_text import Marker
from publisher.content import TextBlock
from publisher.profiles import TextLimits

RICH = TextLimits(unit="graphemes", limit=300, max_bytes=3000, rich=True)


def blocks_of(markdown: str) -> tuple[TextBlock, ...]:
    text = TextMarker(Marker(), "bluesky", "marked", People())
    return to_blocks(text.marker.read(text.blocks(markdown)).tidy(), RICH)


def read(caption: str, found: list[dict[str, Any]]) -> list[tuple[str, str, str]]:
    """What a reader of the record sees: kind, shown text, and where it leads."""
    whole = caption.encode()
    seen = []
    for facet in found:
        (feature,) = facet["features"]
        kind = feature["$type"].rpartition("#")[2]
        shown = whole[facet["index"]["byteStart"] : facet["index"]["byteEnd"]].decode()
        seen.append((kind, shown, feature["uri"] if kind == "link" else feature["tag"]))
    return seen


def test_places_are_counted_in_bytes() -> None:
    caption = "🧬 cèl·lules #CèlulesMare"
    assert facets(caption) == [
        {
            "index": {"byteStart": 17, "byteEnd": 30},
            "features": [{"$type": "app.bsky.richtext.facet#tag", "tag": "CèlulesMare"}],
        }
    ]


def test_a_label_leads_where_its_block_says() -> None:
    blocks = blocks_of(
        "Vegeu [la pel·lícula 🎬](https://films.example.org/12).\n\n1. [A](https://a.example.org)\n2. B 1. 1"
    )
    caption = plain_form(blocks)
    assert read(caption, facets(caption, blocks)) == [
        ("link", "la pel·lícula 🎬", "https://films.example.org/12"),
        ("link", "A", "https://a.example.org"),
    ]


@pytest.mark.parametrize(
    ("caption", "seen"),
    [
        ("See https://example.org/a_(b).", [("link", "https://example.org/a_(b", "https://example.org/a_(b")]),
        ("(https://example.org/é)", [("link", "https://example.org/é", "https://example.org/é")]),
        ("#mRNA, #Cell!", [("tag", "#mRNA", "mRNA"), ("tag", "#Cell", "Cell")]),
        ("＃細胞", [("tag", "＃細胞", "細胞")]),
        ("#1 #2026 a#b #! C#", []),
        ("https://example.org/#top", [("link", "https://example.org/#top", "https://example.org/#top")]),
        ("#" + "a" * MOST_TAG, [("tag", "#" + "a" * MOST_TAG, "a" * MOST_TAG)]),
        ("#" + "a" * (MOST_TAG + 1), []),
        ("", []),
    ],
)
def test_addresses_and_tags_of_a_plain_caption(caption: str, seen: list[tuple[str, str, str]]) -> None:
    assert read(caption, facets(caption)) == seen


def test_a_tag_or_an_address_inside_a_label_is_part_of_the_label() -> None:
    blocks = blocks_of("[see #Cell at https://a.example.org](https://b.example.org) #Cell")
    caption = plain_form(blocks)
    assert read(caption, facets(caption, blocks)) == [
        ("link", "see #Cell at https://a.example.org", "https://b.example.org"),
        ("tag", "#Cell", "Cell"),
    ]


WORDS = st.text(alphabet="aé·日🧬 1.", min_size=1, max_size=8).map(str.strip).filter(bool)
LINKS = st.builds("[{}](https://{}.example.org)".format, WORDS, st.text("abc", min_size=1, max_size=3))
TAGS = st.text("Cèl日", min_size=1, max_size=5).map("#{}".format)
PARTS = st.one_of(WORDS, LINKS, TAGS, st.sampled_from(["\n\n", "\n\n- ", "\n\n1. ", "\n- ", "\n> "]))


@settings(deadline=None)
@given(st.lists(PARTS, max_size=12).map(" ".join))
def test_links_and_tags_come_back_from_the_record(markdown: str) -> None:
    blocks = blocks_of(markdown)
    caption = plain_form(blocks)
    found = facets(caption, blocks)
    labels = [
        (block.text[span.start : span.end], span.url) for block in blocks for span in block.spans if span.kind == "link"
    ]
    seen = read(caption, found)
    assert [(shown, url) for kind, shown, url in seen if kind == "link"] == labels
    assert all(shown[1:] == tag for kind, shown, tag in seen if kind == "tag")
    places = [(facet["index"]["byteStart"], facet["index"]["byteEnd"]) for facet in found]
    assert all(start < end for start, end in places)
    assert all(first[1] <= second[0] for first, second in pairwise(places))
