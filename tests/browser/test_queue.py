"""Tests that the queue and the calendar work by mouse, by keyboard, and without scripts."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from playwright.sync_api import Locator, Page, expect

from publisher.schedule.slots import slot_day
from tests.browser.conftest import OpenPage
from tests.desk_site import Site
from tests.queue_desk import Desk


@pytest.fixture
def posts(site: Site) -> Desk:
    """Returns the helper that fills the queue of the desk."""
    desk = site.desk
    return Desk(desk.database, desk.settings, desk.targets, desk.store, desk.people)  # type: ignore[arg-type]


def titles(page: Page) -> Locator:
    return page.locator(".queue .title a")


def grip(page: Page, title: str) -> Locator:
    return page.get_by_role("button", name=f"Move {title}, number")


def drag(page: Page, start: Locator, end: Locator, *, below: bool) -> None:
    start.scroll_into_view_if_needed()
    here, there = start.bounding_box(), end.bounding_box()
    assert here
    assert there
    page.mouse.move(here["x"] + here["width"] / 2, here["y"] + here["height"] / 2)
    page.mouse.down()
    for part in (0.2, 0.9):
        page.mouse.move(there["x"] + 20, there["y"] + there["height"] * (part if below else 1 - part), steps=4)
    page.mouse.up()


def test_a_post_is_dragged_to_another_place_and_into_the_reserve(site: Site, posts: Desk, open_page: OpenPage) -> None:
    posts.posts(["Alga", "Bone", "Cell"], site.desk.now())
    posts.post("Root", site.desk.now(), reserve=True)
    page = open_page("editor")
    page.goto("/queue")
    drag(
        page,
        grip(page, "Cell"),
        page.get_by_role("listitem").filter(has=page.get_by_role("link", name="Alga")),
        below=False,
    )
    expect(page.locator(".flash")).to_contain_text("“Cell” is number 1 in line now")
    expect(titles(page)).to_have_text(["Cell", "Alga", "Bone", "Root"])
    drag(
        page,
        grip(page, "Alga"),
        page.get_by_role("listitem").filter(has=page.get_by_role("link", name="Root")),
        below=True,
    )
    expect(page.locator(".flash")).to_contain_text("“Alga” is number 2 in the reserve now")
    page.reload()
    expect(titles(page)).to_have_text(["Cell", "Bone", "Root", "Alga"])


def test_the_arrow_keys_move_a_post_and_escape_takes_it_back(site: Site, posts: Desk, open_page: OpenPage) -> None:
    posts.posts(["Alga", "Bone", "Cell"], site.desk.now())
    page = open_page("editor")
    page.goto("/queue")
    status = page.locator("body > [role=status]")
    grip(page, "Alga").focus()
    page.keyboard.press("ArrowDown")
    expect(status).to_contain_text("Alga: 2 of 3")
    page.keyboard.press("ArrowDown")
    expect(titles(page)).to_have_text(["Bone", "Cell", "Alga"])
    page.keyboard.press("Escape")
    expect(titles(page)).to_have_text(["Alga", "Bone", "Cell"])
    expect(status).to_have_text("Alga is back where it was.")

    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    expect(status).to_contain_text("“Alga” is number 2 in line now")
    expect(grip(page, "Alga")).to_be_focused()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Tab")
    expect(status).to_contain_text("“Alga” is number 3 in line now")
    page.reload()
    expect(titles(page)).to_have_text(["Bone", "Cell", "Alga"])


def test_ticked_posts_are_approved_and_it_is_undone(site: Site, posts: Desk, open_page: OpenPage) -> None:
    now = site.desk.now()
    posts.post("Alga", now, state="draft")
    posts.post("Bone", now, state="draft", credit="")
    page = open_page("editor")
    page.goto("/queue")
    page.get_by_label("Tick Alga").check()
    page.get_by_label("Tick Bone").check()
    page.get_by_label("Tags").fill("quiet")
    page.keyboard.press("Enter")
    page.get_by_role("button", name="Approve").click()
    expect(page.locator(".flash")).to_have_text("1 post is approved. 1 post is not.")
    expect(page.locator(".refused")).to_contain_text("Bone: ")
    expect(page.locator(".refused")).to_contain_text("The post has no credit")
    page.get_by_role("button", name="Undo").click()
    expect(page.locator(".flash")).to_have_text("1 post is as before.")
    expect(page.locator(".queue .chip")).to_have_text(["draft", "draft"])
    assert [event.name for event in posts.events("post approved")] == ["post approved"], "Enter approved nothing"


def test_a_post_is_dragged_onto_a_day_of_the_calendar(site: Site, posts: Desk, open_page: OpenPage) -> None:
    now = site.desk.now()
    today = slot_day(now, site.desk.settings.outlet.zone)
    monday = today + timedelta(days=7 - today.weekday())
    *_, last = posts.posts([f"Post {number}" for number in range((monday - today).days + 3)], now)
    page = open_page("editor", viewport={"width": 1200, "height": 1400})
    page.goto(f"/calendar?week={monday}")
    entry = page.locator(".entry[draggable=true]").last
    title = posts.load(last).title
    day = page.locator(f"[data-day='{monday + timedelta(days=6)}']")
    expect(day).to_contain_text("no post")
    entry.drag_to(day)
    expect(page.locator(".flash")).to_contain_text("goes out on Sunday")
    expect(day.get_by_role("link", name=title, exact=True)).to_be_visible()
    page.get_by_role("button", name="Undo").click()
    expect(page.locator(".flash")).to_have_text("1 post is as before.")
    expect(page).to_have_url(re.compile(f"week={monday}"))
    assert posts.load(last).fixed_date is None


def test_the_buttons_do_all_of_it_without_scripts(site: Site, posts: Desk, open_page: OpenPage) -> None:
    posts.posts(["Alga", "Bone", "Cell"], site.desk.now())
    page = open_page("editor", java_script_enabled=False)
    page.goto("/queue")
    page.get_by_role("button", name="To the front: Cell").click()
    expect(titles(page)).to_have_text(["Cell", "Alga", "Bone"])
    page.get_by_role("button", name="Down: Cell").click()
    expect(titles(page)).to_have_text(["Alga", "Cell", "Bone"])
    page.get_by_label("Tick Bone").check()
    page.get_by_label("Move", exact=True).select_option("into the reserve")
    page.get_by_role("button", name="Move", exact=True).click()
    expect(page.get_by_role("heading", name="Reserve")).to_be_visible()
    page.get_by_role("button", name="Undo").click()
    expect(titles(page)).to_have_text(["Alga", "Cell", "Bone"])
