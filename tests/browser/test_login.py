"""Logging in, with a keyboard."""

from __future__ import annotations

import re

from playwright.sync_api import expect

from tests.browser.conftest import OpenPage
from tests.desk_site import PASSWORD, Site


def test_somebody_logs_in_with_the_keyboard_and_out_again(site: Site, open_page: OpenPage) -> None:
    site.person("editor")
    page = open_page()
    page.goto("/")
    expect(page.get_by_label("Mail address")).to_be_focused()
    page.keyboard.type("editor@example.org")
    page.keyboard.press("Tab")
    page.keyboard.type(PASSWORD)
    page.keyboard.press("Enter")
    expect(page).to_have_title(re.compile("^Today"))

    page.locator("summary", has_text="Editor").click()
    page.get_by_role("button", name="Log out").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Log in")
