"""Tests that an import makes each published post once, whatever interrupts it, and can be taken back."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select

from publisher.core.clock import SystemClock
from publisher.db.imports import Import, ItemKey, PublishedLink
from publisher.db.models import Delivery, Event, Pick, Post
from publisher.db.session import Database
from publisher.db.staff import PostVersion
from publisher.intake.importing import Importer, ImportPlaces
from publisher.intake.json_lines import MAX_LINE, JsonLinesSource
from publisher.intake.outcomes import ItemOutcome, Outcome
from publisher.intake.source_settings import SourceSettings
from publisher.intake.undoing import undo_import
from publisher.posts.drafts import PostChanges
from publisher.posts.published_links import published_links
from publisher.schedule.order import Reserve
from publisher.schedule.post_queue import PostQueue
from tests.conftest import on_every_database
from tests.outlet import draw
from tests.queue_desk import Desk, open_desk

NOW = datetime(2026, 5, 4, 7, 0, tzinfo=UTC)
COLOURS = ("red", "green", "blue", "white", "orange")


@pytest.fixture
def desk(database: Database, tmp_path: Path) -> Desk:
    return open_desk(database, tmp_path).at(NOW)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Writes a source of three posts, each with a picture of its own."""
    folder = tmp_path / "source"
    folder.mkdir()
    write(folder / "posts.jsonl", [record(number) for number in range(3)])
    return folder / "posts.jsonl"


def record(number: int, **values: Any) -> dict[str, Any]:
    return {
        "key": f"p{number}", "title": f"Picture {number}", "date": f"2020-01-{number + 1:02}",
        "standfirst": "What it is", "body": [f"Text {number}.", "More."], "written_by": "Ana", "credit": "Jane Doe",
        "licence": "CC BY 4.0", "tags": ["cells"], "images": [{"file": f"{number}.png", "alt": f"Shape {number}"}],
        "address": f"https://old.example/{number}", "links_on": {"tumblr": f"https://t.example/{number}"},
        **values,
    }  # fmt: skip


def write(file: Path, records: Sequence[dict[str, Any]]) -> None:
    """Writes records, and pictures that differ where they are missing."""
    for number in range(len(records)):
        if not (file.parent / f"{number}.png").exists():
            draw_other(file.parent / f"{number}.png", number)
    file.write_text("\n".join(map(json.dumps, records)), encoding="utf-8")


def draw_other(file: Path, number: int) -> None:
    """Draws a picture that looks like none with another number."""
    import numpy
    import pyvips

    cells = numpy.random.default_rng(number).integers(0, 255, (8, 8), dtype=numpy.uint8)
    pyvips.Image.new_from_array(cells).resize(40, kernel="cubic").write_to_file(str(file))


def importer(desk: Desk, file: Path, *, preview: bool = False, name: str = "old") -> Importer:
    places = ImportPlaces(desk.database, desk.store, SystemClock(), NOW.date())
    return Importer(places, JsonLinesSource(file, SourceSettings()), name, "cli:ana", preview=preview)


def run(desk: Desk, file: Path, **options: Any) -> list[ItemOutcome]:
    one = importer(desk, file, **options)
    return list(one.run(one.read()))


def outcomes(results: Sequence[ItemOutcome]) -> list[str]:
    return [result.outcome.value for result in results]


def rows(desk: Desk) -> dict[str, Any]:
    """Returns what an import leaves in the database, without its times."""
    with desk.database.reading() as session:
        posts = session.scalars(select(Post).order_by(Post.id)).all()
        return {
            "posts": [(post.id, post.title, post.published_elsewhere_on, post.version) for post in posts],
            "pictures": [[image.media_sha256 for image in post.images] for post in posts],
            "keys": session.execute(select(ItemKey.key, ItemKey.post_id, ItemKey.digest).order_by(ItemKey.id)).all(),
            "links": session.execute(select(PublishedLink.post_id, PublishedLink.url)).all(),
            "imports": session.execute(select(Import.id, Import.state, Import.counts)).all(),
            "events": session.scalars(select(Event.name)).all(),
            "versions": session.scalar(select(func.count()).select_from(PostVersion)),
        }


@on_every_database
def test_items_become_posts_that_were_published(desk: Desk, file: Path) -> None:
    assert outcomes(run(desk, file)) == ["made"] * 3
    with desk.database.reading() as session:
        post = session.get_one(Post, 2)
        assert (post.title, post.state, post.published_elsewhere_on) == ("Picture 1", "draft", date(2020, 1, 2))
        assert (post.body, post.written_by, post.credit, post.tags) == (
            "Text 1.\n\nMore.",
            "Ana",
            "Jane Doe",
            ["cells"],
        )
        assert post.images[0].alt_text == "Shape 1"
        assert published_links(session, 2) == {"tumblr": "https://t.example/1", "site": "https://old.example/1"}
        assert not session.scalars(select(Pick.id)).all()
        assert not session.scalars(select(Delivery.id)).all()


def test_a_preview_tells_the_same_and_writes_nothing(desk: Desk, file: Path, tmp_path: Path) -> None:
    assert outcomes(run(desk, file, preview=True)) == ["made"] * 3
    assert not any(rows(desk).values())
    assert not list((tmp_path / "media").rglob("*.*"))


def test_the_same_source_again_makes_nothing(desk: Desk, file: Path) -> None:
    run(desk, file)
    before = rows(desk)
    assert outcomes(run(desk, file)) == ["unchanged"] * 3
    assert rows(desk)["posts"] == before["posts"]


@on_every_database
@pytest.mark.parametrize("after", [0, 2, 3])
def test_a_killed_import_ends_with_the_same_rows(desk: Desk, file: Path, after: int) -> None:
    killed = importer(desk, file)
    steps = killed.run(killed.read())
    for _ in range(after):
        next(steps)
    steps.close()
    run(desk, file)
    found = rows(desk)
    assert [post[:2] for post in found["posts"]] == [(1, "Picture 0"), (2, "Picture 1"), (3, "Picture 2")]
    assert found["imports"] == [(1, "finished", {"made": 3})]
    assert found["events"] == ["posts imported"]
    assert (found["versions"], len(found["links"])) == (3, 6)


def test_a_source_that_was_moved_is_the_same_by_its_name(desk: Desk, file: Path, tmp_path: Path) -> None:
    run(desk, file)
    moved = file.parent.rename(tmp_path / "moved") / file.name
    assert outcomes(run(desk, moved)) == ["unchanged"] * 3


def test_a_change_of_the_source_reaches_what_was_not_edited_here(desk: Desk, file: Path) -> None:
    run(desk, file)
    PostQueue(desk, "ana").edit(2, PostChanges(title="Mine"))
    write(file, [record(number, title=f"Theirs {number}") for number in range(3)])
    results = run(desk, file)
    assert outcomes(results) == ["updated", "kept", "updated"]
    assert "the post stays as it is" in str(results[1].problems[0])
    assert [post[1] for post in rows(desk)["posts"]] == ["Theirs 0", "Mine", "Theirs 2"]
    assert outcomes(run(desk, file)) == ["unchanged", "kept", "unchanged"]


def test_a_new_picture_or_link_is_a_change(desk: Desk, file: Path) -> None:
    run(desk, file)
    draw_other(file.parent / "0.png", 77)
    write(file, [record(0), record(1, address="https://new.example/1"), record(2)])
    assert outcomes(run(desk, file)) == ["updated", "updated", "unchanged"]
    with desk.database.reading() as session:
        assert published_links(session, 2)["site"] == "https://new.example/1"


WRONG: list[tuple[dict[str, Any], str]] = [
    ({"date": None}, "It has no date"),
    ({"date": "2099-01-01"}, "2099-01-01 is still to come"),
    ({"date": "03/04/2020"}, "can be 2020-04-03 or 2020-03-04"),
    ({"date": "soon"}, "soon is no date that can be read"),
    ({"title": ""}, "title"),
    ({"title": 7}, "7 is no text"),
    ({"images": ["nothing.png"]}, "There is no picture “nothing.png”"),
    ({"images": ["../secret.png"]}, "leads out of the folder"),
    ({"images": ["/etc/passwd"]}, "leads out of the folder"),
    ({"images": ["C:\\a.png"]}, "leads out of the folder"),
    ({"images": ["a\0.png"]}, "leads out of the folder"),
    ({"images": ["posts.jsonl"]}, "posts.jsonl"),
    ({"images": [["x"]]}, "is no text"),
    ({"images": ["https://cdn.example/x.png"]}, "https://cdn.example/x.png is not here"),
    ({"links_on": {"tumblr": "javascript:alert(1)"}}, "javascript:alert(1), is no web address"),
    ({"link": "ftp://x"}, "is no web address"),
    ({"tags": [1]}, "1 is no text"),
    ({"translations": {"ca": "x"}}, "translations"),
    ({"body": "x" * 30_000}, "body"),
]


@pytest.mark.parametrize("preview", [True, False])
def test_what_is_wrong_with_an_item_is_told(desk: Desk, file: Path, preview: bool) -> None:
    write(file, [record(0), record(1)])
    wrong = [
        json.dumps(record(number, **{"images": [], **values})) for number, (values, _) in enumerate(WRONG, start=9)
    ]
    file.write_text("\n".join([*wrong, json.dumps(record(0))]), encoding="utf-8")
    results = {one.item.place: one for one in run(desk, file, preview=preview)}
    assert results.pop(f"posts.jsonl:{len(WRONG) + 1}").outcome is Outcome.MADE
    for number, (values, sentence) in enumerate(WRONG, start=1):
        told = results[f"posts.jsonl:{number}"]
        assert told.outcome is Outcome.WRONG, values
        assert sentence in str(told.problems[0])
    assert len(rows(desk)["posts"]) == (0 if preview else 1)


def test_a_link_out_of_the_folder_is_no_picture(desk: Desk, file: Path, tmp_path: Path) -> None:
    draw(tmp_path / "secret.png")
    (file.parent / "link.png").symlink_to(tmp_path / "secret.png")
    write(file, [record(0, images=["link.png"])])
    assert "leads out of the folder" in str(run(desk, file)[0].problems[0])


BROKEN_LINES = [
    (b'{"title": "x"', "This line is no JSON"),
    (b"[1]", "This line is no object"),
    (b"7", "This line is no object"),
    (b'{"title": "\x00"}', "NUL character"),
    (b'{"title": "\xff"}', "not UTF-8"),
    (b'{"title": "x", "title": "y"}', "The field title is given twice"),
    (b"[" * 100_000, "nested too deeply"),
    (b'{"title": "' + b"x" * MAX_LINE + b'"}', f"longer than {MAX_LINE}"),
]


def test_a_line_that_is_no_record_is_told_with_its_number(desk: Desk, file: Path) -> None:
    file.write_bytes(b"\n".join([*(line for line, _ in BROKEN_LINES), b"", json.dumps(record(1)).encode()]))
    results = {one.item.place: one for one in run(desk, file, preview=True)}
    assert results.pop(f"posts.jsonl:{len(BROKEN_LINES) + 2}").outcome is Outcome.MADE
    for number, (_, sentence) in enumerate(BROKEN_LINES, start=1):
        told = results[f"posts.jsonl:{number}"]
        assert told.outcome is Outcome.WRONG
        assert sentence in str(told.problems[0])


def test_the_second_item_with_a_key_is_told(desk: Desk, file: Path) -> None:
    write(file, [record(0), record(1, key="p0")])
    results = run(desk, file)
    assert outcomes(results) == ["made", "wrong"]
    assert str(results[1].problems[0]) == "It has the same key as posts.jsonl:1; give each item its own."


def test_the_same_post_from_another_source_only_brings_its_link(desk: Desk, file: Path) -> None:
    run(desk, file)
    write(file, [record(0, key="other", address="", links_on={"mastodon": "https://m.example/0"})])
    results = run(desk, file, name="another")
    assert outcomes(results) == ["same"]
    assert str(results[0].problems[0]) == "It is post 1 “Picture 0” already, shown on 2020-01-01, which got its links."
    assert outcomes(run(desk, file, name="another")) == ["unchanged"]
    with desk.database.reading() as session:
        assert published_links(session, 1)["mastodon"] == "https://m.example/0"
    list(undo_import(desk.database, 2, now=NOW, actor="ana"))
    with desk.database.reading() as session:
        assert "mastodon" not in published_links(session, 1)


def test_a_picture_that_was_shown_before_is_told_and_made(desk: Desk, file: Path) -> None:
    write(file, [record(0), record(1, images=["0.png"])])
    results = run(desk, file)
    assert outcomes(results) == ["made", "made"]
    told = [str(problem) for problem in results[1].problems]
    assert "Picture 1 looks like one of post 1 “Picture 0”, shown on 2020-01-01." in told


@on_every_database
def test_an_import_is_taken_back_without_what_was_worked_on(desk: Desk, file: Path) -> None:
    run(desk, file)
    PostQueue(desk, "ana").edit(1, PostChanges(title="Mine"))
    PostQueue(desk, "ana").move(3, Reserve())
    taken = list(undo_import(desk.database, 1, now=NOW, actor="ana"))
    assert [(one.post_id, one.result) for one in taken] == [(1, "kept"), (2, "removed"), (3, "kept")]
    found = rows(desk)
    assert [post[:2] for post in found["posts"]] == [(1, "Mine"), (3, "Picture 2")]
    assert found["imports"][0].state == "undone"
    assert [result.outcome.value for result in run(desk, file)] == ["unchanged", "made", "unchanged"]


def test_a_killed_import_can_be_taken_back(desk: Desk, file: Path) -> None:
    killed = importer(desk, file)
    steps = killed.run(killed.read())
    next(steps)
    steps.close()
    undo = undo_import(desk.database, 1, now=NOW, actor="ana")
    next(undo)
    undo.close()
    assert list(undo_import(desk.database, 1, now=NOW, actor="ana")) == []
    assert rows(desk)["posts"] == []
    assert outcomes(run(desk, file)) == ["made"] * 3


def test_posts_are_made_in_the_order_of_their_days(desk: Desk, file: Path) -> None:
    write(file, list(reversed([record(number) for number in range(3)])))
    run(desk, file)
    assert [post[1] for post in rows(desk)["posts"]] == ["Picture 0", "Picture 1", "Picture 2"]
