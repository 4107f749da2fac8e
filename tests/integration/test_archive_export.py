"""Tests that an exported archive comes back without loss, byte by byte, and that a killed export looks like none."""

from __future__ import annotations

import csv
import json
import os
import subprocess
import sys
from collections.abc import Sequence
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from sqlalchemy import select

from publisher.archive import export as exporting
from publisher.archive.export import ArchiveExportError, Format, export_archive
from publisher.archive.post_collections import CollectionFields, Collections
from publisher.cli.main import cli
from publisher.core.clock import SystemClock
from publisher.db.models import Delivery, Pick, Post
from publisher.db.operations import Channel
from publisher.db.session import Database
from publisher.desk import Desk as WholeDesk
from publisher.intake.bags import BagDamaged, check_bag, write_bag
from publisher.intake.importing import Importer, ImportPlaces
from publisher.intake.opening import open_source, source_name
from publisher.intake.outcomes import ItemOutcome
from publisher.intake.source_settings import SourceSettings
from publisher.posts.drafts import PostChanges, PostDraft, check_input
from publisher.posts.pictures import store_pictures
from publisher.posts.posts import add_post
from publisher.posts.published_elsewhere import PublishedPost, add_published
from publisher.posts.versions import content_of
from publisher.schedule.post_queue import PostQueue
from tests.conftest import WriteDesk
from tests.fakes import adapted_post
from tests.integration.test_import import draw_other
from tests.queue_desk import Desk, open_desk

NOW = datetime(2026, 5, 4, 12, 0, tzinfo=UTC)
KINDS: Sequence[Format] = ("csv", "jsonl", "bagit")
ODD = '=1+1; \'=2, "@x" “ü” 🧬 \t| [1]'


def files_of(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.fixture
def desk(tmp_path: Path, sqlite_template: Path) -> Desk:
    return fill(new_desk(tmp_path / "first", sqlite_template), tmp_path)


def new_desk(folder: Path, template: Path) -> Desk:
    folder.mkdir()
    (folder / "queue.db").write_bytes(template.read_bytes())
    return open_desk(Database.open(f"sqlite:///{folder / 'queue.db'}"), folder).at(NOW)


def fill(desk: Desk, folder: Path) -> Desk:
    """Adds a post with every field that was published elsewhere, one that this desk published, and a draft."""
    for number, name in enumerate(("cell.png", "=odd, name.png", "b\\d.png")):
        draw_other(folder / name, number)
    box = {"left": 0.1, "top": 0, "width": 0.5, "height": 0.25}
    picture = {
        "file": folder / "=odd, name.png", "alt_text": ODD, "credit": "Jane, Doe", "licence": "CC0",
        "choices": {"fit": "crop", "crop_box": box, "padding": "blur"},
    }  # fmt: skip
    everything = {
        "title": ODD.replace("\t", ""), "standfirst": "-one", "written_by": "@ana",
        "body": "\n  An indented line.\n\n=Two\n\n", "credit": "+credit",
        "licence": "CC BY 4.0", "link": "https://x.example/?a=1;b", "language": "ca",
        "links": [{"label": "a; =b", "url": "https://x.example/b"}], "tags": ["a;b", "#c", "d|e"],
        "captions": {"web": "=Only here", "lang:en": "A [caption]"},
        "translations": {"en": {"title": "In English", "body": "  B\n", "alt_texts": ["one", "two"], "tags": ["t"]}},
        "images": [picture, {"file": folder / "cell.png", "alt_text": "A cell"}],
    }  # fmt: skip
    draft = check_input(PostDraft, everything)
    published = PublishedPost(draft, store_pictures(desk.store, draft.images), date(2019, 6, 3))
    with desk.database.writing() as session:
        add_published(session, published, now=NOW, actor="import 1")
    own = {"title": "Ours", "credit": "J", "images": [{"file": folder / "b\\d.png", "alt_text": "Us"}]}
    post = add_post(desk.database, desk.store, check_input(PostDraft, own), NOW, "ada").id
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
    add_post(desk.database, desk.store, PostDraft(title="A draft that nobody saw"), NOW, "ada")
    changing = Collections(desk, "ed", may_publish=True)
    changing.add_posts(changing.add(CollectionFields("Odd; =ones", "Some", is_public=True)), [post, 1])
    return desk


def bring_back(desk: Desk, folder: Path) -> list[ItemOutcome]:
    places = ImportPlaces(desk.database, desk.store, SystemClock(), NOW.date())
    source = open_source(folder, SourceSettings())
    importer = Importer(places, source, source_name(folder), "cli:ana")
    outcomes = list(importer.run(importer.read()))
    assert source.hints == []
    return outcomes


def contents(desk: Desk) -> list[dict[str, Any]]:
    """Returns what each public post says, by the title."""
    with desk.database.reading() as session:
        posts = session.scalars(select(Post).where(Post.last_shown_on.is_not(None)).order_by(Post.title)).all()
        return [{**content_of(post).model_dump(mode="json"), "day": post.last_shown_on} for post in posts]


@pytest.mark.parametrize("kind", KINDS)
def test_an_archive_comes_back_byte_by_byte(kind: Format, desk: Desk, tmp_path: Path, sqlite_template: Path) -> None:
    result = export_archive(desk, tmp_path / "out", kind)
    assert (result.posts, result.pictures, result.pictures_missing) == (2, 3, [])
    other = new_desk(tmp_path / "second", sqlite_template)
    outcomes = bring_back(other, tmp_path / "out")
    assert [outcome.outcome.value for outcome in outcomes] == ["made", "made"], [
        outcome.problems for outcome in outcomes
    ]
    assert contents(other) == contents(desk)
    export_archive(other, tmp_path / "again", kind)
    first, second = files_of(tmp_path / "out"), files_of(tmp_path / "again")
    # What this desk itself delivered and its collections are records: an import makes neither.
    records = ("deliveries.jsonl", "collections.jsonl", "manifest-sha256.txt", "bag-info.txt")
    same = {name for name in first if not name.endswith(records)}
    assert first.keys() == second.keys()
    assert [name for name in same if first[name] != second[name]] == []
    assert [outcome.outcome.value for outcome in bring_back(other, tmp_path / "again")] == ["unchanged", "unchanged"]
    third = tmp_path / "third"
    export_archive(other, third, kind)
    assert files_of(third) == second


def test_an_archive_comes_back_into_postgresql_and_into_its_own_desk(
    desk: Desk, tmp_path: Path, postgres_database: Database
) -> None:
    export_archive(desk, tmp_path / "out", "jsonl")
    (tmp_path / "pg").mkdir()
    other = open_desk(postgres_database, tmp_path / "pg").at(NOW)
    bring_back(other, tmp_path / "out")
    export_archive(other, tmp_path / "again", "jsonl")
    assert (tmp_path / "again" / "posts.jsonl").read_bytes() == (tmp_path / "out" / "posts.jsonl").read_bytes()
    assert {outcome.outcome.value for outcome in bring_back(desk, tmp_path / "out")} == {"same"}
    export_archive(desk, tmp_path / "own", "jsonl")
    assert files_of(tmp_path / "own") == files_of(tmp_path / "out")


def test_what_is_written_is_what_was_published(desk: Desk, tmp_path: Path) -> None:
    PostQueue(desk, "eve").edit(2, check_input(PostChanges, {"title": "Not approved"}))
    export_archive(desk, tmp_path / "out", "jsonl")
    records = [json.loads(line) for line in (tmp_path / "out" / "posts.jsonl").read_text().splitlines()]
    assert [(record["date"], record["title"]) for record in records][1] == ("2026-05-04", "Ours")
    assert records[1]["links_on"] == {"fake": "https://fake.example/7"}
    deliveries = [json.loads(line) for line in (tmp_path / "out" / "deliveries.jsonl").read_text().splitlines()]
    assert [(line["key"], line["channel"], line["link"]) for line in deliveries] == [
        (records[1]["key"], "web", "https://fake.example/7")
    ]
    (collection,) = [json.loads(line) for line in (tmp_path / "out" / "collections.jsonl").read_text().splitlines()]
    assert (collection["name"], collection["posts"]) == ("Odd; =ones", [records[1]["key"], records[0]["key"]])


def test_no_spreadsheet_runs_a_cell_of_the_table(desk: Desk, tmp_path: Path) -> None:
    export_archive(desk, tmp_path / "out", "csv")
    text = (tmp_path / "out" / "posts.csv").read_text(encoding="utf-8")
    for delimiter in (",", ";", "\t"):
        cells = [cell for row in csv.reader(text.splitlines(), delimiter=delimiter) for cell in row]
        assert [cell for cell in cells if cell.strip(' "').startswith(("=", "+", "-", "@"))] == []


@pytest.mark.parametrize("kind", ["changed", "missing", "extra", "outside"])
def test_a_damaged_bag_is_refused(kind: str, desk: Desk, tmp_path: Path, sqlite_template: Path) -> None:
    out = tmp_path / "out"
    export_archive(desk, out, "bagit")
    posts, manifest = out / "data" / "posts.jsonl", out / "manifest-sha256.txt"
    if kind == "changed":
        posts.write_bytes(posts.read_bytes().replace(b"Ours", b"Hers"))
    elif kind == "missing":
        next(out.glob("data/pictures/*/*")).unlink()
    elif kind == "extra":
        (out / "data" / "more.txt").write_text("more")
    else:
        (out / "tagmanifest-sha256.txt").unlink()
        manifest.write_text(manifest.read_text() + f"{'0' * 64}  ../first/queue.db\n")
    with pytest.raises(BagDamaged, match="is not the bag that was made"):
        bring_back(new_desk(tmp_path / "second", sqlite_template), out)


def test_the_texts_come_back_without_a_lost_original(desk: Desk, tmp_path: Path, sqlite_template: Path) -> None:
    desk.store.path(next(desk.store.originals())).unlink()
    export_archive(desk, tmp_path / "out", "jsonl")
    outcomes = bring_back(new_desk(tmp_path / "second", sqlite_template), tmp_path / "out")
    assert [outcome.outcome.value for outcome in outcomes] == ["made", "made"]


def test_a_manifest_ends_its_lines_at_line_feeds_alone(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "a\u2028b.png").write_bytes(b"x")
    write_bag(tmp_path, {})
    check_bag(tmp_path)


def test_a_lost_original_is_told_and_a_full_folder_refused(desk: Desk, tmp_path: Path) -> None:
    desk.store.path(next(desk.store.originals())).unlink()
    assert len(export_archive(desk, tmp_path / "out", "jsonl").pictures_missing) == 1
    with pytest.raises(ArchiveExportError, match="is not empty"):
        export_archive(desk, tmp_path / "out", "jsonl")
    (tmp_path / "empty").mkdir()
    export_archive(desk, tmp_path / "empty", "csv")
    assert (tmp_path / "empty" / "posts.csv").is_file()


KILLED = """
import os, signal, sys
from pathlib import Path
from publisher.archive import export
from publisher.desk import Desk

left = 0

def counted(original):
    def act(*arguments, **options):
        global left
        left -= 1
        if left < 0:
            os.kill(os.getpid(), signal.SIGKILL)
        return original(*arguments, **options)
    return act

for module, name in ((export.shutil, "copyfile"), (export, "to_json"), (export, "flush_to_disk"), (os, "rename")):
    setattr(module, name, counted(getattr(module, name)))
for step in range(20):
    left, child = step, os.fork()
    if not child:
        export.export_archive(Desk(Path(sys.argv[1])), Path(sys.argv[2]) / f"out-{step}", "bagit")
        os._exit(0)
    if os.waitpid(child, 0)[1] == 0:
        print(step)
        break
"""
"""Exports in processes that are killed at one step after the other, until one comes to its end; prints its number."""


def test_a_killed_export_leaves_nothing_that_looks_whole(tmp_path: Path, write_desk: WriteDesk) -> None:
    config = write_desk(tmp_path / "desk")
    whole = WholeDesk(config)
    draw_other(tmp_path / "cell.png", 1)
    draft = check_input(PostDraft, {"title": "A cell", "images": [{"file": tmp_path / "cell.png", "alt_text": "A"}]})
    with whole.database.writing() as session:
        published = PublishedPost(draft, store_pictures(whole.store, draft.images), date(2019, 6, 3))
        add_published(session, published, now=NOW, actor="import 1")
    whole.database.close()
    command = [sys.executable, "-c", KILLED, str(config), str(tmp_path)]
    last = int(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    there = [step for step in range(last + 1) if (tmp_path / f"out-{step}").exists()]
    assert last > 5
    for step in there:
        check_bag(tmp_path / f"out-{step}")
    # Only the last flush comes after the name.
    assert there == [last - 1, last]
    left = [path for path in tmp_path.iterdir() if path.name.startswith(exporting.UNFINISHED)]
    assert len(left) == last - 1
    for path in left:
        os.utime(path, (0, 0))
    result = CliRunner().invoke(cli, ["--config", str(config), "archive", "export", str(tmp_path / "end"), "--json"])
    assert (result.exit_code, json.loads(result.output)["posts"]) == (0, 1)
    assert not list(tmp_path.glob(f"{exporting.UNFINISHED}*"))
