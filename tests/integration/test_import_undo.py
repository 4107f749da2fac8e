"""Tests that an import which changed posts gives them their former text when it is taken back."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from publisher.db.models import Post
from publisher.db.session import Database
from publisher.intake.undoing import undo_import
from publisher.posts.drafts import PostChanges
from publisher.posts.old_addresses import post_of_old_address
from publisher.posts.published_links import published_links
from publisher.schedule.post_queue import PostQueue
from tests.conftest import on_every_database
from tests.integration.test_import import NOW, draw_other, outcomes, record, run, write
from tests.queue_desk import Desk, open_desk


@pytest.fixture
def desk(database: Database, tmp_path: Path) -> Desk:
    return open_desk(database, tmp_path).at(NOW)


@pytest.fixture
def file(desk: Desk, tmp_path: Path) -> Path:
    """Returns a source that was imported already, by import 1."""
    (tmp_path / "source").mkdir()
    change(tmp_path / "source" / "posts.jsonl")
    run(desk, tmp_path / "source" / "posts.jsonl")
    return tmp_path / "source" / "posts.jsonl"


def change(file: Path, **values: Any) -> None:
    write(file, [record(number, **values) for number in range(3)])


def undo(desk: Desk, number: int) -> list[tuple[int, str]]:
    return [(one.post_id, one.result.value) for one in undo_import(desk.database, number, now=NOW, actor="ana")]


def told(desk: Desk, post: int) -> tuple[str, str, str]:
    with desk.database.reading() as session:
        found = session.get_one(Post, post)
        return found.title, str(found.published_elsewhere_on), published_links(session, post)["site"]


@on_every_database
def test_what_an_import_changed_is_given_back(desk: Desk, file: Path) -> None:
    with desk.database.reading() as session:
        pictures = [image.media_sha256 for image in session.get_one(Post, 1).images]
    before = [told(desk, post) for post in (1, 2, 3)]
    draw_other(file.parent / "0.png", 77)
    change(file, title="Theirs", date="2021-05-05", address="", links_on={"site": "https://new.example/x"})
    assert outcomes(run(desk, file)) == ["updated"] * 3
    assert undo(desk, 2) == [(1, "restored"), (2, "restored"), (3, "restored")]
    assert [told(desk, post) for post in (1, 2, 3)] == before
    with desk.database.reading() as session:
        post = session.get_one(Post, 1)
        assert [image.media_sha256 for image in post.images] == pictures
        assert str(post.last_shown_on) == "2020-01-01"
    assert outcomes(run(desk, file)) == ["updated"] * 3


def test_the_source_as_it_was_is_unchanged_after_the_undo(desk: Desk, file: Path) -> None:
    change(file, title="Theirs")
    run(desk, file)
    undo(desk, 2)
    change(file)
    assert outcomes(run(desk, file)) == ["unchanged"] * 3


def test_a_post_that_was_edited_since_stays_and_is_told(desk: Desk, file: Path) -> None:
    change(file, title="Theirs")
    run(desk, file)
    PostQueue(desk, "ana").edit(2, PostChanges(title="Mine"))
    assert undo(desk, 2) == [(1, "restored"), (2, "kept"), (3, "restored")]
    assert [told(desk, post)[0] for post in (1, 2, 3)] == ["Picture 0", "Mine", "Picture 2"]


@on_every_database
def test_the_last_of_two_changes_is_taken_back_first(desk: Desk, file: Path) -> None:
    for title in ("Second", "Third"):
        change(file, title=title)
        run(desk, file)
    assert undo(desk, 3) == [(1, "restored"), (2, "restored"), (3, "restored")]
    assert told(desk, 1)[0] == "Second"
    assert undo(desk, 2) == [(1, "restored"), (2, "restored"), (3, "restored")]
    assert told(desk, 1)[0] == "Picture 0"
    assert undo(desk, 1) == [(1, "removed"), (2, "removed"), (3, "removed")]


def test_what_a_later_import_changed_again_stays_and_is_told(desk: Desk, file: Path) -> None:
    for title in ("Second", "Third"):
        change(file, title=title)
        run(desk, file)
    assert undo(desk, 2) == [(1, "changed later"), (2, "changed later"), (3, "changed later")]
    assert told(desk, 1)[0] == "Third"


def test_a_killed_undo_goes_on(desk: Desk, file: Path) -> None:
    change(file, title="Theirs")
    run(desk, file)
    killed = undo_import(desk.database, 2, now=NOW, actor="ana")
    next(killed)
    killed.close()
    assert undo(desk, 2) == [(2, "restored"), (3, "restored")]
    assert [told(desk, post)[0] for post in (1, 2, 3)] == ["Picture 0", "Picture 1", "Picture 2"]


@on_every_database
@pytest.mark.parametrize(
    ("address", "path", "found"),
    [
        ("https://old.example/archive/2019/6/3", "/archive/2019/6/3", True),
        ("https://old.example/archive/2019/6/3/index.html", "/archive/2019/6/3/?from=mail", True),
        ("https://old.example/c%C3%A8l%C2%B7lula", "/cèl·lula/", True),
        ("https://old.example/?p=7", "/?p=7", True),
        ("https://old.example/?p=7", "/?p=8", False),
        ("https://old.example/", "/", False),
        ("https://old.example/a", "//evil.example/b", False),
        ("https://old.example/" + "a" * 5_000, "/" + "a" * 5_000, True),
        ("https://old.example/a", "/[", False),
    ],
)
def test_a_post_is_found_by_its_old_address(desk: Desk, file: Path, address: str, path: str, found: bool) -> None:
    write(file, [record(0, address=address)])
    run(desk, file)
    with desk.database.reading() as session:
        assert post_of_old_address(session, path) == (1 if found else None)


def test_the_outlets_own_site_comes_before_other_platforms(desk: Desk, file: Path) -> None:
    write(file, [
        record(0, address="", links_on={"tumblr": "https://t.example/same"}),
        record(1, address="https://old.example/same"),
    ])  # fmt: skip
    run(desk, file)
    with desk.database.reading() as session:
        assert post_of_old_address(session, "/same") == 2
