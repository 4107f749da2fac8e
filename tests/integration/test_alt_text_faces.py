"""Tests that pages, programs and commands list the same pictures without an alt text, and take one for each."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest
import requests
from click.testing import CliRunner

from publisher.cli.main import cli
from publisher.db.models import Post
from publisher.posts.drafts import ImageDraft, PostChanges, PostDraft, check_input
from publisher.posts.pictures import store_pictures
from publisher.posts.published_elsewhere import PublishedPost, add_published
from publisher.schedule.post_queue import PostQueue
from publisher.staff.api_tokens import new_api_token
from tests.conftest import WriteDesk
from tests.desk_site import Site, open_starter_site, text_of
from tests.outlet import draw

LIST = "/archive/alt-texts"


@pytest.fixture
def site(tmp_path: Path, write_desk: WriteDesk, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    monkeypatch.setenv("PUBLISHER__ARCHIVE__ALT_TEXTS_UNTIL", "2999-04-24")
    with open_starter_site(write_desk(tmp_path / "desk")) as opened:
        for number, alt_text in enumerate(("", "", "A pale disc.")):
            picture = tmp_path / f"disc{number}.png"
            draw(picture, seed=number)
            draft = PostDraft(title=f"Disc {number}", images=(ImageDraft(file=picture, alt_text=alt_text),))
            pictures = store_pictures(opened.desk.store, draft.images)
            published = PublishedPost(draft, pictures, date(2019 + number, 6, 3))
            with opened.desk.database.writing() as session:
                add_published(session, published, now=opened.desk.now(), actor="import 1")
        yield opened


def alt_text(site: Site, post: int) -> str:
    with site.desk.database.reading() as session:
        return session.get_one(Post, post).images[0].alt_text


def headers(site: Site, *scopes: str) -> dict[str, str]:
    token = new_api_token(site.desk.database, site.person("editor"), "bot", scopes, days=7, now=site.desk.now())
    return {"Authorization": f"Bearer {token}"}


def test_saving_goes_to_the_next_and_ends_at_the_list(site: Site) -> None:
    writer = site.client("contributor")
    first = text_of(writer.get(LIST))
    assert "2 pictures of the archive have no alt text yet, 1 of 3 have one." in first
    assert "2 pictures of the archive have no alt text yet" in text_of(writer.get("/"))
    assert writer.get(f"{LIST}/2/1").text.count(f"{LIST}/1/1") == 1
    saved = writer.send_form(f"{LIST}/2/1", {"alt_text": "A second disc.", "version": "1"})
    assert saved.url.endswith(f"{LIST}/1/1")
    assert "Saved. Here is the next picture." in text_of(saved)
    done = writer.send_form(f"{LIST}/1/1", {"alt_text": "A first disc.", "version": "1"})
    assert done.url.endswith(LIST)
    assert "Every picture of the archive has an alt text." in text_of(done)
    assert (alt_text(site, 1), alt_text(site, 2)) == ("A first disc.", "A second disc.")
    assert "no alt text" not in text_of(writer.get("/"))


def test_what_was_typed_comes_back_with_the_reason(site: Site) -> None:
    writer = site.client("contributor")
    refused = writer.send_form(f"{LIST}/1/1", {"alt_text": "IMG_2034", "version": "1"})
    assert refused.status_code == 422
    assert "The alt text of picture 1 is a file name; describe what the picture shows." in text_of(refused)
    assert ">IMG_2034</textarea>" in refused.text
    too_long = writer.send_form(f"{LIST}/1/1", {"alt_text": "long " * 3000, "version": "1"})
    assert (too_long.status_code, "long long" in too_long.text) == (422, True)
    writer.send_form(f"{LIST}/1/1", {"alt_text": "A first disc.", "version": "1"})
    late = site.client("editor").send_form(f"{LIST}/1/1", {"alt_text": "My disc.", "version": "1"})
    assert late.status_code == 409
    assert "The picture has this alt text now: A first disc." in text_of(late)
    assert ">My disc.</textarea>" in late.text
    again = site.client("editor").get(f"{LIST}/1/1")
    assert ">A first disc.</textarea>" in again.text
    assert (writer.get(f"{LIST}/1/2").status_code, writer.get(f"{LIST}/99/1").status_code) == (404, 404)


def set_pictures(site: Site, post: int, *pictures: int) -> None:
    """Changes the pictures of a post, as an editor does, to these of `disc` files, each once."""
    with site.desk.database.reading() as session:
        images = {number: session.get_one(Post, number).images[0].media_sha256 for number in (1, 2, 3)}
    changes = check_input(PostChanges, {"images": [{"media": images[number]} for number in pictures]})
    PostQueue(site.desk, "ed").edit(post, changes)


def test_a_text_for_a_picture_that_was_removed_stays(site: Site) -> None:
    writer = site.client("contributor")
    media = re.findall(r'name="media" value="([0-9a-f]{64})"', writer.get(f"{LIST}/1/1").text)[0]
    set_pictures(site, 1, 2, 3)
    for address, form in ((f"{LIST}/1/1", {"version": "1", "media": media}), (f"{LIST}/1/3", {"version": "1"})):
        late = writer.send_form(address, {"alt_text": "My disc.", **form})
        assert late.status_code == 409
        assert "Somebody has removed this picture from the post meanwhile" in text_of(late)
        assert "readonly" in late.text
        assert ">My disc.</textarea>" in late.text
    gone = writer.send_form(f"{LIST}/99/1", {"alt_text": "My disc.", "version": "1"})
    assert (gone.status_code, ">My disc.</textarea>" in gone.text) == (409, True)


def test_a_text_stays_with_a_picture_that_was_moved(site: Site) -> None:
    writer = site.client("contributor")
    media = re.findall(r'name="media" value="([0-9a-f]{64})"', writer.get(f"{LIST}/1/1").text)[0]
    set_pictures(site, 1, 2, 1)
    late = writer.send_form(f"{LIST}/1/1", {"alt_text": "My disc.", "version": "1", "media": media})
    assert (late.status_code, f'action="{LIST}/1/2"' in late.text) == (409, True)
    assert ">My disc.</textarea>" in late.text


def test_who_may_not_write_reads_only(site: Site) -> None:
    operator = site.client("operator")
    assert "<textarea" not in operator.get(f"{LIST}/1/1").text
    assert operator.send_form(f"{LIST}/1/1", {"alt_text": "A disc.", "version": "1"}).status_code == 403
    assert alt_text(site, 1) == ""


def test_a_program_lists_and_writes_them(site: Site) -> None:
    reader, writer = headers(site, "read"), headers(site, "read", "write")
    first = requests.get(f"{site.url}/api/v1/alt-texts?limit=1", headers=reader).json()
    assert (first["until"], first["pictures"], first["missing"]) == ("2999-04-24", 3, 2)
    assert first["years"][0] == {"year": 2021, "pictures": 1, "missing": 0}
    assert [(item["post"], item["picture"], item["last_shown_on"]) for item in first["items"]] == [(2, 1, "2020-06-03")]
    second = requests.get(f"{site.url}{first['next']}", headers=reader).json()
    assert [item["post"] for item in second["items"]] == [1]
    address, body = f"{site.url}/api/v1/posts/1/images/1/alt-text", {"alt_text": "A first disc."}
    assert requests.put(address, json=body, headers=reader).status_code == 403
    assert requests.put(address, json=body, headers=writer).status_code == 428
    written = requests.put(address, json=body, headers={**writer, "If-Match": '"1"'})
    assert (written.status_code, written.headers["ETag"]) == (200, '"2"')
    assert written.json()["images"][0]["alt_text"] == "A first disc."
    assert requests.put(address, json=body, headers={**writer, "If-Match": '"1"'}).status_code == 412
    refused = requests.put(address, json={"alt_text": "a.jpg"}, headers={**writer, "If-Match": '"2"'})
    assert (refused.status_code, refused.json()["code"]) == (409, "post-refused")
    missing = requests.put(address.replace("images/1", "images/2"), json=body, headers={**writer, "If-Match": "*"})
    assert (missing.status_code, missing.json()["code"]) == (404, "picture-not-found")


def test_a_command_lists_them(site: Site) -> None:
    def run(*arguments: str) -> str:
        result = CliRunner().invoke(cli, ["--config", str(site.desk.config), "alt-texts", *arguments])
        assert result.exit_code == 0, result.output
        return result.stdout

    listed = json.loads(run("--json"))
    assert [item["post"] for item in listed["items"]] == [2, 1]
    assert (listed["missing"], listed["until"]) == (2, "2999-04-24")
    printed = " ".join(run("--limit", "1").split())
    assert "Disc 1" in printed
    assert "Disc 0" not in printed
    assert "2 of 3 pictures have no alt text. 1 of them are listed here; --limit lists more." in printed
