"""Tests that channels are connected in the browser: Tumblr and X by their pages, Instagram by its questions."""

from __future__ import annotations

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Locator, Page, expect

from publisher.sandbox.instagram.service import Sandbox as InstagramSandbox
from publisher.sandbox.x.service import Sandbox as XSandbox
from tests.browser.conftest import OpenPage
from tests.desk_site import Site

LABELS = {"tumblr": "Tumblr", "x": "X", "instagram": "Instagram"}
TOKENS = ("TUMBLR_OAUTH_TOKEN", "TUMBLR_OAUTH_TOKEN_SECRET", "X_ACCESS_TOKEN", "X_ACCESS_TOKEN_SECRET")


@pytest.fixture(autouse=True)
def _nobody_is_logged_in(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (*TOKENS, "INSTAGRAM_PASSWORD", "INSTAGRAM_TOTP_SEED"):
        monkeypatch.delenv(f"PUBLISHER_{name}")
    (site.outlet.folder / "sessions" / "instagram.json").unlink()


def card_of(page: Page, channel: str) -> Locator:
    return page.get_by_role("region", name=LABELS[channel], exact=True)


def begin(page: Page, channel: str) -> None:
    page.goto("/channels")
    card = card_of(page, channel)
    expect(card.get_by_text("not connected", exact=True)).to_be_visible()
    card.get_by_role("link", name="Connect").click()
    page.get_by_role("button", name="Begin").click()


def expect_connected(page: Page, channel: str, account: str) -> None:
    expect(page.get_by_role("status")).to_have_text(f"{LABELS[channel]} is connected as {account}.")
    expect(card_of(page, channel).get_by_text("publishing", exact=True)).to_be_visible()
    # No answer of a platform stays in the address.
    assert page.url.endswith("/channels")


@pytest.mark.parametrize("app", ["keys", "OAuth 2"])
def test_channels_are_connected_by_their_platforms_own_pages(
    site: Site, open_page: OpenPage, monkeypatch: pytest.MonkeyPatch, app: str
) -> None:
    channels = {"tumblr": "Tumblr", "x": "X"}
    if app == "OAuth 2":
        del channels["tumblr"]
        for name in ("KEY", "SECRET"):
            monkeypatch.delenv(f"PUBLISHER_X_CONSUMER_{name}")
        monkeypatch.setenv("PUBLISHER_X_CLIENT_ID", site.outlet.sandbox(XSandbox).accounts.client_id)
        monkeypatch.setenv("PUBLISHER_X_CLIENT_SECRET", site.outlet.sandbox(XSandbox).accounts.client_secret)
    page = open_page("operator")
    for channel, label in channels.items():
        begin(page, channel)
        page.get_by_role("link", name=f"Go to {label}").click()
        page.get_by_role("button", name="Deny").click()
        expect(page.get_by_role("status")).to_contain_text("begin again")
        page.get_by_role("button", name="Begin").click()
        page.get_by_role("link", name=f"Go to {label}").click()
        page.get_by_role("button", name="Allow").click()
        account = site.outlet.sandbox_servers.platform(channel).account()
        expect_connected(page, channel, account)


def test_instagram_is_connected_with_a_code_that_it_sends(
    site: Site, open_page: OpenPage, monkeypatch: pytest.MonkeyPatch
) -> None:
    instagram = site.outlet.sandbox(InstagramSandbox)
    monkeypatch.setattr(instagram.login, "sends_code", True)
    page = open_page("operator")
    begin(page, "instagram")
    assert Axe().run(page).violations_count == 0
    page.get_by_label("Password of").fill(instagram.credentials()["password"])
    page.keyboard.press("Enter")
    expect(page.get_by_text("has sent the account's owner a code")).to_be_visible()
    page.get_by_label("The code").fill(instagram.login.sent_code)
    page.keyboard.press("Enter")
    expect_connected(page, "instagram", instagram.account())

    card = card_of(page, "instagram")
    card.locator("summary", has_text="Pause").click()
    card.get_by_label("Why").fill("The account moves")
    card.get_by_role("button", name="Pause instagram").click()
    expect(card.get_by_text("by operator@example.org: The account moves")).to_be_visible()
    assert Axe().run(page).violations_count == 0
    card.get_by_role("button", name="Resume instagram").click()
    expect(card.get_by_text("publishing", exact=True)).to_be_visible()
