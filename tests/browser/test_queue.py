"""Tests that the queue and the calendar work by mouse, by keyboard, and without scripts."""

from __future__ import annotations

import random
import re
from datetime import timedelta

import pytest
from playwright.sync_api import Locator, Page, ViewportSize, expect

from publisher.schedule.slots import slot_day
from tests.browser.conftest import IN_BOTH_BROWSERS, OpenPage
from tests.desk_site import Site
from tests.queue_desk import Desk

WIDE: ViewportSize = {"width": 1280, "height": 800}
PHONE: ViewportSize = {"width": 390, "height": 844}

# The posts have pictures without files.
pytestmark = pytest.mark.usefixtures("instant_pictures")


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


@IN_BOTH_BROWSERS
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
    expect(page.locator(".flash")).to_have_text("1 post is approved. 1 post stays as it was; the reason stands below.")
    expect(page.locator(".refused")).to_contain_text("Bone: ")
    expect(page.locator(".refused")).to_contain_text("The post has no credit")
    page.get_by_role("button", name="Undo").click()
    expect(page.locator(".flash")).to_have_text("1 post is as before.")
    expect(page.locator(".queue .chip")).to_have_text(["draft", "draft"])
    assert [event.name for event in posts.events("post approved")] == ["post approved"], "Enter approved nothing"


def box_of(page: Page, title: str) -> Locator:
    return page.get_by_label(f"Tick {title}", exact=True)


def ticked(page: Page) -> list[str | None]:
    rows = page.locator(".post", has=page.locator(".tick:checked"))
    return [row.get_attribute("data-title") for row in rows.all()]


def stands_at_the_bottom(page: Page, element: Locator, below: float) -> bool:
    box = element.bounding_box()
    height = page.evaluate("innerHeight")
    return bool(box) and box["y"] > height / 2 and box["y"] + box["height"] <= height - below  # type: ignore[index]


@pytest.mark.parametrize("viewport", [WIDE, PHONE], ids=["wide", "phone"])
def test_the_tools_appear_with_a_tick_and_stay_in_sight(
    site: Site, posts: Desk, open_page: OpenPage, viewport: ViewportSize
) -> None:
    now = site.desk.now()
    posts.posts([f"Post {number:02}" for number in range(30)], now, state="in_review")
    page = open_page("editor", viewport=viewport)
    page.goto("/queue")
    tools = page.locator("#ticked")
    expect(tools).to_be_hidden()
    before = box_of(page, "Post 02").bounding_box()
    box_of(page, "Post 02").check()
    assert box_of(page, "Post 02").bounding_box() == before, "the posts move under the pointer"
    expect(tools.get_by_text("1 post is ticked")).to_be_visible()
    for place in (0, 800, 100_000):
        page.evaluate(f"scrollTo(0, {place})")
        assert stands_at_the_bottom(page, tools, 0)
    last = page.locator(".post").last.bounding_box()
    shelf = tools.bounding_box()
    assert last
    assert shelf
    assert last["y"] + last["height"] <= shelf["y"], "the tools cover the last post"

    tools.get_by_role("button", name="Approve").click()
    toast = page.locator(".toast")
    expect(toast).to_contain_text("1 post is approved.")
    expect(tools).to_be_hidden()
    box_of(page, "Post 29").check()
    assert stands_at_the_bottom(page, toast, tools.bounding_box()["height"])  # type: ignore[index]
    toast.get_by_role("button", name="Close").click()
    expect(toast).to_be_hidden()


@IN_BOTH_BROWSERS
def test_a_row_of_posts_is_ticked_by_shift_and_all_by_one_box(site: Site, posts: Desk, open_page: OpenPage) -> None:
    names = [f"Post {number}" for number in range(8)]
    posts.posts(names, site.desk.now())
    page = open_page("editor", viewport=WIDE)
    page.goto("/queue")
    box_of(page, "Post 1").click()
    box_of(page, "Post 4").click(modifiers=["Shift"])
    assert ticked(page) == names[1:5]
    box_of(page, "Post 2").click()
    box_of(page, "Post 3").click(modifiers=["Shift"])
    assert ticked(page) == [names[1], names[4]]
    page.get_by_label("Tick all on this page").click()
    assert ticked(page) == names
    page.get_by_role("button", name="Untick all").click()
    assert ticked(page) == []

    box_of(page, "Post 2").focus()
    page.keyboard.press("Space")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Shift+Space")
    assert ticked(page) == names[2:6]
    page.keyboard.press("Shift+ArrowDown")
    assert ticked(page) == names[2:7]
    page.keyboard.press("Enter")
    expect(page.get_by_role("button", name="Approve")).to_be_focused()
    page.keyboard.press("Escape")
    expect(page.locator(".tick:focus")).to_have_count(1)
    page.keyboard.press("Enter")
    page.locator("#to").select_option("end")
    page.get_by_role("button", name="Move", exact=True).press("Enter")
    expect(page.locator(".toast")).to_contain_text("5 posts are moved.")
    expect(titles(page)).to_have_text([*names[:2], names[7], *names[2:7]])
    expect(page.get_by_role("button", name="Undo")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator(".flash")).to_have_text("5 posts are as before.")
    expect(titles(page)).to_have_text(names)


def test_the_day_leads_in_each_row(site: Site, posts: Desk, open_page: OpenPage) -> None:
    posts.posts(["Alga", "Bone"], site.desk.now())
    for viewport in (WIDE, PHONE):
        page = open_page("editor", viewport=viewport)
        page.goto("/queue")
        snapshot = page.locator(".post").first.aria_snapshot()
        assert snapshot.index("- time") < snapshot.index("link") < snapshot.index("Up: Alga")
        day, title = (page.locator(f".post {part}").first.bounding_box() for part in (".day time", ".title a"))
        assert day
        assert title
        assert day["x"] < title["x"] or day["y"] < title["y"]


def test_forty_posts_are_put_in_order_by_keyboard_alone(site: Site, posts: Desk, open_page: OpenPage) -> None:
    order = [f"Post {number:02}" for number in range(40)]
    present = random.Random(14).sample(order, len(order))
    posts.posts(present, site.desk.now())
    page = open_page("editor", viewport=WIDE)
    page.goto("/queue")
    tab_to(page, ".tick")
    for wanted in range(len(order)):
        now_at = present.index(order[wanted])
        # From box to box to the post, back to its grip, up to its place.
        page.keyboard.press("Home")
        for _step in range(now_at):
            page.keyboard.press("ArrowDown")
        if now_at == wanted:
            continue
        page.keyboard.press("Shift+Tab")
        expect(grip(page, order[wanted])).to_be_focused()
        tens, ones = divmod(now_at - wanted, 10)
        for key in ["PageUp"] * tens + ["ArrowUp"] * ones:
            page.keyboard.press(key)
        page.keyboard.press("Enter")
        present.insert(wanted, present.pop(now_at))
        expect(page.locator(".toast")).to_contain_text(f"“{order[wanted]}” is number {wanted + 1} in line now")
        expect(grip(page, order[wanted])).to_be_focused()
        page.keyboard.press("Tab")
    expect(titles(page)).to_have_text(order)
    page.reload()
    expect(titles(page)).to_have_text(order)


def tab_to(page: Page, selector: str) -> None:
    for _press in range(40):
        page.keyboard.press("Tab")
        if page.locator(f"{selector}:focus").count():
            return
    raise AssertionError(f"{selector} is not reached by forty Tabs")


@IN_BOTH_BROWSERS
def test_ctrl_z_undoes_a_move_and_leaves_the_keyboard_at_the_post(site: Site, posts: Desk, open_page: OpenPage) -> None:
    posts.posts(["Alga", "Bone", "Cell"], site.desk.now())
    page = open_page("editor")
    page.goto("/queue")
    grip(page, "Alga").focus()
    page.keyboard.press("End")
    expect(titles(page)).to_have_text(["Bone", "Cell", "Alga"])
    page.keyboard.press("Enter")
    expect(page.locator(".toast")).to_contain_text("“Alga” is number 3 in line now")
    page.keyboard.press("Control+z")
    expect(titles(page)).to_have_text(["Alga", "Bone", "Cell"])
    expect(page.locator(".flash")).to_have_text("1 post is as before.")
    expect(grip(page, "Alga")).to_be_focused()


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
