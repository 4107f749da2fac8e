"""Tests that pages, programs and commands select the same posts, and that each shows what matched."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest
import requests
from click.testing import CliRunner

from publisher.cli.main import cli
from publisher.db.models import Post
from publisher.posts.drafts import PostDraft
from publisher.posts.posts import add_post
from publisher.staff.api_tokens import new_api_token
from tests.conftest import WriteDesk
from tests.desk_site import Site, open_starter_site, text_of


@pytest.fixture
def site(tmp_path: Path, write_desk: WriteDesk) -> Iterator[Site]:
    with open_starter_site(write_desk(tmp_path / "desk")) as opened:
        desk = opened.desk
        drafts = (
            PostDraft(title="Roots", body="Mouse neurons are not shown.", tags=("oak",), written_by="Ada Roca"),
            PostDraft(title="Mouse neurons", tags=("brain",), licence="CC BY 4.0"),
        )
        for year, draft in enumerate(drafts, start=2019):
            post = add_post(desk.database, desk.store, draft, desk.now(), "ada").id
            with desk.database.writing() as session:
                session.get_one(Post, post).last_shown_on = date(year, 6, 3)
        yield opened


SELECTIONS: tuple[tuple[dict[str, str], list[int]], ...] = (
    ({"text": '"mouse neurons"'}, [2, 1]),
    ({"text": "title:neurons"}, [2]),
    ({"year": "2019"}, [1]),
    ({"text": "neurons", "tag": "oak"}, [1]),
    ({"person": "roca"}, [1]),
    ({"licence": "cc by"}, [2]),
    ({"platform": "tumblr"}, []),
)


@pytest.mark.parametrize(("selection", "posts"), SELECTIONS)
def test_every_face_selects_the_same(site: Site, selection: dict[str, str], posts: list[int]) -> None:
    page = site.client("editor").get("/posts", params=selection).text
    places = {post: page.find(f'href="/posts/{post}"') for post in (1, 2)}
    assert sorted((post for post in places if places[post] > 0), key=lambda post: places[post]) == posts
    token = new_api_token(site.desk.database, site.person("editor"), "bot", ["read"], days=7, now=site.desk.now())
    headers = {"Authorization": f"Bearer {token}"}
    answer = requests.get(f"{site.url}/api/v1/posts", params=selection, headers=headers).json()
    assert [item["id"] for item in answer["items"]] == posts
    words = [selection[name] if name == "text" else f"--{name}={selection[name]}" for name in selection]
    result = CliRunner().invoke(cli, ["--config", str(site.desk.config), "search", "--json", *words])
    assert [found["id"] for found in json.loads(result.output)] == posts


def test_what_matched_is_marked(site: Site) -> None:
    assert "<mark>Mouse</mark> <mark>neurons</mark>" in site.client("editor").get('/posts?text="mouse neurons"').text
    result = CliRunner().invoke(cli, ["--config", str(site.desk.config), "search", "--json", "by:roca"])
    (found,) = json.loads(result.output)[0]["matches"]
    assert (found["field"], found["parts"]) == (
        "written_by", [{"text": "Ada ", "is_match": False}, {"text": "Roca", "is_match": True}]
    )  # fmt: skip
    printed = CliRunner().invoke(cli, ["--config", str(site.desk.config), "search", "by:roca"]).output
    assert "(en): Ada Roca" in printed
    nothing = CliRunner().invoke(cli, ["--config", str(site.desk.config), "search", "zebra"])
    assert (nothing.exit_code, nothing.output) == (0, "No post matches.\n")


def test_the_next_page_keeps_what_was_selected(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("publisher.web.pages.archive.PAGE_SIZE", 1)
    first = site.client("editor").get("/posts?text=neurons&tag=&year=")
    assert 'href="/posts?before=2&amp;text=neurons"' in first.text
    second = site.client("editor").get("/posts?before=2&text=neurons")
    assert "Roots" in text_of(second)
    assert site.client("editor").get("/posts?year=nothing").status_code == 422
    assert site.client("editor").get("/posts?year=1").status_code == 200


@pytest.mark.parametrize(
    ("selection", "why"),
    [
        ({"text": "title:..."}, "“title:...” holds no letter and no digit"),
        ({"text": "neurons", "tag": "–"}, "“tag:–” holds no letter and no digit"),
    ],
)
def test_every_face_says_why_nothing_is_found(site: Site, selection: dict[str, str], why: str) -> None:
    page = site.client("editor").get("/posts", params=selection)
    assert (page.status_code, why in text_of(page), 'href="/posts/1"' in page.text) == (422, True, False)
    token = new_api_token(site.desk.database, site.person("editor"), "bot", ["read"], days=7, now=site.desk.now())
    headers = {"Authorization": f"Bearer {token}"}
    answer = requests.get(f"{site.url}/api/v1/posts", params=selection, headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (422, "search-refused")
    assert answer.json()["detail"].startswith(why)
    words = [selection[name] if name == "text" else f"--{name}={selection[name]}" for name in selection]
    result = CliRunner().invoke(cli, ["--config", str(site.desk.config), "search", *words])
    assert str(result.exception).startswith(why)
    queue = site.client("editor").get("/queue", params={"text": "title:..."})
    assert "“title:...” holds no letter" in text_of(queue)


def test_a_search_that_is_too_long_is_refused_and_never_cut(site: Site) -> None:
    result = CliRunner().invoke(cli, ["--config", str(site.desk.config), "search", "neurons " * 30])
    assert str(result.exception) == "A search has at most 200 characters; leave some words out."
