"""Tests that what a channel's account has shown comes in, but for what this desk has published there."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, cast

import pytest
from click.testing import CliRunner, Result

from publisher.cli.main import cli
from publisher.core.content import HistoryPost
from publisher.platforms.tumblr.client import PAGE, SafeTumblrClient
from publisher.platforms.tumblr.history import read_history
from publisher.sandbox.tumblr.npf import NewPost
from publisher.sandbox.tumblr.service import Sandbox as TumblrSandbox
from tests.conftest import OpenOutlet
from tests.outlet import Outlet

AT = int(datetime(2019, 6, 3, 12, tzinfo=UTC).timestamp())


class Listing:
    """Lists posts as the blog does: those before a time, the newest first, but for some."""

    def __init__(self, posts: Sequence[Mapping[str, Any]]) -> None:
        self._posts = posts

    def recent(self, before: int | None, skip: int) -> list[Mapping[str, Any]]:
        listed = [post for post in self._posts if before is None or post["timestamp"] < before]
        return listed[skip : skip + PAGE]


def history(*posts: Mapping[str, Any]) -> list[HistoryPost]:
    client = cast("SafeTumblrClient", Listing(posts))
    return list(read_history(client, lambda shown: f"https://daily.tumblr.com/post/{shown['id']}"))


def shown(number: int, *content: Mapping[str, Any], **fields: Any) -> dict[str, Any]:
    return {"id": number, "timestamp": AT - number, "state": "published", "content": list(content), **fields}


def text(words: str, **fields: Any) -> dict[str, Any]:
    return {"type": "text", "text": words, **fields}


def test_texts_links_and_pictures_of_a_post_are_read() -> None:
    link = {"start": 4, "end": 8, "type": "link", "url": "https://x.example/?a=1"}
    picture = {
        "type": "image", "alt_text": "A disc",
        "media": [{"url": "https://m.example/s.jpg", "width": 540}, {"url": "https://m.example/l.jpg", "width": 2048}],
    }  # fmt: skip
    body = text("See here, *now*.", formatting=[link, {"start": 5, "end": 7, "type": "bold"}, {"start": 90}])
    (post,) = history(shown(1, picture, text("Skin", subtype="heading1"), body, tags=["cells", "skin"]))
    assert (post.title, post.paragraphs) == ("Skin", (r"See [here](https://x.example/?a=1), \*now\*.",))
    assert (post.tags, post.url) == (("cells", "skin"), "https://daily.tumblr.com/post/1")
    assert [(each.addresses, each.alt_text) for each in post.pictures] == [
        (("https://m.example/l.jpg", "https://m.example/s.jpg"), "A disc")
    ]


def test_the_first_line_is_the_title_where_there_is_no_heading() -> None:
    (short, long) = history(
        shown(1, text("Skin and bone\nFirst."), text("Second.")), shown(2, text("long " * 60), summary="long …")
    )
    assert (short.title, short.paragraphs) == ("Skin and bone", ("First.", "Second."))
    assert (long.title, long.paragraphs) == ("long …", ("long " * 59 + "long",))


def test_what_is_not_the_blogs_own_or_not_public_is_left_out() -> None:
    others = shown(1, text("Reblog"), trail=[{"blog": {"name": "other"}}])
    assert [post.title for post in history(others, shown(2, text("Mine")), shown(3, text("No"), state="private"))] == [
        "Mine"
    ]


@pytest.mark.parametrize("same", [False, True])
def test_a_long_blog_is_read_whole(same: bool) -> None:
    posts = [shown(number, text(f"Post {number}")) for number in range(1, 3 * PAGE + 6)]
    if same:
        posts = [{**post, "timestamp": AT} for post in posts]
    found = history(posts[-1], *posts[:-1])
    assert sorted(int(post.remote_id) for post in found) == list(range(1, 3 * PAGE + 6))


def run(outlet: Outlet, *arguments: str) -> Result:
    return CliRunner().invoke(cli, ["--config", str(outlet.config), "import", *arguments])


def test_an_account_comes_in_without_what_this_desk_published(open_outlet: OpenOutlet) -> None:
    outlet = open_outlet("tumblr")
    blog = outlet.sandbox(TumblrSandbox).blog
    now = outlet.sandbox_servers.ledger.now()
    for number in range(PAGE + 3, 0, -1):
        content = [text(f"Picture {number}", subtype="heading1"), text(f"Text {number}.")]
        new = NewPost(
            state="published", slug=f"p{number}", content=content, layout=[], tags=("cells",), images=(), source_url=""
        )
        blog.create(new, now - timedelta(days=number + 1))
    outlet.shift_to_slot()
    outlet.add_post()
    outlet.pick()
    outlet.run_until_idle()
    assert outlet.deliveries()["tumblr"].state == "published"
    result = run(outlet, "channel:tumblr")
    assert f"Import 1: made {PAGE + 3}" in result.output
    assert "1 post was published from this desk, and was left out." in result.output
    shown = json.loads(CliRunner().invoke(cli, ["--config", str(outlet.config), "show", "2", "--json"]).output)
    assert (shown["title"], shown["body"], shown["tags"]) == (f"Picture {PAGE + 3}", f"Text {PAGE + 3}.", ["cells"])
    assert "tumblr" in shown["published_links"]
    assert f"unchanged {PAGE + 3}" in run(outlet, "channel:tumblr").output


def test_what_cannot_be_listed_is_told(open_outlet: OpenOutlet) -> None:
    outlet = open_outlet("x")
    assert "can't list what its account has shown" in str(run(outlet, "channel:x").exception)
    assert "there is no channel nobody" in str(run(outlet, "channel:nobody").exception)
