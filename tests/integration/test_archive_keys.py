"""Tests that an import tells the posts of an export apart by their keys, whatever became of them meanwhile."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest
from sqlalchemy import select

from publisher.archive.export import export_archive
from publisher.db.models import Delivery, Pick, Post
from publisher.db.operations import Channel
from publisher.posts.approved import end_approval
from publisher.posts.drafts import PostDraft, check_input
from publisher.posts.pictures import store_pictures
from publisher.posts.posts import add_post
from publisher.posts.public_posts import PublicPosts
from publisher.posts.published_elsewhere import PublishedPost, add_published
from tests.fakes import adapted_post
from tests.integration.test_archive_export import NOW, bring_back, new_desk
from tests.integration.test_import import draw_other
from tests.queue_desk import Desk


@pytest.fixture
def desk(tmp_path: Path, sqlite_template: Path) -> Desk:
    return new_desk(tmp_path / "first", sqlite_template)


def add_shown(desk: Desk, values: dict[str, object]) -> int:
    """Adds an approved post that this desk has published today."""
    post = add_post(desk.database, desk.store, check_input(PostDraft, values), NOW, "ada").id
    with desk.database.writing() as session:
        row = session.get_one(Post, post)
        row.state, row.approved_at, row.last_shown_on = "approved", NOW, NOW.date()
        row.approved_version = row.version
        pick = Pick(slot=NOW.date(), reason="queue", picked_at=NOW, post_id=post)
        session.add_all([pick, Channel(name="web", platform="fake")])
        session.flush()
        delivery = Delivery(
            pick_id=pick.id, channel_name="web", part=0, state="published", due_at=NOW, scheduled_at=NOW,
            expires_at=NOW, token="t" * 12, adapted=adapted_post().model_dump(mode="json"), remote_id="7",
            remote_url="https://fake.example/7", published_at=NOW, sent_at=NOW, idempotency_key="k",
        )  # fmt: skip
        session.add(delivery)
    return post


def outcomes(desk: Desk, folder: Path) -> list[str]:
    return [outcome.outcome.value for outcome in bring_back(desk, folder)]


@pytest.mark.parametrize("state", ["draft", "withdrawn"])
def test_a_post_of_the_desk_is_itself_after_a_change(state: str, desk: Desk, tmp_path: Path) -> None:
    post = add_shown(desk, {"title": "Plain words", "body": "first body"})
    export_archive(desk, tmp_path / "out", "jsonl")
    with desk.database.writing() as session:
        row = session.get_one(Post, post)
        end_approval(session, row, state, NOW)
        row.title, row.body = "Better words", "edited"
    with desk.database.reading() as session:
        public = PublicPosts(session, NOW, NOW.date()).versions()
    assert outcomes(desk, tmp_path / "out") == ["same"]
    assert outcomes(desk, tmp_path / "out") == ["unchanged"]
    with desk.database.reading() as session:
        assert list(session.scalars(select(Post.id))) == [post]
        assert PublicPosts(session, NOW, NOW.date()).versions() == public


def test_two_posts_that_look_the_same_both_come_back(desk: Desk, tmp_path: Path, sqlite_template: Path) -> None:
    draw_other(tmp_path / "cell.png", 1)
    for number, day in enumerate((date(2019, 6, 3), date(2022, 6, 3))):
        images = [{"file": tmp_path / "cell.png", "alt_text": "A"}]
        draft = check_input(PostDraft, {"title": "Picture of the week", "body": f"Body {number}", "images": images})
        with desk.database.writing() as session:
            published = PublishedPost(draft, store_pictures(desk.store, draft.images), day)
            add_published(session, published, now=NOW, actor="import 1")
    export_archive(desk, tmp_path / "out", "jsonl")
    assert outcomes(new_desk(tmp_path / "second", sqlite_template), tmp_path / "out") == ["made", "made"]
