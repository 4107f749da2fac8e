"""Tests the three faces of a correction: the pages, the command and the API say and do the same."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from html import unescape
from typing import Any

import pytest
from click.testing import CliRunner
from sqlalchemy import select

from publisher.cli.main import cli
from publisher.core.states import CorrectionState, State
from publisher.correcting import CorrectionRequest, correct_post
from publisher.db.corrections import Correction
from publisher.db.models import Delivery, Event, Post
from publisher.posts.drafts import PostChanges
from publisher.schedule.post_queue import PostQueue
from tests.api_client import Program, program, token_of
from tests.conftest import OpenOutlet
from tests.desk_site import Client, Site, open_site, text_of
from tests.outlet import PLATFORMS, Outlet

WRONG, RIGHT = "A qiet cell", "A quiet cell"


@pytest.fixture
def site(open_outlet: OpenOutlet) -> Iterator[Site]:
    outlet = open_outlet(*PLATFORMS)
    with open_site(outlet.desk) as opened:
        opened.outlet = outlet
        yield opened


def publish(outlet: Outlet, **fields: Any) -> int:
    post = outlet.add_post(WRONG, **fields)
    outlet.pick()
    outlet.run_until_idle()
    return post


def fields_in(page: str, form: str = "") -> dict[str, str]:
    """Returns the fields of the form with this id or action, as a browser would send them unchanged."""
    forms = re.findall(r"<form\b.*?</form>", page, re.DOTALL)
    (html,) = [found for found in forms if form in found.partition(">")[0]]
    fields = {}
    for tag in re.findall(r"<input\b[^>]*>", html):
        if name := re.search(r'name="([^"]+)"', tag):
            value = re.search(r'value="([^"]*)"', tag)
            fields[name[1]] = unescape(value[1]) if value else ""
    for name, value in re.findall(r'<textarea\b[^>]*name="([^"]+)"[^>]*>(.*?)</textarea>', html, re.DOTALL):
        # A browser leaves out the line end that follows the tag.
        fields[name] = unescape(value.removeprefix("\n"))
    return fields


def open_form(client: Client, post: int) -> dict[str, str]:
    page = client.get(f"/posts/{post}/correct")
    assert page.status_code == 200
    return fields_in(page.text, 'id="correction"')


def contents(site: Site) -> tuple[list[str], int]:
    with site.desk.database.reading() as session:
        states = list(session.scalars(select(Correction.state).order_by(Correction.id)))
    return states, sum(len(site.outlet.copies(platform)) for platform in PLATFORMS)


def test_a_post_is_corrected_on_the_pages(site: Site) -> None:
    post = publish(site.outlet)
    editor = site.client("editor")
    assert f"/posts/{post}/correct" in editor.get(f"/posts/{post}").text
    delivery = site.outlet.deliveries()["tumblr"].id
    assert "Correct it" in text_of(editor.get(f"/deliveries/{delivery}"))
    fields = open_form(editor, post)
    typed = {**fields, "title": RIGHT, "images-0-alt_text": "A grey disc, mended", "note": "a typo"}
    preview = editor.send_form(f"/posts/{post}/correct", typed)
    text = unescape(text_of(preview))
    assert preview.status_code == 200
    assert re.search(r"<del>qiet</del><ins>quiet</ins>", preview.text)
    assert "Alt texts of a published post can't be changed on Instagram" in text
    assert "The desk does not correct posts on X" in text
    assert contents(site) == ([], 3), "nothing is sent before it is confirmed"
    hidden = fields_in(preview.text, f'action="/posts/{post}/correct/confirm"')
    again = editor.send_form(f"/posts/{post}/correct", {**hidden, "then": "edit"})
    assert fields_in(again.text, 'id="correction"')["title"] == RIGHT, "nothing that was typed is lost"
    done = editor.send_form(f"/posts/{post}/correct/confirm", hidden)
    assert "The correction is being sent to Instagram, Tumblr" in text_of(done)
    site.outlet.run_until_idle()
    assert contents(site) == ([CorrectionState.DONE] * 2, 3)
    page = text_of(editor.get(f"/deliveries/{delivery}"))
    assert "followers have it" in page
    assert "a typo" in page
    assert (RIGHT in page, WRONG in page) == (True, True), "what was sent is still told"
    assert RIGHT in site.outlet.copies("tumblr")[0].caption


def test_a_correction_that_changes_nothing_can_not_be_confirmed(site: Site) -> None:
    post = publish(site.outlet)
    editor = site.client("editor")
    preview = editor.send_form(f"/posts/{post}/correct", open_form(editor, post))
    assert "Nothing would be changed" in text_of(preview)
    assert "Correct it now" not in preview.text
    hidden = fields_in(preview.text, f'action="/posts/{post}/correct/confirm"')
    assert editor.send_form(f"/posts/{post}/correct/confirm", hidden).status_code == 422
    assert contents(site) == ([], 3)


def test_typed_text_stays_where_it_is_wrong_or_somebody_was_faster(site: Site) -> None:
    post = publish(site.outlet)
    editor = site.client("editor")
    typed = {**open_form(editor, post), "title": "", "body": "Typed by hand."}
    refused = editor.send_form(f"/posts/{post}/correct", typed)
    assert refused.status_code == 422
    assert fields_in(refused.text, 'id="correction"')["body"] == "Typed by hand."
    without_credit = editor.send_form(f"/posts/{post}/correct", {**typed, "title": RIGHT, "credit": ""})
    assert "The corrected text can't go out" in unescape(text_of(without_credit))
    assert "Correct it now" not in without_credit.text
    preview = editor.send_form(f"/posts/{post}/correct", {**typed, "title": RIGHT})
    hidden = fields_in(preview.text, f'action="/posts/{post}/correct/confirm"')
    queue = PostQueue(site.desk, "Bea <bea@example.org>")
    queue.edit(post, PostChanges(standfirst="Bea was here"))
    queue.approve(post)
    stale = editor.send_form(f"/posts/{post}/correct/confirm", hidden)
    assert stale.status_code == 409
    assert fields_in(stale.text, 'id="correction"')["body"] == "Typed by hand."
    assert contents(site) == ([], 3)


def test_only_who_may_approve_corrects_and_only_what_is_published(site: Site) -> None:
    waiting = site.outlet.add_post("Not out yet")
    editor = site.client("editor")
    assert "is not published anywhere" in text_of(editor.get(f"/posts/{waiting}/correct"))
    assert "Correct it" not in text_of(editor.get(f"/posts/{waiting}"))
    PostQueue(site.desk).withdraw(waiting)
    post = publish(site.outlet)
    for role in ("contributor", "operator"):
        client = site.client(role)
        assert "Correct it" not in text_of(client.get(f"/posts/{post}"))
        assert client.get(f"/posts/{post}/correct").status_code == 403
        for address in ("correct", "correct/confirm"):
            assert client.send_form(f"/posts/{post}/{address}", {"title": RIGHT}).status_code == 403
    assert contents(site) == ([], 3)


# --- the command ------------------------------------------------------------------------------------------


def run(outlet: Outlet, *arguments: str, answer: str = "") -> Any:
    return CliRunner().invoke(cli, ["--config", str(outlet.config), *arguments], input=answer)


def test_the_command_shows_first_and_corrects_with_yes(outlet: Outlet) -> None:
    post = str(publish(outlet))
    shown = run(outlet, "correct", post, "--title", RIGHT, "--alt", "1=A grey disc, mended")
    assert shown.exit_code == 0
    assert f"- {WRONG}" in shown.output
    assert f"+ {RIGHT}" in shown.output
    assert "can't be changed on Instagram" in " ".join(shown.output.split())
    assert "does not correct posts on X" in " ".join(shown.output.split())
    assert "repeat this with --yes" in shown.output
    with outlet.desk.database.reading() as session:
        assert session.scalar(select(Correction.id)) is None
    done = run(outlet, "correct", post, "--title", RIGHT, "--alt", "1=A grey disc, mended", "--note", "typo", "--yes")
    assert "The correction is being sent to Instagram, Tumblr." in " ".join(done.output.split())
    outlet.run_until_idle()
    assert [RIGHT in outlet.copies(platform)[0].caption for platform in ("tumblr", "instagram", "x")] == [
        True, True, False,
    ]  # fmt: skip
    assert outlet.copies("tumblr")[0].images[0].alt_text == "A grey disc, mended"
    with outlet.desk.database.reading() as session:
        event = session.scalars(select(Event).where(Event.name == "post corrected", Event.post_id == int(post))).one()
    assert event.detail["note"] == "typo"


def test_the_command_refuses_in_one_sentence(outlet: Outlet) -> None:
    post = str(publish(outlet))
    for arguments, words in (
        (("--title", WRONG, "--yes"), "nothing would be changed"),
        (("--alt", "7=x", "--yes"), "the number of a picture from 1 to 1"),
        (("--credit", " ", "--yes"), "the corrected text can't go out"),
    ):
        refused = run(outlet, "correct", post, *arguments)
        assert refused.exit_code != 0
        assert words in " ".join(f"{refused.output}{refused.exception}".split())
    shown = json.loads(run(outlet, "correct", post, "--title", RIGHT, "--json").stdout)
    assert {channel["channel"]: channel["is_corrected"] for channel in shown["channels"]} == {
        "instagram": True, "tumblr": True, "x": False,
    }  # fmt: skip


# --- the API ----------------------------------------------------------------------------------------------


def test_the_api_previews_and_corrects_what_was_seen(site: Site) -> None:
    post = publish(site.outlet)
    api = program(site, "editor")
    wanted = {"changes": {"title": RIGHT}, "note": "typo"}
    preview = api.post(f"/posts/{post}/correction-preview", json=wanted)
    assert preview.status_code == 200
    seen = preview.json()
    assert {channel["channel"]: channel["is_corrected"] for channel in seen["channels"]} == {
        "instagram": True, "tumblr": True, "x": False,
    }  # fmt: skip
    address = f"/posts/{post}/correction"
    unseen = api.change("POST", address, json={**wanted, "seen": "0" * 32})
    assert (unseen.status_code, unseen.json()["code"]) == (412, "stale-edit")
    assert api.post(address, json=wanted).status_code == 428
    done = api.change("POST", address, json={**wanted, "seen": seen["digest"]})
    assert done.status_code == 200
    assert (done.json()["title"], done.json()["state"], len(done.json()["deliveries"])) == (RIGHT, "approved", 2)
    site.outlet.run_until_idle()
    delivery = api.get(f"/deliveries/{done.json()['deliveries'][0]}").json()
    assert [(row["state"], row["note"]) for row in delivery["corrections"]] == [("done", "typo")]
    assert RIGHT in delivery["corrections"][0]["after"]["caption"]
    refused = api.post(f"/posts/{post}/correction-preview", json={"changes": {"language": "ca"}})
    assert (refused.status_code, refused.json()["code"]) == (409, "correction-refused")
    with site.desk.database.reading() as session:
        assert session.get_one(Post, post).title == RIGHT


def test_a_token_without_the_scope_corrects_nothing(site: Site) -> None:
    post = publish(site.outlet)
    api = Program(site.url, token_of(site, site.person("editor"), "read", "write"))
    for address in ("correction-preview", "correction"):
        assert api.post(f"/posts/{post}/{address}", json={"changes": {"title": RIGHT}}).status_code == 403


def test_a_translation_with_its_own_links_keeps_what_nobody_corrects(site: Site) -> None:
    translation = {"title": "Una cèl·lula", "tags": ("cèl·lules",), "link": "https://example.org/ca"}
    post = publish(site.outlet, translations={"ca": translation})
    editor = site.client("editor")
    fields = open_form(editor, post)
    assert (fields["tr-ca-title"], fields["tr-ca-tags"]) == ("Una cèl·lula", "cèl·lules")
    preview = editor.send_form(f"/posts/{post}/correct", {**fields, "tr-ca-title": "Una cèl·lula quieta"})
    hidden = fields_in(preview.text, f'action="/posts/{post}/correct/confirm"')
    editor.send_form(f"/posts/{post}/correct/confirm", hidden)
    with site.desk.database.reading() as session:
        stored = session.get_one(Post, post)
    assert stored.translations["ca"]["title"] == "Una cèl·lula quieta"
    assert (stored.translations["ca"]["tags"], stored.translations["ca"]["link"]) == (
        ["cèl·lules"], "https://example.org/ca",
    )  # fmt: skip
    assert (stored.title, stored.state) == (WRONG, "approved")


def test_the_page_of_a_published_post_shows_what_followers_have_by_now(site: Site) -> None:
    post = publish(site.outlet)
    correct_post(site.desk, CorrectionRequest(post, PostChanges(title=RIGHT)), actor="Ada")
    site.outlet.run_until_idle()
    page = site.client("editor").get(f"/posts/{post}").text
    shown = {name: page.partition(f'data-channel="{name}"')[2].partition("</section>")[0] for name in PLATFORMS}
    assert {name: RIGHT in part for name, part in shown.items()} == {"tumblr": True, "instagram": True, "x": False}
    assert {name: WRONG in part for name, part in shown.items()} == {"tumblr": False, "instagram": False, "x": True}


def test_a_stale_form_takes_back_nothing_that_a_colleague_corrected(site: Site) -> None:
    post = publish(site.outlet)
    editor = site.client("editor")
    typed = {**open_form(editor, post), "title": RIGHT}
    correct_post(site.desk, CorrectionRequest(post, PostChanges(credit="Dr Roca")), actor="Bea")
    stale = editor.send_form(f"/posts/{post}/correct", typed)
    assert stale.status_code == 409
    again = fields_in(stale.text, 'id="correction"')
    assert (again["title"], again["credit"]) == (RIGHT, "Dr Roca")


# --- the three faces ---------------------------------------------------------------------------------------


def make_unknown(site: Site, channel: str) -> None:
    """Makes the outcome of a published delivery unknown, as after an answer that was lost."""
    with site.desk.database.writing() as session:
        delivery = session.scalars(select(Delivery).where(Delivery.channel_name == channel)).one()
        delivery.state, delivery.unknown_since = State.UNCONFIRMED, site.desk.now()
        delivery.published_at = delivery.remote_id = delivery.remote_url = None


def test_all_faces_say_what_blocks_a_correction_and_where_nobody_knows_yet(site: Site) -> None:
    post = publish(site.outlet)
    make_unknown(site, "x")
    editor, api = site.client("editor"), program(site, "editor")
    fields = {**open_form(editor, post), "credit": ""}
    page = " ".join(unescape(text_of(editor.send_form(f"/posts/{post}/correct", fields))).split())
    answer = api.post(f"/posts/{post}/correction-preview", json={"changes": {"credit": ""}})
    assert answer.status_code == 200
    plan = answer.json()
    as_json = run(site.outlet, "correct", str(post), "--credit", "", "--json")
    as_text = run(site.outlet, "correct", str(post), "--credit", "")
    printed = " ".join(f"{as_text.output}{as_text.exception}".split())
    assert plan["unsettled"] == ["x"]
    assert [problem["code"] for problem in plan["new_problems"]] == ["adapt.no-credit"]
    assert plan == json.loads(as_json.stdout)
    for face in (page, printed):
        assert plan["new_problems"][0]["message"] in face
        assert "It is not known yet whether the post is public on" in face
    assert (as_text.exit_code, as_json.exit_code) == (1, 1)
    for face in (page, printed):
        assert "Correct it now" not in face
        assert "repeat this with --yes" not in face
    assert contents(site)[0] == []


def test_a_correction_that_can_go_out_names_what_is_not_known_yet(site: Site) -> None:
    post = publish(site.outlet)
    make_unknown(site, "x")
    api = program(site, "editor")
    plan = api.post(f"/posts/{post}/correction-preview", json={"changes": {"title": RIGHT}}).json()
    assert plan["new_problems"] == []
    assert plan == json.loads(run(site.outlet, "correct", str(post), "--title", RIGHT, "--json").stdout)
    printed = run(site.outlet, "correct", str(post), "--title", RIGHT)
    assert "It is not known yet whether the post is public on" in " ".join(printed.output.split())
    done = api.change("POST", f"/posts/{post}/correction", json={"changes": {"title": RIGHT}}).json()
    assert done["unsettled"] == ["x"]
