"""Tests that what was chosen for pictures can be taken back and repeated, by key and by button."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page, expect
from sqlalchemy import select

from publisher.db.models import Post
from publisher.posts.drafts import ImageDraft, PostDraft
from publisher.schedule.post_queue import PostQueue
from tests.browser.conftest import OpenPage
from tests.conftest import WriteDesk
from tests.desk_site import Site, open_starter_site
from tests.outlet import draw


@pytest.fixture
def site(tmp_path: Path, write_desk: WriteDesk) -> Iterator[Site]:
    """Serves an empty desk with three channels, none of them reachable."""
    with open_starter_site(write_desk(tmp_path / "desk")) as opened:
        yield opened


@pytest.fixture
def page(site: Site, open_page: OpenPage, tmp_path: Path) -> Page:
    """Opens the form of a post with two pictures."""
    images = []
    for number in range(2):
        draw(tmp_path / f"{number}.png", seed=number, width=400, height=300)
        images.append(ImageDraft(file=tmp_path / f"{number}.png", alt_text=f"Picture {number}"))
    post = PostQueue(site.desk, "ada").add(PostDraft(title="Two", credit="Ada", images=tuple(images))).id
    opened = open_page("editor")
    opened.goto(f"/posts/{post}")
    return opened


def value(page: Page, name: str, number: int = 0) -> Locator:
    """Finds the field of a picture; a part that is drawn is that of the one channel that is chosen above it."""
    if name in ("crop_box", "focal_point"):
        name += f":{page.locator('.picture').nth(number).get_attribute('data-scope')}"
    return page.locator(f"[name='images-{number}-{name}']")


def drag(page: Page, first: float, last: float) -> None:
    page.locator(".stage img").first.scroll_into_view_if_needed()
    stage = page.locator(".stage img").first.bounding_box()
    assert stage is not None
    page.mouse.move(stage["x"] + first * stage["width"], stage["y"] + first * stage["height"])
    page.mouse.down()
    page.mouse.move(stage["x"] + last * stage["width"], stage["y"] + last * stage["height"])
    page.mouse.up()


KINDS = {"crop_box": "Crop", "focal_point": "Focal point", "protected": "Protected parts", "gutters": "Cuts"}


@pytest.mark.parametrize("kind", KINDS)
def test_what_was_drawn_is_taken_back_and_repeated(page: Page, kind: str) -> None:
    page.get_by_label("Alt text of picture 1").click()
    page.get_by_role("button", name=KINDS[kind]).first.click()
    page.get_by_label("Alt text of picture 1").focus()
    drag(page, 0.25, 0.75)
    expect(value(page, kind)).not_to_have_value("")
    drawn = value(page, kind).input_value()
    page.keyboard.press("Control+z")
    expect(value(page, kind)).to_have_value("")
    expect(page.locator(f".stage svg .{kind}")).to_have_count(0)
    page.keyboard.press("Control+Shift+z")
    expect(value(page, kind)).to_have_value(drawn)
    page.get_by_role("button", name="Undo").click()
    expect(value(page, kind)).to_have_value("")
    expect(page.get_by_role("button", name="Redo")).to_be_focused()
    page.keyboard.press("Control+y")
    expect(value(page, kind)).to_have_value(drawn)


def test_moving_and_removing_by_keys_are_steps(page: Page) -> None:
    page.get_by_role("button", name="Crop").first.click()
    page.get_by_role("button", name="Add a crop box").click()
    added = value(page, "crop_box").input_value()
    for _press in range(3):
        page.keyboard.press("ArrowRight")
    moved = value(page, "crop_box").input_value()
    page.keyboard.press("Delete")
    expect(value(page, "crop_box")).to_have_value("")
    page.keyboard.press("Control+z")
    expect(value(page, "crop_box")).to_have_value(moved)
    # Steps that come one soon after the other are one: how many there are depends on the machine.
    for _press in range(3):
        if value(page, "crop_box").input_value() != added:
            page.keyboard.press("Control+z")
    expect(value(page, "crop_box")).to_have_value(added)
    page.keyboard.press("Control+z")
    expect(value(page, "crop_box")).to_have_value("")
    assert moved != added


def test_fit_and_removal_and_place_are_taken_back(page: Page, site: Site) -> None:
    summary = page.locator(".picture").first.get_by_text("How it is fitted")
    summary.click()
    page.get_by_label("Where its shape does not suit a channel").first.select_option("crop")
    page.keyboard.press("Control+z")
    expect(value(page, "fit")).to_have_value("")
    page.get_by_role("button", name="Remove picture 1").click()
    expect(page.get_by_label("Alt text of picture 1")).to_be_hidden()
    page.keyboard.press("Control+z")
    expect(page.get_by_label("Alt text of picture 1")).to_be_visible()
    expect(page.get_by_role("button", name="Put it back")).to_have_count(0)
    page.get_by_role("button", name="Later picture 1").click()
    expect(page.get_by_label("Alt text of picture 1")).to_have_value("Picture 1")
    page.keyboard.press("Control+z")
    expect(page.get_by_label("Alt text of picture 1")).to_have_value("Picture 0")
    page.keyboard.press("Control+y")
    expect(page.get_by_label("Alt text of picture 1")).to_have_value("Picture 1")
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.get_by_text("Saved.")).to_be_visible()
    with site.desk.database.reading() as session:
        assert [image.alt_text for image in session.scalars(select(Post)).one().images] == ["Picture 1", "Picture 0"]


def test_a_text_field_keeps_its_own_undo(page: Page) -> None:
    page.get_by_role("button", name="Crop").first.click()
    drag(page, 0.25, 0.75)
    drawn = value(page, "crop_box").input_value()
    title = page.get_by_role("textbox", name="Title")
    title.click()
    page.keyboard.press("End")
    page.keyboard.type("!")
    page.keyboard.press("Control+z")
    expect(title).to_have_value("Two")
    page.keyboard.press("Control+z")
    expect(value(page, "crop_box")).to_have_value(drawn)


def test_nothing_to_undo_shows_no_buttons(page: Page) -> None:
    expect(page.get_by_role("button", name="Undo")).to_have_count(0)
    page.get_by_label("Alt text of picture 1").fill("Typed")
    expect(page.get_by_role("button", name="Undo")).to_have_count(0)
