"""Tests the search of the outlet's site: it finds what is public, by what is public."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path

import pytest

from publisher.db.models import Post
from publisher.posts.search_index import index_post
from tests.conftest import WriteDesk
from tests.public_site import TODAY, PublicSite, Visitor, open_public_site

LONG_AGO = date(2010, 6, 3)


@pytest.fixture
def site(tmp_path: Path, write_desk: WriteDesk) -> Iterator[PublicSite]:
    opened = open_public_site(write_desk(tmp_path / "desk"))
    yield opened
    opened.desk.database.close()


@pytest.fixture
def visitor(site: PublicSite) -> Iterator[Visitor]:
    with site.visit() as client:
        yield client


def index_all(site: PublicSite) -> None:
    with site.writing() as session:
        for post in session.query(Post):
            index_post(session, post)


def found(visitor: Visitor, text: str) -> bool:
    """Decides whether the search shows a post with a standfirst."""
    return "What " in visitor.get("/search", params={"q": text}).text


def test_an_unapproved_phrase_tells_nothing(site: PublicSite, visitor: Visitor) -> None:
    post = site.publish("Heron")
    site.change(post, body="A top secret thing.", state="in_review", approved_at=None)
    index_all(site)

    assert not found(visitor, 'heron "top secret"')
    assert not found(visitor, 'heron "secret top"')
    assert found(visitor, 'heron "sophie arthur"')


def test_a_phrase_alone_is_found(site: PublicSite, visitor: Visitor) -> None:
    site.publish("Grey heron")
    index_all(site)

    assert found(visitor, '"grey heron"')
    assert not found(visitor, '"heron grey"')


def test_a_word_is_looked_for_in_its_field(site: PublicSite, visitor: Visitor) -> None:
    post = site.publish("Heron", body="A stork.")
    site.change(post, title="Stork", body="A heron.", state="in_review", approved_at=None)
    index_all(site)

    assert not found(visitor, "title:stork")
    assert not found(visitor, "title:sophie")
    assert found(visitor, "by:sophie")


def test_posts_with_other_texts_crowd_out_no_public_one(site: PublicSite, visitor: Visitor) -> None:
    site.publish("About zebras", LONG_AGO)
    for number in range(70):
        day = TODAY - timedelta(days=number)
        site.publish(f"Post {number}", day, captions={"tumblr": "zebras"})
    index_all(site)

    page = visitor.get("/search?q=zebras").text
    assert "About zebras" in page
    assert "1 post<" in page


def test_it_says_when_it_found_more_than_it_shows(site: PublicSite, visitor: Visitor) -> None:
    for number in range(61):
        site.publish(f"Zebra {number}", TODAY - timedelta(days=number))
    index_all(site)

    assert "The first 60 posts are shown" in visitor.get("/search?q=zebra").text
    assert "Zebra 60" not in visitor.get("/search?q=zebra").text
