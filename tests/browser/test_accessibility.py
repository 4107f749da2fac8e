"""Tests that every page keeps the rules of WCAG 2.2 AA that a machine can check, in light and dark."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from axe_playwright_python.base import AXE_SCRIPT
from playwright.sync_api import Browser, ViewportSize
from playwright.sync_api import Page as Tab

from publisher.web.guard import COOKIE
from tests.desk_site import Site, open_site
from tests.full_site import CHIEF, build_full_site
from tests.page_walk import Page, pages_of
from tests.waiting import TIMEOUT

WIDE: ViewportSize = {"width": 1280, "height": 900}
PHONE: ViewportSize = {"width": 390, "height": 844}
STANDARD = {"type": "tag", "values": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]}
COLOURS = {"type": "rule", "values": ["color-contrast"]}
"""The only rule that the dark theme can break where the light one keeps all."""
STOPS = 12
"""Stops of the Tab key that are checked per page."""

OUTLINE = """() => {
  const at = document.activeElement, style = getComputedStyle(at);
  if (at === document.body) return null;
  const box = at.getBoundingClientRect(), ring = style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) >= 2;
  return {name: at.outerHTML.slice(0, 120), seen: ring && box.width > 0 && box.height > 0};
}"""
TOO_WIDE = "() => document.documentElement.scrollWidth - document.documentElement.clientWidth"
VIOLATIONS = "async options => (await axe.run(options)).violations"
DOUBLE_TEXT = "() => { document.documentElement.style.fontSize = '200%'; }"


@pytest.fixture(scope="module")
def full(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    desk = build_full_site(tmp_path_factory.mktemp("full"))
    with open_site(desk) as opened:
        yield opened
    desk.database.close()


@pytest.fixture(scope="module")
def pages(full: Site) -> list[Page]:
    return pages_of(full)


class Visitor:
    """Opens pages one after the other, and notes whatever is wrong with any of them."""

    def __init__(self, browser: Browser, site: Site, viewport: ViewportSize) -> None:
        self.wrong: list[str] = []
        self._site = site
        self._inside = self._open(browser, viewport)
        token = site.session_token("admin", email=CHIEF)
        self._inside.context.add_cookies([{"name": COOKIE, "value": token, "url": site.url, "httpOnly": True}])
        self._outside = self._open(browser, viewport)

    def _open(self, browser: Browser, viewport: ViewportSize) -> Tab:
        tab = browser.new_context(base_url=self._site.url, viewport=viewport, reduced_motion="reduce").new_page()
        tab.set_default_timeout(1000 * TIMEOUT)
        tab.on("pageerror", lambda error: self.note(tab, f"a script fails: {error}"))
        tab.on("console", lambda message: self._listen(tab, message.type, message.text))
        tab.on("request", lambda request: self._watch(tab, request.url))
        return tab

    def _listen(self, tab: Tab, kind: str, text: str) -> None:
        if kind == "error" and "Failed to load resource" not in text:
            self.note(tab, text)

    def _watch(self, tab: Tab, url: str) -> None:
        if not url.startswith((self._site.url, "data:", "blob:")):
            self.note(tab, f"asks elsewhere: {url}")

    def note(self, tab: Tab, problem: str) -> None:
        self.wrong.append(f"{tab.url.removeprefix(self._site.url)}: {problem}")

    def visit(self, page: Page) -> Tab:
        tab = self._outside if page.is_public else self._inside
        tab.emulate_media(color_scheme="light")
        tab.goto(page.path)
        return tab

    def close(self) -> None:
        for tab in (self._inside, self._outside):
            tab.context.close()


def _examine(visitor: Visitor, tab: Tab, rules: dict[str, Any], where: str) -> None:
    """Has axe, which the tab has loaded, look at the page as it is now."""
    for violation in tab.evaluate(VIOLATIONS, {"runOnly": rules, "resultTypes": ["violations"]}):
        targets = "; ".join(f"{node['target']} {node['failureSummary']}" for node in violation["nodes"][:3])
        visitor.note(tab, f"[{where}] {violation['id']}: {targets}")


@pytest.mark.parametrize("viewport", [WIDE, PHONE], ids=["wide", "phone"])
def test_no_page_breaks_a_rule(browser: Browser, full: Site, pages: list[Page], viewport: ViewportSize) -> None:
    visitor = Visitor(browser, full, viewport)
    for page in pages:
        tab = visitor.visit(page)
        if (headings := tab.locator("h1").count()) != 1:
            visitor.note(tab, f"has {headings} headings of the first level")
        if excess := tab.evaluate(TOO_WIDE):
            visitor.note(tab, f"is {excess} pixels wider than the screen")
        tab.evaluate(AXE_SCRIPT)
        _examine(visitor, tab, STANDARD, "light")
        tab.emulate_media(color_scheme="dark")
        _examine(visitor, tab, COLOURS, "dark")
    visitor.close()
    assert visitor.wrong == []
    assert len(pages) > 15


def test_every_keyboard_focus_is_visible_and_large_text_fits(browser: Browser, full: Site, pages: list[Page]) -> None:
    visitor = Visitor(browser, full, WIDE)
    for page in pages:
        tab = visitor.visit(page)
        for _ in range(STOPS):
            tab.keyboard.press("Tab")
            stop = tab.evaluate(OUTLINE)
            if stop is None:
                break
            if not stop["seen"]:
                visitor.note(tab, f"the focus isn't seen on {stop['name']}")
        tab.evaluate(DOUBLE_TEXT)
        if excess := tab.evaluate(TOO_WIDE):
            visitor.note(tab, f"is {excess} pixels wider than the screen when its text is doubled")
    visitor.close()
    assert visitor.wrong == []
