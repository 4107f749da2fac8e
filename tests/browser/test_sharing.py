"""Tests in a browser that a scientist sees their post by a link, and that the remark is told to the editor."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect

from publisher.posts.drafts import ImageDraft, PostDraft
from publisher.posts.posts import add_post
from tests.browser.conftest import OpenPage
from tests.conftest import WriteDesk
from tests.desk_site import Site, open_starter_site
from tests.outlet import draw

WRITER = "writer@example.org"
RULES = {"runOnly": {"type": "tag", "values": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]}}


@pytest.fixture
def site(tmp_path: Path, write_desk: WriteDesk) -> Iterator[Site]:
    with open_starter_site(write_desk(tmp_path / "desk")) as opened:
        yield opened


@pytest.fixture
def post(site: Site, tmp_path: Path) -> int:
    draw(tmp_path / "disc.png", width=600, height=400)
    images = (ImageDraft(file=tmp_path / "disc.png", alt_text="A disc on black ground"),)
    draft = PostDraft(title="A quiet cell", body="One *quiet* cell.", credit="Anna Roca", images=images)
    site.person("contributor", email=WRITER)
    return add_post(site.desk.database, site.desk.store, draft, site.desk.now(), WRITER).id


def test_a_scientist_looks_at_a_post_and_the_editor_hears_of_it(site: Site, post: int, open_page: OpenPage) -> None:
    editor = open_page("editor", email="editor@example.org")
    editor.goto(f"/posts/{post}")
    editor.get_by_label("For whom").fill("Dr Roca")
    editor.get_by_role("button", name="Make a preview link").click()
    address = editor.locator("#new-link").inner_text()
    guest = open_page()
    guest.goto(address)
    expect(guest.get_by_role("heading", level=1)).to_have_text("A quiet cell")
    for channel in site.desk.settings.channels:
        expect(guest.locator(f"[data-channel={channel}] .preview-images img").first).to_be_visible()
    guest.wait_for_function("() => [...document.images].every((image) => image.complete && image.naturalWidth > 33)")
    assert Axe().run(guest, options=RULES).violations_count == 0
    guest.get_by_label("Your name").fill("Anna Roca")
    guest.get_by_role("textbox", name="Your remark").fill("The stain is <b>DAPI</b>.")
    guest.get_by_role("button", name="Send the remark").click()
    expect(guest.get_by_role("status")).to_contain_text("Thank you.")
    expect(guest.locator("#remarks")).to_contain_text("The stain is <b>DAPI</b>.")
    assert guest.context.cookies() == []
    editor.goto("/")
    expect(editor.locator("#for-you")).to_contain_text("Anna Roca (Dr Roca) writes a remark on “A quiet cell”")
    expect(editor.get_by_role("link", name="Today 1 for you")).to_be_visible()
    editor.get_by_role("link", name="Anna Roca (Dr Roca) writes").click()
    expect(editor.locator(".comment:target")).to_contain_text("The stain is <b>DAPI</b>.")
    editor.get_by_role("button", name="Revoke Dr Roca").click()
    guest.reload()
    expect(guest.get_by_role("heading", level=1)).to_have_text("There is nothing here")


def test_a_colleague_is_mentioned_by_keyboard(site: Site, post: int, open_page: OpenPage) -> None:
    writer = open_page("contributor", email=WRITER)
    site.person("editor", email="ines@example.org")
    site.person("editor", email="ivo@example.org")
    writer.goto(f"/posts/{post}")
    comment = writer.get_by_label("Your comment")
    comment.press_sequentially("Look, @i")
    people = writer.get_by_role("listbox", name="People of the desk")
    expect(people.get_by_role("option")).to_have_text(["Ines", "Ivo"])
    comment.press("ArrowDown")
    comment.press("Enter")
    expect(comment).to_have_value("Look, @Ivo ")
    expect(people).to_be_hidden()
    writer.get_by_role("button", name="Comment", exact=True).click()
    mentioned = open_page("editor", email="ivo@example.org")
    mentioned.goto("/")
    expect(mentioned.locator("#for-you")).to_contain_text("Writer mentions you on “A quiet cell”")
    mentioned.get_by_role("button", name="Mark as read").click()
    expect(mentioned.locator("#for-you")).to_have_count(0)
