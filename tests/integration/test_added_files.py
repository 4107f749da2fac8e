"""Tests that the same post file is added once, and that a person can still add it again."""

from __future__ import annotations

import json
import threading
from datetime import datetime
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from sqlalchemy import select

from publisher.cli.main import cli
from publisher.db.models import Post
from publisher.db.session import Database
from publisher.intake.sources import identify_source
from publisher.posts.drafts import PostDraft
from publisher.posts.sources import PostSource, find_added_before, store_first_source, store_source
from tests.conftest import OpenOutlet, on_every_database
from tests.outlet import Outlet, draw
from tests.queue_desk import open_desk

TEXT = """\
---
title: {title}
credit: Jane Doe
licence: CC BY 4.0
images:
  - {{file: cell.png, alt: A pale disc on black}}
---
{title}: nothing moves, and nobody sees it.
"""


@pytest.fixture
def outlet(open_outlet: OpenOutlet) -> Outlet:
    return open_outlet("tumblr")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    posts = tmp_path / "posts"
    posts.mkdir()
    draw(posts / "cell.png")
    for title in ("One", "Two"):
        (posts / f"{title.lower()}.md").write_text(TEXT.format(title=title), encoding="utf-8")
    return posts


def run(outlet: Outlet, *arguments: str) -> Result:
    return CliRunner().invoke(cli, ["--config", str(outlet.config), *arguments])


def titles(outlet: Outlet) -> list[str]:
    with outlet.desk.database.reading() as session:
        return list(session.scalars(select(Post.title).order_by(Post.id)))


def test_the_same_folder_again_adds_nothing(outlet: Outlet, folder: Path) -> None:
    assert run(outlet, "add", str(folder)).exit_code == 0
    again = run(outlet, "add", str(folder))
    assert again.exit_code == 0
    assert f"{folder / 'one.md'} is post 1 “One” already; it is not added again." in again.output
    rows = json.loads(run(outlet, "add", str(folder), "--json").output)
    assert [(row["id"], row["added"], row["changed_since"]) for row in rows] == [(1, False, False), (2, False, False)]
    assert titles(outlet) == ["One", "Two"]


def test_a_copy_elsewhere_is_the_same_file(outlet: Outlet, folder: Path, tmp_path: Path) -> None:
    run(outlet, "add", str(folder))
    copied = folder.rename(tmp_path / "moved")
    assert "is post 1 “One” already" in run(outlet, "add", str(copied / "one.md")).output
    assert titles(outlet) == ["One", "Two"]


def test_a_file_that_was_changed_since_is_told_with_both_ways_on(outlet: Outlet, folder: Path) -> None:
    one = folder / "one.md"
    run(outlet, "add", str(one))
    one.write_text(TEXT.format(title="One, corrected"), encoding="utf-8")
    refused = run(outlet, "add", str(one))
    assert refused.exit_code == 1
    assert f"publisher edit 1 --from {one}" in refused.output
    assert f"publisher add {one} --again" in refused.output

    assert run(outlet, "edit", "1", "--from", str(one)).exit_code == 0
    assert "is post 1 “One, corrected” already" in run(outlet, "add", str(one)).output

    # A new picture in the same file is a change, too.
    draw(folder / "cell.png", seed=3)
    assert run(outlet, "add", str(one)).exit_code == 1
    assert "Post 2 “One, corrected”" in run(outlet, "add", str(one), "--again").output
    assert "is post 2 “One, corrected” already" in run(outlet, "add", str(one)).output
    assert titles(outlet) == ["One, corrected", "One, corrected"]


def test_a_withdrawn_post_is_brought_back_and_not_added_anew(outlet: Outlet, folder: Path) -> None:
    run(outlet, "add", str(folder / "one.md"))
    run(outlet, "withdraw", "1")
    assert "To bring it back: publisher approve 1" in run(outlet, "add", str(folder / "one.md")).output


def test_a_repeat_in_a_folder_is_approved_when_it_is_meant(outlet: Outlet, folder: Path) -> None:
    approved = run(outlet, "add", str(folder), "--approve")
    assert "Post 1 “One” is approved." in approved.output
    assert "Post 2 “Two” is a draft." in approved.output
    assert "If the repeat is meant, run: publisher approve 2 --repeat-meant" in " ".join(approved.output.split())
    assert run(outlet, "approve", "2").exit_code == 1
    assert run(outlet, "approve", "2", "--repeat-meant").exit_code == 0


@on_every_database
def test_two_commands_at_the_same_moment_add_one_post(database: Database, tmp_path: Path, now: datetime) -> None:
    desk = open_desk(database, tmp_path)
    ids = [desk.post(title, now, state="draft") for title in ("A", "B")]
    source = PostSource("k" * 64, "d" * 64)
    errors = []
    barrier = threading.Barrier(2, timeout=30)

    def store(post_id: int) -> None:
        barrier.wait()
        try:
            with database.writing() as session:
                store_first_source(session, post_id, source)
        except Exception as error:
            errors.append(type(error).__name__)

    threads = [threading.Thread(target=store, args=(post_id,)) for post_id in ids]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == ["IntegrityError"]
    with database.writing() as session:
        store_source(session, ids[1], source)
    with database.reading() as session:
        former = find_added_before(session, source)
        assert former is not None
        assert (former.post_id, former.is_same) == (ids[1], True)


def test_a_file_that_can_not_be_read_has_no_identity(folder: Path) -> None:
    draft = PostDraft(title="One")
    assert identify_source(folder / "one.md", draft) is not None
    assert identify_source(folder / "gone.md", draft) is None


def test_a_folder_without_post_files_is_told(outlet: Outlet, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    told = run(outlet, "add", str(tmp_path / "empty"))
    assert told.exit_code == 1
    assert "holds no post files" in str(told.exception)
