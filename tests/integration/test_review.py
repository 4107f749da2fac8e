"""Tests that posts are reviewed, commented on, approved by a second person, and stored in versions."""

from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest

from publisher.db.session import Database
from publisher.lifecycle import record_event
from publisher.posts import review
from publisher.posts.authors import OwnWork
from publisher.posts.drafts import PostChanges
from publisher.posts.errors import PostError
from publisher.posts.posts import withdraw_post
from publisher.posts.versions import content_of, load_version, versions_of
from publisher.schedule.approval import Approval
from publisher.schedule.bulk import BulkChanges
from publisher.schedule.order import FixedDate
from publisher.schedule.post_queue import PostQueue
from publisher.staff import accounts
from tests.queue_desk import Desk, open_desk

NINE = datetime(2026, 5, 4, 8, tzinfo=UTC)


@pytest.fixture
def desk(database: Database, tmp_path: Path) -> Desk:
    return open_desk(database, tmp_path, web={})


def edit(desk: Desk, post: int, actor: str, **changes: str) -> None:
    PostQueue(desk.at(NINE), actor).edit(post, PostChanges.model_validate(changes))


def approve_post(desk: Desk, post: int, actor: str) -> None:
    PostQueue(desk.at(NINE), actor).approve(post)


def test_a_draft_is_reviewed_sent_back_and_approved(desk: Desk) -> None:
    post = desk.post("Cells", NINE, state="draft")
    review.ask_for_review(desk.database, post, now=NINE, actor="ada")
    assert desk.load(post).state == "in_review"
    with pytest.raises(PostError, match="is in review; only a draft can be given to review"):
        review.ask_for_review(desk.database, post, now=NINE, actor="ada")
    review.send_back(desk.database, post, now=NINE, actor="bo")
    assert desk.load(post).state == "draft"
    review.ask_for_review(desk.database, post, now=NINE, actor="ada")
    approve_post(desk, post, "bo")
    assert desk.load(post).state == "approved"
    with pytest.raises(PostError, match="is approved, not in review"):
        review.send_back(desk.database, post, now=NINE, actor="bo")


def test_a_post_in_review_does_not_go_out(desk: Desk) -> None:
    desk.post("Cells", NINE, state="in_review")
    assert desk.pick(NINE).result == "empty"


@pytest.fixture
def two_people(desk: Desk) -> Desk:
    """Opens a desk whose outlet wants a second person to approve."""
    outlet = desk.settings.outlet.model_copy(update={"second_person": True})
    desk.settings = desk.settings.model_copy(update={"outlet": outlet})
    return desk


def written_by(desk: Desk, actor: str) -> int:
    """Adds a draft by an author, with its first version stored."""
    post = desk.post("Cells", NINE, state="draft", edited_by=actor)
    edit(desk, post, actor, body="Quiet cells.")
    return post


def refused(desk: Desk, post: int, *actors: str) -> None:
    for actor in actors:
        with pytest.raises(OwnWork, match="wants a second person"):
            approve_post(desk, post, actor)


def test_where_a_second_person_is_wanted_nobody_approves_their_own_change(two_people: Desk) -> None:
    desk = two_people
    post = desk.post("Cells", NINE, state="draft", edited_by="ada")
    refused(desk, post, "ada")
    approve_post(desk, post, "bo")
    edit(desk, post, "bo", title="Neurons")
    refused(desk, post, "bo")
    approve_post(desk, post, "ada")


def test_two_authors_of_one_change_can_not_approve_it(two_people: Desk) -> None:
    desk = two_people
    post = written_by(desk, "ada")
    edit_tags(desk, post, "bo", "cells")
    refused(desk, post, "ada", "bo")
    with pytest.raises(OwnWork) as refusal:
        approve_post(desk, post, "ada")
    assert str(refusal.value) == (
        f"post {post} has changes by you that nobody else has approved (body, credit, images, language, licence, "
        "title), and this outlet wants a second person to approve them; any editor or admin who is not among its "
        "authors (you, bo) can approve it"
    )
    approve_post(desk, post, "cy")


def test_who_moves_a_date_or_comments_or_asks_for_review_is_no_author(two_people: Desk) -> None:
    desk = two_people
    post = written_by(desk, "ada")
    embargo = PostChanges.model_validate({"embargo_until": "2026-05-05T08:00:00Z"})
    PostQueue(desk.at(NINE), "bo").edit(post, embargo)
    PostQueue(desk.at(NINE), "bo").move(post, FixedDate(date(2026, 6, 1)))
    review.ask_for_review(desk.database, post, now=NINE, actor="bo")
    refused(desk, post, "ada")
    approve_post(desk, post, "bo")


def test_what_a_second_person_approved_counts_for_nobody_afterwards(two_people: Desk) -> None:
    desk = two_people
    post = written_by(desk, "ada")
    approve_post(desk, post, "bo")
    edit(desk, post, "bo", body="Loud cells.")
    refused(desk, post, "bo")
    approve_post(desk, post, "ada")
    edit(desk, post, "cy", title="Neurons")
    edit(desk, post, "ada", title="Cells", body="Loud cells.")
    approve_post(desk, post, "ada")


def test_who_takes_their_own_change_back_is_no_author(two_people: Desk) -> None:
    desk = two_people
    post = written_by(desk, "ada")
    edit_tags(desk, post, "bo", "cells")
    edit_tags(desk, post, "bo")
    approve_post(desk, post, "bo")


def test_a_restored_version_has_the_one_who_restored_it_among_its_authors(two_people: Desk) -> None:
    desk = two_people
    post = written_by(desk, "ada")
    approve_post(desk, post, "bo")
    edit(desk, post, "ada", body="Unseen.")
    with desk.database.reading() as session:
        unseen = load_version(session, post, versions_of(session, post)[0].version)
    edit(desk, post, "cy", body="Quiet cells.")
    changes = PostChanges.model_validate(unseen.model_dump())
    PostQueue(desk.at(NINE), "bo").edit(post, changes)
    refused(desk, post, "ada", "bo")
    approve_post(desk, post, "di")


def test_a_withdrawal_takes_the_approval_back(two_people: Desk) -> None:
    desk = two_people
    post = written_by(desk, "ada")
    approve_post(desk, post, "bo")
    withdraw_post(desk.database, post, NINE, "bo")
    refused(desk, post, "ada")
    approve_post(desk, post, "bo")


def test_several_posts_approved_at_once_and_an_undo_follow_the_rule(two_people: Desk) -> None:
    desk = two_people
    post = written_by(desk, "ada")
    edit_tags(desk, post, "bo", "cells")
    ada = BulkChanges(desk.at(NINE), "ada")
    assert [refusal.post_id for refusal in ada.approve([post], {}).refused] == [post]
    approve_post(desk, post, "cy")
    tagged = ada.tag([post], add=["neurons"])
    refused(desk, post, "ada")
    assert tagged.undo is not None
    ada.undo(tagged.undo, may_approve=True)
    assert desk.load(post).state == "approved", "it is again what somebody else approved"
    taken_back = ada.withdraw([post])
    assert taken_back.undo is not None
    ada.undo(taken_back.undo, may_approve=True)
    assert desk.load(post).state == "withdrawn"


@pytest.mark.parametrize("act", ["withdraw", "tag"])
def test_an_undo_approves_no_change_that_comes_at_the_same_moment(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, act: str
) -> None:
    post = desk.post("Cells", NINE)
    bo = BulkChanges(desk.at(NINE), "bo")
    taken_back = bo.withdraw([post]) if act == "withdraw" else bo.tag([post], add=["neurons"])
    assert taken_back.undo is not None

    approve = PostQueue.approve

    def approve_late(*arguments: Any, **options: Any) -> Approval:
        edit(desk, post, "ada", body="Unseen.")
        return approve(*arguments, **options)

    monkeypatch.setattr(PostQueue, "approve", approve_late)
    undone = bo.undo(taken_back.undo, may_approve=True)
    assert [refusal.post_id for refusal in undone.refused] == [post]
    assert (desk.load(post).body, desk.load(post).state == "approved") == ("Unseen.", False)


def test_a_long_name_is_compared_as_far_as_it_is_kept(two_people: Desk) -> None:
    desk = two_people
    long_name = f"{'a' * 130}@example.org"
    refused(desk, written_by(desk, long_name), long_name)


def test_the_history_of_an_older_desk_has_the_last_author_alone(two_people: Desk) -> None:
    """Tests a desk without versions and approved version: whoever is not known as an author may approve."""
    desk = two_people
    post = desk.post("Cells", NINE, edited_by="ada")
    with desk.database.writing() as session:
        record_event(session, "post approved", now=NINE, post_id=post, actor="bo")
    edit(desk, post, "ada", body="Unseen.")
    refused(desk, post, "ada")
    approve_post(desk, post, "bo")
    with desk.database.reading() as session:
        assert [(version.version, version.actor) for version in versions_of(session, post)] == [(2, "ada"), (1, "ada")]


def edit_tags(desk: Desk, post: int, actor: str, *tags: str) -> None:
    PostQueue(desk.at(NINE), actor).edit(post, PostChanges.model_validate({"tags": tags}))


def test_comments_are_kept_in_order_with_who_made_them(desk: Desk) -> None:
    post = desk.post("Cells", NINE, state="draft")
    ada, bo = (
        accounts.add_person(
            desk.database, accounts.NewPerson(f"{name}@example.org", name, ["editor"]), password="a quiet long night",
            now=NINE, actor="test",
        )
        for name in ("ada", "bo")
    )  # fmt: skip
    desk.instant = NINE
    PostQueue(desk, "ada").add_comment(post, ada, " Which stain? ")
    PostQueue(desk, "bo").add_comment(post, bo, "Golgi")
    with desk.database.reading() as session:
        comments = [
            (comment.person and comment.person.name, comment.text) for comment in review.comments_of(session, post)
        ]
    assert comments == [("ada", "Which stain?"), ("bo", "Golgi")]
    with pytest.raises(PostError, match="the comment is empty"):
        PostQueue(desk, "bo").add_comment(post, bo, "  ")


def test_every_change_keeps_a_version_that_can_be_brought_back(desk: Desk) -> None:
    post = desk.post("Cells", NINE, state="draft", body="First")
    edit(desk, post, "ada", body="Second")
    edit(desk, post, "bo", body="Third", title="Neurons")
    with desk.database.reading() as session:
        versions = [(version.actor, version.content["body"]) for version in versions_of(session, post)]
        second = load_version(session, post, versions_of(session, post)[-1].version)
    assert versions == [("bo", "Third"), ("ada", "Second")]
    PostQueue(desk.at(NINE), "bo").edit(post, PostChanges.model_validate(second.model_dump()))
    assert content_of(desk.load(post)) == second
    with desk.database.reading() as session, pytest.raises(PostError, match="version 99 of post 1 was not kept"):
        load_version(session, post, 99)
