"""Corrects a published post in a browser: form, differences per channel, confirmation, by keyboard as well."""

from __future__ import annotations

from playwright.sync_api import expect

from tests.browser.conftest import OpenPage
from tests.desk_site import Site

WRONG, RIGHT = "A qiet cell", "A quiet cell"


def publish(site: Site) -> int:
    post = site.outlet.add_post(WRONG)
    site.outlet.pick()
    site.outlet.run_until_idle()
    return post


def test_a_mistake_is_mended_with_the_keyboard_and_seen_before_it_is_sent(site: Site, open_page: OpenPage) -> None:
    post = publish(site)
    page = open_page("editor")
    page.goto(f"{site.url}/posts/{post}")
    page.get_by_role("link", name="Correct it").press("Enter")
    page.locator("#title").fill(RIGHT)
    page.locator("#images-0-alt_text").fill("Picture 1: a grey disc, mended")
    page.locator("#note").press("Enter")
    tumblr, instagram, x = (page.locator(f"[data-channel={name}]") for name in ("tumblr", "instagram", "x"))
    expect(tumblr).to_contain_text("is corrected")
    expect(tumblr.locator("ins").first).to_have_text("quiet")
    expect(instagram).to_contain_text("Alt texts of a published post can't be changed on Instagram")
    expect(x).to_contain_text("stays as it is")
    page.get_by_role("button", name="Change the correction").click()
    expect(page.locator("#title")).to_have_value(RIGHT)
    page.get_by_role("button", name="Show what would change").click()
    page.get_by_role("button", name="Correct it now").press("Enter")
    expect(page.locator(".flash").first).to_contain_text("The correction is being sent to Instagram, Tumblr.")
    site.outlet.run_until_idle()
    assert [RIGHT in site.outlet.copies(name)[0].caption for name in ("tumblr", "instagram", "x")] == [
        True,
        True,
        False,
    ]
    assert [len(site.outlet.copies(name)) for name in ("tumblr", "instagram", "x")] == [1, 1, 1]
