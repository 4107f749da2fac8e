"""Tests that people log in and out with a keyboard."""

from __future__ import annotations

import re

from playwright.sync_api import expect
from sqlalchemy import select

from publisher.db.models import Post
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


def test_a_text_in_another_tab_survives_a_confirmation(site: Site, open_page: OpenPage) -> None:
    """The tab's own key is not good any more: its script takes the new one, and the text is kept and saved."""
    page = open_page("admin")
    page.goto("/posts/new")
    page.get_by_role("textbox", name="Title").fill("Typed before")
    expect(page.get_by_text("Kept as a draft.")).to_be_visible()
    account = page.context.new_page()
    account.goto("/account")
    card = account.get_by_role("region", name="Password", exact=True)
    card.get_by_label("Your present password").fill(PASSWORD)
    card.get_by_label("New password").fill("another quiet night of rain")
    card.get_by_role("button", name="Change the password").click()
    expect(account.get_by_text("Your password is changed.")).to_be_visible()
    page.get_by_role("textbox", name="Title").fill("Typed before and after")
    expect(page.get_by_text("not saved yet")).to_be_visible()
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.get_by_text("Saved.")).to_be_visible()
    with site.desk.database.reading() as session:
        assert session.scalars(select(Post.title).where(Post.title.startswith("Typed"))).all() == [
            "Typed before and after"
        ]
