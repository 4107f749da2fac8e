"""Tests that a post which was published elsewhere is known to all, and that nothing sends it."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select, text

from publisher.db.imports import Import, ItemKey, PublishedLink
from publisher.db.models import UNAPPROVED, Delivery, Post
from publisher.db.session import Database
from publisher.posts.drafts import ImageDraft, PostDraft
from publisher.posts.errors import PostError
from publisher.posts.pictures import store_pictures
from publisher.posts.post_store import last_day_out, load_post
from publisher.posts.published_elsewhere import (
    PublishedPost,
    add_published,
    has_history_here,
    is_as_imported,
    remove_published,
    update_published,
)
from publisher.posts.repeats import repeats_of
from publisher.posts.search import find_posts
from publisher.schedule.approval import every_problem
from publisher.schedule.order import End, FixedDate, Front, Reserve
from publisher.schedule.post_queue import PostQueue
from publisher.schedule.projection import project
from publisher.schedule.waiting import QueueFilter, count_places, read_waiting
from tests.conftest import on_every_database
from tests.outlet import draw
from tests.queue_desk import Desk, open_desk

NOW = datetime(2026, 5, 4, 7, 0, tzinfo=UTC)
DAY = date(2022, 2, 12)
TEXT: dict[str, Any] = {"title": "A cell", "body": "Nothing moves here.", "credit": "Jane Doe", "licence": "CC BY 4.0"}


@pytest.fixture
def desk(database: Database, tmp_path: Path) -> Desk:
    return open_desk(database, tmp_path).at(NOW)


def publish_elsewhere(desk: Desk, folder: Path, day: date = DAY, link: str = "https://old.example/1") -> int:
    """Adds a post that was published elsewhere, as an import does, and returns its id."""
    picture = folder / "cell.png"
    draw(picture)
    draft = PostDraft(**TEXT, images=(ImageDraft(file=picture, alt_text="A disc"),))
    published = PublishedPost(draft, store_pictures(desk.store, draft.images), day)
    with desk.database.writing() as session:
        post = add_published(session, published, now=NOW, actor="import 1")
        run = Import(source="x", source_key=str(day), actor="cli", started_at=NOW)
        session.add(run)
        session.flush()
        item = ItemKey(
            import_id=run.id, key=str(day), digest="0", post_id=post.id, made_post=True, post_version=post.version
        )
        session.add(item)
        session.flush()
        session.add(PublishedLink(post_id=post.id, item_id=item.id, platform="site", url=link))
        return post.id


@on_every_database
def test_no_list_of_what_waits_has_it(desk: Desk, tmp_path: Path) -> None:
    publish_elsewhere(desk, tmp_path)
    with desk.database.reading() as session:
        assert count_places(session) == {"fixed date": 0, "queue": 0, "reserve": 0}
        assert read_waiting(session, QueueFilter(), 0, 10) == []
        assert next(project(session, desk.settings, NOW)).post_id is None
        assert [post.title for post in find_posts(session, state="shown")] == ["A cell"]
        assert find_posts(session, state="draft") == []
        assert [post.title for post in find_posts(session, "moves")] == ["A cell"]


@on_every_database
def test_no_day_picks_it(desk: Desk, tmp_path: Path) -> None:
    publish_elsewhere(desk, tmp_path)
    desk.pick(NOW + timedelta(hours=2))
    assert [pick.post_id for pick in desk.picks()] == [None]
    with desk.database.reading() as session:
        assert session.scalars(select(Delivery)).all() == []


@pytest.mark.parametrize("place", [End(), Front(), FixedDate(NOW.date() + timedelta(days=3))])
def test_it_has_no_place_in_the_queue(desk: Desk, tmp_path: Path, place: Any) -> None:
    post = publish_elsewhere(desk, tmp_path)
    with pytest.raises(PostError, match=f"post {post} was published elsewhere on 2022-02-12; it can go to the reserve"):
        PostQueue(desk, "ana").move(post, place)


def test_the_reserve_shows_it_once_a_person_has_approved_it(desk: Desk, tmp_path: Path) -> None:
    post = publish_elsewhere(desk, tmp_path)
    queue = PostQueue(desk, "ana")
    queue.move(post, Reserve())
    desk.pick(NOW + timedelta(hours=2))
    assert [pick.post_id for pick in desk.picks()] == [None]
    queue.approve(post)
    desk.pick(NOW + timedelta(hours=3))
    assert [pick.post_id for pick in desk.picks()] == [post]


@on_every_database
def test_a_new_post_with_its_picture_names_the_day_and_the_link(desk: Desk, tmp_path: Path) -> None:
    publish_elsewhere(desk, tmp_path)
    repeat = PostDraft(**TEXT, images=(ImageDraft(file=tmp_path / "cell.png", alt_text="A disc"),))
    added = PostQueue(desk, "ana").add(repeat).id
    with desk.database.reading() as session:
        problems = repeats_of(session, load_post(session, added))
        assert [str(problem.problem.problem.message) for problem in problems] == [
            "Picture 1 is the same as in post 1 “A cell”, shown on 2022-02-12 at https://old.example/1.",
            "Its text is the same as that of post 1 “A cell”, shown on 2022-02-12 at https://old.example/1.",
        ]
        assert all(problem.problem.blocking for problem in problems)


def test_its_own_problems_block_nothing(desk: Desk, tmp_path: Path) -> None:
    one, other = publish_elsewhere(desk, tmp_path), publish_elsewhere(desk, tmp_path, date(2023, 1, 1))
    with desk.database.reading() as session:
        assert last_day_out(session, one) == DAY
        repeats = [problem for problem in every_problem(session, load_post(session, other), desk)]
        assert not any(problem.problem.blocking for problem in repeats)


@on_every_database
def test_only_what_nobody_touched_is_removed(desk: Desk, tmp_path: Path) -> None:
    post_id = publish_elsewhere(desk, tmp_path)
    with desk.database.reading() as session:
        assert is_as_imported(session, load_post(session, post_id), 1)
        assert not has_history_here(session, load_post(session, post_id))
    PostQueue(desk, "ana").move(post_id, Reserve())
    with desk.database.writing() as session:
        post = load_post(session, post_id)
        assert not is_as_imported(session, post, 1)
        assert has_history_here(session, post)
    other = publish_elsewhere(desk, tmp_path, date(2023, 1, 1))
    with desk.database.writing() as session:
        remove_published(session, load_post(session, other))
    with desk.database.reading() as session:
        assert session.scalars(select(Post.id)).all() == [post_id]
        assert len(session.scalars(select(PublishedLink)).all()) == len(session.scalars(select(ItemKey)).all()) == 1
        assert [post.id for post in find_posts(session, "moves")] == [post_id]


def test_an_update_brings_texts_and_day(desk: Desk, tmp_path: Path) -> None:
    post_id = publish_elsewhere(desk, tmp_path)
    draft = PostDraft(**{**TEXT, "title": "Corrected"})
    with desk.database.writing() as session:
        post = load_post(session, post_id)
        update_published(session, post, PublishedPost(draft, (), date(2022, 2, 13)), now=NOW, actor="import 2")
    with desk.database.reading() as session:
        post = load_post(session, post_id)
        assert (post.title, post.images, post.published_elsewhere_on) == ("Corrected", [], date(2022, 2, 13))
        assert post.last_shown_on == date(2022, 2, 13)
        assert is_as_imported(session, post, post.version)
        assert [found.title for found in find_posts(session, "corrected")] == ["Corrected"]


def test_thousands_of_them_cost_the_list_of_drafts_nothing(desk: Desk, tmp_path: Path) -> None:
    publish_elsewhere(desk, tmp_path)
    drafts = select(Post.id).where(Post.state == "draft", UNAPPROVED).order_by(Post.id.desc()).limit(50)
    with desk.database.reading() as session:
        written = drafts.compile(session.connection(), compile_kwargs={"literal_binds": True})
        plan = session.execute(text(f"EXPLAIN QUERY PLAN {written}")).all()
        assert [row.detail for row in plan] == ["SEARCH post USING INDEX ix_post_unapproved (state=?)"]
        assert session.scalars(drafts).all() == []
