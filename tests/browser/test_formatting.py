"""Tests the toolbar, the shortcuts and the pasting of formatted text in a post's text field."""

from __future__ import annotations

import pytest
from playwright.sync_api import Locator, Page, expect

from publisher.adapt.text.markdown import TextMarker
from publisher.adapt.text.mentions import PeopleDirectory
from publisher.adapt.text.rich_text import Marker, remove_marks
from tests.browser.conftest import OpenPage

PASTE = """([area, html, plain]) => {
  const data = new DataTransfer();
  data.setData('text/html', html);
  data.setData('text/plain', plain);
  const event = new ClipboardEvent('paste', { clipboardData: data, bubbles: true, cancelable: true });
  return area.dispatchEvent(event);
}"""

WORD = """<html xmlns:o="urn:schemas-microsoft-com:office:office"><head><style>p.MsoNormal {margin: 0}</style></head>
<body lang=EN-GB><!--StartFragment--><p class=MsoNormal>A larva of <i>Danio</i><i> rerio </i>with <b>Ca<sup>2+</sup></b>
waves<o:p></o:p></p>
<p class=MsoListParagraph style='mso-list:l0 level1 lfo1'>
<span style='mso-list:Ignore'>·<span>&nbsp;</span></span>first</p>
<p class=MsoListParagraph style='mso-list:l0 level1 lfo1'>
<span style='mso-list:Ignore'>·<span>&nbsp;</span></span>second</p>
<!--EndFragment--></body></html>"""
WORD_MARKDOWN = "A larva of *Danio rerio* with **Ca²⁺** waves\n\n- first\n- second"

GOOGLE_DOCS = """<meta charset="utf-8"><b style="font-weight:normal;" id="docs-internal-guid-1"><p dir="ltr"><span
style="font-style:italic;font-weight:400">Drosophila</span><span style="font-weight:400"> eyes, see </span><a
href="https://www.google.com/url?q=https://example.org/a(b)&amp;sa=D"><span style="font-weight:700">the paper</span></a>
</p><ol><li dir="ltr"><p><span>one</span></p></li><li><p><span>two</span></p></li></ol></b>"""
GOOGLE_DOCS_MARKDOWN = "*Drosophila* eyes, see **[the paper](https://example.org/a%28b%29)**\n\n1. one\n2. two"

CASES = {
    "word": (WORD, WORD_MARKDOWN),
    "google docs": (GOOGLE_DOCS, GOOGLE_DOCS_MARKDOWN),
    "heading": ("<h2>Eyes</h2><p>They see.</p>", "**Eyes**\n\nThey see."),
    "quotation": ("<blockquote><p>She said<br>this.</p></blockquote><p>Then</p>", "> She said\n> this.\n\nThen"),
    "nested list": ("<ul><li>a<ul><li>b</li></ul></li><li>c</li></ul>", "- a\n   - b\n- c"),
    "table": ("<table><tr><td>a</td><td>12</td></tr><tr><td>b</td><td>2</td></tr></table>", "a · 12\n\nb · 2"),
    "signs": ("<p>4*5=20, a_b, _c_, x [1](2)</p>", "4\\*5=20, a_b, \\_c\\_, x \\[1](2)"),
    "year": ("<p>1953. Two people</p><p>- no item</p>", "1953\\. Two people\n\n\\- no item"),
    "emphasis beside letters": ("<p>an <i>(a b)</i>x, <i>sox</i>-positive</p>", "an *(a b*)x, *sox*-positive"),
    "emphasis inside words": (
        "<p>a<i>b</i>c, p<i>K</i>, <i>p</i>53, <i>Homo sapiens</i>like, 4<i>x</i>, <i>a b</i><b>c d</b>, "
        "<i>E. coli</i><sup>1</sup></p>",
        "abc, p*K*, *p*53, Homo sapienslike, 4x, *a b***c d**, *E. coli*¹",
    ),
    "written tags": (
        "<p>a&lt;b&gt; &amp;amp; [^1] [[x]] {{y}} &lt; 5</p><p># 5</p>",
        "a\\<b> \\&amp; \\[^1] \\[[x]] \\{{y}} < 5\n\n\\# 5",
    ),
    "formula": ("<p>H<sub>2</sub>O and 10<sup>−3</sup></p>", "H₂O and 10⁻³"),
    "hostile": ("<p>a<script>document.title='x'</script><img src=x onerror=\"document.title='x'\"></p>", "a"),
    "program address": ("<a href='javascript:alert(1)'>here</a> and <a href='#f1'>there</a>", "here and there"),
    "soft hyphen": ("<p>neuro&shy;science</p>", "neuroscience"),
    "spaces": ("<p>  a\n   b&nbsp;c <b> d </b>e</p>", "a b\u00a0c **d** e"),
}  # fmt: skip


@pytest.fixture
def text(open_page: OpenPage) -> Locator:
    page: Page = open_page("contributor")
    page.goto("/posts/new")
    expect(page.get_by_role("toolbar", name="Formatting").first).to_be_visible()
    return page.locator("#body")


def paste(text: Locator, html: str, plain: str = "plain") -> bool:
    """Pastes; returns whether the browser was left to do it."""
    text.focus()
    left: bool = text.page.evaluate(PASTE, [text.element_handle(), html, plain])
    return left


def test_pasted_text_keeps_what_the_markdown_has(text: Locator) -> None:
    found = {}
    for name, (html, _markdown) in CASES.items():
        text.fill("")
        assert not paste(text, html), name
        found[name] = text.input_value()
    assert found == {name: markdown for name, (_html, markdown) in CASES.items()}
    assert text.page.title() != "x"


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("word", "A larva of Danio rerio with Ca²⁺ waves\n\n• first\n• second"),
        ("signs", "4*5=20, a_b, _c_, x [1](2)"),
        ("year", "1953. Two people\n\n- no item"),
        ("emphasis beside letters", "an (a b)x, sox-positive"),
        ("emphasis inside words", "abc, pK, p53, Homo sapienslike, 4x, a bc d, E. coli¹"),
        ("written tags", "a<b> &amp; [^1] [[x]] {{y}} < 5\n\n# 5"),
        ("spaces", "a b\u00a0c d e"),
    ],
)
def test_followers_read_what_was_pasted(name: str, shown: str) -> None:
    marker = TextMarker(Marker(), "x", "label", PeopleDirectory())
    assert remove_marks(marker.blocks(CASES[name][1])) == shown


def test_one_undo_takes_a_paste_back(text: Locator) -> None:
    text.press_sequentially("before ")
    paste(text, "<p>an <i>Octopus</i></p>")
    expect(text).to_have_value("before an *Octopus*")
    text.press("Control+z")
    expect(text).to_have_value("before ")


def test_what_is_lost_in_pasting_is_told(text: Locator) -> None:
    paste(text, "<p>x<sup>Q</sup><img src='https://example.org/a.png' width='400'></p>")
    expect(text).to_have_value("xQ")
    told = text.page.locator("#body-formatting")
    expect(told).to_contain_text("are plain now: “Q”")
    expect(told).to_contain_text("1 picture was left out: add it under Pictures.")


def test_a_paste_that_is_too_long_is_refused_whole(text: Locator) -> None:
    limit = int(text.get_attribute("maxlength") or 0)
    text.fill("kept")
    assert not paste(text, "", "x" * limit)
    expect(text).to_have_value("kept")
    expect(text.page.locator("#body-formatting")).to_contain_text("Not pasted: it has")


def test_plain_text_is_left_to_the_browser(text: Locator) -> None:
    assert paste(text, "", "plain")


def test_an_address_pasted_over_words_makes_a_link(text: Locator) -> None:
    text.fill("see the paper")
    text.evaluate("area => area.setSelectionRange(8, 13)")
    paste(text, "", "https://example.org/paper")
    expect(text).to_have_value("see the [paper](https://example.org/paper)")


def test_shortcuts_put_marks_and_take_them_away(text: Locator) -> None:
    text.fill("Danio rerio")
    text.press("Control+a")
    text.press("Control+i")
    expect(text).to_have_value("*Danio rerio*")
    text.press("Control+b")
    expect(text).to_have_value("***Danio rerio***")
    text.press("Control+b")
    expect(text).to_have_value("*Danio rerio*")
    text.press("Control+i")
    expect(text).to_have_value("Danio rerio")
    text.press("Control+k")
    expect(text).to_have_value("[Danio rerio](https://)")
    text.press_sequentially("https://example.org")
    expect(text).to_have_value("[Danio rerio](https://example.org)")


def test_tools_work_on_the_selected_lines(text: Locator) -> None:
    tool = text.page.get_by_role("toolbar").first
    text.fill("intro\none\ntwo")
    text.evaluate("area => area.setSelectionRange(6, 13)")
    tool.get_by_role("button", name="Numbered list").click()
    expect(text).to_have_value("intro\n\n1. one\n2. two")
    tool.get_by_role("button", name="List", exact=True).click()
    expect(text).to_have_value("intro\n\n- one\n- two")
    tool.get_by_role("button", name="List", exact=True).click()
    expect(text).to_have_value("intro\n\none\ntwo")


def test_tools_raise_and_lower_characters(text: Locator) -> None:
    tool = text.page.get_by_role("toolbar").first
    text.fill("CO2")
    text.evaluate("area => area.setSelectionRange(2, 3)")
    tool.get_by_role("button", name="Subscript").click()
    expect(text).to_have_value("CO₂")
    text.fill("Q")
    text.press("Control+a")
    tool.get_by_role("button", name="Superscript").click()
    expect(text).to_have_value("Q")
    expect(text.page.locator("#body-formatting")).to_contain_text("Not every character of “Q” has a superscript form")


def test_the_toolbar_is_one_stop_for_the_keyboard(text: Locator) -> None:
    text.focus()
    text.press("Shift+Tab")
    focused = "() => document.activeElement.dataset.tool"
    assert text.page.evaluate(focused) == "bold"
    text.page.keyboard.press("ArrowRight")
    assert text.page.evaluate(focused) == "italic"
    text.page.keyboard.press("End")
    assert text.page.evaluate(focused) == "super"
    text.page.keyboard.press("Tab")
    assert text.page.evaluate("() => document.activeElement.id") == "body"


def test_pasted_text_is_kept_like_typed_text(text: Locator) -> None:
    page = text.page
    page.locator("#title").fill("Fish")
    # A preview of the title alone may be on its way.
    with page.expect_response(lambda answer: "/preview" in answer.url and "Danio rerio" in answer.text()):
        paste(text, WORD)
