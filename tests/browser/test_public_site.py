"""Tests the outlet's site in a browser: without scripts, by WCAG 2.2 AA, without shifts, and as files of any host."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import date, timedelta
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from axe_playwright_python.base import AXE_SCRIPT
from playwright.sync_api import Browser, Page, expect

from publisher.posts.drafts import ImageDraft, PostDraft, ShortLink, Translation
from publisher.posts.pictures import store_pictures
from publisher.posts.published_elsewhere import PublishedPost, add_published
from publisher.site.export import SiteExport
from publisher.site.server import SiteServer
from tests.browser.conftest import TIMEOUT
from tests.browser.test_accessibility import PHONE, STANDARD, TOO_WIDE, VIOLATIONS, WIDE
from tests.conftest import WriteDesk
from tests.outlet import draw
from tests.public_site import NOW, PublicSite, open_public_site

FIRST_DAY = date(2026, 5, 11)
DAY = "/archive/2026/5/12"
MARKED = "/search?q=quiet"
"""A search that marks what it found."""
PAGES = (
    "/",
    DAY,
    f"/ca{DAY}",
    "/archive",
    "/archive/2026",
    "/archive/2026/5",
    "/tags/cell-biology",
    "/people/sophie-arthur",
    "/search",
    MARKED,
    "/search?q=nothing-like-it",
    "/links",
    "/about",
    "/missing",
)
MARK_IS_READABLE = """async () => {
  const result = await axe.run({runOnly: {type: 'rule', values: ['color-contrast']}});
  const seen = result.passes.flatMap(rule => rule.nodes).map(node => node.html);
  return seen.some(html => html.startsWith('<mark>'));
}"""
SHIFT = """() => new Promise(resolve => {
  let total = 0;
  new PerformanceObserver(list => {
    for (const entry of list.getEntries()) total += entry.value;
  }).observe({type: 'layout-shift', buffered: true});
  requestAnimationFrame(() => requestAnimationFrame(() => resolve(total)));
})"""


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory, write_desk: WriteDesk) -> Iterator[PublicSite]:
    folder = tmp_path_factory.mktemp("site")
    opened = open_public_site(write_desk(folder))
    for number, title in enumerate(("Stork", "Heron")):
        file = folder / f"{title}.png"
        draw(file, seed=number)
        draft = PostDraft(
            title=title,
            standfirst=f"What a {title} does",
            body="One *quiet* bird.",
            written_by="Sophie Arthur",
            credit="Jane Doe",
            licence="CC BY 4.0",
            tags=("Cell biology",),
            links=(ShortLink(label="More", url="https://example.org/more"),),
            images=(ImageDraft(file=file, alt_text=f"A grey disc for {title}"),),
            translations={"ca": Translation(title=f"{title} en català", body="Cèl·lules.", alt_texts=("Un disc",))},
        )
        published = PublishedPost(draft, store_pictures(opened.desk.store, draft.images), FIRST_DAY + timedelta(number))
        with opened.desk.database.writing() as session:
            add_published(session, published, now=NOW, actor="import 1")
    yield opened
    opened.desk.database.close()


@pytest.fixture(scope="module")
def url(site: PublicSite) -> Iterator[str]:
    server = SiteServer(site.desk)
    server.start()
    yield server.url
    server.stop()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("viewport", [WIDE, PHONE], ids=["wide", "phone"])
def test_every_page_keeps_the_rules(browser: Browser, url: str, viewport: dict[str, int], scheme: str) -> None:
    tab = browser.new_context(base_url=url, viewport=viewport, color_scheme=scheme, bypass_csp=True).new_page()  # type: ignore[arg-type]
    tab.set_default_timeout(TIMEOUT)
    wrong = []
    for path in PAGES:
        tab.goto(path)
        tab.evaluate(AXE_SCRIPT)
        wrong += [
            f"{path}: {rule['id']} {rule['nodes'][0]['html']}"
            for rule in tab.evaluate(VIOLATIONS, {"runOnly": STANDARD})
        ]
        if path == MARKED and not tab.evaluate(MARK_IS_READABLE):
            wrong.append(f"{path}: the contrast of a mark is not known to be enough")
        if tab.evaluate(TOO_WIDE) > 0:
            wrong.append(f"{path}: is wider than the window")
    tab.context.close()
    assert wrong == []


def test_it_works_without_scripts_cookies_and_shifts(browser: Browser, url: str) -> None:
    context = browser.new_context(base_url=url)
    tab = context.new_page()
    tab.set_default_timeout(TIMEOUT)
    refused: list[str] = []
    tab.on("console", lambda message: refused.append(message.text) if message.type == "error" else None)
    tab.goto(DAY)
    picture = tab.get_by_role("img", name="A grey disc for Heron")
    expect(picture).to_be_visible()
    assert picture.evaluate("image => image.decode().then(() => image.naturalWidth > 0)")
    assert tab.evaluate(SHIFT) == 0
    assert context.cookies() == []
    assert refused == []
    context.close()

    scriptless = browser.new_context(base_url=url, java_script_enabled=False)
    tab = scriptless.new_page()
    tab.set_default_timeout(TIMEOUT)
    tab.goto("/")
    tab.get_by_role("link", name="← 11 May 2026").click()
    expect(tab.get_by_role("heading", level=1)).to_have_text("Stork")
    tab.get_by_role("link", name="català", exact=True).click()
    expect(tab.get_by_role("heading", level=1)).to_have_text("Stork en català")
    tab.get_by_role("searchbox").fill("heron")
    tab.get_by_role("searchbox").press("Enter")
    expect(tab.get_by_role("link", name="Heron en català")).to_be_visible()
    scriptless.close()


class _QuietHandler(SimpleHTTPRequestHandler):
    def log_message(self, *_arguments: object) -> None:
        """Writes no log."""


@pytest.fixture
def plain_host(site: PublicSite, tmp_path: Path) -> Iterator[str]:
    """Serves an export as a plain file server does."""
    SiteExport(site.desk, tmp_path / "public").write()
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(_QuietHandler, directory=str(tmp_path / "public")))
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()
    thread.join()


def test_an_export_works_on_a_plain_host(browser: Browser, plain_host: str) -> None:
    context = browser.new_context(base_url=plain_host)
    tab: Page = context.new_page()
    tab.set_default_timeout(TIMEOUT)
    wrong: list[str] = []
    tab.on("console", lambda message: wrong.append(message.text) if message.type == "error" else None)
    tab.goto("/")
    expect(tab.get_by_role("heading", level=1)).to_have_text("Heron")
    assert tab.get_by_role("img", name="A grey disc for Heron").evaluate("image => image.decode().then(() => true)")
    tab.get_by_role("searchbox").fill("CÈL·LULES stork")
    tab.get_by_role("searchbox").press("Enter")
    found = tab.get_by_role("link", name="Stork", exact=True)
    expect(found).to_be_visible()
    expect(tab.get_by_role("status")).to_have_text("1")
    found.click()
    expect(tab.get_by_role("heading", level=1)).to_have_text("Stork")
    assert wrong == []
    tab.goto("/search/?q=xyzzy")
    expect(tab.get_by_role("status")).to_have_text("Nothing was found.")
    context.close()
