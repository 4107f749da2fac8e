"""Tests that Markdown becomes the text and the links that a platform can show."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from publisher.adapt.text.blocks import plain_form, to_blocks
from publisher.adapt.text.markdown import LinkStyle, TextMarker
from publisher.adapt.text.mentions import DirectoryEntry, PeopleDirectory
from publisher.adapt.text.rich_text import Marker, RichText
from publisher.core.content import TextBlock
from publisher.platforms.profiles import TextLimits

RICH = TextLimits(unit="code_points", limit=100_000, rich=True, block_limit=4096)
PEOPLE = PeopleDirectory(people=(DirectoryEntry(name="Ana Roig", handles={"x": "ana_roig"}),))


def rich_text_of(text: str, links: LinkStyle = "marked", platform: str = "x") -> RichText:
    marker = Marker()
    return marker.read(TextMarker(marker, platform, links, PEOPLE).blocks(text)).tidy()


def blocks(text: str, limits: TextLimits = RICH) -> tuple[TextBlock, ...]:
    return to_blocks(rich_text_of(text), limits)


def spans(block: TextBlock) -> list[tuple[str, str, str | None]]:
    return [(span.kind, block.text[span.start : span.end], span.url) for span in block.spans]


def test_emphasis_and_links_become_spans_in_code_points() -> None:
    (block,) = blocks("🧬 *E. coli* in **bold**, see [the *paper*](https://example.org/p).")
    assert block.text == "🧬 E. coli in bold, see the paper."
    assert spans(block) == [
        ("italic", "E. coli", None),
        ("bold", "bold", None),
        ("link", "the paper", "https://example.org/p"),
        ("italic", "paper", None),
    ]


def test_paragraphs_lists_and_quotes_become_blocks() -> None:
    text = "One\nstill one\n\n- a\n- *b*\n\n3. three\n4. four\n\n> said\n\nEnd"
    assert [(block.kind, block.text) for block in blocks(text)] == [
        ("paragraph", "One\nstill one"),
        ("bullet", "a"),
        ("bullet", "b"),
        ("number", "three"),
        ("number", "four"),
        ("quote", "said"),
        ("paragraph", "End"),
    ]


def test_lists_are_readable_as_plain_text() -> None:
    assert rich_text_of("Seen:\n\n- a\n- b\n\n1. c\n2. d").text == "Seen:\n\n• a\n• b\n\n1. c\n2. d"


def test_the_plain_form_of_blocks_is_the_plain_text() -> None:
    text = "Seen:\n\n- a\n- b\n\n> c\n\nd"
    assert plain_form(blocks(text)) == rich_text_of(text).text


@pytest.mark.parametrize(
    "text",
    [
        "# no heading",
        "<b>no</b> &amp; html",
        "`no code` and ~~no strike~~",
        "![no](picture",
        "    no code block",
        "| no | table |",
        "2 * 3 * 4 and snake_case_name",
        "***",
    ],
)
def test_anything_else_is_plain_text(text: str) -> None:
    assert rich_text_of(text).text == text.strip()
    assert not rich_text_of(text).marks_of_kind("bold", "italic", "link", "heading")


@pytest.mark.parametrize(
    "address", ["javascript:alert(1)", "data:text/html,x", "mailto:a@b.org", "//b.org", "ftp://b.org"]
)
def test_only_web_addresses_are_linked(address: str) -> None:
    rich = rich_text_of(f"[label]({address})")
    assert rich.text == "label"
    assert not rich.marks


@pytest.mark.parametrize(
    ("links", "expected"),
    [
        ("marked", "see the paper"),
        ("written", "see the paper (https://example.org/p)"),
        ("label", "see the paper"),
    ],
)
def test_a_link_is_shown_as_the_platform_can(links: LinkStyle, expected: str) -> None:
    assert rich_text_of("see [the paper](https://example.org/p)", links).text == expected


def test_a_label_that_begins_the_address_is_not_written_twice() -> None:
    assert rich_text_of("[example.org](https://www.example.org/p)", "written").text == "https://www.example.org/p"


def test_an_address_written_out_is_linked_where_links_can_be_marked() -> None:
    (block,) = blocks("See https://example.org/a.")
    assert spans(block) == [("link", "https://example.org/a", "https://example.org/a")]


def test_a_mention_becomes_a_handle_or_the_name() -> None:
    assert rich_text_of("by @[Ana Roig] and @[Bo Li]").text == "by @ana_roig and Bo Li"
    assert rich_text_of("by @[Ana Roig]", platform="tumblr").text == "by Ana Roig"


def test_a_paragraph_that_is_too_long_is_split_at_a_sentence() -> None:
    limits = RICH.model_copy(update={"block_limit": 30})
    split = blocks("Cells move at night. They *divide too*. They settle then.", limits)
    assert [block.text for block in split] == ["Cells move at night.", "They divide too.", "They settle then."]
    assert spans(split[1]) == [("italic", "divide too", None)]


def test_a_word_that_is_too_long_for_a_block_is_split_between_graphemes() -> None:
    limits = RICH.model_copy(update={"block_limit": 7})
    assert [block.text for block in blocks("👩‍🔬👩‍🔬👩‍🔬", limits)] == ["👩‍🔬👩‍🔬", "👩‍🔬"]


@settings(deadline=None)
@given(st.text(alphabet="ab *_[]()>-1.\n\\#`é🧬https://", max_size=60), st.sampled_from([5, 20, 4096]))
def test_blocks_keep_the_limit_and_spans_stay_inside(text: str, most: int) -> None:
    limits = RICH.model_copy(update={"block_limit": most})
    for block in blocks(text, limits):
        assert 0 < len(block.text) <= most
        assert block.text == block.text.strip()
        assert all(0 <= span.start < span.end <= len(block.text) for span in block.spans)
