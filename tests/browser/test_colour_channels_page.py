"""Tests that a person merges the colour channels of a picture in the editor, and sees the result at once."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from publisher.core.content import ColourChannelChoice, ImageChoices
from publisher.posts.drafts import ImageDraft, PostDraft
from publisher.posts.post_store import load_post
from publisher.schedule.post_queue import PostQueue
from tests.browser.conftest import OpenPage
from tests.conftest import WriteDesk
from tests.desk_site import Site, open_starter_site
from tests.image_samples import fluorescence, ome, write_pages_tiff


@pytest.fixture
def site(tmp_path: Path, write_desk: WriteDesk) -> Iterator[Site]:
    """Serves an empty desk with three channels, none of them reachable."""
    with open_starter_site(write_desk(tmp_path / "desk")) as opened:
        yield opened


@pytest.fixture
def post(site: Site, tmp_path: Path) -> int:
    """Adds a post with a picture of three dim colour channels."""
    dyes = fluorescence(1200, 800).numpy().astype("uint16") * 16
    text = ome(["DAPI", "Alexa 488", "RFP"], [0x0000FFFF, 0x00FF00FF, -0x00FFFF01])
    file = write_pages_tiff(tmp_path / "confocal.ome.tif", [dyes[:, :, dye].copy() for dye in range(3)], text)
    image = ImageDraft(file=file, alt_text="Cells in three colours")
    return PostQueue(site.desk, "ada").add(PostDraft(title="Cells", credit="Ada", images=(image,))).id


def test_channels_are_chosen_and_seen(site: Site, post: int, open_page: OpenPage) -> None:
    page: Page = open_page("editor")
    page.goto(f"/posts/{post}")
    channels = page.get_by_role("group", name="Colour channels")
    expect(channels.get_by_role("group")).to_have_count(3)
    expect(channels.get_by_role("group", name="DAPI").get_by_label("Colour")).to_have_value("")
    if folder := os.environ.get("PICTURES"):
        page.wait_for_timeout(3000)
        channels.scroll_into_view_if_needed()
        page.screenshot(path=f"{folder}/wide.png")
        page.screenshot(path=f"{folder}/full.png", full_page=True)
    channels.get_by_role("group", name="DAPI").get_by_label("Colour").select_option("grey")
    channels.get_by_role("group", name="Alexa 488").get_by_label("Shown").select_option("off")
    channels.get_by_label("The values of all of them are shown").select_option("detected")
    shown = page.locator(".stage img")
    address = shown.get_attribute("src") or ""
    assert "window=detected" in address
    assert "channels=grey%2C%3Aoff" in address
    if folder:
        page.set_viewport_size({"width": 390, "height": 844})
        page.wait_for_timeout(3000)
        channels.scroll_into_view_if_needed()
        page.screenshot(path=f"{folder}/narrow.png")
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.get_by_text("version 2, by")).to_be_visible()
    expect(page.get_by_text("DAPI in grey, RFP in red").first).to_be_visible()
    with site.desk.database.reading() as session:
        choices = ImageChoices.model_validate(load_post(session, post).images[0].choices)
    assert choices.window == "detected"
    assert choices.colour_channels == (ColourChannelChoice(colour="#ffffff"), ColourChannelChoice(shown=False))


def test_values_are_typed_seen_and_brought_back(site: Site, post: int, open_page: OpenPage) -> None:
    page: Page = open_page("editor")
    page.goto(f"/posts/{post}")
    dapi = page.get_by_role("group", name="DAPI")
    expect(dapi.get_by_label("Value that is black")).to_be_hidden()
    dapi.get_by_label("Shown").select_option("typed")
    dapi.get_by_label("Value that is black").fill("3000")
    dapi.get_by_label("Value at full brightness").fill("200")
    page.get_by_label("The values of all of them are shown").select_option("detected")
    page.get_by_role("button", name="Save", exact=True).click()
    expect(dapi.get_by_text("Black is 3,000 and white is 200")).to_be_visible()
    dapi.get_by_label("Value that is black").fill("20")
    dapi.get_by_label("Value at full brightness").fill("2000.5")
    dapi.get_by_label("Value at full brightness").blur()
    expect(page.locator(".stage img")).to_have_attribute("src", re.compile(r"channels=%3A20\.\.2000\.5$"))
    if folder := os.environ.get("PICTURES"):
        page.wait_for_timeout(3000)
        dapi.scroll_into_view_if_needed()
        page.screenshot(path=f"{folder}/typed.png")
        page.set_viewport_size({"width": 390, "height": 844})
        dapi.scroll_into_view_if_needed()
        page.screenshot(path=f"{folder}/typed-narrow.png")
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.get_by_text("version 2, by")).to_be_visible()
    with site.desk.database.reading() as session:
        choices = ImageChoices.model_validate(load_post(session, post).images[0].choices)
    assert choices.colour_channels == (ColourChannelChoice(window=(20, 2000.5)),)
    page.goto(f"/posts/{post}")
    expect(dapi.get_by_label("Value at full brightness")).to_have_value("2000.5")
    expect(page.locator(".stage img")).to_have_attribute("src", re.compile(r"channels=%3A20\.\.2000\.5$"))
