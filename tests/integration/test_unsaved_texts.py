"""Tests that nothing that somebody typed into a post's form is lost, doubled, or saved where nothing was changed."""

from __future__ import annotations

import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from html import unescape
from pathlib import Path

import pytest
import requests
from sqlalchemy import func, select

from publisher.core.clock import ShiftedClock
from publisher.db.models import Event, Post
from publisher.db.staff import Autosave
from publisher.posts.drafts import ImageDraft, PostChanges, PostDraft
from publisher.schedule.approval import NotApproved
from publisher.schedule.post_queue import PostQueue
from publisher.staff.logins import IDLE_LIMIT
from tests.conftest import WriteDesk
from tests.desk_site import PASSWORD, Client, Site, open_starter_site, text_of
from tests.outlet import draw

TABS = ("a" * 32, "b" * 32)
JSON = {"Accept": "application/json"}


@pytest.fixture
def clock() -> ShiftedClock:
    return ShiftedClock()


@pytest.fixture
def site(tmp_path: Path, write_desk: WriteDesk, clock: ShiftedClock) -> Iterator[Site]:
    with open_starter_site(write_desk(tmp_path / "desk"), clock) as opened:
        yield opened


@pytest.fixture
def editor(site: Site) -> Client:
    return site.client("editor")


def add(site: Site, tmp_path: Path, **more: object) -> int:
    """Adds a post whose values no field of a form can show as they are."""
    draw(tmp_path / "disc.png")
    box = {"left": 1 / 3, "top": 0.1234567891, "width": 0.5, "height": 0.5}
    image = {"file": tmp_path / "disc.png", "alt_text": "A disc", "choices": {"crop_box": box, "gutters": []}}
    draft = {
        "title": "Cells",
        "body": "\nOne line\r\n  and another\n",
        "credit": "By Ada",
        "tags": ("a", "b"),
        "links": ({"label": "One | two", "url": "https://example.org/"},),
        "embargo_until": "2026-05-12T10:00:30.5Z",
        "captions": {"lang:en": "By hand. By Ada"},
        "translations": {"fr": {"title": "Cellules", "alt_texts": ["Un disque"]}},
        "images": (ImageDraft.model_validate(image),),
        **more,
    }
    return PostQueue(site.desk, "ada").add(PostDraft.model_validate(draft)).id


def fields_on(page: requests.Response) -> dict[str, str]:
    """Returns what a browser without scripts sends of a post's form that nobody changed."""
    form = page.text.partition('<form id="post"')[2].partition("</form>")[0]
    fields = {}
    for tag in re.findall(r"<input [^>]*>", form):
        values = {name: unescape(value) for name, value in re.findall(r'([a-z]+)="([^"]*)"', tag)}
        is_chosen = values.get("type") not in ("checkbox", "radio") or " checked" in tag
        if "name" in values and values.get("type") != "file" and is_chosen:
            fields[values["name"]] = values.get("value", "").replace("\n", "")
    for name, text in re.findall(r'<textarea [^>]*name="([^"]+)"[^>]*>(.*?)</textarea>', form, re.DOTALL):
        # The first line end belongs to the tag; a form is sent with the line ends of the network.
        fields[name] = re.sub(r"\r?\n", "\r\n", unescape(text).removeprefix("\n"))
    for name, options in re.findall(r'<select [^>]*name="([^"]+)"[^>]*>(.*?)</select>', form, re.DOTALL):
        chosen = re.search(r'value="([^"]*)" selected', options) or re.search(r'value="([^"]*)"', options)
        fields[name] = chosen[1] if chosen else ""
    return {name: value for name, value in fields.items() if name != "csrf"}


def load(site: Site, post_id: int) -> Post:
    with site.desk.database.reading() as session:
        return session.get_one(Post, post_id)


def number_of(site: Site, kind: type[Post] | type[Event] | type[Autosave]) -> int:
    with site.desk.database.reading() as session:
        return session.scalar(select(func.count()).select_from(kind)) or 0


def test_saving_a_draft_that_was_kept_already_says_that_it_is_saved(site: Site, editor: Client, tmp_path: Path) -> None:
    post_id = add(site, tmp_path)
    fields = fields_on(editor.get(f"/posts/{post_id}"))
    saved = text_of(editor.send_form(f"/posts/{post_id}", {**fields, "then": "save"}))
    assert "Saved." in saved
    assert "Nothing was changed" not in saved


def test_saving_a_form_that_nobody_changed_changes_nothing(site: Site, editor: Client, tmp_path: Path) -> None:
    post_id = add(site, tmp_path)
    PostQueue(site.desk, "ada").approve(post_id)
    events, before = number_of(site, Event), load(site, post_id)
    page = editor.get(f"/posts/{post_id}")
    saved = editor.send_form(f"/posts/{post_id}", {**fields_on(page), "then": "save"})
    assert "Nothing was changed: the post is as it was." in text_of(saved)
    after = load(site, post_id)
    assert (after.state, after.version, after.embargo_until) == ("approved", before.version, before.embargo_until)
    assert (number_of(site, Event), after.body, after.images[0].choices) == (
        events,
        before.body,
        before.images[0].choices,
    )


def test_one_changed_field_leaves_the_others_as_exact_as_they_were(site: Site, editor: Client, tmp_path: Path) -> None:
    post_id = add(site, tmp_path)
    before = load(site, post_id)
    form = {**fields_on(editor.get(f"/posts/{post_id}")), "standfirst": "New"}
    assert "Saved." in text_of(editor.send_form(f"/posts/{post_id}", form))
    after = load(site, post_id)
    assert (after.standfirst, after.version) == ("New", before.version + 1)
    assert (after.embargo_until, after.images[0].choices, after.links, after.translations["fr"]["title"]) == (
        before.embargo_until,
        before.images[0].choices,
        before.links,
        "Cellules",
    )
    assert after.body == before.body.replace("\r\n", "\n")


def test_pictures_that_only_got_other_numbers_are_no_change(site: Site, editor: Client, tmp_path: Path) -> None:
    post_id = add(site, tmp_path)
    form = fields_on(editor.get(f"/posts/{post_id}"))
    renumbered = {re.sub(r"^images-0-", "images-7-", name): value for name, value in form.items()}
    renumbered = {re.sub(r"-alt-0$", "-alt-7", name): value for name, value in renumbered.items()}
    editor.send_form(f"/posts/{post_id}", {**renumbered, "images-7-order": "3"})
    assert load(site, post_id).version == 1


def test_no_face_changes_a_post_that_is_like_that_already(site: Site, tmp_path: Path) -> None:
    post_id = add(site, tmp_path)
    queue = PostQueue(site.desk, "ada")
    queue.approve(post_id)
    outcome = queue.edit(post_id, PostChanges(title="Cells", tags=("a", "b")))
    assert (outcome.unchanged, outcome.back_to_review, load(site, post_id).state) == (True, False, "approved")
    assert queue.edit(post_id, PostChanges(tags=("b", "a"))).back_to_review


def test_going_back_after_saving_and_saving_again_conflicts_with_nobody(
    site: Site, editor: Client, tmp_path: Path
) -> None:
    post_id = add(site, tmp_path)
    form = {**fields_on(editor.get(f"/posts/{post_id}")), "title": "New"}
    for _time in range(2):
        assert editor.send_form(f"/posts/{post_id}", form).status_code == 200
    assert (load(site, post_id).version, load(site, post_id).title) == (2, "New")


# A new post.


def test_save_back_save_makes_one_draft(site: Site, editor: Client) -> None:
    page = editor.get("/posts/new")
    assert re.fullmatch(".*/posts/new[?]draft=[0-9a-f]{32}", page.url)
    form = {**fields_on(page), "title": "One"}
    first = editor.send_form("/posts", form)
    again = editor.send_form("/posts", form)
    assert (first.url, number_of(site, Post)) == (again.url, 1)
    assert editor.get(page.url).url == first.url, "the address of the form leads to its post"
    changed = editor.send_form("/posts", {**form, "title": "Two"})
    assert (changed.status_code, number_of(site, Post)) == (200, 1)
    with site.desk.database.reading() as session:
        assert session.scalars(select(Post.title)).all() == ["Two"]


def test_an_older_form_of_a_new_post_overwrites_nothing(site: Site, editor: Client) -> None:
    form = {**fields_on(editor.get("/posts/new")), "title": "One"}
    post_id = int(editor.send_form("/posts", form).url.rpartition("/")[2])
    PostQueue(site.desk, "bo").edit(post_id, PostChanges(title="Of Bo"))
    both = editor.send_form("/posts", {**form, "title": "Two"})
    assert (both.status_code, load(site, post_id).title) == (409, "Of Bo")
    assert "Somebody else saved while you wrote" in both.text


def test_a_form_that_is_sent_twice_at_once_makes_one_draft(site: Site, editor: Client) -> None:
    form = {**fields_on(editor.get("/posts/new")), "title": "One", "csrf": editor.csrf}
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda _number: editor.post("/posts", data=form, headers=JSON), range(4)))
    assert [answer.status_code for answer in answers] == [200] * 4
    assert (number_of(site, Post), len({answer.json()["url"] for answer in answers})) == (1, 1)


def test_a_form_of_somebody_else_makes_a_post_of_its_own(site: Site, editor: Client) -> None:
    form = {**fields_on(editor.get("/posts/new")), "title": "One"}
    editor.send_form("/posts", form)
    site.client("editor", email="bo@example.org").send_form("/posts", form)
    assert number_of(site, Post) == 2


def test_a_new_post_is_a_draft_without_a_title(site: Site, editor: Client) -> None:
    form = {**fields_on(editor.get("/posts/new")), "title": "", "body": "T"}
    created = editor.send_form("/posts", form, headers=JSON)
    post_id = created.json()["id"]
    assert (load(site, post_id).title, load(site, post_id).body) == ("", "T")
    for address in (f"/posts/{post_id}", "/queue", f"/posts/{post_id}/versions/1"):
        assert "Untitled" in text_of(editor.get(address)), address
    saved = editor.send_form(f"/posts/{post_id}", {**fields_on(editor.get(f"/posts/{post_id}")), "body": "Th"})
    assert ("Saved." in text_of(saved), load(site, post_id).body) == (True, "Th")
    with pytest.raises(NotApproved, match="title"):
        PostQueue(site.desk, "ada").approve(post_id)


def test_what_can_not_be_saved_yet_becomes_a_draft_too(site: Site, editor: Client) -> None:
    form = {**fields_on(editor.get("/posts/new")), "title": "One", "link": "exam", "place": "date", "fixed_date": ""}
    created = editor.send_form("/posts", form, headers=JSON)
    assert (created.status_code, number_of(site, Post)) == (200, 1)
    kept = editor.send_form(f"{created.json()['url']}/autosave", {**form, "tab": TABS[0], "version": "1"})
    assert kept.status_code == 200
    assert 'value="exam"' in editor.get(f"{created.json()['url']}?unsaved={TABS[0]}").text


def test_only_a_draft_may_lose_its_title(site: Site, editor: Client, tmp_path: Path) -> None:
    post_id = add(site, tmp_path)
    PostQueue(site.desk, "ada").approve(post_id)
    form = {**fields_on(editor.get(f"/posts/{post_id}")), "title": ""}
    assert editor.send_form(f"/posts/{post_id}", form).status_code == 422


# Two tabs of one person.


def keep(editor: Client, post_id: int, tab: str, typed_at: int, **typed: str) -> requests.Response:
    form = {**fields_on(editor.get(f"/posts/{post_id}")), "tab": tab, "typed_at": str(typed_at), **typed}
    return editor.send_form(f"/posts/{post_id}/autosave", form)


def test_two_tabs_of_one_person_keep_a_text_each(site: Site, editor: Client, tmp_path: Path) -> None:
    post_id = add(site, tmp_path)
    for number, tab in enumerate(TABS):
        assert keep(editor, post_id, tab, 5, standfirst=f"Of tab {number}").status_code == 200
    page = editor.get(f"/posts/{post_id}")
    assert [text in page.text for text in ("Of tab 0", "Of tab 1", "What differs: Standfirst")] == [True] * 3
    others = editor.get(f"/posts/{post_id}/unsaved?tab={TABS[0]}").text
    assert ("Of tab 0" in others, "Of tab 1" in others) == (False, True)
    going_on = editor.get(f"/posts/{post_id}?unsaved={TABS[1]}")
    assert fields_on(going_on)["standfirst"] == "Of tab 1"
    assert "Of tab 0" in going_on.text, "the other one is still offered"
    editor.send_form(f"/posts/{post_id}", {**fields_on(going_on), "then": "save"})
    assert load(site, post_id).standfirst == "Of tab 1"
    assert "Of tab 0" in editor.get(f"/posts/{post_id}").text
    assert number_of(site, Autosave) == 1


def test_a_text_that_comes_late_replaces_no_later_one(site: Site, editor: Client, tmp_path: Path) -> None:
    post_id = add(site, tmp_path)
    keep(editor, post_id, TABS[0], 9, standfirst="Later")
    keep(editor, post_id, TABS[0], 8, standfirst="Earlier")
    assert fields_on(editor.get(f"/posts/{post_id}?unsaved={TABS[0]}"))["standfirst"] == "Later"
    form = {**fields_on(editor.get(f"/posts/{post_id}")), "tab": TABS[0], "typed_at": "8", "title": "Saved first"}
    editor.send_form(f"/posts/{post_id}", form)
    assert number_of(site, Autosave) == 1, "it was typed after what was saved"
    editor.send_form(f"/posts/{post_id}/autosave/forget", {"of": TABS[0], "of_moment": "8"})
    assert number_of(site, Autosave) == 1, "the person has not seen what they would forget"
    editor.send_form(f"/posts/{post_id}/autosave/forget", {"of": TABS[0], "of_moment": "9"})
    assert number_of(site, Autosave) == 0


def test_going_on_with_a_text_takes_its_place(site: Site, editor: Client, tmp_path: Path) -> None:
    post_id = add(site, tmp_path)
    keep(editor, post_id, TABS[0], 5, standfirst="Begun")
    going_on = fields_on(editor.get(f"/posts/{post_id}?unsaved={TABS[0]}"))
    form = {**going_on, "tab": TABS[1], "typed_at": "7", "standfirst": "Begun and gone on with"}
    editor.send_form(f"/posts/{post_id}/autosave", form)
    with site.desk.database.reading() as session:
        assert session.scalars(select(Autosave.tab)).all() == [TABS[1]]


def test_a_text_like_the_saved_one_is_not_offered(site: Site, editor: Client, tmp_path: Path) -> None:
    post_id = add(site, tmp_path)
    keep(editor, post_id, TABS[0], 5)
    assert "that is not saved" not in editor.get(f"/posts/{post_id}").text
    keep(editor, post_id, TABS[0], 6, place="reserve")
    assert "What differs: When" in text_of(editor.get(f"/posts/{post_id}"))


def test_a_long_text_is_kept_whole(site: Site, editor: Client, tmp_path: Path) -> None:
    post_id = add(site, tmp_path)
    keep(editor, post_id, TABS[0], 5, body="long " * 150_000)
    assert len(fields_on(editor.get(f"/posts/{post_id}?unsaved={TABS[0]}"))["body"]) == 750_000
    refused = keep(editor, post_id, TABS[0], 6, body="long " * 300_000)
    assert refused.status_code == 400


# The log-in of a page that stays open.


def test_asking_for_the_state_keeps_no_session_alive(site: Site, editor: Client, clock: ShiftedClock) -> None:
    state = editor.get("/session").json()
    assert (state["person"], state["key"], state["is_extendable"]) == (site.person("editor"), editor.csrf, True)
    clock.shift_to(clock.now() + IDLE_LIMIT - timedelta(minutes=9))
    assert 500 < editor.get("/session").json()["seconds_left"] <= 540
    longer = editor.send_form("/session", headers=JSON).json()
    assert longer["seconds_left"] > 3600
    clock.shift_to(clock.now() + IDLE_LIMIT + timedelta(minutes=1))
    assert editor.get("/session").json() == {"person": None}


def test_a_script_logs_somebody_in_again(site: Site) -> None:
    site.person("editor")
    client = site.client()
    wrong = client.post("/login", data={"email": "editor@example.org", "password": "guessed"}, headers=JSON)
    assert (wrong.status_code, wrong.json()) == (401, {"refused": "That address and password don't belong together."})
    state = client.post("/login", data={"email": "editor@example.org", "password": PASSWORD}, headers=JSON).json()
    assert (state["person"], state["key"]) == (site.person("editor"), client.get("/session").json()["key"])


def test_a_script_without_a_log_in_gets_a_short_answer(site: Site) -> None:
    refused = site.client().post("/posts", data={"title": "a" * 5000}, headers=JSON)
    assert (refused.status_code, len(refused.text) < 200) == (401, True)


def test_the_browser_is_told_which_form_was_taken(site: Site, editor: Client, tmp_path: Path) -> None:
    post_id = add(site, tmp_path)
    form = {**fields_on(editor.get(f"/posts/{post_id}")), "tab": TABS[0], "title": "New"}
    taken = editor.send_form(f"/posts/{post_id}", form, allow_redirects=False)
    assert f"publisher_sent_{TABS[0]}=1" in taken.headers["set-cookie"]
    refused = editor.send_form(f"/posts/{post_id}", {**form, "link": "no address"}, allow_redirects=False)
    assert "publisher_sent" not in refused.headers.get("set-cookie", "")
    script = editor.send_form(f"/posts/{post_id}/autosave", form, headers={"Accept": "*/*"})
    assert "publisher_sent" not in script.headers.get("set-cookie", "")
    strange = editor.send_form("/posts", {"tab": "a; Path=/x", "title": "x"}, allow_redirects=False)
    assert "publisher_sent" not in strange.headers.get("set-cookie", "")
