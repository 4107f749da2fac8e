"""Tests that nobody overwrites what another one saved in a collection, and that only an editor makes one public."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from publisher.archive.post_collections import (
    CollectionFields,
    Collections,
    PublicCollectionRefused,
    load_collection,
    version_of,
)
from publisher.cli.main import cli
from publisher.db.post_collections import Collection
from publisher.db.session import Database
from publisher.posts.drafts import PostDraft
from publisher.posts.errors import StaleEdit
from publisher.posts.posts import add_post
from tests.api_client import problem, program
from tests.conftest import WriteDesk, on_every_database
from tests.desk_site import Site, open_starter_site, text_of
from tests.queue_desk import Desk, open_desk

NOW = datetime(2026, 5, 4, 7, 0, tzinfo=UTC)


def stored(desk: Desk | Site, number: int = 1) -> Collection:
    database = desk.desk.database if isinstance(desk, Site) else desk.database
    with database.reading() as session:
        return load_collection(session, number)


@pytest.fixture
def desk(database: Database, tmp_path: Path) -> Desk:
    return open_desk(database, tmp_path).at(NOW)


@on_every_database
def test_a_second_save_of_the_same_version_is_refused(desk: Desk) -> None:
    changing = Collections(desk, "ana", may_publish=True)
    collection = changing.add(CollectionFields("Neurons", "Of the brain", is_public=True))
    seen = version_of(stored(desk))
    changing.change(collection, CollectionFields("Neurons", "Of the brain"), expected_version=seen)
    with pytest.raises(StaleEdit, match=f"collection {collection} was changed meanwhile"):
        changing.change(collection, CollectionFields("Nerves", "Of it", is_public=True), expected_version=seen)
    assert (stored(desk).name, stored(desk).is_public) == ("Neurons", False)
    changing.change(collection, CollectionFields("Nerves"), expected_version=version_of(stored(desk)))
    assert stored(desk).name == "Nerves"


@on_every_database
def test_who_may_not_approve_changes_nothing_public(desk: Desk) -> None:
    (post,) = desk.posts(["one"], NOW)
    writer, editor = Collections(desk, "ana", may_publish=False), Collections(desk, "eva", may_publish=True)
    with pytest.raises(PublicCollectionRefused):
        writer.add(CollectionFields("Neurons", is_public=True))
    own = writer.add(CollectionFields("Roots"))
    with pytest.raises(PublicCollectionRefused):
        writer.change(own, CollectionFields("Roots", is_public=True))
    writer.add_posts(own, [post])
    public = editor.add(CollectionFields("Neurons", is_public=True))
    editor.add_posts(public, [post])
    for act in (
        lambda: writer.change(public, CollectionFields("Neurons")),
        lambda: writer.add_posts(public, [post]),
        lambda: writer.remove_post(public, post),
        lambda: writer.move_post(public, post, "up"),
        lambda: writer.remove(public),
    ):
        with pytest.raises(PublicCollectionRefused, match="ask an editor"):
            act()
    assert (stored(desk, public).is_public, stored(desk, own).is_public) == (True, False)


@pytest.fixture
def site(tmp_path: Path, write_desk: WriteDesk) -> Iterator[Site]:
    with open_starter_site(write_desk(tmp_path / "desk")) as opened:
        add_post(opened.desk.database, opened.desk.store, PostDraft(title="One"), opened.desk.now(), "ada")
        Collections(opened.desk, "eva", may_publish=True).add(CollectionFields("Pairs", "Two by two"))
        yield opened


def test_a_page_keeps_what_was_typed_and_shows_what_is_stored(site: Site) -> None:
    writer, editor = site.client("contributor"), site.client("editor")
    seen = version_of(stored(site))
    assert f'name="version" value="{seen}"' in writer.get("/collections/1").text
    first = {"name": "Couples", "description": "In pairs", "version": seen}
    assert editor.send_form("/collections/1", first).status_code == 200
    late = writer.send_form("/collections/1", {"name": "Twins", "description": "Alike", "version": seen})
    assert (late.status_code, stored(site).name) == (409, "Couples")
    assert "Somebody has changed this collection meanwhile." in text_of(late)
    assert ">Alike</textarea>" in late.text
    assert 'value="Twins"' in late.text
    assert "In pairs" in text_of(late)
    now = version_of(stored(site))
    assert f'name="version" value="{now}"' in late.text
    again = writer.send_form("/collections/1", {"name": "Twins", "description": "Alike", "version": now})
    assert (again.status_code, stored(site).name) == (200, "Twins")
    assert writer.send_form("/collections/1", {"name": "No version"}).status_code == 409
    assert stored(site).name == "Twins"


def test_what_was_typed_for_a_removed_collection_stays(site: Site) -> None:
    writer, seen = site.client("contributor"), version_of(stored(site))
    Collections(site.desk, "eva", may_publish=True).remove(1)
    late = writer.send_form("/collections/1", {"name": "Twins", "description": "Alike", "version": seen})
    assert late.status_code == 409
    assert "This collection was removed meanwhile." in text_of(late)
    assert (">Alike</textarea>" in late.text, 'value="Twins"' in late.text) == (True, True)
    filled = writer.send_form("/collections/posts", {"collection": "1", "posts": "1 7"})
    assert (filled.status_code, "put there: 1 7" in text_of(filled)) == (409, True)


def test_a_contributor_can_not_make_one_public_by_page_or_program(site: Site) -> None:
    writer, seen = site.client("contributor"), version_of(stored(site))
    assert 'name="public"' not in writer.get("/collections/1").text + writer.get("/collections").text
    public = {"name": "Twins", "description": "Typed", "public": "yes", "version": seen}
    for address in ("/collections", "/collections/1"):
        refused = writer.send_form(address, public)
        assert refused.status_code == 403
        assert "ask an editor" in text_of(refused)
        assert ">Typed</textarea>" in refused.text
    bot = program(site, "contributor")
    answer = bot.post("/collections", json={"name": "Twins", "is_public": True})
    assert (answer.status_code, problem(answer)["code"]) == (403, "public-collection-refused")
    answer = bot.change("PUT", "/collections/1", json={"name": "Pairs", "is_public": True})
    assert (answer.status_code, stored(site).is_public) == (403, False)
    assert site.client("editor").send_form("/collections/1", {**public, "name": "Pairs"}).status_code == 200
    assert "<textarea" not in writer.get("/collections/1").text
    assert "an editor changes it" in text_of(writer.get("/collections/1"))
    assert bot.put("/collections/1/posts/1", json={}).status_code == 403
    assert writer.send_form("/collections/posts", {"collection": "1", "posts": "1"}).status_code == 403


def test_a_program_says_which_version_it_saw(site: Site) -> None:
    bot = program(site, "editor")
    read = bot.get("/collections/1")
    assert read.headers["ETag"] == f'"{read.json()["version"]}"'
    body = {"name": "Twins", "description": "Alike"}
    assert bot.put("/collections/1", json=body).status_code == 428
    changed = bot.change("PUT", "/collections/1", read.json()["version"], json=body)
    assert (changed.status_code, changed.headers["ETag"]) == (200, f'"{changed.json()["version"]}"')
    late = bot.change("PUT", "/collections/1", read.json()["version"], json={"name": "Couples"})
    assert (late.status_code, stored(site).name) == (412, "Twins")
    made = bot.post("/collections", json={"name": "Others"})
    assert (made.status_code, made.headers["ETag"]) == (201, f'"{made.json()["version"]}"')


def test_a_command_says_which_version_it_saw(site: Site) -> None:
    def run(*arguments: str) -> Result:
        return CliRunner().invoke(cli, ["--config", str(site.desk.config), "collection", *arguments])

    seen = json.loads(run("show", "1", "--json").output)["version"]
    assert run("change", "1", "--name", "Twins", "--expect-version", seen).exit_code == 0
    late = run("change", "1", "--name", "Couples", "--expect-version", seen)
    assert late.exit_code == 1
    assert "collection 1 was changed meanwhile" in str(late.exception)
    assert (stored(site).name, stored(site).description) == ("Twins", "Two by two")
