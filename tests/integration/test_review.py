"""From draft to approved: review, comments, a second person, and every version kept."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from publisher.db.session import Database
from publisher.post_queue import review
from publisher.post_queue.approval import approve
from publisher.post_queue.drafts import PostChanges
from publisher.post_queue.errors import PostError
from publisher.post_queue.posts import edit_post
from publisher.post_queue.versions import content_of, load_version, versions_of
from publisher.staff import accounts
from tests.queue_desk import Desk, open_desk

NINE = datetime(2026, 5, 4, 8, tzinfo=UTC)


@pytest.fixture
def desk(database: Database, tmp_path: Path) -> Desk:
    return open_desk(database, tmp_path, web={})


def edit(desk: Desk, post: int, actor: str, **changes: str) -> None:
    edit_post(
        desk.database,
        desk.store,
        post,
        PostChanges.model_validate(changes),
        now=NINE,
        actor=actor,
    )


def let_out(desk: Desk, post: int, actor: str) -> None:
    approve(desk.database, post, desk.settings, desk.targets, desk.people, now=NINE, actor=actor)


def test_a_draft_is_reviewed_sent_back_and_approved(desk: Desk) -> None:
    post = desk.post("Cells", NINE, state="draft")
    review.ask_for_review(desk.database, post, now=NINE, actor="ada")
    assert desk.load(post).state == "in_review"
    with pytest.raises(PostError, match="is in review; only a draft can be given to review"):
        review.ask_for_review(desk.database, post, now=NINE, actor="ada")
    review.send_back(desk.database, post, now=NINE, actor="bo")
    assert desk.load(post).state == "draft"
    review.ask_for_review(desk.database, post, now=NINE, actor="ada")
    let_out(desk, post, "bo")
    assert desk.load(post).state == "approved"
    with pytest.raises(PostError, match="is approved, not in review"):
        review.send_back(desk.database, post, now=NINE, actor="bo")


def test_a_post_in_review_does_not_go_out(desk: Desk) -> None:
    desk.post("Cells", NINE, state="in_review")
    assert desk.pick(NINE).result == "empty"


def test_where_a_second_person_is_wanted_nobody_approves_their_own_change(desk: Desk) -> None:
    outlet = desk.settings.outlet.model_copy(update={"second_person": True})
    desk.settings = desk.settings.model_copy(update={"outlet": outlet})
    post = desk.post("Cells", NINE, state="draft", edited_by="ada")
    with pytest.raises(PostError, match="wants a second person"):
        let_out(desk, post, "ada")
    let_out(desk, post, "bo")
    edit(desk, post, "bo", title="Neurons")
    with pytest.raises(PostError, match="wants a second person"):
        let_out(desk, post, "bo")
    let_out(desk, post, "ada")


def test_comments_are_kept_in_order_with_who_made_them(desk: Desk) -> None:
    post = desk.post("Cells", NINE, state="draft")
    ada, bo = (
        accounts.add_person(
            desk.database, email=f"{name}@example.org", name=name, roles=["editor"], password="a quiet long night",
            now=NINE, actor="test",
        )
        for name in ("ada", "bo")
    )  # fmt: skip
    review.add_comment(desk.database, post, ada, " Which stain? ", now=NINE, actor="ada")
    review.add_comment(desk.database, post, bo, "Golgi", now=NINE, actor="bo")
    with desk.database.reading() as session:
        said = [(each.person.name, each.text) for each in review.comments_of(session, post)]
    assert said == [("ada", "Which stain?"), ("bo", "Golgi")]
    with pytest.raises(PostError, match="the comment is empty"):
        review.add_comment(desk.database, post, bo, "  ", now=NINE, actor="bo")


def test_every_change_keeps_a_version_that_can_be_brought_back(desk: Desk) -> None:
    post = desk.post("Cells", NINE, state="draft", body="First")
    edit(desk, post, "ada", body="Second")
    edit(desk, post, "bo", body="Third", title="Neurons")
    with desk.database.reading() as session:
        kept = [(each.actor, each.content["body"]) for each in versions_of(session, post)]
        second = load_version(session, post, versions_of(session, post)[-1].version)
    assert kept == [("bo", "Third"), ("ada", "Second")]
    edit_post(
        desk.database, desk.store, post, PostChanges.model_validate(second.model_dump()), now=NINE, actor="bo",
    )  # fmt: skip
    assert content_of(desk.load(post)) == second
    with desk.database.reading() as session, pytest.raises(PostError, match="version 99 of post 1 was not kept"):
        load_version(session, post, 99)
