"""Tests that a post can be written in a browser: by mouse, by keyboard, and without scripts."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterator
from datetime import date
from functools import partial
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Locator, Page, Route, expect
from sqlalchemy import select

from publisher.db.models import Post
from tests.browser.conftest import TIMEOUT, OpenPage
from tests.conftest import WriteDesk
from tests.desk_site import Site, open_starter_site
from tests.outlet import draw
from tests.waiting import wait_until

CHANNELS = ("tumblr", "instagram", "x")
RULES = {"runOnly": {"type": "tag", "values": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]}}
PLACEHOLDER_SIDE = 33
"""Pixels of what stands in for a picture that is still being made."""
APPROVED = "Approved: it goes out when its turn comes."


@pytest.fixture
def site(tmp_path: Path, write_desk: WriteDesk) -> Iterator[Site]:
    """Serves an empty desk with three channels, none of them reachable."""
    with open_starter_site(write_desk(tmp_path / "desk")) as opened:
        yield opened


@pytest.fixture
def disc(tmp_path: Path) -> Path:
    """Writes a picture that is uploaded in more than one piece."""
    file = tmp_path / "disc.png"
    draw(file, seed=1, width=1200, height=800)
    assert file.stat().st_size > 600_000
    return file


def the_post(site: Site) -> Post:
    with site.desk.database.reading() as session:
        return session.scalars(select(Post)).one()


def upload(page: Page, *files: Path) -> None:
    before = page.locator(".picture").count()
    page.get_by_label("Add pictures").set_input_files(files)
    expect(page.locator(".picture")).to_have_count(before + len(files), timeout=TIMEOUT)


def preview_of(page: Page, channel: str) -> Locator:
    return page.locator(f".preview[data-channel={channel}]")


def expect_previews(page: Page, text: str) -> None:
    """Waits until every channel shows the text, and a picture that was rendered."""
    page.get_by_role("group", name="Channels").get_by_role("button", name="All").click()
    for channel in CHANNELS:
        expect(preview_of(page, channel)).to_contain_text(text)
        pictures = preview_of(page, channel).locator(".preview-images img")
        # Asked anew each time: a preview that comes meanwhile puts another picture, or a placeholder, in its place.
        wait_until(partial(is_made, pictures), f"{channel} shows its picture")


def is_made(picture: Locator) -> bool:
    """Decides whether a picture in view is loaded, and is no placeholder."""
    script = "image => { image.scrollIntoView(); return image.complete ? image.naturalWidth : 0; }"
    width: int = picture.evaluate(script)
    return width > PLACEHOLDER_SIDE


def expect_accessible(page: Page) -> None:
    results = Axe().run(page, options=RULES)
    assert results.violations_count == 0, results.generate_report()


def tab_to(page: Page, target: Locator) -> None:
    """Presses the Tab key until the target has the focus."""
    for _ in range(120):
        if target.count() and target.evaluate("element => element === document.activeElement"):
            return
        page.keyboard.press("Tab")
    raise AssertionError(f"the Tab key does not lead to {target}")


def test_a_writer_needs_no_manual_by_mouse(site: Site, open_page: OpenPage, disc: Path) -> None:
    page = open_page("editor")
    page.goto("/")
    page.get_by_role("link", name="Write a post").click()
    with page.expect_file_chooser() as chosen:
        page.get_by_label("Add pictures").click()
    chosen.value.set_files(disc)
    alt_text = page.get_by_label("Alt text of picture 1")
    expect(alt_text).to_be_focused(timeout=TIMEOUT)
    to_do = page.locator(".verdict")
    expect(to_do).to_contain_text("Picture 1 has no alt text")
    alt_text.fill("A grey disc on black ground")
    expect(page.get_by_text("27 of 1,000 characters")).to_be_visible()
    page.get_by_role("textbox", name="Title").fill("A quiet cell")
    page.get_by_label("Standfirst").fill("It rests")
    problems = to_do.get_by_role("listitem").filter(has_not=page.get_by_text("remark", exact=True))
    expect(problems).to_have_count(1)
    to_do.get_by_role("link", name="The post has no credit").click()
    expect(page.get_by_role("textbox", name="Credit", exact=False).first).to_be_focused()
    page.keyboard.type("Image by the test bench")
    expect(to_do).to_contain_text("Nothing blocks approval")
    expect_previews(page, "A quiet cell")
    expect(page.get_by_text("Kept as a draft.").or_(page.get_by_text("not saved yet"))).to_be_visible()
    page.get_by_role("button", name="Save and approve").click()
    expect(page.get_by_text(APPROVED)).to_be_visible()
    post = the_post(site)
    assert (post.state, post.credit, post.images[0].alt_text) == (
        "approved",
        "Image by the test bench",
        "A grey disc on black ground",
    )


def test_a_post_with_two_pictures_and_a_day_takes_few_clicks(
    site: Site, open_page: OpenPage, disc: Path, tmp_path: Path
) -> None:
    draw(tmp_path / "ring.png", seed=2, width=300, height=300)
    page = open_page("contributor")
    clicks: list[str] = []
    page.expose_function("noteClick", lambda target: clicks.append(target))  # noqa: PLW0108 - Playwright names the function
    page.add_init_script("addEventListener('pointerdown', event => noteClick(event.target.outerHTML), true)")
    page.goto("/")
    page.get_by_role("link", name="Write a post").click()
    page.get_by_role("textbox", name="Title").click()
    page.keyboard.type("Two quiet cells")
    page.keyboard.press("Tab")
    page.keyboard.type("They rest.")
    page.get_by_role("textbox", name="Text", exact=True).click()
    page.keyboard.type("Nothing moves in them.")
    with page.expect_file_chooser() as chosen:
        page.get_by_label("Add pictures").click()
    chosen.value.set_files([disc, tmp_path / "ring.png"])
    for number, text in ((1, "A grey disc"), (2, "A grey ring")):
        page.get_by_label(f"Alt text of picture {number}").click(timeout=TIMEOUT)
        page.keyboard.type(text)
    page.get_by_role("textbox", name="Credit", exact=False).first.click()
    page.keyboard.type("Image by the test bench")
    page.get_by_label("on a fixed day").click()
    page.get_by_role("textbox", name="Fixed day").click()
    page.keyboard.type("06012099")
    expect(page.get_by_role("textbox", name="Fixed day")).to_have_value("2099-06-01")
    page.get_by_role("button", name="Save and ask for review").click()
    expect(page.get_by_text("Saved, and given to review")).to_be_visible()
    post = the_post(site)
    assert (post.state, post.fixed_date, len(post.images)) == ("in_review", date(2099, 6, 1), 2)
    assert 8 <= len(clicks) <= 12, clicks


def test_a_writer_needs_no_mouse(site: Site, open_page: OpenPage, disc: Path) -> None:
    page = open_page("editor")
    page.goto("/")
    tab_to(page, page.get_by_role("link", name="Write a post"))
    page.keyboard.press("Enter")
    page.wait_for_url("**/posts/new?draft=*")
    # Who asks for the chooser only with the key's stroke may come too late for it.
    with page.expect_file_chooser(timeout=2 * TIMEOUT) as chosen:
        tab_to(page, page.get_by_label("Add pictures"))
        page.keyboard.press("Enter")
    chosen.value.set_files(disc)
    expect(page.get_by_label("Alt text of picture 1")).to_be_focused(timeout=TIMEOUT)
    page.keyboard.type("A grey disc on black ground")
    tab_to(page, page.get_by_role("textbox", name="Title"))
    page.keyboard.type("A quiet cell")
    tab_to(page, page.locator("#credit"))
    page.keyboard.type("Image by the test bench")
    expect(page.locator(".verdict")).to_contain_text("Nothing blocks approval")
    expect_previews(page, "A quiet cell")
    tab_to(page, page.get_by_role("button", name="Save and approve"))
    page.keyboard.press("Enter")
    expect(page.get_by_text(APPROVED)).to_be_visible()
    assert the_post(site).state == "approved"


def test_a_writer_needs_no_scripts(site: Site, open_page: OpenPage, disc: Path) -> None:
    page = open_page("editor", java_script_enabled=False)
    page.goto("/posts/new")
    page.get_by_role("textbox", name="Title").fill("A quiet cell")
    page.locator("#credit").fill("Image by the test bench")
    page.get_by_label("Add pictures").set_input_files(disc)
    page.get_by_role("button", name="Save and approve").click()
    expect(page.get_by_text("It is saved, and can't be approved yet")).to_be_visible()
    page.get_by_label("Alt text of picture 1").fill("A grey disc on black ground")
    page.get_by_label("Crop to").fill("0.1, 0.2, 0.5, 0.5")
    expect(page.get_by_label("Remove picture 1")).to_be_visible()
    page.get_by_role("button", name="Save and approve").click()
    expect(page.get_by_text(APPROVED)).to_be_visible()
    box = the_post(site).images[0].choices["crop_box"]
    assert box == {"left": 0.1, "top": 0.2, "width": 0.5, "height": 0.5}


def offsets_of(page: Page, go_on: Callable[[int], bool]) -> list[int]:
    """Records the offsets of pieces that are sent from now on. `go_on`: whether the piece of this number passes."""
    offsets: list[int] = []

    def meet(route: Route) -> None:
        offsets.append(int(route.request.url.rpartition("/")[2]))
        if go_on(len(offsets)):
            route.continue_()
        else:
            route.abort("connectionreset")

    page.route(re.compile(r"/uploads/[0-9a-f]{32}/\d+$"), meet)
    return offsets


def test_an_upload_goes_on_where_the_connection_was_lost(site: Site, open_page: OpenPage, disc: Path) -> None:
    page = open_page("editor")
    page.goto("/posts/new")
    offsets = offsets_of(page, lambda number: number not in (2, 3))
    page.get_by_label("Add pictures").set_input_files(disc)
    expect(page.get_by_text("The connection is lost; it goes on by itself.")).to_be_visible()
    expect(page.locator(".picture")).to_have_count(1, timeout=TIMEOUT)
    assert offsets[0] == 0
    assert offsets[1] == offsets[2] == offsets[3] > 0
    assert page.locator("[name=images-0-media]").input_value() == hashlib.sha256(disc.read_bytes()).hexdigest()


def test_an_upload_goes_on_after_the_page_was_loaded_anew(site: Site, open_page: OpenPage, disc: Path) -> None:
    page = open_page("editor")
    page.on("dialog", lambda dialog: dialog.accept())
    page.goto("/posts/new")
    offsets_of(page, lambda number: number == 1)
    page.get_by_label("Add pictures").set_input_files(disc)
    expect(page.get_by_text("The connection is lost; it goes on by itself.")).to_be_visible()
    page.unroute_all()
    page.reload()
    expect(page.get_by_text("Choose the same file again, and it goes on.")).to_be_visible()
    offsets = offsets_of(page, lambda number: True)
    upload(page, disc)
    assert offsets[0] > 0
    expect(page.get_by_text("Choose the same file again")).to_have_count(0)
    assert page.locator("[name=images-0-media]").input_value() == hashlib.sha256(disc.read_bytes()).hexdigest()


def test_two_people_who_write_at_once_lose_nothing(site: Site, open_page: OpenPage) -> None:
    ada, bo = open_page("editor", email="ada@example.org"), open_page("editor", email="bo@example.org")
    ada.goto("/posts/new")
    ada.get_by_role("textbox", name="Title").fill("A quiet cell")
    ada.get_by_role("button", name="Save", exact=True).click()
    expect(ada.get_by_text("Saved.")).to_be_visible()
    bo.goto(ada.url)
    ada.get_by_label("Standfirst").fill("By Ada")
    ada.get_by_role("button", name="Save", exact=True).click()
    expect(ada.get_by_text("Saved.")).to_be_visible()
    bo.get_by_label("Standfirst").fill("By Bo")
    expect(bo.get_by_text("ada@example.org has saved this post meanwhile")).to_be_visible()
    bo.keyboard.press("Control+s")
    conflict = bo.get_by_role("alert")
    expect(conflict).to_contain_text("By Ada")
    expect(conflict).to_contain_text("By Bo")
    expect(conflict.get_by_role("heading", level=3)).to_have_text(["Standfirst"])
    assert the_post(site).standfirst == "By Ada"
    bo.get_by_label("Standfirst").fill("By both")
    bo.get_by_role("button", name="Save", exact=True).click()
    expect(bo.get_by_text("Saved.")).to_be_visible()
    assert the_post(site).standfirst == "By both"


def source_of(page: Page, channel: str) -> str | None:
    """Returns the address of the picture in the preview of a channel, in sight or not."""
    return page.locator(f"[data-channel={channel}] .preview-images img").get_attribute("src")


def box_of(page: Page) -> list[float]:
    return [float(part) for part in page.locator("[name='images-0-crop_box:instagram']").input_value().split(",")]


def test_a_crop_box_is_drawn_with_mouse_and_keyboard(open_page: OpenPage, disc: Path) -> None:
    page = open_page("editor")
    page.goto("/posts/new")
    upload(page, disc)
    channels = page.get_by_role("group", name="Channels")
    others = [source_of(page, name) for name in ("tumblr", "x")]
    channels.get_by_role("button", name="instagram").click()
    pictures = preview_of(page, "instagram").locator(".preview-images img")
    whole = pictures.get_attribute("src") or ""
    page.get_by_role("button", name="Crop").click()
    stage = page.locator(".stage img").bounding_box()
    assert stage is not None
    page.mouse.move(stage["x"] + 0.25 * stage["width"], stage["y"] + 0.25 * stage["height"])
    page.mouse.down()
    page.mouse.move(stage["x"] + 0.5 * stage["width"], stage["y"] + 0.5 * stage["height"])
    page.mouse.move(stage["x"] + 0.75 * stage["width"], stage["y"] + 0.75 * stage["height"])
    page.mouse.up()
    assert box_of(page) == pytest.approx([0.25, 0.25, 0.5, 0.5], abs=0.03)
    expect(pictures).not_to_have_attribute("src", whole)
    first_source = pictures.get_attribute("src") or ""
    expect(page.get_by_label("Shown on")).to_have_value("instagram")
    expect(page.locator(".shown")).to_contain_text(re.compile(r"Instagram\s+cropped to \d+ % of its width"))
    expect(page.locator(".shown")).to_contain_text(re.compile(r"Tumblr, X\s+all of it"))
    for name, before_crop in zip(("tumblr", "x"), others, strict=True):
        assert source_of(page, name) == before_crop, name

    box = page.get_by_role("slider", name="Crop box", exact=True)
    corner = page.get_by_role("slider", name="Crop box, lower right corner")
    before = box_of(page)
    tab_to(page, box)
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Shift+ArrowUp")
    assert box_of(page) == pytest.approx([before[0] + 0.01, before[1] - 0.1, before[2], before[3]], abs=0.002)
    tab_to(page, corner)
    page.keyboard.press("Shift+ArrowLeft")
    assert box_of(page)[2] == pytest.approx(before[2] - 0.1, abs=0.002)
    expect(corner).to_have_attribute("aria-valuetext", re.compile(r"^\d+ % wide and \d+ % high, from \d+ % left"))
    expect(pictures).not_to_have_attribute("src", first_source)
    expect_accessible(page)
    page.keyboard.press("Delete")
    expect(page.locator("[name='images-0-crop_box:instagram']")).to_have_value("")
    expect(page.locator(".shown")).to_contain_text("Every channel shows all of it.")
    expect(page.get_by_role("button", name="Add a crop box")).to_be_focused()
    expect(pictures).to_have_attribute("src", whole)


def test_pictures_change_places_go_and_come_back(site: Site, open_page: OpenPage, tmp_path: Path) -> None:
    files = [tmp_path / f"{number}.png" for number in range(2)]
    for number, file in enumerate(files):
        draw(file, seed=number, width=400, height=300)
    strange = tmp_path / "strange.png"
    strange.write_bytes(b"no picture")
    page = open_page("editor")
    page.goto("/posts/new")
    page.get_by_role("textbox", name="Title").fill("Two")
    upload(page, *files)
    page.get_by_label("Add pictures").set_input_files(strange)
    expect(page.get_by_text("“strange.png”: ").last).to_be_visible(timeout=TIMEOUT)
    page.get_by_role("button", name="Dismiss the message about strange.png").click()
    page.get_by_label("Alt text of picture 1").fill("Zero")
    page.get_by_label("Alt text of picture 2").fill("One")
    page.get_by_role("button", name="Later picture 1").click()
    expect(page.get_by_label("Alt text of picture 1")).to_have_value("One")
    expect(page.get_by_role("button", name="Earlier picture 2")).to_be_focused()
    page.get_by_role("button", name="Remove picture 1").click()
    expect(page.get_by_label("Alt text of picture 1")).to_be_hidden()
    page.get_by_role("button", name="Put it back").click()
    expect(page.get_by_label("Alt text of picture 1")).to_be_focused()
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.get_by_text("Saved.")).to_be_visible()
    assert [image.alt_text for image in the_post(site).images] == ["One", "Zero"]


def test_a_phone_shows_all_of_it(open_page: OpenPage, disc: Path) -> None:
    page = open_page("editor", viewport={"width": 390, "height": 844}, has_touch=True, color_scheme="dark")
    page.goto("/posts/new")
    upload(page, disc)
    page.get_by_role("button", name="Focal point").tap()
    stage = page.locator(".stage img")
    stage.scroll_into_view_if_needed()
    size = stage.bounding_box()
    assert size is not None
    stage.tap(position={"x": size["width"] * 0.25, "y": size["height"] * 0.5})
    x, y = page.locator("[name='images-0-focal_point:instagram']").input_value().split(", ")
    assert (float(x), float(y)) == pytest.approx((0.25, 0.5), abs=0.03)
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    expect_accessible(page)


def test_one_preview_stays_in_sight_while_the_text_is_typed(open_page: OpenPage) -> None:
    page = open_page("editor", viewport={"width": 1280, "height": 720})
    page.goto("/posts/new")
    tabs = page.get_by_role("group", name="Channels")
    expect(tabs.get_by_role("button")).to_have_text(
        ["Instagram, has a problem", "Tumblr, has a problem", "X, has a problem", "All"]
    )
    tabs.get_by_role("button", name="tumblr").click()
    page.locator("#body").press_sequentially("Cells at rest.")
    expect(preview_of(page, "tumblr")).to_contain_text("Cells at rest.")
    for part in (
        page.locator("#body"),
        preview_of(page, "tumblr"),
        page.get_by_role("button", name="Save", exact=True),
    ):
        expect(part).to_be_in_viewport()
    expect(preview_of(page, "x")).to_be_hidden()
    expect(page.locator("#blocking")).to_have_text("3 things before approval")
    page.reload()
    expect(preview_of(page, "tumblr")).to_be_visible()
    expect(preview_of(page, "x")).to_be_hidden()


def test_a_post_is_sent_back_with_a_reason_from_its_bar(site: Site, open_page: OpenPage) -> None:
    writer, editor = open_page("contributor", email="ada@example.org"), open_page("editor", email="bo@example.org")
    writer.goto("/posts/new")
    writer.get_by_role("textbox", name="Title").fill("A quiet cell")
    writer.get_by_role("button", name="Save and ask for review").click()
    expect(writer.get_by_text("Saved, and given to review")).to_be_visible()
    editor.goto(writer.url)
    editor.get_by_text("Send back", exact=True).click()
    editor.get_by_label("What should be changed?").fill("The credit is missing.")
    editor.get_by_role("button", name="Send back to draft").click()
    expect(editor.locator("#editor-bar [data-state=draft]")).to_be_visible()
    expect(editor.get_by_text("The credit is missing.")).to_be_visible()
    assert the_post(site).state == "draft"


def test_the_enter_key_in_a_field_only_saves(site: Site, open_page: OpenPage) -> None:
    page = open_page("editor")
    page.goto("/posts/new")
    page.get_by_role("textbox", name="Title").fill("A quiet cell")
    page.keyboard.press("Enter")
    expect(page.get_by_text("Saved.")).to_be_visible()
    expect(page.locator("#editor-bar [data-state=draft]")).to_be_visible()
    assert the_post(site).state == "draft"
