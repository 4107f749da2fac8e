"""Tests that a text for which a field has no room is refused whole, and that this is said."""

from __future__ import annotations

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser.conftest import IN_BOTH_BROWSERS, OpenPage

COPY = """text => {
  const area = document.createElement('textarea');
  document.body.append(area);
  area.value = text;
  area.select();
  document.execCommand('copy');
  area.remove();
}"""


def paste(page: Page, field: Locator, text: str) -> None:
    """Pastes with the keyboard, from the system's clipboard, where this browser lets a test do that."""
    page.evaluate(COPY, text)
    field.focus()
    page.keyboard.press("Control+v")


@IN_BOTH_BROWSERS
@pytest.mark.parametrize(("path", "label"), [("/posts/new", "Title"), ("/posts/new", "Standfirst")])
def test_a_paste_without_room_is_refused_and_said(open_page: OpenPage, path: str, label: str) -> None:
    page = open_page("contributor")
    page.goto(path)
    field = page.get_by_label(label, exact=True)
    limit = field.evaluate("field => field.maxLength")
    assert limit > 0
    field.fill("typed before ")
    page.keyboard.press("End")
    paste(page, field, "x" * limit)
    said = page.get_by_text(f"Not pasted: it has {limit:,} characters, and there is room for {limit - 13:,}.")
    expect(said).to_be_visible()
    expect(field).to_have_value("typed before ")
    page.keyboard.type("y")
    expect(said).to_be_hidden()
    paste(page, field, "z" * (limit - 14))
    expect(field).to_have_value("typed before y" + "z" * (limit - 14))
