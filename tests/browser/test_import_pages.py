"""Tests in a browser the way of an import: what it would make, how far it is, what it made, and back."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page as Tab
from playwright.sync_api import expect

from tests.browser.conftest import OpenPage
from tests.conftest import WriteDesk
from tests.desk_site import Site, open_starter_site
from tests.hostile_web import LocalWeb, answer, open_web

RULES = {"runOnly": {"type": "tag", "values": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]}}
SIZES = ({"width": 1280, "height": 900}, {"width": 390, "height": 844})
TOO_WIDE = "() => document.documentElement.scrollWidth - document.documentElement.clientWidth"
ENTRY = """\
<entry><id>tag:old.test,2019:{number}</id><title>{title}</title><published>{date}</published>
<link href="http://old.test/archive/2019/6/{number}"/><content type="html">&lt;p&gt;Text.&lt;/p&gt;</content></entry>"""
TITLES = (
    "How cells of the skin close a wound",
    "A root keeps its rows",
    "Stars that swell",
    "Thirty keys for one lock",
)


@pytest.fixture
def web(monkeypatch: pytest.MonkeyPatch) -> Iterator[LocalWeb]:
    with open_web(monkeypatch) as opened:
        yield opened


@pytest.fixture
def site(tmp_path: Path, write_desk: WriteDesk) -> Iterator[Site]:
    with open_starter_site(write_desk(tmp_path / "desk")) as opened:
        file = opened.desk.config.parent / "sources.toml"
        file.write_text('[old-site]\naddress = "http://old.test/feed"\nwatch = true\n', encoding="utf-8")
        yield opened


def examine(tab: Tab) -> None:
    """Checks a page as axe does, and that it fits, on a desktop and on a phone."""
    for size in SIZES:
        tab.set_viewport_size(size)  # type: ignore[arg-type]
        assert Axe().run(tab, options=RULES).violations_count == 0
        assert tab.evaluate(TOO_WIDE) == 0


def test_an_import_is_previewed_made_and_taken_back(site: Site, web: LocalWeb, open_page: OpenPage) -> None:
    entries = [
        ENTRY.format(number=number, title=title, date=f"2019-06-0{number}T10:00:00Z" if number < 4 else "")
        for number, title in enumerate(TITLES, start=1)
    ]
    feed = f'<feed xmlns="http://www.w3.org/2005/Atom"><title>Old</title>{"".join(entries)}</feed>'.encode()
    asked, go_on = threading.Event(), threading.Event()

    def hold(handler: BaseHTTPRequestHandler) -> None:
        asked.set()
        go_on.wait(60)
        answer(200, feed, content_type="application/atom+xml")(handler)

    web.answers["old.test/feed"] = hold
    tab = open_page("admin")
    tab.goto("/posts")
    tab.get_by_role("link", name="Imports").click()
    examine(tab)
    tab.get_by_label("old-site").check()
    tab.get_by_role("button", name="Show what it would make").click()
    expect(tab.get_by_text("The source is being read.")).to_be_visible()
    examine(tab)
    go_on.set()
    # The page finds out by itself.
    expect(tab.get_by_text("would be made: 3")).to_be_visible()
    expect(tab.get_by_text("It has no date; say on which day")).to_be_visible()
    examine(tab)
    tab.get_by_role("button", name="Bring them in").click()
    tab.get_by_role("link", name="Import 1").click()
    expect(tab.get_by_role("link", name=TITLES[1])).to_be_visible()
    examine(tab)
    tab.get_by_role("button", name="Take it back").click()
    # The question was not answered.
    expect(tab).to_have_url(f"{site.url}/imports/1")
    tab.get_by_label("Yes, take the whole import back").check()
    tab.get_by_role("button", name="Take it back").click()
    expect(tab.get_by_text("removed: 3")).to_be_visible()
    examine(tab)
