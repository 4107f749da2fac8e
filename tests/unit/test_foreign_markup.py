"""Tests that markup which the editor does not write becomes what it means, or is found with its line."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from publisher.adapt.text.cleaning import clean
from publisher.adapt.text.foreign_html import Trouble
from publisher.adapt.text.foreign_markup import understand
from publisher.adapt.text.markdown import TextMarker
from publisher.adapt.text.markup_signs import remove_signs
from publisher.adapt.text.mentions import PeopleDirectory
from publisher.adapt.text.rich_text import Marker, RichText


def read(text: str) -> RichText:
    marker = Marker()
    return marker.read(TextMarker(marker, "web", "written", PeopleDirectory()).blocks(text)).tidy()


def troubles(text: str) -> list[tuple[Trouble, int, str]]:
    return [(finding.trouble, finding.line, finding.markup) for finding in understand(text)[1]]


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("H<sub>2</sub>O, 10<sup>−3</sup> and 1<sup>st</sup> a<sup>*</sup>", "H₂O, 10⁻³ and 1ˢᵗ a*"),
        ("R&amp;D &lt;b&gt; &#42;a&#42; &copy; 5&nbsp;µm, AT&T &foo;", "R&D <b> *a* © 5\u00a0µm, AT&T &foo;"),
        ("a<br>b<br/>c", "a\nb\nc"),
        ("<p>One</p><p class='x'>Two</p>", "One\n\nTwo"),
        ("<div>One</div><div><span style=\"x:y\">Two</span></div>", "One\n\nTwo"),
        ("<ul><li><p>one</p></li><li>two</li></ul>end", "• one\n• two\n\nend"),
        ("<ol><li>one<li>two</ol>", "1. one\n2. two"),
        ("<h2>Eyes</h2>They see.", "Eyes\n\nThey see."),
        ('<a href="https://example.org/?a=1&amp;b=2" target=_blank download>a *b*</a>', "a b (https://example.org/?a=1&b=2)"),
        ("<a name='x'>here</a>", "here"),
        ("<q>Yes</q> <o:p></o:p>no", "“Yes” no"),
        ("a <!-- not\nshown --> b", "a b"),
        ("<![if !supportLists]>a<![endif]> b<sup>TM</sup>, x<sup>n+1</sup>", "a b™, xⁿ⁺¹"),
        ("| a | b |\n|---|:-:|\n| 1 | 2 |\nend", "a · b\n1 · 2\nend"),
        ("<table><tr><th>a</th><th>b</th></tr><tr><td>1</td><td>2</td></tr></table>", "a · b\n1 · 2"),
        ("Text[^1] and[^note].\n\n[^1]: One.\n[^note]: Two.", "Text¹ and².\n\n¹ One.\n² Two."),
        ("p53[^1]\n\n[^1]: One.", "p53[1]\n\n[1] One."),
        (
            "[the paper][1], [site][] and [site].\n\n[1]: https://example.org/p \"T\"\n[site]: <https://example.org>",
            "the paper (https://example.org/p), site (https://example.org) and site (https://example.org).",
        ),
        ("as shown [1].\n\n[1]: https://example.org", "as shown [1] (https://example.org)."),
        ("run `a_b*c`, (`<b>`) and `IL-6`s, *`p53`*", "run a_b*c, (<b>) and IL-6s, p53"),
        ("``a `b` c`` and `see https://example.org/a_b_c.`", "a `b` c and see https://example.org/a_b_c."),
        ("As:\n\n```py\n- a = b * c\n&amp; <i>\n```\n\nend `&amp;`", "As:\n\n- a = b * c\n&amp; <i>\n\nend &amp;"),
        ("[[Mitosis|cells]] and [[Mitosis]]", "cells and Mitosis"),
        ("<https://example.org/a> <me@example.org>", "https://example.org/a me@example.org"),
        ("https://example.org/?a=1&amp;b=2", "https://example.org/?a=1&b=2"),
    ],
)  # fmt: skip
def test_markup_becomes_what_it_means(text: str, shown: str) -> None:
    assert read(text).text == shown


@pytest.mark.parametrize(
    ("text", "marks"),
    [
        ("<i>E. coli</i>like a<em>b</em>c", [("italic", "E. coli"), ("italic", "b")]),
        ("<b>one\n\ntwo</b>", [("bold", "one"), ("bold", "two")]),
        ("<strong>a <i>b</i></strong>", [("bold", "a b"), ("italic", "b")]),
        ("*E. coli*[^1]\n\n[^1]: a", [("italic", "E. coli")]),
        ("<h3>Eyes</h3>x", [("bold", "Eyes")]),
        ("<blockquote>a<br>b</blockquote>", [("quote", "a\nb")]),
    ],
)
def test_emphasis_and_quotes_are_kept(text: str, marks: list[tuple[str, str]]) -> None:
    rich = read(text)
    assert [(mark.kind, rich.text[mark.start : mark.end]) for mark in rich.marks] == marks


@pytest.mark.parametrize(
    "text",
    [
        "p<0.05 and n>3, a<b and c>d, x < y > z",
        "<cell> and <T>",
        "[Ca2+][Mg2+] and [[1,2],[3,4]]",
        "{{1},{2}} and {a}",
        "| no | table |",
        "[sic] and [x] and [1]",
        "5 & 6; a&b;",
        "&timestamp; and &copyright; and &notes;",
        "![no](picture",
    ],
)
def test_what_only_looks_like_markup_stays(text: str) -> None:
    assert read(text).text == text
    assert troubles(text) == []


def test_a_backslash_keeps_a_sign() -> None:
    assert read(r"\<b> \&amp; \[^1] \{{x}}").text == "<b> &amp; [^1] {{x}}"


@pytest.mark.parametrize(
    ("text", "shown", "found"),
    [
        ("a\nb ![x](y.png) c", "a\nb c", (Trouble.PICTURE, 2, "![x](y.png)")),
        ("[![a](b)](https://example.org) d", "d", (Trouble.PICTURE, 1, "[![a](b)](https://example.org)")),
        ("[[File:a.jpg|thumb]] d", "d", (Trouble.PICTURE, 1, "[[File:a.jpg|thumb]]")),
        ("a <img src=x> b", "a b", (Trouble.PICTURE, 1, "<img src=x>")),
        ("a<script>\nb()</script>", "a", (Trouble.EMBEDDED, 1, "<script> b()</script>")),
        ("<video controls src='x'></video>a", "a", (Trouble.EMBEDDED, 1, "<video controls src='x'></video>")),
        ('{{< figure src="x" >}}a', "a", (Trouble.EMBEDDED, 1, '{{< figure src="x" >}}')),
        ("{% raw %}a", "a", (Trouble.EMBEDDED, 1, "{% raw %}")),
        ('a\n\n[gallery ids="1,2"]', "a", (Trouble.EMBEDDED, 3, '[gallery ids="1,2"]')),
        ("a <b>c", "a c", (Trouble.NOT_CLOSED, 1, "<b>")),
        ("if n<p>m", "if nm", (Trouble.NOT_CLOSED, 1, "<p>")),
        ("a</i> c", "a c", (Trouble.NOT_CLOSED, 1, "</i>")),
        ("a <!-- c", "a c", (Trouble.NOT_CLOSED, 1, "<!--")),
        ("[the paper][2] a", "the paper a", (Trouble.REFERENCE_MISSING, 1, "[the paper][2]")),
        ("a[^1]", "a¹", (Trouble.REFERENCE_MISSING, 1, "[^1]")),
        ("V<sub>GFP</sub>", "V_GFP", (Trouble.NOT_RAISED, 1, "GFP")),
        ("10<sup>−3.5</sup>", "10^(−3.5)", (Trouble.NOT_RAISED, 1, "−3.5")),
        ("x\n\n|a|b|\n|-|-|\n".replace("-", "--"), "x\n\na · b", (Trouble.TABLE, 3, "|a|b|")),
    ],
)
def test_what_has_no_plain_meaning_is_found_and_never_shown_raw(
    text: str, shown: str, found: tuple[Trouble, int, str]
) -> None:
    assert read(text).text == shown
    assert troubles(text) == [found]


TAGS = "<b> </b> <i> </i> <li> <ul> </ul> <sub> </sub> <blockquote> </blockquote> <a\u2003href='https://b.org'> </a>"
OTHERS = "<td> <p> &amp; [[ ]] ![ ]( {{ }} <!-- --> [^1] [a]:\u2003https://b.org |--|--| https://a.org ` \\"
SIGNS = [*"ab1 \n<>&;[]{}|!^:()", *(piece.replace("\u2003", " ") for piece in f"{TAGS} {OTHERS}".split(" "))]
PIECES = st.lists(st.sampled_from(SIGNS), max_size=25).map("".join)


@settings(deadline=None, max_examples=200)
@given(PIECES.map(clean))
def test_any_mixture_is_read_and_leaves_no_signs(text: str) -> None:
    rich = read(text)
    assert remove_signs(rich.text) == rich.text
    assert all(1 <= line <= text.count("\n") + 1 for _trouble, line, _markup in troubles(text))
