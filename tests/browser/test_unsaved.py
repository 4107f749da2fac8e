"""Tests that nothing typed or chosen is lost: by a log-out, a restart, a lost connection, a second tab, a refusal."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pyotp
import pytest
from cryptography.fernet import Fernet
from playwright.sync_api import Dialog, Locator, Page, Route, expect
from sqlalchemy import delete, func, select, update

from publisher.archive.post_collections import CollectionFields, Collections
from publisher.core.clock import ShiftedClock
from publisher.core.encryption import SecretCipher
from publisher.db.models import Post
from publisher.db.staff import Autosave, WebSession
from publisher.desk import Desk
from publisher.posts.drafts import ImageDraft, PostChanges, PostDraft
from publisher.schedule.post_queue import PostQueue
from publisher.staff import second_factor
from publisher.staff.logins import IDLE_LIMIT, session_of
from publisher.web.guard import COOKIE
from publisher.web.server import WebServer
from tests.browser.conftest import OpenPage
from tests.conftest import WriteDesk
from tests.desk_site import HOST, PASSWORD, Site, open_site
from tests.outlet import draw
from tests.waiting import wait_until

CHECK = "dispatchEvent(new Event('focus'))"
"""What a browser does when somebody comes back to a page."""


@pytest.fixture
def clock() -> ShiftedClock:
    return ShiftedClock()


@pytest.fixture
def site(tmp_path: Path, write_desk: WriteDesk, clock: ShiftedClock) -> Iterator[Site]:
    """Serves an empty desk with three channels, none of them reachable."""
    desk = Desk(write_desk(tmp_path / "desk"), clock)
    with open_site(desk) as opened:
        yield opened
    desk.database.close()


@pytest.fixture(autouse=True)
def _key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PUBLISHER_KEY", Fernet.generate_key().decode())


@pytest.fixture
def post_id(site: Site, tmp_path: Path) -> int:
    """Adds a post with a picture that can be approved."""
    draw(tmp_path / "disc.png", seed=3, width=600, height=400)
    image = ImageDraft(file=tmp_path / "disc.png", alt_text="A grey disc")
    draft = PostDraft(title="A quiet cell", credit="By Ada", images=(image,))
    return PostQueue(site.desk, "ada").add(draft).id


def load(site: Site, post_id: int) -> Post:
    with site.desk.database.reading() as session:
        return session.get_one(Post, post_id)


def number_of(site: Site, kind: type[Post] | type[Autosave]) -> int:
    with site.desk.database.reading() as session:
        return session.scalar(select(func.count()).select_from(kind)) or 0


def standfirst(page: Page) -> Locator:
    return page.get_by_label("Standfirst")


def save(page: Page) -> None:
    page.get_by_role("button", name="Save", exact=True).click()


def log_in(page: Page, password: str = PASSWORD) -> None:
    dialog = page.get_by_role("dialog", name="Log in again")
    dialog.get_by_label("Password").fill(password)
    dialog.get_by_role("button", name="Log in").click()


def end_sessions(site: Site) -> None:
    with site.desk.database.writing() as session:
        session.execute(delete(WebSession))


def log_out_elsewhere(site: Site, _clock: ShiftedClock) -> None:
    end_sessions(site)


def let_it_end(site: Site, clock: ShiftedClock) -> None:
    clock.shift_to(clock.now() + IDLE_LIMIT + timedelta(minutes=1))


def restart(site: Site, _clock: ShiftedClock) -> None:
    """Restarts the desk at the same address."""
    port = site.server.port
    site.server.stop()
    site.server.__dict__.update(WebServer(site.desk, host=HOST, port=port).__dict__)
    site.server.start()


def restart_without_secrets(site: Site, clock: ShiftedClock) -> None:
    os.environ["PUBLISHER_KEY"] = Fernet.generate_key().decode()
    end_sessions(site)
    restart(site, clock)


ENDS = {
    "a log-out elsewhere": log_out_elsewhere,
    "the end of its time": let_it_end,
    "a restart that lost its secrets": restart_without_secrets,
}


@pytest.mark.parametrize("end", ENDS)
def test_a_text_survives_the_end_of_its_session(
    site: Site, open_page: OpenPage, clock: ShiftedClock, post_id: int, end: str
) -> None:
    page = open_page("editor")
    page.goto(f"/posts/{post_id}")
    ENDS[end](site, clock)
    standfirst(page).fill("Typed while nobody was logged in")
    expect(page.get_by_text("Kept in this browser: you are logged out.")).to_be_visible()
    expect(page.get_by_role("dialog", name="Log in again")).to_be_visible()
    expect(standfirst(page)).to_be_focused()
    page.keyboard.type(", and on")
    save(page)
    log_in(page, "not that one")
    expect(page.get_by_text("That address and password don't belong together.")).to_be_visible()
    log_in(page)
    expect(page.get_by_text("Saved.")).to_be_visible()
    assert load(site, post_id).standfirst == "Typed while nobody was logged in, and on"
    assert page.evaluate("localStorage.length") == 0
    expect(page.get_by_text("that is not saved")).to_have_count(0)


def test_a_restart_that_keeps_its_secrets_asks_for_nothing(
    site: Site, open_page: OpenPage, clock: ShiftedClock, post_id: int
) -> None:
    page = open_page("editor")
    page.goto(f"/posts/{post_id}")
    restart(site, clock)
    standfirst(page).fill("Typed across a restart")
    save(page)
    expect(page.get_by_text("Saved.")).to_be_visible()
    assert load(site, post_id).standfirst == "Typed across a restart"


def test_what_was_typed_is_handed_over_after_logging_in_beside_the_form(
    site: Site, open_page: OpenPage, post_id: int
) -> None:
    page = open_page("editor")
    page.goto(f"/posts/{post_id}")
    end_sessions(site)
    standfirst(page).fill("Typed while nobody was logged in")
    log_in(page)
    expect(page.get_by_text("not saved yet")).to_be_visible()
    expect(page.get_by_role("dialog")).to_have_count(0)
    assert number_of(site, Autosave) == 1


def test_the_code_of_a_phone_is_asked_for_too(site: Site, open_page: OpenPage, post_id: int) -> None:
    page = open_page("editor")
    page.goto(f"/posts/{post_id}")
    secret = pyotp.random_base32()
    add_factor(site, secret)
    end_sessions(site)
    standfirst(page).fill("Typed before the code")
    save(page)
    log_in(page)
    code = page.get_by_label("The six digits that your phone shows")
    expect(code).to_be_focused()
    code.fill(pyotp.TOTP(secret).at(site.desk.now()))
    page.keyboard.press("Enter")
    expect(page.get_by_text("Saved.")).to_be_visible()
    assert load(site, post_id).standfirst == "Typed before the code"


def add_factor(site: Site, secret: str) -> None:
    token = site.session_token("editor")
    own = session_of(site.desk.database, token, site.desk.now())
    assert own is not None
    code = pyotp.TOTP(secret).at(site.desk.now() - timedelta(seconds=30))
    seal = SecretCipher.from_environment()
    second_factor.enable(site.desk.database, own, secret, code, seal=seal, now=site.desk.now())


def test_somebody_else_who_logs_in_sees_nothing_of_it(site: Site, open_page: OpenPage, post_id: int) -> None:
    page = open_page("editor")
    page.goto(f"/posts/{post_id}")
    end_sessions(site)
    standfirst(page).fill("For Ada's eyes")
    expect(page.get_by_text("Kept in this browser: you are logged out.")).to_be_visible()
    token = site.session_token("editor", email="bo@example.org")
    page.context.add_cookies([{"name": COOKIE, "value": token, "url": site.url, "httpOnly": True}])
    other = page.context.new_page()
    other.goto("/queue")
    other.goto(f"/posts/{post_id}")
    assert number_of(site, Autosave) == 0
    expect(other.get_by_text("that is not saved")).to_have_count(0)
    page.bring_to_front()
    save(page)
    expect(page.get_by_text("Bo is logged in in this browser now.")).to_be_visible()
    log_in(page)
    expect(page.get_by_text("Saved.")).to_be_visible()
    assert load(site, post_id).edited_by == "editor@example.org"


def test_a_closed_page_loses_nothing_that_could_not_be_sent(site: Site, open_page: OpenPage, post_id: int) -> None:
    page = open_page("editor")
    page.goto(f"/posts/{post_id}")
    end_sessions(site)
    standfirst(page).fill("Typed, and the page was closed")
    expect(page.get_by_text("Kept in this browser: you are logged out.")).to_be_visible()
    page.goto("/queue")
    page.get_by_label("Mail address").fill("editor@example.org")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Log in").click()
    page.get_by_role("link", name="Go on with it").click()
    expect(standfirst(page)).to_have_value("Typed, and the page was closed")
    save(page)
    expect(page.get_by_text("Saved.")).to_be_visible()
    assert number_of(site, Autosave) == 0


def test_a_new_post_that_never_reached_the_desk_becomes_a_draft_later(site: Site, open_page: OpenPage) -> None:
    page = open_page("editor")
    page.goto("/posts/new")
    page.context.set_offline(True)
    page.get_by_label("Text", exact=True).or_(page.locator("#body")).first.fill("A")
    expect(page.get_by_text("Kept in this browser: the desk can't be reached.")).to_be_visible()
    assert page.evaluate("Object.keys(localStorage).length") == 1
    page.context.set_offline(False)
    wait_until(lambda: number_of(site, Post) == 1, "the draft is there")
    expect(page.get_by_text("Kept as a draft.").or_(page.get_by_text("not saved yet"))).to_be_visible()
    with site.desk.database.reading() as session:
        assert session.scalars(select(Post.body)).all() == ["A"]


def test_saving_without_a_connection_says_so_and_loses_nothing(site: Site, open_page: OpenPage, post_id: int) -> None:
    page = open_page("editor")
    page.goto(f"/posts/{post_id}")
    standfirst(page).fill("Typed in a tunnel")
    page.context.set_offline(True)
    save(page)
    expect(page.get_by_role("alert").filter(has_text="Not sent: the desk can't be reached.")).to_be_visible()
    page.context.set_offline(False)
    save(page)
    expect(page.get_by_text("Saved.")).to_be_visible()
    assert load(site, post_id).standfirst == "Typed in a tunnel"


def test_a_text_that_is_too_long_is_not_sent(site: Site, open_page: OpenPage, post_id: int) -> None:
    page = open_page("editor")
    page.goto(f"/posts/{post_id}")
    page.evaluate("document.getElementById('body').removeAttribute('maxlength')")
    page.locator("#body").evaluate("field => { field.value = 'long '.repeat(300000) }")
    save(page)
    expect(page.get_by_text(re.compile("Not sent: this form holds [0-9,]+ characters more"))).to_be_visible()
    page.locator("#body").fill("Short")
    save(page)
    expect(page.get_by_text("Saved.")).to_be_visible()


def test_a_page_asks_before_it_is_left_only_where_something_was_not_kept(
    site: Site, open_page: OpenPage, post_id: int
) -> None:
    page = open_page("editor")
    asked: list[str] = []

    def leave(dialog: Dialog) -> None:
        asked.append(dialog.type)
        dialog.accept()

    page.on("dialog", leave)
    page.goto(f"/posts/{post_id}")
    standfirst(page).click()
    page.keyboard.type("Typed")
    page.goto("/queue")
    assert asked == []
    page.goto(f"/posts/{post_id}?unsaved=1")
    page.evaluate("() => { Storage.prototype.setItem = () => { throw new Error('full') } }")
    page.context.set_offline(True)
    standfirst(page).click()
    page.keyboard.type("Typed on")
    expect(page.get_by_text("this browser keeps nothing")).to_be_visible()
    page.context.set_offline(False)
    page.route("**/autosave", lambda route: route.abort())
    page.evaluate("location.assign('/queue')")
    page.wait_for_url("**/queue")
    assert asked == ["beforeunload"]


@pytest.mark.parametrize("is_renewed", [False, True])
def test_the_last_letters_survive_the_closing_of_a_tab(
    site: Site, open_page: OpenPage, post_id: int, is_renewed: bool
) -> None:
    page = open_page("editor")
    page.goto(f"/posts/{post_id}")
    second = page.context.new_page()
    second.goto(f"/posts/{post_id}")
    if is_renewed:
        # The password was given again in another tab: this page's key is not good any more.
        with site.desk.database.writing() as session:
            session.execute(update(WebSession).values(csrf=f"{site.person('editor')}.renewed"))
    standfirst(second).fill("The last letters")
    second.goto("about:blank")
    second.close()
    page.goto("/queue")
    wait_until(lambda: number_of(site, Autosave) == 1, "the text is on the desk")
    page.goto(f"/posts/{post_id}")
    page.get_by_role("link", name="Go on with it").click()
    expect(standfirst(page)).to_have_value("The last letters")


def test_two_tabs_of_one_person_see_each_others_text_and_choose(site: Site, open_page: OpenPage, post_id: int) -> None:
    first = open_page("editor")
    first.goto(f"/posts/{post_id}")
    second = first.context.new_page()
    second.goto(f"/posts/{post_id}")
    standfirst(first).fill("Of the first tab")
    expect(second.get_by_text("that is not saved")).to_be_visible()
    standfirst(second).fill("Of the second tab")
    expect(first.get_by_text("that is not saved")).to_be_visible()
    first.get_by_text("What differs: Standfirst").click()
    expect(first.get_by_text("Of the second tab")).to_be_visible()
    assert number_of(site, Autosave) == 2
    save(first)
    expect(first.get_by_text("Saved.")).to_be_visible()
    expect(first.get_by_role("link", name="Go on with it")).to_be_visible()
    save(second)
    conflict = second.get_by_role("alert").filter(has_text="Somebody else saved while you wrote")
    expect(conflict).to_contain_text("Of the first tab")
    expect(conflict).to_contain_text("Of the second tab")
    save(second)
    expect(second.get_by_text("Saved.")).to_be_visible()
    assert load(site, post_id).standfirst == "Of the second tab"
    assert number_of(site, Autosave) == 0


def test_save_back_save_makes_one_draft(site: Site, open_page: OpenPage) -> None:
    for scripts in (True, False):
        before = number_of(site, Post)
        page = open_page("editor", java_script_enabled=scripts)
        page.goto("/posts/new")
        page.get_by_role("textbox", name="Title").fill("Once")
        save(page)
        expect(page.get_by_text("Saved.")).to_be_visible()
        page.go_back()
        if page.url.rstrip("/") != site.url:
            save(page)
            expect(page.get_by_text("Nothing was changed").or_(page.get_by_text("Saved."))).to_be_visible()
        assert number_of(site, Post) == before + 1


def test_a_picture_alone_makes_a_draft(site: Site, open_page: OpenPage, tmp_path: Path) -> None:
    draw(tmp_path / "disc.png", seed=3, width=600, height=400)
    page = open_page("editor")
    page.goto("/posts/new")
    page.get_by_label("Add pictures").set_input_files(tmp_path / "disc.png")
    wait_until(lambda: number_of(site, Post) == 1, "the draft is there")
    page.goto("/queue")
    page.get_by_role("link", name="Untitled").click()
    expect(page.get_by_label("Alt text of picture 1")).to_be_visible()


def test_opening_a_new_post_makes_nothing(site: Site, open_page: OpenPage) -> None:
    page = open_page("editor")
    page.goto("/posts/new")
    page.get_by_role("textbox", name="Title").focus()
    page.goto("/queue")
    assert (number_of(site, Post), page.evaluate("localStorage.length")) == (0, 0)


def test_a_session_that_is_about_to_end_says_so(
    site: Site, open_page: OpenPage, clock: ShiftedClock, post_id: int
) -> None:
    page = open_page("editor")
    page.goto(f"/posts/{post_id}")
    clock.shift_to(clock.now() + IDLE_LIMIT - timedelta(minutes=9))
    page.evaluate(CHECK)
    warning = page.get_by_role("alert").filter(has_text="You will be logged out in 9 minutes.")
    expect(warning).to_be_visible()
    page.get_by_role("button", name="Stay logged in").click()
    expect(warning).to_have_count(0)
    clock.shift_to(clock.now() + timedelta(hours=3))
    page.reload()
    expect(standfirst(page)).to_be_visible()


def test_the_last_end_of_a_session_is_put_off_by_the_password(
    site: Site, open_page: OpenPage, clock: ShiftedClock, post_id: int
) -> None:
    page = open_page("editor")
    page.goto(f"/posts/{post_id}")
    with site.desk.database.writing() as session:
        session.execute(update(WebSession).values(created_at=site.desk.now() - timedelta(days=7, minutes=-5)))
    page.evaluate(CHECK)
    page.get_by_role("button", name="Log in again").click()
    log_in(page)
    expect(page.get_by_text("You will be logged out")).to_have_count(0)


FORMS = {
    "a comment": ("/posts/{post}", "/posts/{post}/comments", {"text": "Which stain?"}),
    "a webhook": ("/webhooks", "/webhooks", {"url": "https://example.org/hook"}),
    "an invitation": ("/people", "/people", {"name": "Carla", "email": "carla@example.org"}),
}


@pytest.mark.parametrize("name", FORMS)
def test_every_form_keeps_what_was_typed(site: Site, open_page: OpenPage, post_id: int, name: str) -> None:
    address, action, typed = FORMS[name]
    page = open_page("admin", "editor")
    page.goto(address.format(post=post_id))
    form = page.locator(f"form[action='{action.format(post=post_id)}']:not([data-unkept])")
    for field, text in typed.items():
        form.locator(f"[name={field}]").fill(text)
    page.goto("/queue")
    page.goto(address.format(post=post_id))
    page.get_by_role("button", name="Put it back").click()
    for field, text in typed.items():
        expect(form.locator(f"[name={field}]")).to_have_value(text)
    end_sessions(site)
    form.locator("button:not([formaction])").last.click()
    log_in(page)
    if name == "a comment":
        expect(page.locator(".comment")).to_contain_text("Which stain?")
        return
    confirmation = page.locator("form", has=page.get_by_label("Your present password"))
    for field, text in typed.items():
        expect(confirmation.locator(f"[name={field}]")).to_have_value(text)
    confirmation.get_by_label("Your present password").fill(PASSWORD)
    confirmation.get_by_role("button", name="Go on").click()
    # Both are refused, one for its address and one without a role, and shown again with what was typed.
    expect(form.page.get_by_role("alert").first).to_be_visible()
    for field, text in typed.items():
        expect(form.locator(f"[name={field}]")).to_have_value(text)
    assert page.evaluate("localStorage.length") == 0


def test_a_comment_is_sent_after_logging_in_and_forgotten_then(site: Site, open_page: OpenPage, post_id: int) -> None:
    page = open_page("editor")
    page.goto(f"/posts/{post_id}")
    page.get_by_label("Your comment").fill("Which stain?")
    end_sessions(site)
    page.get_by_role("button", name="Comment", exact=True).click()
    log_in(page)
    expect(page.locator(".comment")).to_contain_text("Which stain?")
    expect(page.get_by_text("was not sent")).to_have_count(0)
    assert page.evaluate("localStorage.length") == 0


def test_a_refused_form_leads_back_to_what_was_typed(site: Site, open_page: OpenPage, post_id: int) -> None:
    page = open_page("editor")
    page.goto(f"/posts/{post_id}")
    page.get_by_label("Your comment").fill("   ")
    page.get_by_role("button", name="Comment", exact=True).click()
    expect(page.get_by_text("The comment is empty; write something.")).to_be_visible()
    page.get_by_role("link", name="go back to it").click()
    expect(page.get_by_text("What you typed here at")).to_be_visible()
    page.get_by_role("button", name="Forget it").click()
    expect(page.get_by_text("What you typed here at")).to_have_count(0)


def test_saving_what_nobody_changed_keeps_the_approval(site: Site, open_page: OpenPage, post_id: int) -> None:
    PostQueue(site.desk, "ada").approve(post_id)
    before = load(site, post_id)
    page = open_page("editor")
    page.goto(f"/posts/{post_id}")
    save(page)
    expect(page.get_by_text("Nothing was changed: the post is as it was.")).to_be_visible()
    after = load(site, post_id)
    assert (after.state, after.version) == ("approved", before.version)


def test_an_upload_goes_on_after_logging_in(site: Site, open_page: OpenPage, tmp_path: Path) -> None:
    draw(tmp_path / "disc.png", seed=3, width=1200, height=800)
    page = open_page("editor")
    page.goto("/posts/new")
    end_sessions(site)
    page.get_by_label("Add pictures").set_input_files(tmp_path / "disc.png")
    expect(page.get_by_text("You are logged out: log in, and it goes on by itself.").first).to_be_visible()
    log_in(page)
    expect(page.locator(".picture")).to_have_count(1)


def test_somebody_elses_change_meanwhile_loses_nothing(site: Site, open_page: OpenPage, post_id: int) -> None:
    page = open_page("editor")
    page.goto(f"/posts/{post_id}")
    PostQueue(site.desk, "bo").edit(post_id, PostChanges(standfirst="Of Bo"))
    end_sessions(site)
    standfirst(page).fill("Of Ada")
    save(page)
    log_in(page)
    conflict = page.get_by_role("alert").filter(has_text="Somebody else saved while you wrote")
    expect(conflict).to_contain_text("Of Bo")
    expect(standfirst(page)).to_have_value("Of Ada")
    page.goto("/queue")
    page.goto(f"/posts/{post_id}")
    page.get_by_role("link", name="Go on with it").click()
    expect(standfirst(page)).to_have_value("Of Ada")


def test_a_failed_autosave_is_repeated(site: Site, open_page: OpenPage, post_id: int) -> None:
    page = open_page("editor")
    page.goto(f"/posts/{post_id}")
    tries: list[str] = []

    def fail_once(route: Route) -> None:
        tries.append(route.request.url)
        if len(tries) == 1:
            route.fulfill(status=503, body="")
        else:
            route.continue_()

    page.route("**/autosave", fail_once)
    standfirst(page).fill("Typed on a busy day")
    expect(page.get_by_text("not saved yet")).to_be_visible()
    assert (len(tries), number_of(site, Autosave)) == (2, 1)


def test_a_refused_text_is_shown_once(site: Site, open_page: OpenPage) -> None:
    changing = Collections(site.desk, "eva", may_publish=True)
    changing.add(CollectionFields("Pairs", "Two by two"))
    page = open_page("editor")
    page.goto("/collections/1")
    page.get_by_role("textbox", name="Description").fill("Alike")
    changing.change(1, CollectionFields("Couples"))
    save(page)
    expect(page.get_by_text("Somebody has changed this collection meanwhile.")).to_be_visible()
    expect(page.get_by_role("textbox", name="Description")).to_have_value("Alike")
    expect(page.get_by_text("was not sent")).to_have_count(0)
    save(page)
    expect(page.get_by_text("Saved.")).to_be_visible()
