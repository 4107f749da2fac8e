"""Tests that collections keep their posts in order, and that every face makes, fills and orders them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
import requests
from click.testing import CliRunner
from sqlalchemy import select

from publisher.archive.post_collections import (
    CollectionFields,
    CollectionNotFound,
    Collections,
    collections_with,
    list_collections,
    posts_of,
)
from publisher.cli.main import cli
from publisher.db.post_collections import CollectionPost
from publisher.db.session import Database
from publisher.posts.drafts import ImageDraft, PostDraft
from publisher.posts.errors import PostError, PostNotFound
from publisher.posts.posts import add_post
from publisher.staff.api_tokens import new_api_token
from tests.conftest import WriteDesk, on_every_database
from tests.desk_site import Site, open_starter_site, text_of
from tests.outlet import draw
from tests.queue_desk import Desk, open_desk

NOW = datetime(2026, 5, 4, 7, 0, tzinfo=UTC)


@pytest.fixture
def desk(database: Database, tmp_path: Path) -> Desk:
    return open_desk(database, tmp_path).at(NOW)


def order(desk: Desk, collection: int) -> list[int]:
    with desk.database.reading() as session:
        posts = posts_of(session, collection)
    assert [post.position for post in posts] == list(range(1, len(posts) + 1))
    return [post.id for post in posts]


@on_every_database
def test_posts_keep_the_order_that_somebody_gives_them(desk: Desk) -> None:
    one, two, three = desk.posts(["one", "two", "three"], NOW)
    changing = Collections(desk, "ana", may_publish=True)
    collection = changing.add(CollectionFields("  Neurons\n ", "Of the brain", is_public=True))
    assert changing.add_posts(collection, [one, two, one, three]) == 3
    assert changing.add_posts(collection, [two]) == 0
    for post, step, expected in (
        (three, "up", [one, three, two]),
        (one, "up", [one, three, two]),
        (one, "last", [three, two, one]),
        (two, "down", [three, one, two]),
        (two, "down", [three, one, two]),
        (two, "first", [two, three, one]),
    ):
        changing.move_post(collection, post, step)  # type: ignore[arg-type]
        assert order(desk, collection) == expected, (post, step)
    changing.remove_post(collection, three)
    assert order(desk, collection) == [two, one]
    with desk.database.reading() as session:
        assert [(item.name, item.posts, item.is_public) for item in list_collections(session)] == [("Neurons", 2, True)]
        assert (collections_with(session, two), collections_with(session, three)) == ([collection], [])
    changing.remove(collection)
    with desk.database.reading() as session:
        assert list_collections(session) == []
        assert session.scalars(select(CollectionPost)).all() == []
    assert [event.detail["name"] for event in desk.events("collection removed")] == ["Neurons"]


@on_every_database
def test_what_can_not_be_is_refused_and_changes_nothing(desk: Desk) -> None:
    (post,) = desk.posts(["one"], NOW)
    changing = Collections(desk, "ana", may_publish=True)
    collection = changing.add(CollectionFields("Neurons"))
    other = changing.add(CollectionFields("Roots"))
    for fields, why in (
        (CollectionFields("  "), "the collection has no name; write one"),
        (CollectionFields("Neurons"), "there is a collection “Neurons” already; choose another name"),
        (CollectionFields("n" * 201), "a collection's name has at most 200 characters"),
    ):
        with pytest.raises(PostError, match=why):
            changing.add(fields)
        with pytest.raises(PostError, match=why):
            changing.change(other, fields)
    changing.change(collection, CollectionFields("Neurons", "The same name is its own."))
    with pytest.raises(PostNotFound, match="there is no post 99"):
        changing.add_posts(collection, [post, 99])
    assert order(desk, collection) == []
    with pytest.raises(PostError, match=f"post {post} is not in the collection “Neurons”"):
        changing.move_post(collection, post, "up")
    with pytest.raises(CollectionNotFound, match="there is no collection 99"):
        changing.remove(99)


@pytest.fixture
def site(tmp_path: Path, write_desk: WriteDesk) -> Iterator[Site]:
    with open_starter_site(write_desk(tmp_path / "desk")) as opened:
        for title in ("One", "Two"):
            add_post(opened.desk.database, opened.desk.store, PostDraft(title=title), opened.desk.now(), "ada")
        yield opened


def test_the_pages_make_fill_and_order_one(site: Site) -> None:
    writer = site.client("contributor")
    refused = writer.send_form("/collections", {"name": " ", "description": "typed"})
    assert (refused.status_code, "typed</textarea>" in refused.text) == (422, True)
    made = writer.send_form("/collections", {"name": "Pairs"})
    assert made.url.endswith("/collections/1")
    wrong = writer.send_form("/collections/posts", {"collection": "1", "posts": "1 77"})
    assert (wrong.status_code, 'value="1 77"' in wrong.text) == (422, True)
    filled = writer.send_form("/collections/posts", {"collection": "1", "posts": "1, 2"})
    assert "2 posts were put there." in text_of(filled)
    moved = writer.send_form("/collections/1/order", {"one": "2 up"})
    assert moved.text.index(">Two</a>") < moved.text.index(">One</a>")
    assert 'id="up-2" autofocus' in moved.text
    assert "Pairs" in text_of(writer.get("/posts/1?edit=1"))
    assert writer.send_form("/collections/1/remove", {}).status_code == 403
    assert "There is no collection 9." in text_of(writer.get("/collections/9"))
    assert "removed" in text_of(site.client("editor").send_form("/collections/1/remove", {}))


def test_programs_and_commands_do_the_same(site: Site) -> None:
    token = new_api_token(
        site.desk.database, site.person("editor"), "bot", ["read", "write", "approve"], days=7, now=site.desk.now()
    )
    headers, address = {"Authorization": f"Bearer {token}"}, f"{site.url}/api/v1/collections"

    def run(*arguments: str) -> str:
        result = CliRunner().invoke(cli, ["--config", str(site.desk.config), "collection", *arguments])
        assert result.exit_code == 0, result.output
        return result.output

    assert "Collection 1 is made." in run("make", "Pairs", "--public")
    assert requests.post(address, json={"name": "Pairs"}, headers=headers).status_code == 409
    assert "1 post was put there." in run("add", "1", "1")
    answer = requests.put(f"{address}/1/posts/2", json={"step": "first"}, headers=headers)
    assert (answer.status_code, [post["id"] for post in answer.json()["posts"]]) == (200, [2, 1])
    run("move", "1", "2", "last")
    run("change", "1", "--for-staff")
    shown = json.loads(run("show", "1", "--json"))
    assert ([post["id"] for post in shown["posts"]], shown["is_public"]) == ([1, 2], False)
    run("take-out", "1", "1")
    assert json.loads(run("list", "--json"))[0]["posts"] == 1
    assert requests.get(f"{address}/9", headers=headers).json()["code"] == "collection-not-found"
    assert requests.delete(f"{address}/1", headers=headers).status_code == 204
    assert requests.get(address, headers=headers).json() == {"items": []}


def test_a_post_says_who_may_use_each_picture(tmp_path: Path, write_desk: WriteDesk) -> None:
    config = write_desk(tmp_path / "desk")
    rule = '[[archive.reuse]]\nlicence = "CC BY"\ncredit = "institute"\nanswer = "Yes, and tell us."\n'
    config.write_text(f"{config.read_text(encoding='utf-8')}\n{rule}", encoding="utf-8")
    with open_starter_site(config) as opened:
        images = []
        for number, credit in enumerate(("Example Institute", "Jane Doe")):
            draw(tmp_path / f"{number}.png", seed=number)
            images.append(ImageDraft(file=tmp_path / f"{number}.png", alt_text="A disc", credit=credit))
        draft = PostDraft(title="Discs", licence="CC BY 4.0", images=tuple(images))
        add_post(opened.desk.database, opened.desk.store, draft, opened.desk.now(), "ada")
        page = text_of(opened.client("contributor").get("/posts/1?edit=1"))
        assert "Picture 1: Yes, and tell us." in page
        assert "Picture 2: Yes. Name the credit and the licence" in page
