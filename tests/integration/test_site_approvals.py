"""Tests that the site shows what is approved now: neither an approval that was taken back, nor a withdrawn post."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest

from publisher.db.models import Post
from publisher.posts.drafts import PostChanges, check_input
from publisher.schedule.bulk import BulkChanges
from publisher.schedule.post_queue import PostQueue
from tests.conftest import WriteDesk
from tests.public_site import PublicSite, Visitor, open_public_site

DAY = date(2022, 2, 12)
PATH = "/archive/2022/2/12"


@pytest.fixture
def site(tmp_path: Path, write_desk: WriteDesk, monkeypatch: pytest.MonkeyPatch) -> Iterator[PublicSite]:
    """Opens a site whose channels refuse nothing, since there are none."""
    opened = open_public_site(write_desk(tmp_path / "desk"))
    monkeypatch.setattr(opened.desk, "settings", opened.desk.settings.model_copy(update={"channels": {}}))
    yield opened
    opened.desk.database.close()


@pytest.fixture
def visitor(site: PublicSite) -> Iterator[Visitor]:
    with site.visit() as client:
        yield client


def edit(site: PublicSite, post: int, title: str) -> None:
    PostQueue(site.desk, "tomas").edit(post, check_input(PostChanges, {"title": title}))


def approve_and_undo(site: PublicSite, post: int) -> None:
    changes = BulkChanges(site.desk, "mar")
    with site.desk.database.reading() as session:
        seen = {post: session.get_one(Post, post).version}
    done = changes.approve([post], seen)
    assert done.refused == ()
    assert done.undo is not None
    assert changes.undo(done.undo, may_approve=True).refused == ()
    site.clock.advance(seconds=10)


def approved_version(site: PublicSite, post: int) -> int | None:
    with site.desk.database.reading() as session:
        return session.get_one(Post, post).approved_version


def test_an_approval_that_was_taken_back_leaves_the_imported_text(site: PublicSite, visitor: Visitor) -> None:
    post = site.import_post("Heron", DAY, images=[])
    edit(site, post, "Stork")

    approve_and_undo(site, post)

    assert "Heron" in visitor.get(PATH).text
    assert "Stork" not in visitor.get(PATH).text
    assert approved_version(site, post) is None


def test_an_approval_that_was_taken_back_gives_back_the_one_before(site: PublicSite, visitor: Visitor) -> None:
    post = site.publish("Heron", DAY, images=[])
    before = approved_version(site, post)
    edit(site, post, "Stork")

    approve_and_undo(site, post)

    assert "Heron" in visitor.get(PATH).text
    assert "Stork" not in visitor.get(PATH).text
    assert approved_version(site, post) == before


def test_an_undone_withdrawal_keeps_the_approved_text(site: PublicSite, visitor: Visitor) -> None:
    post = site.import_post("Heron", DAY, images=[])
    PostQueue(site.desk, "mar").approve(post)
    edit(site, post, "Stork")
    before = approved_version(site, post)
    changes = BulkChanges(site.desk, "mar")
    done = changes.withdraw([post])
    assert done.undo is not None

    assert changes.undo(done.undo, may_approve=True).refused == ()

    site.clock.advance(seconds=10)
    assert approved_version(site, post) == before
    assert "Heron" in visitor.get(PATH).text


def test_an_old_address_with_zeros_leads_to_its_own_post(site: PublicSite, visitor: Visitor) -> None:
    site.import_post("Heron", DAY)
    site.import_post("Stork", date(2022, 3, 1), link="https://cells.example.org/archive/2022/02/12")

    assert visitor.get("/archive/2022/02/12").headers["location"] == "/archive/2022/3/1"
    assert visitor.get("/archive/2022/02").headers["location"] == "/archive/2022/2"
