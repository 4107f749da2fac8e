"""Tests that the calendar is written into and ordered by mouse, by keyboard, and without scripts."""

from __future__ import annotations

import re
from datetime import date, timedelta

import pytest
from playwright.sync_api import Locator, Page, ViewportSize, expect

from publisher.db.models import Pick
from publisher.schedule.slots import slot_day
from tests.browser.conftest import IN_BOTH_BROWSERS, OpenPage
from tests.desk_site import Site
from tests.queue_desk import Desk

WIDE: ViewportSize = {"width": 1280, "height": 1000}


@pytest.fixture
def posts(site: Site) -> Desk:
    """Returns the helper that fills the queue of the desk."""
    desk = site.desk
    return Desk(desk.database, desk.settings, desk.targets, desk.store, desk.people)  # type: ignore[arg-type]


@pytest.fixture
def monday(site: Site) -> date:
    """Returns the Monday after this week."""
    today = slot_day(site.desk.now(), site.desk.settings.outlet.zone)
    return today + timedelta(days=7 - today.weekday())


def cell(page: Page, day: date) -> Locator:
    return page.locator(f"[data-day='{day}']")


@IN_BOTH_BROWSERS
def test_a_click_on_a_day_begins_a_post_for_it(site: Site, monday: date, open_page: OpenPage) -> None:
    page = open_page("contributor", viewport=WIDE)
    page.goto(f"/calendar?week={monday}")
    day = monday + timedelta(days=3)
    cell(page, day).click(position={"x": 20, "y": 120})
    expect(page).to_have_url(re.compile(f"/posts/new\\?day={day}"))
    expect(page.get_by_label("on a fixed day")).to_be_checked()
    expect(page.get_by_label("Fixed day", exact=True)).to_have_value(str(day))
    expect(page.get_by_label("Fixed day", exact=True)).to_be_visible()
    page.go_back()
    link = cell(page, day).get_by_role("link", name="Write a post for Thursday")
    link.focus()
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile(f"/posts/new\\?day={day}"))


def test_a_draft_is_dragged_from_the_tray_and_posts_change_places(
    site: Site, posts: Desk, monday: date, open_page: OpenPage
) -> None:
    now = site.desk.now()
    tuesday, friday = monday + timedelta(days=1), monday + timedelta(days=4)
    draft = posts.post("Alga", now, state="draft")
    bone = posts.post("Bone", now, fixed_date=tuesday)
    cell_post = posts.post("Cell", now, fixed_date=friday)
    page = open_page("editor", viewport=WIDE)
    page.goto(f"/calendar?week={monday}")
    page.locator(".drafts .entry", has_text="Alga").drag_to(cell(page, monday))
    expect(page.locator(".toast")).to_contain_text("“Alga” goes out on Monday")
    expect(cell(page, monday)).to_contain_text("not approved")
    expect(page.locator(".tray")).to_contain_text("every draft has its day")

    cell(page, tuesday).locator(".entry").drag_to(cell(page, friday))
    expect(page.locator(".toast")).to_contain_text("“Bone” goes out on Friday")
    expect(page.locator(".toast")).to_contain_text("“Cell” goes out on Tuesday")
    assert [posts.load(post).fixed_date for post in (draft, bone, cell_post)] == [monday, friday, tuesday]
    page.keyboard.press("Control+z")
    expect(page.locator(".toast")).to_contain_text("2 posts are as before.")
    assert [posts.load(post).fixed_date for post in (bone, cell_post)] == [tuesday, friday]
    expect(page).to_have_url(re.compile(f"week={monday}"))


def test_the_present_month_opens_at_this_week_on_a_phone(site: Site, posts: Desk, open_page: OpenPage) -> None:
    now = site.desk.now()
    today = slot_day(now, site.desk.settings.outlet.zone)
    with site.desk.database.writing() as session:
        for number in range(1, today.day):
            session.add(Pick(slot=today.replace(day=number), reason="empty", picked_at=now))
    posts.post("Alga", now, fixed_date=today)
    for later in range(1, 12):
        posts.post(f"Bone {later}", now, fixed_date=today + timedelta(days=later))
    page = open_page("contributor", viewport={"width": 390, "height": 844})
    page.goto("/calendar")
    expect(cell(page, today)).to_be_in_viewport()
    page.evaluate("scrollTo(0, 0)")
    page.reload()
    assert page.evaluate("scrollY") == 0
    page.goto(f"/calendar?month={today - timedelta(days=40):%Y-%m}")
    assert page.evaluate("scrollY") == 0


def test_what_will_become_of_two_posts_is_said_before_the_drop(
    site: Site, posts: Desk, monday: date, open_page: OpenPage
) -> None:
    """As the drop does it; `tests/integration/test_calendar_exchange.py` has the whole table."""
    now = site.desk.now()
    tuesday, wednesday, friday = (monday + timedelta(days=number) for number in (1, 2, 4))
    posts.post("Alga", now, state="draft")
    posts.post("Bone", now, fixed_date=tuesday)
    posts.post("Cell", now, fixed_date=friday)
    posts.post("Dune", now, state="draft", fixed_date=wednesday)
    for number in range(8):
        posts.post(f"In line {number}", now)
    page = open_page("editor", viewport=WIDE)
    page.goto(f"/calendar?week={monday}")
    tray, thursday = page.locator(".drafts .entry", has_text="Alga"), monday + timedelta(days=3)

    def hint(moved: Locator, day: date) -> str:
        data = page.evaluate_handle("() => new DataTransfer()")
        moved.dispatch_event("dragstart", {"dataTransfer": data})
        cell(page, day).dispatch_event("dragover", {"dataTransfer": data})
        said = cell(page, day).evaluate("(day) => getComputedStyle(day, '::before').content")
        moved.dispatch_event("dragend", {"dataTransfer": data})
        return str(said).strip('"')

    entries = {name: page.locator(".days .entry", has_text=name) for name in ("Bone", "Dune")}
    assert hint(entries["Bone"], friday) == "They change places"
    assert hint(entries["Bone"], thursday) == "They change places"
    assert hint(entries["Dune"], thursday) == "Both wait for this day"
    assert hint(tray, thursday) == "Both wait for this day"
    assert hint(tray, friday) == "Another post has this day"


@pytest.mark.parametrize("scripts", [True, False], ids=["with scripts", "without scripts"])
def test_a_draft_gets_its_day_by_keyboard(
    site: Site, posts: Desk, monday: date, open_page: OpenPage, *, scripts: bool
) -> None:
    alga = posts.post("Alga", site.desk.now(), state="draft")
    page = open_page("editor", viewport=WIDE, java_script_enabled=scripts)
    page.goto(f"/calendar?week={monday}")
    page.get_by_role("link", name=re.compile("Choose a day ?: Alga")).press("Enter")
    day = page.get_by_label("goes out on")
    if scripts:
        expect(day).to_be_focused()
    expect(page.get_by_label("Post", exact=True)).to_have_value(str(alga))
    day.fill(str(monday))
    day.press("Enter")
    expect(page.locator(".toast")).to_contain_text("“Alga” goes out on Monday")
    assert posts.load(alga).fixed_date == monday


def test_a_month_shows_its_neighbours_days(site: Site, posts: Desk, open_page: OpenPage) -> None:
    posts.post("Alga", site.desk.now(), fixed_date=date(2027, 1, 31))
    page = open_page("editor", viewport=WIDE)
    page.goto("/calendar?month=2027-02")
    # February 2027 begins on a Monday; March fills no week either.
    expect(page.locator(".days > li")).to_have_count(28)
    page.goto("/calendar?month=2027-01")
    expect(page.locator(".days > li")).to_have_count(35)
    first = page.locator(".days > li").first
    expect(first.get_by_role("heading")).to_have_text(re.compile("28 December"))
    box, tray = page.locator(".days").bounding_box(), page.locator(".tray").bounding_box()
    assert box
    assert tray
    assert box["x"] + box["width"] <= tray["x"], "the tray stands beside the days"
