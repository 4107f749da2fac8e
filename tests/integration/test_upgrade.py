"""Tests that the database is, on start, created, migrated after a backup, or refused in one sentence."""

from __future__ import annotations

import shutil
import sqlite3
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Engine, event, inspect

from publisher.db import revisions, session
from publisher.db.base import Base
from publisher.db.models import Media, Post, PostImage
from publisher.db.operations import Channel
from publisher.db.post_words import WORDS_INDEX, is_ours
from publisher.db.session import Database, create_database_engine
from publisher.db.upgrade import DatabaseError, UpgradeReport, prepare_database
from tests.waiting import TIMEOUT

NOW = datetime(2026, 3, 14, 8, 30, 5, tzinfo=UTC)

HEAD = str(ScriptDirectory(str(revisions.MIGRATIONS)).get_current_head())
NEXT_MIGRATION = f"""
import sqlalchemy as sa
from alembic import op

revision = "next"
down_revision = "{HEAD}"


def upgrade():
    with op.batch_alter_table("post") as table:
        table.add_column(sa.Column("mood", sa.Text(), nullable=False, server_default="calm"))
        table.alter_column("title", type_=sa.String(500))
"""

START_TOGETHER = """
import sys, pathlib, datetime
from publisher.db.upgrade import prepare_database
now = datetime.datetime(2026, 3, 14, tzinfo=datetime.UTC)
print("ready", flush=True)
sys.stdin.readline()
report = prepare_database(sys.argv[1], backups=pathlib.Path(sys.argv[2]), now=now)
print(report.created)
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "queue.db"


@pytest.fixture
def prepare(file: Path) -> Callable[[], UpgradeReport]:
    return lambda: prepare_database(f"sqlite:///{file}", backups=file.parent / "backups", now=NOW)


@pytest.fixture
def next_version(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Makes the program a newer one, with a second migration."""

    def install(migration: str) -> None:
        folder = tmp_path / "100% newer" / "migrations"
        shutil.copytree(revisions.MIGRATIONS, folder, ignore=shutil.ignore_patterns("__pycache__"))
        (folder / "versions" / "next.py").write_text(migration, encoding="utf-8")
        monkeypatch.setattr(revisions, "MIGRATIONS", folder)

    return install


@pytest.fixture
def on_connect() -> Iterator[Callable[[str], None]]:
    """Sets a PRAGMA on every new connection, to make SQLite fail as it does in life."""
    added: list[Any] = []

    def add(pragma: str) -> None:
        def run(connection: sqlite3.Connection, _record: Any) -> None:
            connection.execute(f"PRAGMA {pragma}")

        event.listen(Engine, "connect", run)
        added.append(run)

    yield add
    for run in added:
        event.remove(Engine, "connect", run)


def rows(file: Path, query: str) -> list[Any]:
    with closing(sqlite3.connect(file)) as connection:
        return connection.execute(query).fetchall()


def fill(file: Path) -> None:
    """Adds one post with one picture, and a channel."""
    database = Database.open(f"sqlite:///{file}")
    with database.writing() as writing:
        picture = Media(
            sha256="a" * 64, file_name="cells.png", format="png", width=9, height=9, bytes=81, created_at=NOW
        )
        post = Post(title="Cells", position=1.0, created_at=NOW, updated_at=NOW)
        post.images = [PostImage(position=0, media=picture, alt_text="Two cells")]
        writing.add_all([post, Channel(name="x", platform="x")])
    database.close()


def structure(engine: Engine) -> dict[str, Any]:
    """Everything that the database enforces, table by table, in an order of its own."""
    inspector = inspect(engine)
    questions: tuple[Callable[[str], Any], ...] = (
        inspector.get_columns,
        inspector.get_foreign_keys,
        inspector.get_unique_constraints,
        inspector.get_check_constraints,
        lambda table: [
            {**index, "dialect_options": {key: str(value) for key, value in index["dialect_options"].items()}}
            for index in inspector.get_indexes(table)
        ],
    )
    return {
        table: [inspector.get_pk_constraint(table), *(sorted(map(repr, ask(table))) for ask in questions)]
        for table in sorted(set(inspector.get_table_names()) - {"alembic_version"})
    }


# --- a new database --------------------------------------------------------------------------


def test_a_new_database_is_created_without_a_backup(file: Path, prepare: Callable[[], UpgradeReport]) -> None:
    report = prepare()

    assert (report.created, report.before, report.after, report.backup) == (True, None, HEAD, None)
    assert str(report.sentence) == f"The database was created (revision {HEAD})."
    assert not (file.parent / "backups").exists()
    assert rows(file, "PRAGMA journal_mode") == [("wal",)]


def test_a_database_that_is_up_to_date_is_left_alone(file: Path, prepare: Callable[[], UpgradeReport]) -> None:
    prepare()
    fill(file)
    report = prepare()

    assert (report.created, report.upgraded, report.backup) == (False, False, None)
    assert str(report.sentence) == f"The database is up to date (revision {HEAD})."
    assert rows(file, "SELECT title FROM post") == [("Cells",)]


def test_a_database_that_is_up_to_date_waits_for_no_writer(file: Path, prepare: Callable[[], UpgradeReport]) -> None:
    prepare()
    with closing(sqlite3.connect(file, isolation_level=None)) as writer:
        writer.execute("BEGIN IMMEDIATE")
        assert prepare().after == HEAD


def test_the_migrations_make_exactly_the_models(file: Path, prepare: Callable[[], UpgradeReport]) -> None:
    prepare()
    migrated = create_database_engine(f"sqlite:///{file}")
    modelled = create_database_engine(f"sqlite:///{file.with_name('models.db')}")
    Base.metadata.create_all(modelled)
    try:
        with migrated.connect() as connection:
            assert (
                compare_metadata(MigrationContext.configure(connection, opts={"include_name": is_ours}), Base.metadata)
                == []
            )
        assert structure(migrated) == structure(modelled)
    finally:
        migrated.dispose()
        modelled.dispose()


def test_several_processes_that_start_at_once_create_it_once(file: Path) -> None:
    command = [sys.executable, "-c", START_TOGETHER, f"sqlite:///{file}", str(file.parent / "backups")]
    started = [
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        for _ in range(4)
    ]
    for process in started:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    for process in started:
        assert process.stdin is not None
        process.stdin.write("\n")
        process.stdin.flush()
    answers = [process.communicate(timeout=TIMEOUT) for process in started]

    assert [process.returncode for process in started] == [0, 0, 0, 0], answers
    assert sorted(out.strip() for out, _ in answers) == ["False", "False", "False", "True"]
    assert rows(file, "SELECT version_num FROM alembic_version") == [(HEAD,)]


# --- an older database -----------------------------------------------------------------------


def test_an_older_database_is_backed_up_and_migrated(
    file: Path, prepare: Callable[[], UpgradeReport], next_version: Callable[[str], None]
) -> None:
    prepare()
    fill(file)
    next_version(NEXT_MIGRATION)
    report = prepare()

    backup = file.parent / "backups" / f"queue-20260314T083005Z-{HEAD}.db"
    assert report == UpgradeReport(before=HEAD, after="next", backup=backup)
    assert str(backup) in str(report.sentence)
    assert rows(file, "SELECT title, mood FROM post") == [("Cells", "calm")]
    assert rows(file, "PRAGMA foreign_key_check") == []
    assert [path.name for path in backup.parent.iterdir()] == [backup.name], "the backup is one file, finished"
    assert stat.S_IMODE(backup.stat().st_mode) == 0o600
    assert rows(backup, "SELECT version_num FROM alembic_version") == [(HEAD,)]
    assert rows(backup, "SELECT title FROM post") == [("Cells",)]


def test_copying_a_table_keeps_the_rows_that_belong_to_it(
    file: Path, prepare: Callable[[], UpgradeReport], next_version: Callable[[str], None]
) -> None:
    prepare()
    fill(file)
    next_version(NEXT_MIGRATION)
    prepare()

    assert rows(file, "SELECT alt_text FROM post_image") == [("Two cells",)]


def test_a_backup_of_a_database_in_use_holds_all_that_was_committed(
    file: Path, prepare: Callable[[], UpgradeReport], next_version: Callable[[str], None]
) -> None:
    prepare()
    fill(file)
    next_version(NEXT_MIGRATION)
    with closing(sqlite3.connect(file, isolation_level=None)) as other:
        other.execute("UPDATE post SET title = 'Still in the log'")
        report = prepare()

    assert report.backup is not None
    assert rows(report.backup, "SELECT title FROM post") == [("Still in the log",)]


def test_a_migration_that_fails_leaves_all_as_it_was(
    file: Path, prepare: Callable[[], UpgradeReport], next_version: Callable[[str], None]
) -> None:
    prepare()
    fill(file)
    next_version(NEXT_MIGRATION + '    op.execute("INSERT INTO nowhere VALUES (1)")\n')
    with pytest.raises(DatabaseError, match=r"queue\.db can't be used: no such table: nowhere"):
        prepare()

    assert rows(file, "SELECT version_num FROM alembic_version") == [(HEAD,)]
    assert "mood" not in rows(file, "SELECT sql FROM sqlite_master WHERE name = 'post'")[0][0]
    assert rows(file, "SELECT count(*) FROM post_image") == [(1,)]


def test_a_migration_that_would_orphan_rows_is_undone(
    file: Path, prepare: Callable[[], UpgradeReport], next_version: Callable[[str], None]
) -> None:
    prepare()
    fill(file)
    next_version(NEXT_MIGRATION + '    op.execute("DELETE FROM post")\n')
    with pytest.raises(DatabaseError, match="would leave rows of post_image without what they belong to"):
        prepare()

    assert rows(file, "SELECT count(*) FROM post") == [(1,)]


def test_nothing_is_migrated_when_the_backup_cannot_be_written(
    file: Path, prepare: Callable[[], UpgradeReport], next_version: Callable[[str], None]
) -> None:
    prepare()
    (file.parent / "backups").write_text("a file where the folder should be", encoding="utf-8")
    next_version(NEXT_MIGRATION)
    with pytest.raises(DatabaseError, match=r"the backup before it can't be written .* storage\.backups"):
        prepare()

    assert rows(file, "SELECT version_num FROM alembic_version") == [(HEAD,)]


def test_a_damaged_database_is_not_migrated(
    file: Path, prepare: Callable[[], UpgradeReport], next_version: Callable[[str], None]
) -> None:
    prepare()
    (root,) = rows(file, "SELECT rootpage FROM sqlite_master WHERE name = 'event'")[0]
    (page_size,) = rows(file, "PRAGMA page_size")[0]
    with file.open("r+b") as raw:
        raw.seek((root - 1) * page_size)
        raw.write(b"\xff" * page_size)
    next_version(NEXT_MIGRATION)
    with pytest.raises(DatabaseError, match=r"is damaged .* the last good backup back with publisher restore FILE"):
        prepare()

    assert list((file.parent / "backups").iterdir()) == []


# --- refused ---------------------------------------------------------------------------------


def test_a_newer_database_is_refused(file: Path, prepare: Callable[[], UpgradeReport]) -> None:
    prepare()
    with closing(sqlite3.connect(file)) as connection, connection:
        connection.execute("UPDATE alembic_version SET version_num = '0099'")
    with pytest.raises(DatabaseError) as refused:
        prepare()

    assert str(refused.value) == (
        f"{file} was written by a newer publisher, or by one that was never released (revision 0099, this one knows "
        f"{HEAD}); "
        "install that version, or stop the desk, then bring the last good backup back with publisher restore FILE, "
        "such as the newest file in backups/daily"
    )


def test_a_file_that_is_no_database_is_refused(file: Path, prepare: Callable[[], UpgradeReport]) -> None:
    file.write_text("Dear diary, " * 100, encoding="utf-8")
    with pytest.raises(DatabaseError, match="is no SQLite database; move that file away"):
        prepare()

    assert file.read_text(encoding="utf-8").startswith("Dear diary")


@pytest.mark.parametrize("table", ["moz_bookmarks", "alembic_version"])
def test_a_database_of_another_program_is_refused_untouched(
    file: Path, prepare: Callable[[], UpgradeReport], table: str
) -> None:
    with closing(sqlite3.connect(file)) as connection, connection:
        connection.execute(f"CREATE TABLE {table} (version_num TEXT)")
        connection.execute(f"INSERT INTO {table} VALUES ('5f2c')")
    before = file.read_bytes()
    with pytest.raises(DatabaseError, match="belongs to another program; choose another database"):
        prepare()

    assert file.read_bytes() == before


def test_tables_of_ours_without_a_revision_are_refused(file: Path, prepare: Callable[[], UpgradeReport]) -> None:
    with closing(sqlite3.connect(file)) as connection, connection:
        connection.execute("CREATE TABLE post (id INTEGER)")
    with pytest.raises(DatabaseError, match="belongs to another program"):
        prepare()


def test_a_database_that_somebody_holds_is_refused_after_a_while(
    file: Path, prepare: Callable[[], UpgradeReport], monkeypatch: pytest.MonkeyPatch
) -> None:
    prepare()
    monkeypatch.setattr(session, "BUSY_TIMEOUT_MS", 50)
    with closing(sqlite3.connect(file, isolation_level=None)) as holder:
        holder.execute("DROP TABLE alembic_version")
        for table in (*Base.metadata.tables, WORDS_INDEX):
            holder.execute(f"DROP TABLE {table}")
        holder.execute("BEGIN EXCLUSIVE")
        with pytest.raises(DatabaseError, match="is in use by another program that does not let go of it; stop that"):
            prepare()


def test_a_read_only_database_is_refused(
    prepare: Callable[[], UpgradeReport], next_version: Callable[[str], None], on_connect: Callable[[str], None]
) -> None:
    prepare()
    next_version(NEXT_MIGRATION)
    on_connect("query_only=ON")
    with pytest.raises(DatabaseError, match="is read-only for this user; allow writing to it and to its folder"):
        prepare()


def test_a_full_disk_is_said(prepare: Callable[[], UpgradeReport], on_connect: Callable[[str], None]) -> None:
    on_connect("max_page_count=5")
    with pytest.raises(DatabaseError, match=r"there is no space left for .*queue\.db; make room"):
        prepare()


def test_a_folder_in_place_of_the_file_is_refused(file: Path, prepare: Callable[[], UpgradeReport]) -> None:
    file.mkdir()
    with pytest.raises(DatabaseError, match=r"queue\.db can't be opened; make it and its folder readable"):
        prepare()


def test_a_missing_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DatabaseError, match=r"the folder .*elsewhere of the database is not there"):
        prepare_database(f"sqlite:///{tmp_path}/elsewhere/queue.db", backups=tmp_path, now=NOW)


@pytest.mark.parametrize("url", ["sqlite://", "sqlite:///:memory:"])
def test_a_database_in_memory_is_refused(tmp_path: Path, url: str) -> None:
    with pytest.raises(DatabaseError, match="a database in memory would be forgotten; name a file"):
        prepare_database(url, backups=tmp_path, now=NOW)


def test_a_missing_driver_is_named_and_the_password_is_not(tmp_path: Path) -> None:
    with pytest.raises(DatabaseError) as refused:
        prepare_database("postgresql+nodriver://desk:hunter2@db/queue", backups=tmp_path, now=NOW)

    assert "postgresql+nodriver://desk:***@db/queue can't be reached without a driver" in str(refused.value)
    assert "hunter2" not in str(refused.value)
