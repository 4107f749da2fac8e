"""Tests that a post's form loses nothing typed, overwrites nobody, and previews what goes out."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from publisher.db.models import Post
from publisher.posts import autosaves
from publisher.posts.drafts import ImageDraft, PostChanges, PostDraft
from publisher.posts.pictures import store_picture
from publisher.posts.possibly_shown import ShownBetween, note_possibly_shown
from publisher.posts.posts import add_post
from publisher.schedule.order import FixedDate
from publisher.schedule.post_queue import PostQueue
from publisher.settings.channel_names import channel_names
from tests.conftest import WriteDesk
from tests.desk_site import Client, Site, open_starter_site, text_of
from tests.outlet import draw


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory, write_desk: WriteDesk) -> Iterator[Site]:
    with open_starter_site(write_desk(tmp_path_factory.mktemp("desk"))) as opened:
        yield opened


@pytest.fixture(scope="module")
def picture(site: Site, tmp_path_factory: pytest.TempPathFactory) -> str:
    """Stores a picture, and returns its hash."""
    file = tmp_path_factory.mktemp("pictures") / "disc.png"
    draw(file)
    draft = PostDraft(title="First", credit="X", images=(ImageDraft(file=file, alt_text="A disc on black ground"),))
    add_post(site.desk.database, site.desk.store, draft, site.desk.now())
    with site.desk.database.reading() as session:
        return session.scalars(select(Post)).first().images[0].media_sha256  # type: ignore[union-attr]


def fields(picture: str = "", **more: str) -> dict[str, str]:
    picture_fields = {"images-0-media": picture, "images-0-alt_text": "A grey disc on black ground"} if picture else {}
    return {
        "title": "A quiet cell",
        "standfirst": "It rests",
        "body": "One *quiet* cell.",
        "credit": "Image by the test bench",
        "licence": "CC BY 4.0",
        "tags": "cells, #quiet, cells",
        "language": "en",
        "place": "queue",
        "then": "save",
        **picture_fields,
        **more,
    }


def load(site: Site, post_id: int) -> Post:
    with site.desk.database.reading() as session:
        return session.get_one(Post, post_id)


def create(site: Site, client: Client, **form: str) -> int:
    answer = client.send_form("/posts", fields(**form))
    assert answer.status_code == 200, text_of(answer)
    return int(answer.url.rpartition("/")[2])


def test_a_draft_is_written_saved_and_approved(site: Site, picture: str) -> None:
    editor = site.client("editor")
    post_id = create(site, editor, picture=picture)
    post = load(site, post_id)
    assert (post.state, post.tags, post.edited_by) == ("draft", ["cells", "quiet"], "editor@example.org")
    saved = editor.send_form(
        f"/posts/{post_id}", fields(picture, title="A quieter cell", version=str(post.version), then="approve")
    )
    assert "Approved: it goes out when its turn comes." in text_of(saved)
    assert (load(site, post_id).state, load(site, post_id).title) == ("approved", "A quieter cell")
    again = editor.send_form(
        f"/posts/{post_id}", fields(picture, title="Cells", version=str(load(site, post_id).version))
    )
    assert "with your change it is in review again" in text_of(again)
    assert load(site, post_id).state == "in_review"


def test_a_post_that_may_have_been_shown_has_a_warning(site: Site, picture: str) -> None:
    editor = site.client("editor")
    post_id = create(site, editor, picture=picture)
    days = ShownBetween(date(2026, 5, 4), date(2026, 5, 6), was_approved=True)
    with site.desk.database.writing() as session:
        note_possibly_shown(session, post_id, days, site.desk.now())
    warning = "This post may have been shown between 2026-05-04 and 2026-05-06"
    assert warning in text_of(editor.get(f"/posts/{post_id}"))
    assert warning in text_of(editor.get("/queue"))
    version = str(load(site, post_id).version)
    approved = editor.send_form(f"/posts/{post_id}", fields(picture, version=version, then="approve"))
    assert "Approved: it goes out when its turn comes." in text_of(approved)
    assert warning not in text_of(editor.get(f"/posts/{post_id}"))


def test_a_mistake_is_shown_at_its_field_and_typed_text_stays(site: Site, picture: str) -> None:
    editor = site.client("editor")
    form = fields(picture, embargo_until="soon", link="example.org/x", links="no label", standfirst="Typed & kept")
    refused = editor.send_form("/posts", form)
    assert refused.status_code == 422
    assert "Typed &amp; kept" in refused.text
    assert "“example.org/x” is no web address" in refused.text.replace("&#39;", "'")
    assert "has no label" in refused.text
    assert len(re.findall('aria-invalid="true"', refused.text)) == 3


def test_the_second_of_two_people_sees_both_texts_and_overwrites_nothing(site: Site, picture: str) -> None:
    ada, bo = site.client("editor", email="ada@example.org"), site.client("editor", email="bo@example.org")
    post_id = create(site, ada, picture=picture)
    version = str(load(site, post_id).version)
    ada.send_form(f"/posts/{post_id}", fields(picture, standfirst="By Ada", version=version))
    both = bo.send_form(f"/posts/{post_id}", fields(picture, standfirst="By Bo", version=version))
    assert both.status_code == 409
    assert "Somebody else saved while you wrote" in both.text
    assert "By Ada" in both.text
    assert 'value="By Bo"' in both.text
    assert load(site, post_id).standfirst == "By Ada"
    newer = both.text.partition('name="version" value="')[2].partition('"')[0]
    bo.send_form(f"/posts/{post_id}", fields(picture, standfirst="By both", version=newer))
    assert load(site, post_id).standfirst == "By both"


def test_an_unfinished_text_is_kept_for_its_writer_alone(site: Site, picture: str) -> None:
    ada, bo = site.client("editor", email="ada@example.org"), site.client("editor", email="bo@example.org")
    post_id = create(site, ada, picture=picture)
    version = str(load(site, post_id).version)
    autosaved = ada.send_form(f"/posts/{post_id}/autosave", fields(picture, standfirst="Half a thou", version=version))
    assert autosaved.json()["changed_by"] == ""
    assert load(site, post_id).standfirst == "It rests"
    assert "that is not saved" in ada.get(f"/posts/{post_id}").text
    assert 'value="Half a thou"' in ada.get(f"/posts/{post_id}?unsaved=1").text
    assert "that is not saved" not in bo.get(f"/posts/{post_id}").text
    bo.send_form(f"/posts/{post_id}", fields(picture, standfirst="By Bo", version=version))
    answer = ada.send_form(f"/posts/{post_id}/autosave", fields(picture, standfirst="Half a", version=version))
    assert answer.json()["changed_by"] == "bo@example.org"
    ada.send_form(f"/posts/{post_id}/autosave/forget")
    assert "that is not saved" not in ada.get(f"/posts/{post_id}").text


def test_the_preview_is_what_publishing_would_send(site: Site, picture: str) -> None:
    editor = site.client("editor")
    answer = editor.send_form("/preview", fields(picture, **{"caption-x": "By hand & short. Image by the test bench"}))
    for channel in site.desk.settings.channels:
        assert f'data-channel="{channel}"' in answer.text
    assert "<em>quiet</em>" in answer.text
    assert "By hand &amp; short" in answer.text
    assert "<ins>" in answer.text
    digest = re.findall(r"/renditions/([0-9a-f]{64})", answer.text)[0]
    made = editor.get_picture(f"/renditions/{digest}")
    assert (made.status_code, made.headers["content-type"]) == (200, "image/jpeg")
    assert "immutable" in made.headers["cache-control"]


def test_a_change_between_saving_and_approving_is_not_approved(
    site: Site, picture: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    editor = site.client("editor")
    post_id = create(site, editor, picture=picture)
    desk, real = site.desk, autosaves.delete_autosave

    def slip_in(*anything: Any, **which: Any) -> None:
        PostQueue(desk, "colleague").edit(post_id, PostChanges(standfirst="Slipped in"))
        real(*anything, **which)

    monkeypatch.setattr(autosaves, "delete_autosave", slip_in)
    form = fields(picture, title="A quieter cell", version=str(load(site, post_id).version), then="approve")
    text = text_of(editor.send_form(f"/posts/{post_id}", form))
    assert "It is saved, but not approved" in text
    assert (load(site, post_id).state, load(site, post_id).standfirst) == ("draft", "Slipped in")


def test_blocking_problems_are_shown_when_a_post_is_to_be_approved(site: Site, picture: str) -> None:
    editor = site.client("editor")
    refused = editor.send_form("/posts", fields(picture, **{"images-0-alt_text": "", "then": "approve"}))
    assert refused.status_code == 422
    assert "It is saved, and can't be approved yet" in refused.text.replace("&#39;", "'")
    assert "has no alt text" in refused.text


def test_a_contributor_asks_for_review_and_can_not_approve(site: Site, picture: str) -> None:
    writer = site.client("contributor")
    post_id = create(site, writer, picture=picture, then="review")
    assert load(site, post_id).state == "in_review"
    assert "Save and approve" not in writer.get(f"/posts/{post_id}").text
    assert writer.send_form(f"/posts/{post_id}/approve").status_code == 403
    form = fields(picture, version=str(load(site, post_id).version), then="approve")
    assert writer.send_form(f"/posts/{post_id}", form).status_code == 403
    assert load(site, post_id).state == "in_review"
    editor = site.client("editor")
    editor.send_form(f"/posts/{post_id}/send-back", {"text": "Which <i>stain</i>?"})
    assert load(site, post_id).state == "draft"
    assert "Which &lt;i&gt;stain" in writer.get(f"/posts/{post_id}").text


def test_an_earlier_version_is_compared_and_brought_back(site: Site, picture: str) -> None:
    editor = site.client("editor")
    post_id = create(site, editor, picture=picture)
    first = load(site, post_id).version
    editor.send_form(f"/posts/{post_id}", fields(picture, standfirst="It rests no more", version=str(first)))
    page = editor.get(f"/posts/{post_id}/versions/{first}")
    assert "<ins> no more</ins>" in page.text
    editor.send_form(f"/posts/{post_id}/versions/{first}")
    assert load(site, post_id).standfirst == "It rests"
    assert editor.get(f"/posts/{post_id}/versions/99").status_code == 409


def test_a_post_gets_its_place_in_the_form(site: Site, picture: str) -> None:
    editor = site.client("editor")
    post_id = create(site, editor, picture=picture, place="date", fixed_date="2031-02-03")
    assert str(load(site, post_id).fixed_date) == "2031-02-03"
    version = str(load(site, post_id).version)
    editor.send_form(f"/posts/{post_id}", fields(picture, place="reserve", version=version))
    assert (load(site, post_id).reserve, load(site, post_id).fixed_date) == (True, None)
    refused = editor.send_form("/posts", fields(picture, place="date", fixed_date="someday"))
    assert "Choose the day on which it goes out" in refused.text


def store_other_picture(site: Site, folder: Path, seed: int) -> str:
    """Stores a picture that no other post shows, and returns its hash."""
    file = folder / f"{seed}.png"
    draw(file, seed=seed)
    return store_picture(site.desk.database, site.desk.store, file, file.name, site.desk.now()).sha256


def test_an_approval_says_when_the_post_goes_out(site: Site, tmp_path: Path) -> None:
    editor = site.client("editor")
    approve = {"then": "approve", "body": "Two cells, and nobody else tells of them."}
    other = store_other_picture(site, tmp_path, 3)
    dated = editor.send_form("/posts", fields(other, place="date", fixed_date="2031-02-03", **approve))
    assert "Approved: it goes out on Monday 3 February 2031." in text_of(dated)
    again = fields(other, title="Evergreen", place="reserve", **approve)
    refused = editor.send_form("/posts", again)
    assert "If the repeat is meant, tick “The repeat is meant” and approve it." in text_of(refused)
    assert 'name="repeat_is_meant"' in refused.text
    kept = editor.send_form("/posts", {**again, "repeat_is_meant": "yes"})
    assert "Approved: it waits in the reserve for a day on which the queue is empty." in text_of(kept)


def test_the_choices_for_a_picture_come_back_as_they_were_given(site: Site, picture: str) -> None:
    editor = site.client("editor")
    choices = {
        "images-0-fit": "crop",
        "images-0-focal_point": "0.25, 0.75",
        "images-0-crop_box": "0.1, 0.2, 0.5, 0.5",
        "images-0-crop_box:tumblr": "0.3, 0.2, 0.5, 0.5",
        "images-0-fit:x": "pad",
        "images-0-protected": "0, 0, 0.1, 0.1; 0.5, 0.5, 0.2, 0.2",
        "images-0-gutters": "none",
        "images-0-padding": "#102030",
    }
    post_id = create(site, editor, picture=picture, **choices)
    page = editor.get(f"/posts/{post_id}").text
    for name, value in choices.items():
        assert re.search(rf'name="{name}"[^>]*value="{re.escape(value)}"', page) or value in page, name
    stored = load(site, post_id).images[0].choices["channels"]
    assert {name: (framing["fit"], bool(framing["crop_box"])) for name, framing in stored.items()} == {
        "tumblr": (None, True),
        "x": ("pad", False),
    }
    refused = editor.send_form("/posts", fields(picture, **{"images-0-crop_box:tumblr": "a, b"}))
    assert "write fractions such as" in refused.text
    refused = editor.send_form("/posts", fields(picture, **{"images-0-crop_box": "a, b"}))
    assert "write fractions such as" in refused.text


def test_the_form_and_a_version_say_which_channel_shows_which_part(site: Site, picture: str) -> None:
    editor = site.client("editor")
    post_id = create(site, editor, picture=picture)
    assert "Every channel shows all of it." in editor.get(f"/posts/{post_id}").text
    (key, channel), *others = channel_names(site.desk.settings).items()
    cropped = fields(picture, **{f"images-0-crop_box:{key}": "0.1, 0.2, 0.5, 0.75", "version": "1"})
    editor.send_form(f"/posts/{post_id}", cropped)
    page = " ".join(re.sub("<[^>]+>", " ", editor.get(f"/posts/{post_id}").text).split())
    assert f"{channel} cropped to 50 % of its width and 75 % of its height" in page
    if others:
        assert f"{', '.join(name for _key, name in others)} all of it" in page
    assert f"Crop of picture 1, for {channel}" in editor.get(f"/posts/{post_id}/versions/1").text


def test_the_bar_and_the_list_of_versions_name_the_same_one(site: Site, picture: str) -> None:
    """A request for review is no change of what the post says, and makes no version that could be opened."""
    editor = site.client("editor")
    post_id = create(site, editor, picture=picture, then="review")
    assert load(site, post_id).version > 1
    page = editor.get(f"/posts/{post_id}").text
    [listed] = re.findall(r'/versions/(\d+)">', page)
    assert re.findall(r"version (\d+), by", page) == [listed]


def test_a_framing_for_a_channel_that_is_not_there_blocks(site: Site, picture: str) -> None:
    page = site.client("editor").send_form("/preview", fields(picture, **{"images-0-fit:no-such": "crop"})).text
    assert "Picture 1 is fitted for the channel “no-such”, which is not there; remove that." in page


def test_a_problem_leads_to_its_field_whatever_the_form_calls_its_picture(site: Site, picture: str) -> None:
    editor = site.client("editor")
    form = fields(picture, **{"images-0-order": "2", "images-7-media": picture, "images-7-order": "1"})
    page = editor.send_form("/preview", form).text
    # The seventh stands first, and has no alt text.
    assert re.search(r'href="#images-7-alt_text">Picture 1 has no alt text', page)
    assert "Picture 2 has no alt text" not in page
    refused = editor.send_form("/posts", {**form, "then": "approve"}).text
    assert re.search(r'href="#images-0-alt_text">[A-Za-z, ]+: Picture 1 has no alt text', refused)


def test_a_post_without_a_title_can_be_previewed(site: Site, tmp_path: Path) -> None:
    texts = {"title": "", "body": "This one stands alone.", "tr-ca-body": "Una cèl·lula"}
    answer = site.client("editor").send_form("/preview", fields(store_other_picture(site, tmp_path, 4), **texts))
    assert answer.status_code == 200
    assert "It rests" in answer.text
    assert "Nothing blocks approval" not in text_of(answer)
    assert "Before it can be approved: The post has no title; write one." in text_of(answer)


def test_an_approved_post_is_said_to_be_approved(site: Site, tmp_path: Path) -> None:
    editor = site.client("editor")
    own = store_other_picture(site, tmp_path, 6)
    post_id = create(site, editor, picture=own, body="This one is approved.", then="approve")
    assert load(site, post_id).state == "approved"
    page = text_of(editor.get(f"/posts/{post_id}"))
    assert "It is approved as it stands here." in page
    assert "blocks approval" not in page
    form = fields(own, body="This one is approved.", tags="cells, quiet")
    same = text_of(editor.send_form(f"/preview?post={post_id}", form))
    assert "It is approved as it stands here." in same
    changed = text_of(editor.send_form(f"/preview?post={post_id}", {**form, "title": "A quieter cell"}))
    assert "It differs from what was approved; nothing blocks a new approval." in changed
    refused = text_of(editor.send_form(f"/preview?post={post_id}", {**form, "credit": ""}))
    assert "Before it can be approved: The post has no credit" in refused


def test_a_new_post_counts_no_characters(site: Site) -> None:
    page = text_of(site.client("editor").get("/posts/new"))
    assert re.findall(r"(\d+) of [\d,]+ (?:characters|weighted)", page) == ["0", "0", "0"]
    assert "3 things before approval" in page
    assert "The caption for" not in page, "the missing title is said once"


def test_a_problem_of_every_channel_is_shown_once(site: Site, tmp_path: Path) -> None:
    texts = {"credit": "", "body": "This one is alone as well.", "caption-x": "a " * 300}
    answer = site.client("editor").send_form("/preview", fields(store_other_picture(site, tmp_path, 5), **texts))
    before = text_of(answer).partition("Tumblr")[0]
    assert "Before it can be approved: The post has no credit; say who made the picture." in before
    assert answer.text.count("The post has no credit") == 1
    assert "X The caption is 319 too long" in text_of(answer)


def test_a_caption_for_a_language_survives_the_form(site: Site, picture: str) -> None:
    desk, editor = site.desk, site.client("editor")
    draft = PostDraft(title="By hand", captions={"lang:en": "For all, by X"}, credit="X")
    post_id = add_post(desk.database, desk.store, draft, desk.now()).id
    page = editor.get(f"/posts/{post_id}")
    assert "Caption for every channel in en" in page.text
    captions = {name: "For all, by X" for name in re.findall(r'name="(caption-lang:en)"', page.text)}
    editor.send_form(f"/posts/{post_id}", {"title": "By hand", "credit": "X", "language": "en", **captions})
    assert load(site, post_id).captions == {"lang:en": "For all, by X"}


def test_typing_an_alt_text_makes_no_picture_anew(site: Site, picture: str) -> None:
    editor = site.client("editor")

    def pictures(alt_text: str) -> list[str]:
        answer = editor.send_form("/preview", fields(picture, **{"images-0-alt_text": alt_text}))
        return re.findall(r"/renditions/([0-9a-f]{64})", answer.text)

    assert pictures("A grey disc") == pictures("A grey disc on black ground") != []


def test_a_missing_post_has_a_page_that_says_so(site: Site, tmp_path: Path) -> None:
    assert "There is no post 4711" in site.client("editor").get("/posts/4711").text


def test_a_form_that_changes_nothing_does_not_move_a_post_back(site: Site, picture: str) -> None:
    editor, queue = site.client("editor"), PostQueue(site.desk, "Bea")
    post_id = create(site, editor, picture=picture)
    queue.move(post_id, FixedDate(date(2031, 5, 1)))
    opened = fields(picture, place="date", fixed_date="2031-05-01", version=str(load(site, post_id).version))
    queue.move(post_id, FixedDate(date(2031, 5, 9)))
    answer = editor.send_form(f"/posts/{post_id}", {**opened, "then": "approve"})
    assert load(site, post_id).fixed_date == date(2031, 5, 9), text_of(answer)
