"""Tests that the desk serves people who read by ear, by keyboard, in large type, or in colours of their own."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, BrowserContext, ViewportSize, expect
from playwright.sync_api import Page as Tab
from sqlalchemy import select

from publisher.db.models import Delivery, Post
from publisher.web.guard import COOKIE
from tests.browser.conftest import IN_BOTH_BROWSERS, TIMEOUT
from tests.desk_site import Site, open_site
from tests.full_site import CHIEF, build_full_site

WIDE: ViewportSize = {"width": 1280, "height": 900}
PHONE: ViewportSize = {"width": 390, "height": 844}
ZOOMED: dict[int, ViewportSize] = {200: {"width": 640, "height": 450}, 400: {"width": 320, "height": 225}}
"""What is left of a window of 1280 by 900 pixels at this zoom."""


@pytest.fixture(scope="module")
def full(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    desk = build_full_site(tmp_path_factory.mktemp("full"))
    with open_site(desk) as opened:
        yield opened
    desk.database.close()


@pytest.fixture
def chief(browser: Browser, full: Site) -> Iterator[BrowserContext]:
    context = browser.new_context(base_url=full.url, viewport=WIDE)
    token = full.session_token("admin", email=CHIEF)
    context.add_cookies([{"name": COOKIE, "value": token, "url": full.url, "httpOnly": True}])
    context.set_default_timeout(TIMEOUT)
    yield context
    context.close()


def open_tab(chief: BrowserContext, path: str, viewport: ViewportSize = WIDE) -> Tab:
    tab = chief.new_page()
    tab.set_viewport_size(viewport)
    tab.goto(path)
    return tab


def the_draft(full: Site) -> str:
    with full.desk.database.reading() as session:
        return f"/posts/{session.scalars(select(Post.id).where(Post.state == 'draft').order_by(Post.id)).first()}"


@IN_BOTH_BROWSERS
def test_a_field_is_named_by_its_label_and_described_by_its_hint(chief: BrowserContext, full: Site) -> None:
    tab = open_tab(chief, the_draft(full))
    form = tab.locator("#post")
    snapshot = form.aria_snapshot()
    named = re.findall(r'- (?:textbox|combobox) "([^"]+)"', snapshot)
    assert {"Title", "Standfirst", "Text", "Credit", "Licence", "Tags", "Alt text of picture 1"} <= set(named)
    hints: dict[str, str | re.Pattern[str]] = {
        "Standfirst": "One or two sentences that make people stop.",
        "Credit": "Who made the picture. needed",
        "Tags": "With commas between.",
        "Alt text of picture 1": re.compile("What it shows, for somebody who can't see it.*characters. needed"),
    }
    for name, hint in hints.items():
        expect(form.get_by_label(name, exact=True)).to_have_accessible_description(hint)
    for path in ("/account", "/channels", "/webhooks"):
        tab = open_tab(chief, path)
        for details in tab.locator("details").all():
            details.evaluate("element => { element.open = true; }")
        for shown_hint in tab.locator(".hint").all():
            assert not shown_hint.evaluate("element => element.closest('label')"), path
            assert tab.locator(f"[aria-describedby='{shown_hint.get_attribute('id')}']").count() == 1, path


@IN_BOTH_BROWSERS
def test_texts_in_another_language_say_so(chief: BrowserContext, full: Site) -> None:
    tab = open_tab(chief, the_draft(full))
    catalan = tab.locator("[name^='tr-ca-']:not([type=url])")
    assert catalan.count() > 3
    for field in catalan.all():
        expect(field).to_have_attribute("lang", "ca")
    assert tab.locator("#title").get_attribute("lang") is None, "the page is in its language"
    with full.desk.database.reading() as session:
        sent = session.scalars(select(Delivery).where(Delivery.channel_name == "catalan").order_by(Delivery.id)).first()
        approved = session.scalars(select(Post.id).where(Post.state == "approved").order_by(Post.id.desc())).first()
    assert sent
    tab = open_tab(chief, f"/deliveries/{sent.id}")
    expect(tab.locator("h1 [lang=ca]")).to_have_text(sent.adapted["title"])
    expect(tab.locator(".sent div[lang=ca]")).to_contain_text(sent.adapted["title"])
    tab.goto("/deliveries")
    assert tab.locator("strong[lang=ca]").count() > 2
    tab.goto(f"/posts/{approved}")
    expect(tab.locator("[data-channel=catalan] .screen")).to_have_attribute("lang", "ca")
    assert tab.locator("[data-channel=tumblr] .screen").get_attribute("lang") is None


@IN_BOTH_BROWSERS
def test_every_title_of_a_foreign_post_says_its_language(chief: BrowserContext, full: Site) -> None:
    with full.desk.database.writing() as session:
        post = session.scalars(select(Post).where(Post.fixed_date.is_not(None)).order_by(Post.id)).first()
        assert post
        post.language, title, day = "de", post.title, post.fixed_date
    for path in ("/queue", f"/calendar?week={day}", "/posts"):
        tab = open_tab(chief, path)
        expect(tab.locator("a[lang=de]").filter(has_text=title).first).to_be_visible()
    tab = open_tab(chief, f"/posts/{post.id}")
    expect(tab.locator("h1")).to_have_attribute("lang", "de")
    expect(tab.locator("#body")).to_have_attribute("lang", "de")


@IN_BOTH_BROWSERS
def test_the_title_is_within_five_tabs_and_the_posts_too(chief: BrowserContext) -> None:
    for path, skip, reached in (
        ("/posts/new", "Skip to the title", "#title"),
        ("/queue", "Skip to the posts", "section .tick"),
    ):
        tab = open_tab(chief, path)
        for _presses in range(5):
            tab.keyboard.press("Tab")
            if tab.locator(".skip:focus").filter(has_text=skip).count():
                tab.keyboard.press("Enter")
            if tab.locator(reached).first.evaluate("element => element === document.activeElement"):
                break
        else:
            raise AssertionError(f"{reached} of {path} is not reached by five Tabs")


@IN_BOTH_BROWSERS
@pytest.mark.parametrize("zoom", [200, 400])
def test_the_save_bar_leaves_the_text_room(chief: BrowserContext, full: Site, zoom: int) -> None:
    tab = open_tab(chief, the_draft(full), ZOOMED[zoom])
    body = tab.locator("#body")
    body.focus()
    for _press in range(12):
        tab.keyboard.press("Enter")
    tab.keyboard.type("the last line")
    # What stays in sight above and below, and the part of the text between.
    seen = tab.evaluate(
        """() => {
          const text = document.querySelector("#body").getBoundingClientRect();
          let [top, bottom] = [0, innerHeight];
          for (const bar of document.querySelectorAll(".editor-bar, .editor-bar .acts")) {
            const {position} = getComputedStyle(bar), box = bar.getBoundingClientRect();
            if (position === "sticky" && box.top <= 0) top = box.bottom;
            if (position === "fixed") bottom = box.top;
          }
          return Math.min(bottom, text.bottom) - Math.max(top, text.top);
        }"""
    )
    assert seen > 0.5 * ZOOMED[zoom]["height"]
    assert tab.evaluate("() => document.documentElement.scrollWidth <= innerWidth"), "the page is wider than the window"


def test_forced_colours_show_what_is_chosen(chief: BrowserContext, full: Site) -> None:
    tab = open_tab(chief, the_draft(full))
    tab.emulate_media(forced_colors="active")
    tab.locator(".tool").nth(1).click()
    for chosen, other in (
        (".tool[aria-pressed=true]", ".tool[aria-pressed=false]"),
        ("[role=tab][aria-selected=true]", "[role=tab][aria-selected=false]"),
        (".preview-tabs [aria-pressed=true]", ".preview-tabs [aria-pressed=false]"),
    ):
        assert looks_chosen(tab, chosen), chosen
        assert not looks_chosen(tab, other), other
    tab.goto("/queue")
    assert looks_chosen(tab, "nav a[aria-current]")
    assert not looks_chosen(tab, "nav a:not([aria-current])")
    assert tab.locator(".chip").first.evaluate("element => getComputedStyle(element).borderStyle") == "solid"
    row = tab.locator(".post").first
    assert not looks_chosen(tab, ".post .day time")
    row.locator(".tick").check()
    assert looks_chosen(tab, ".post .day time")
    assert row.evaluate("element => getComputedStyle(element).outlineStyle") == "solid"


def looks_chosen(tab: Tab, selector: str) -> bool:
    """Decides whether the first such element, and all text in it, is in the person's colours for what is chosen."""
    looks: bool = tab.locator(selector).first.evaluate(
        """element => {
          const probe = document.body.appendChild(document.createElement("p"));
          probe.style.forcedColorAdjust = "none";
          probe.style.color = "HighlightText";
          probe.style.backgroundColor = "Highlight";
          const style = getComputedStyle(element);
          const [ink, ground] = [getComputedStyle(probe).color, getComputedStyle(probe).backgroundColor];
          probe.remove();
          const inks = [element, ...element.querySelectorAll("*")].map((part) => getComputedStyle(part).color);
          return style.backgroundColor === ground && inks.every((other) => other === ink);
        }"""
    )
    return looks


@IN_BOTH_BROWSERS
def test_the_days_of_cover_fit_on_a_phone(chief: BrowserContext) -> None:
    tab = open_tab(chief, "/", PHONE)
    tab.locator(".chip.cover").evaluate("chip => { chip.textContent = '365 days of cover, then the reserve repeats'; }")
    assert tab.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_a_phone_has_the_navigation_in_one_row(chief: BrowserContext) -> None:
    tab = open_tab(chief, "/", PHONE)
    links = tab.get_by_role("navigation", name="Pages").get_by_role("link")
    tops = {round(link.bounding_box()["y"]) for link in links.all()}  # type: ignore[index]
    assert len(tops) == 1
    assert links.count() == 6
    expect(links.last).to_be_in_viewport(ratio=1)
    # Where the words are longer, what does not fit is scrolled to.
    for link in links.all():
        link.evaluate("element => { element.style.paddingInline = '1rem'; }")
    expect(links.last).not_to_be_in_viewport()
    links.last.focus()
    expect(links.last).to_be_in_viewport(ratio=1)


@IN_BOTH_BROWSERS
@pytest.mark.parametrize("width", [360, 768, 1280])
def test_long_names_of_accounts_stay_on_one_line_of_a_day(chief: BrowserContext, width: int) -> None:
    """Two accounts are on one platform: what is cut for the eye is whole for the ear, and in the hint."""
    tab = open_tab(chief, "/calendar?month=2026-05", {"width": width, "height": 900})
    links = tab.locator(".channels a").filter(has_text="cada-dia-una-cellula")
    expect(links.first).to_be_visible()
    expect(links.first).to_have_accessible_name("Tumblr cada-dia-una-cellula")
    chip = tab.locator(".channels .chip").filter(has_text="cada-dia-una-cellula").first
    expect(chip).to_have_attribute("title", re.compile(r"Tumblr \(cada-dia-una-cellula\): "))
    wraps = tab.locator(".channels .account").evaluate_all("all => all.filter((name) => name.offsetHeight > 30).length")
    assert wraps == 0
    assert tab.evaluate("document.documentElement.scrollWidth <= innerWidth")
