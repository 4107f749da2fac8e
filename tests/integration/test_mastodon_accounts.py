"""Tests that the public posts of a Mastodon account come in, page by page, and nothing of others."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from publisher.core.clock import SystemClock
from publisher.intake.fetched_pages import FetchedPages
from publisher.intake.items import ImportedItem
from publisher.intake.source_settings import SourceSettings
from publisher.intake.web_fetching import FetchRules, WebFetcher
from publisher.intake.web_request import FetchRefused
from publisher.intake.web_sources import WebSource
from tests.hostile_web import LocalWeb, answer, open_web

FEED = (
    '<feed xmlns="http://www.w3.org/2005/Atom"><title>D</title><entry><id>tag:d,1</id><title>One</title></entry></feed>'
)
STATUSES = "social.test/api/v1/accounts/7/statuses?exclude_replies=true&exclude_reblogs=true&limit=40"
LOOK_UP = "social.test/api/v1/accounts/lookup?acct=daily"


@pytest.fixture
def web(monkeypatch: pytest.MonkeyPatch) -> Iterator[LocalWeb]:
    with open_web(monkeypatch) as opened:
        put(opened, LOOK_UP, {"id": "7"})
        put(opened, f"{STATUSES}&max_id=1", [])
        yield opened


def put(web: LocalWeb, place: str, answered: object) -> None:
    web.put(place, json.dumps(answered), "application/json; charset=utf-8")


def status(number: int, content: str = "<p>Skin</p><p>It <b>heals</b>.</p>", **fields: Any) -> dict[str, Any]:
    url = f"http://social.test/@daily/{number}"
    return {
        "id": str(number), "url": url, "created_at": f"2023-05-{number:02}T10:00:00.000Z", "content": content,
        "visibility": "public", "reblog": None, "in_reply_to_id": None, "tags": [{"name": "cells"}], "language": "ca",
        "media_attachments": [
            {"type": "image", "url": f"http://files.test/{number}.png", "preview_url": "http://files.test/s.png",
             "description": "A  disc"},
            {"type": "video", "url": "http://files.test/a.mp4"},
        ],
        **fields,
    }  # fmt: skip


def read(tmp_path: Path, address: str = "http://social.test/@daily") -> list[ImportedItem]:
    pages = FetchedPages(WebFetcher(FetchRules(interval=0.0)), tmp_path / "pages", SystemClock())
    return list(WebSource(address, SourceSettings(), pages).items())


def test_the_posts_of_an_account_are_read(web: LocalWeb, tmp_path: Path) -> None:
    put(web, STATUSES, [status(3), status(2)])
    put(web, f"{STATUSES}&max_id=2", [status(1)])
    items = read(tmp_path)
    assert [item.published_on for item in items] == [date(2023, 5, 3), date(2023, 5, 2), date(2023, 5, 1)]
    first = items[0]
    assert (first.title, first.body, first.language, first.tags) == ("Skin", "It **heals**.", "ca", ("cells",))
    assert first.published_at == {"mastodon": "http://social.test/@daily/3"}
    assert first.key == "http://social.test/@daily/3"
    assert [(picture.addresses, picture.alt_text) for picture in first.pictures] == [
        (("http://files.test/3.png", "http://files.test/s.png"), "A disc")
    ]
    assert first.problems == ()


def test_what_is_of_others_or_not_public_is_left_out(web: LocalWeb, tmp_path: Path) -> None:
    hidden = [status(4, reblog={"id": "9"}), status(3, in_reply_to_id="9"), status(2, visibility="private")]
    put(web, STATUSES, [*hidden, status(1, visibility="unlisted"), "no status"])
    assert [item.key for item in read(tmp_path)] == ["http://social.test/@daily/1"]


def test_a_long_text_keeps_its_whole_body(web: LocalWeb, tmp_path: Path) -> None:
    linked = '<p>See <a href="http://x.test/">the wound</a></p>'
    put(web, STATUSES, [status(2, f"<p>{'word ' * 60}</p>"), status(1, linked)])
    long, link = read(tmp_path)
    assert (long.title.endswith("word…"), len(long.title) <= 121, long.body.count("word")) == (True, True, 60)
    assert (link.title, link.body) == ("See the wound", "See [the wound](http://x.test/)")


@pytest.mark.parametrize("answered", [{"id": "../../admin"}, {"error": "no"}, [], 7])
def test_a_strange_account_is_read_as_a_page(web: LocalWeb, tmp_path: Path, answered: object) -> None:
    put(web, LOOK_UP, answered)
    web.put("social.test/@daily", "<p>A page</p>")
    with pytest.raises(FetchRefused, match="names no feed"):
        read(tmp_path)
    assert web.requests[-1] == "social.test/@daily"


def test_a_listing_that_repeats_itself_ends(web: LocalWeb, tmp_path: Path) -> None:
    put(web, STATUSES, [status(2)])
    put(web, f"{STATUSES}&max_id=2", [status(2)])
    assert {item.key for item in read(tmp_path)} == {"http://social.test/@daily/2"}


def test_a_server_without_that_api_is_a_site(web: LocalWeb, tmp_path: Path) -> None:
    web.answers[LOOK_UP] = answer(404)
    web.put("social.test/@daily", '<link rel="alternate" type="application/rss+xml" href="/feed">')
    web.put(
        "social.test/feed", "<rss version='2.0'><channel><title>A</title><item><title>B</title></item></channel></rss>"
    )
    assert [item.title for item in read(tmp_path)] == ["B"]


def test_no_json_is_told(web: LocalWeb, tmp_path: Path) -> None:
    web.put(STATUSES, "[" * 100_000, "application/json")
    with pytest.raises(FetchRefused, match="no JSON"):
        read(tmp_path)


def test_a_content_warning_is_the_standfirst(web: LocalWeb, tmp_path: Path) -> None:
    put(web, STATUSES, [status(1, spoiler_text="Blood: a  wound")])
    assert read(tmp_path)[0].standfirst == "Blood: a wound"


def test_a_profile_whose_api_is_kept_from_programs_is_read_as_a_page(web: LocalWeb, tmp_path: Path) -> None:
    web.put("social.test/robots.txt", "User-agent: *\nDisallow: /api/\n", "text/plain")
    web.put("social.test/@daily", FEED, "application/atom+xml")
    assert [item.title for item in read(tmp_path)] == ["One"]
