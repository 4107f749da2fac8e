"""Tests that caption templates are rendered, and that mistakes in them give one sentence."""

from __future__ import annotations

from functools import partial

import pytest

from publisher.adapt.text.markdown import TextMarker
from publisher.adapt.text.mentions import DirectoryEntry, PeopleDirectory
from publisher.adapt.text.rich_text import Marker, RichText
from publisher.adapt.text.templates import (
    HELPERS,
    MAX_OUTPUT_LENGTH,
    MAX_TEMPLATE_LENGTH,
    TemplateError,
    check_template,
    render,
    words_in_language,
)
from publisher.platforms.profiles import starter_text

PEOPLE = PeopleDirectory(people=(DirectoryEntry(name="Ana Roig", handles={"x": "anaroig"}),))


def rendered(source: str, **values: object) -> RichText:
    text = TextMarker(Marker(), "x", "marked", PEOPLE)
    marked = {
        name: text.marker.wrap(value, "field", name) if isinstance(value, str) else value
        for name, value in values.items()
    }
    empty = dict.fromkeys(HELPERS, "") | {"links": (), "mention": text.mention}
    empty |= {"in_language": partial(words_in_language, str(values.pop("language", "en")))}
    return render(source, "caption.j2", empty | marked, text).tidy()


def mistake(source: str) -> str:
    with pytest.raises(TemplateError) as caught:
        check_template(source, "instagram.j2")
    return str(caught.value)


@pytest.mark.parametrize("platform", ["instagram", "tumblr", "x"])
def test_the_shipped_templates_can_be_used(platform: str) -> None:
    source = starter_text(platform, "caption.j2")
    check_template(source, f"{platform}.j2")
    with pytest.raises(TemplateError):
        check_template(source + "{{ nothing_of_ours }}", f"{platform}.j2")


def test_every_helper_can_be_used() -> None:
    fields = [name for name in HELPERS if name not in ("hashtags", "mention", "links", "in_language")]
    source = "".join(f"{{{{ {name} }}}}\n" for name in fields)
    source += '{{ hashtags(3) }}{{ hashtags() }}{{ mention("Ana Roig") }}{{ links | bullets }}'
    check_template(source, "all.j2")
    assert "nothing_of_ours" in mistake(source + "{{ nothing_of_ours }}")


def test_fields_and_marks_come_out_of_one_rendering() -> None:
    rich = rendered("{{ title | heading }}\n\n{{ body | shorten }}", title="Skin", body="It heals.")
    assert rich.text == "Skin\n\nIt heals."
    assert {(mark.kind, rich.text[mark.start : mark.end]) for mark in rich.marks} == {
        ("heading", "Skin"),
        ("field", "Skin"),
        ("shorten", "It heals."),
        ("field", "It heals."),
    }


def test_marks_survive_joining_and_other_filters() -> None:
    rich = rendered('{{ ("By " ~ written_by) | upper | italic }}', written_by="Ana")
    assert rich.text == "BY ANA"
    assert rich.marks_of_kind("italic")[0][:2] == (0, 6)
    assert rich.marks_of_kind("field")[0][:2] == (3, 6)


def test_empty_fields_leave_no_gap() -> None:
    source = (
        "{{ title }}\n\n{{ standfirst }}\n\n{% if written_by %}\nBy {{ written_by }}\n{% endif %}\n\n{{ credit }}\n"
    )
    assert rendered(source, title="Skin", credit="Image: Ana").text == "Skin\n\nImage: Ana"


def test_a_heading_that_heads_nothing_is_left_out() -> None:
    source = '{{ title | heading }}\n\n{{ "Sources" | heading }}\n\n{{ links | bullets }}'
    assert rendered(source, title="Skin").text == "Skin"
    assert rendered(source, title="Skin", links=("A", "B")).text == "Skin\n\nSources\n\n• A\n• B"


def test_a_mention_in_a_template_is_resolved() -> None:
    assert rendered('{{ mention("Ana Roig") }}, {{ mention("Bo Li") }}').text == "@anaroig, Bo Li"


@pytest.mark.parametrize(
    ("language", "words"),
    [("en", "Text by"), ("ca-ES", "Text de"), ("pt-BR", "Texto por"), ("pt", "Text by"), ("de", "Text by")],
)
def test_words_come_in_the_language_of_the_post(language: str, words: str) -> None:
    source = '{{ in_language("Text by", ca="Text de", pt_BR="Texto por") }}'
    assert rendered(source, language=language).text == words


def test_nothing_is_escaped_as_if_it_were_html() -> None:
    assert rendered("{{ title }}", title="A & B <i>").text == "A & B <i>"


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("{{ title }}\n{{ titel }}", "instagram.j2, line 2: there is no “titel”; did you mean “title”?"),
        ("{{ body | shortn }}", "instagram.j2, line 1: there is no filter “shortn”; did you mean “shorten”?"),
        ("{{ title", "instagram.j2, line 1: unexpected end of template"),
        ("a\n{% if body %}", "instagram.j2, line 2: "),
        ("\n{{ hashtags('five') }}", "instagram.j2, line 2: hashtags takes a number, such as hashtags(5)"),
        (
            "{{ in_language(title, ca=5) }}",
            "instagram.j2, line 1: in_language takes words, such as in_language('Written by', ca='Text de')",
        ),
        ("{{ credit | shorten }}", "the credit is never shortened"),
        ("{{ (body ~ link) | shorten }}", "the link is never shortened"),
        ("{{ 1 / 0 }}", "division by zero"),
        ("{{ title.upper() }}", "may use the fields and filters only"),
        ("{{ ''.__class__.__mro__ }}", "may use the fields and filters only"),
        ("{{ title * 1000000000 }}", "* can't be used"),
        ("{{ 9 ** 9 ** 9 }}", "** can't be used"),
        ("{{ '%1000000000d' % 1 }}", "% can't be used"),
        ("{% set a = title ~ title %}", "{% set %} can't be used"),
        ("{% include 'x' %}", "{% include %} can't be used"),
        ("{% macro a() %}{% endmacro %}", "{% macro %} can't be used"),
        ("{% for a in links %}{% for b in links %}{% endfor %}{% endfor %}", "a loop inside a loop"),
        ("{{ range(9) }}", "there is no “range”"),
        ("{{ _text.marker }}", "there is no “_text”"),
        ("{{ 5 | bullets }}", "takes a text or a list"),
        ("a" * (MAX_TEMPLATE_LENGTH + 1), "longer than 10,000 characters"),
        ("{{ " + "(" * 3000 + "1" + ")" * 3000 + " }}", "nested too deeply"),
    ],
)
def test_a_template_that_can_not_work_is_refused_in_one_sentence(source: str, expected: str) -> None:
    message = mistake(source)
    assert message.startswith("instagram.j2")
    assert expected in message


def test_a_field_that_only_some_posts_have_is_tried_empty_too() -> None:
    assert "No first item" in mistake("{{ links | first | heading }}")


def test_output_is_limited_while_it_is_written() -> None:
    with pytest.raises(TemplateError, match="gives more than 200,000 characters"):
        rendered(
            "{% for a in links %}{{ body }}{% endfor %}", body="a" * 10_000, links=("x",) * (MAX_OUTPUT_LENGTH // 5_000)
        )


def test_a_mark_that_a_template_cuts_in_two_ends_with_the_text() -> None:
    rich = rendered("{{ (title | bold)[:3] }}", title="Skin")
    assert rich.text == "S"
    assert [mark[:2] for mark in rich.marks_of_kind("bold")] == [(0, 1)]
