"""Tests that Markdown becomes the text and the links that a platform can show."""

from __future__ import annotations

import pytest
import regex
from hypothesis import given, settings
from hypothesis import strategies as st

from publisher.adapt.text.blocks import plain_form, to_blocks
from publisher.adapt.text.cleaning import clean
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
    text = "One\nstill one\n\n- a\n- *b*\n\n1. three\n2. four\n\n> said\n\nEnd"
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
        "no ~~strike~~, no `lone sign",
        "l`aigua i l`home, 5` or 6``, ``LaTeX'' and `single'",
        "![no](picture",
        "    no code block",
        "| no | table |",
        "2 * 3 * 4 and snake_case_name",
        "***",
        "17. 5. 2026 was the day",
        "1953. Two people saw it.",
        "2022. The year of cells.\n\n2023. The next one.",
        "3. three\n4. four",
        "1. one\n3. three",
        "1) alone",
        "It began in\n1953. Two people saw it.",
        "> 90 % of cells",
        ">90 % of cells",
        "It rose to\n> 90 % of cells",
        "> 5 mm\n> 6 mm",
        "- 20 °C was cold",
        "- 20 °C\n- 80 °C",
        "+ 3 cells\n+ 4 cells",
        "* p < 0.05",
        "a gap\n- no item - in a line",
        "4*5=20 and 6*7=42",
        "2*n and 3*m, 2**3 and 4**5, a*b + c*d = e",
        "f*g is g*f, and the convolution f*g=h*",
        "HLA-A*02:01 and HLA-B*07:02, CYP2D6*4/*10",
        "*p < 0.05, **p < 0.01, ***p < 0.001",
        "p < 0.05*, p < 0.01**",
        "Sgr A* and M87*",
        "__init__ and __main__, x_1 and y_2",
        "cells (*) and mice (*) differ",
        "2 *3 = 6 and 7* 8",
        "[Ca2+] and [1](2), f[i](j), [NaCl](0.5), [a](b.c), [x](1/2), [y](p.5)",
        "call f[i]() and g[0]( ), then h(x)[n]()",
        "p<0.05 and n>3; x < y > z",
        "C:\\temp and \\mu",
        "# of cells per field",
        "# Mice per cage: 5\n# Rats per cage: 3",
        "They see.\n---\nThey rest.",
    ],
)
def test_anything_else_is_plain_text(text: str) -> None:
    assert rich_text_of(text).text == text.strip()
    assert plain_form(blocks(text)) == text.strip()
    assert not rich_text_of(text).marks_of_kind("bold", "italic", "link", "heading")


@pytest.mark.parametrize(
    "address",
    [
        "javascript:alert(1)",
        "data:text/html,x",
        "//b.org",
        "ftp://b.org",
        "/about.html",
        "#note",
        "about.html",
        "tel:12",
    ],
)
def test_only_web_addresses_are_linked(address: str) -> None:
    rich = rich_text_of(f"[label]({address})")
    assert rich.text == "label"
    assert not rich.marks


@pytest.mark.parametrize(
    ("address", "meant"),
    [
        ("www.example.org/a_b", "https://www.example.org/a_b"),
        ("example.org/a", "https://example.org/a"),
        ("doi:10.1000/182", "https://doi.org/10.1000/182"),
        ("10.1038/s41586-020", "https://doi.org/10.1038/s41586-020"),
        ("https://example.org/a b", "https://example.org/a%20b"),
        ("<https://example.org/a b>", "https://example.org/a%20b"),
    ],
)
def test_an_address_is_completed_as_a_person_means_it(address: str, meant: str) -> None:
    (block,) = blocks(f"[label]({address})")
    assert spans(block) == [("link", "label", meant)]


def test_a_mail_address_is_written_out() -> None:
    assert rich_text_of("[us](mailto:a@b.org?subject=x), [a@b.org](mailto:a@b.org)").text == "us (a@b.org), a@b.org"


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


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "1. one\n2. Cells move at night. They divide too.\n3. three",
            [
                ("paragraph", "1. one"),
                ("paragraph", "2. Cells move at night."),
                ("paragraph", "They divide too."),
                ("paragraph", "3. three"),
            ],
        ),
        (
            "- one\n- Cells move at night. They divide too.\n- three",
            [
                ("bullet", "one"),
                ("bullet", "Cells move at night."),
                ("paragraph", "They divide too."),
                ("bullet", "three"),
            ],
        ),
    ],
)
def test_an_item_that_is_too_long_for_a_block_stays_one_item(text: str, expected: list[tuple[str, str]]) -> None:
    limits = RICH.model_copy(update={"block_limit": 30})
    split = blocks(f"Seen:\n\n{text}\n\n> 4. five\n> 6. seven\n\n1. a\n2. b", limits)
    shown = [(block.kind, block.text) for block in split]
    assert shown[1 : len(expected) + 1] == expected
    assert shown[-2:] == [("number", "a"), ("number", "b")]
    (emphasized,) = blocks("1. *one* and a long, long text behind it\n2. two", limits)[:1]
    assert (emphasized.text, spans(emphasized)) == ("1. one and a long,", [("italic", "one", None)])


def test_a_word_that_is_too_long_for_a_block_is_split_between_graphemes() -> None:
    limits = RICH.model_copy(update={"block_limit": 7})
    assert [block.text for block in blocks("👩‍🔬👩‍🔬👩‍🔬", limits)] == ["👩‍🔬👩‍🔬", "👩‍🔬"]


def test_what_the_editor_writes_is_emphasis_wherever_it_stands() -> None:
    (block,) = blocks(
        "*p*53, K*d* of ***Danio rerio***, *(a b*)x, **a *b***, *a***b**, ***x*****y**, _E. coli_¹; “*q*”"
    )
    assert block.text == "p53, Kd of Danio rerio, (a b)x, a b, ab, xy, E. coli¹; “q”"
    assert [(kind, words) for kind, words, _url in spans(block)] == [
        ("italic", "p"), ("italic", "d"), ("bold", "Danio rerio"), ("italic", "Danio rerio"), ("italic", "(a b"),
        ("bold", "a b"), ("italic", "b"), ("italic", "a"), ("bold", "b"), ("bold", "x"), ("italic", "x"), ("bold", "y"),
        ("italic", "E. coli"), ("italic", "q"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("- only one", [("bullet", "only one")]),
        ("Seen:\n- a\n- b", [("paragraph", "Seen:"), ("bullet", "a"), ("bullet", "b")]),
        ("- 12 mice\n- 3 rats", [("bullet", "12 mice"), ("bullet", "3 rats")]),
        ("- a\n\n- b", [("bullet", "a"), ("bullet", "b")]),
        ("- a\nb\n- c", [("bullet", "a\nb"), ("bullet", "c")]),
        ("1. a\n\n2. b", [("number", "a"), ("number", "b")]),
        ("1. a\n2. b\n\n1. c\n2. d", [("number", "a"), ("number", "b"), ("paragraph", "1. c\n2. d")]),
        ("> one\n> 2 two\n\n> - a\n> - b", [("quote", "one\n2 two"), ("bullet", "a"), ("bullet", "b")]),
        ("> said\nend", [("quote", "said"), ("paragraph", "end")]),
        ("> > twice", [("quote", "twice")]),
    ],
)
def test_lists_and_quotes_are_what_the_editor_writes(text: str, expected: list[tuple[str, str]]) -> None:
    assert [(block.kind, block.text) for block in blocks(text)] == expected


@pytest.mark.parametrize(
    "text",
    [
        "## Eyes\nThey see.",
        "# Eyes\n\nThey see.",
        "# Eyes\nThey see.",
        "Eyes\n====\nThey see.",
        "Eyes\n---\nThey see.",
    ],
)
def test_a_heading_is_a_bold_paragraph_as_a_pasted_one(text: str) -> None:
    heading, after = blocks(text)
    assert (heading.text, after.text, spans(heading)) == ("Eyes", "They see.", [("bold", "Eyes", None)])
    *_before, heading, after = blocks(f"Before.\n\n{text}")
    assert (heading.text, after.text) == ("Eyes", "They see.")


def test_a_heading_of_two_signs_needs_no_blank_line_before_it() -> None:
    assert [block.text for block in blocks("Before\n## Eyes\nafter")] == ["Before", "Eyes", "after"]


WRAPPED = (
    "Researchers compared cells from non-lactating mammary glands with those\n"
    "found in milk samples from breastfeeding women, whose *milk-producing\n"
    "cells* had similarities to others."
)


def test_lines_that_a_program_has_cut_are_joined() -> None:
    assert rich_text_of(WRAPPED).text == WRAPPED.replace("\n", " ").replace("*", "")
    assert rich_text_of(f"- {WRAPPED}\n- b").text == f"• {WRAPPED}\n• b".replace("\n", " ", 2).replace("*", "")


@pytest.mark.parametrize(
    "text",
    [
        "One\nstill one",
        "Shall I compare thee to a summer’s day?\nThou art more lovely and more temperate:\nRough winds do shake",
        "Image by the Institute of Skin, University of Somewhere, Girona, Spain\nPublished in a journal in 2020",
        "A line of its own that an author ended here, long before the right edge\nand another\none",
    ],
)
def test_lines_that_a_writer_has_ended_stay(text: str) -> None:
    assert rich_text_of(text).text == text


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("(see https://en.wikipedia.org/wiki/Cell_(biology))", "https://en.wikipedia.org/wiki/Cell_(biology)"),
        ("see https://example.org/a…", "https://example.org/a"),
        ("see (https://example.org/a_b_c/_d_/e).", "https://example.org/a_b_c/_d_/e"),
        ("*https://example.org/a*", "https://example.org/a"),
        (
            "https://doi.org/10.1002/(SICI)1097-0258(19980815)17:15<1661::AID-SIM968>3.0.CO;2-2.",
            "https://doi.org/10.1002/(SICI)1097-0258(19980815)17:15<1661::AID-SIM968>3.0.CO;2-2",
        ),
        ("“https://example.org/a”", "https://example.org/a"),
        ("HTTPS://EXAMPLE.ORG/A!", "HTTPS://EXAMPLE.ORG/A"),
        ("[https://example.org/a](https://example.org/a)", "https://example.org/a"),
        (r"https://example.org/\_a", "https://example.org/_a"),
        ("[a](https://example.org/a_(b)_c)", "https://example.org/a_(b)_c"),
        ('[a](<https://example.org/a> "title")', "https://example.org/a"),
        ("see `https://example.org/a`", "https://example.org/a"),
    ],
)
def test_an_address_is_linked_whole(text: str, address: str) -> None:
    (block,) = blocks(text)
    assert [span.url for span in block.spans if span.kind == "link"] == [address]
    assert address in block.text or block.text == "a"
    if "[" not in text and "\\" not in text:
        marker = Marker()
        plain = marker.read(TextMarker(marker, "x", "marked", PEOPLE).plain(text))
        assert [mark.value for mark in plain.marks_of_kind("link")] == [address]


ACCIDENTS = st.lists(
    st.sampled_from([*"xy12.,;:)(=<>+-*_#&%° \n\n", "1. ", "2. ", "- ", "* ", "> ", "**", "53", "µm", "🧬", "é"]),
    max_size=40,
).map("".join)


def _facts(text: str) -> str:
    """Returns the letters, digits and signs of a text, without what may be a marker anywhere or begins a line."""
    lines = [regex.sub(r"^[\s>+•-]*", "", line) for line in regex.sub("[*_#]", "", text).split("\n")]
    return regex.sub(r"\s", "", "".join(line for line in lines if not regex.fullmatch("={3,}|-{3,}", line)))


@settings(deadline=None, max_examples=400)
@given(ACCIDENTS.map(clean))
def test_the_markup_changes_no_letter_digit_or_sign(text: str) -> None:
    styles: tuple[LinkStyle, ...] = ("marked", "written", "label")
    for links in styles:
        assert _facts(rich_text_of(text, links).text) == _facts(text)
    assert _facts(plain_form(blocks(text))) == _facts(text)


@settings(deadline=None)
@given(st.text(alphabet="ab *_[]()>-1.\n\\#`é🧬https://", max_size=60), st.sampled_from([5, 20, 4096]))
def test_blocks_keep_the_limit_and_spans_stay_inside(text: str, most: int) -> None:
    limits = RICH.model_copy(update={"block_limit": most})
    for block in blocks(text, limits):
        assert 0 < len(block.text) <= most
        assert block.text == block.text.strip()
        assert all(0 <= span.start < span.end <= len(block.text) for span in block.spans)
