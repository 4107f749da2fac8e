"""Tests, in a browser, that a published post opens as what followers got, line by line."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import OpenPage
from tests.browser.test_editor import expect_accessible
from tests.desk_site import Site

BODY = "Two cells, 3 < 4 & 5 > 4.  \nA second line.\n\nA second paragraph with **bold** words."


@pytest.fixture
def published(site: Site) -> int:
    post = site.outlet.add_post(title="A quiet cell", body=BODY, link="https://example.org/cells")
    site.outlet.pick()
    site.outlet.run_until_idle(timeout=10.0)
    return post


def lines(text: str) -> list[str]:
    return [line for line in text.split("\n") if line.strip()]


def test_a_published_post_opens_as_what_followers_got(site: Site, open_page: OpenPage, published: int) -> None:
    page = open_page("editor")
    page.goto(f"/posts/{published}")
    expect(page.get_by_text("Nothing blocks approval")).to_have_count(0)
    expect(page.locator("#post")).to_have_count(0)
    expect(page.locator(".published textarea, .published input")).to_have_count(0)
    for channel, delivery in site.outlet.deliveries().items():
        section = page.locator(f".preview[data-channel={channel}]")
        expect(section.get_by_role("link", name=f"See it on {channel}")).to_have_attribute(
            "href", str(delivery.remote_url)
        )
        (copy,) = site.outlet.copies(channel)
        shown = lines(section.locator(".screen").inner_text())
        for line in lines(copy.caption):
            assert line.lstrip("•1. ") in [part.lstrip("•1. ") for part in shown], (channel, line, shown)
        page.goto(f"/deliveries/{delivery.id}")
        expect(page.get_by_role("heading", name="Exactly what was sent")).to_be_visible()
        sent = "\n".join(page.locator("[data-sent]").all_inner_texts())
        assert ("https://example.org/cells" in sent) == (channel == "tumblr")
        page.goto(f"/posts/{published}")
    expect_accessible(page)
    page.get_by_role("link", name="Change the post").click()
    expect(page.locator("#post")).to_be_visible()
