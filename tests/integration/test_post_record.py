"""Tests the page that says where a post came from, who had a hand in it, and what became of it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path

import pytest
from sqlalchemy import update

from publisher.archive.provenance import provenance_of
from publisher.core.clock import FixedClock
from publisher.core.states import AttemptOutcome
from publisher.db.models import Attempt, Delivery, Post
from publisher.db.session import Database
from publisher.lifecycle import record_event
from publisher.posts.drafts import PostDraft
from publisher.posts.posts import add_post
from publisher.posts.versions import store_version
from tests.conftest import WriteDesk, on_every_database
from tests.desk_site import Client, Site, open_starter_site
from tests.fakes import add_delivery
from tests.public_site import NOW, PublicSite

LINK = "https://example.tumblr.com/post/77"


@pytest.fixture
def site(tmp_path: Path, write_desk: WriteDesk) -> Iterator[Site]:
    with open_starter_site(write_desk(tmp_path), FixedClock(NOW)) as opened:
        yield opened


@pytest.fixture
def reader(site: Site) -> Client:
    return site.client("contributor")


def published(database: Database, *, read_back: AttemptOutcome | None = None) -> int:
    """Adds a post that is out on one channel and fails on another, and returns its id."""
    first = add_delivery(database, NOW, channel="tumblr", title="Heron")
    with database.writing() as session:
        delivery = session.get_one(Delivery, first)
        values = {"state": "published", "remote_id": "77", "remote_url": LINK, "published_at": NOW}
        session.execute(update(Delivery).where(Delivery.id == first).values(**values))
        if read_back is not None:
            at = NOW + timedelta(minutes=5)
            attempt = Attempt(
                delivery_id=first, kind="verify", fence=1, worker="w", started_at=at, ended_at=at, outcome=read_back
            )
            session.add(attempt)
        post = delivery.pick.post_id
        assert post is not None
        return post


def record_of(client: Client, post: int) -> str:
    page = client.get(f"/posts/{post}/record")
    assert page.status_code == 200
    return re.sub(r"\s+", " ", page.text)


def test_it_says_who_entered_changed_and_approved_a_post(site: Site, reader: Client) -> None:
    draft = PostDraft(title="Heron", written_by="Sophie Arthur", credit="Jane Doe", licence="CC BY 4.0")
    post = add_post(site.desk.database, site.desk.store, draft, NOW, "mar@example.org").id
    with site.desk.database.writing() as session:
        row = session.get_one(Post, post)
        row.title = "Grey heron"
        session.flush()
        store_version(session, row, now=NOW + timedelta(hours=1), actor="tomas@example.org")
        detail = {"version": row.version}
        record_event(session, "post approved", now=NOW, post_id=post, actor="ines@example.org", detail=detail)
    page = record_of(reader, post)

    assert re.search(r"Came in</dt><dd><time [^>]*>[^<]*</time>, mar@example\.org", page)
    assert "<dd>this desk</dd>" in page
    assert re.search(r"Written by</dt><dd[^>]*>Sophie Arthur", page)
    assert re.search(r"Entered by</dt><dd>mar@example\.org", page)
    assert re.search(r"Changed by</dt><dd>tomas@example\.org", page)
    assert re.search(r"Approved by</dt><dd>ines@example\.org", page)
    assert "Jane Doe · CC BY 4.0" in page
    assert "It was not picked for a day yet." in page


def test_it_says_what_each_platform_showed(site: Site, reader: Client) -> None:
    post = published(site.desk.database, read_back=AttemptOutcome.AS_SENT)
    page = record_of(reader, post)

    assert f'<a href="{LINK}" rel="noreferrer">{LINK}</a>' in page
    assert re.search(r'Tumblr</a> <span class="chip good">', page)
    assert "read-back: as sent" in page
    assert "It is still to be read back" not in page


def test_it_says_that_nothing_was_read_back(site: Site, reader: Client) -> None:
    page = record_of(reader, published(site.desk.database))

    assert "It was not read back." in page
    assert "Approved by</dt><dd>it is not known who" in page


def test_it_says_which_import_brought_a_post(site: Site, reader: Client) -> None:
    public = PublicSite(site.desk, FixedClock(NOW))
    post = public.import_post("Stork", date(2022, 2, 12), link="https://old.example/stork.html")
    page = record_of(reader, post)

    assert "an import of <code>x</code>" in page
    assert "12 February 2022" in page or "2022-02-12" in page
    assert '<a href="https://old.example/stork.html"' in page
    assert re.search(r"\(SHA-256\) <code>[0-9a-f]{64}</code>", page)
    assert "Approved by</dt><dd>nobody yet" in page


def test_a_posts_page_leads_to_it(site: Site, reader: Client) -> None:
    post = published(site.desk.database)
    page = reader.get(f"/posts/{post}").text

    assert f'href="/posts/{post}/record"' in page
    assert reader.get("/posts/999999/record").status_code == 404


@on_every_database
def test_both_databases_know_the_same(database: Database) -> None:
    post = published(database, read_back=AttemptOutcome.DIFFERS)
    with database.reading() as session:
        record = provenance_of(session, session.get_one(Post, post))

    (day,) = record.days
    (showing,) = day.showings
    assert (showing.channel, showing.state, showing.url, showing.read_back) == (
        "tumblr", "published", LINK, AttemptOutcome.DIFFERS
    )  # fmt: skip
    assert record.decisions == ()
