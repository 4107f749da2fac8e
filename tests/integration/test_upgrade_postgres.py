"""Tests that our tables and the engine's on PostgreSQL are, on start, made and changed together or not at all."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from procrastinate.schema import SchemaManager
from sqlalchemy import Connection, inspect, text

from publisher.db import engine_tables, upgrade
from publisher.db.base import Base
from publisher.db.post_words import is_ours
from publisher.db.session import create_database_engine
from publisher.db.upgrade import DatabaseError, UpgradeReport, prepare_database
from publisher.proving.postgres import ThrowawayPostgres

NOW = datetime(2026, 3, 14, 8, 30, 5, tzinfo=UTC)
LATER = "99.00.00_01_pre_later.sql"
"""The name of a migration that a later version of the engine might bring."""


@pytest.fixture
def url(postgres: ThrowawayPostgres) -> str:
    return postgres.create_database()


@pytest.fixture
def prepare(url: str, tmp_path: Path) -> Callable[[], UpgradeReport]:
    return lambda: prepare_database(url, backups=tmp_path / "backups", now=NOW)


@pytest.fixture
def connection(url: str) -> Iterator[Connection]:
    engine = create_database_engine(url)
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as opened:
        yield opened
    engine.dispose()


@pytest.fixture
def later_engine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Makes the installed engine a later one, with one more migration."""

    def install(migration: str) -> None:
        folder = tmp_path / "later"
        shutil.copytree(engine_tables._folder(), folder)
        (folder / "migrations" / LATER).write_text(migration, encoding="utf-8")
        monkeypatch.setattr(engine_tables, "_folder", lambda: folder)

    return install


def recorded(connection: Connection) -> list[str]:
    return list(connection.scalars(text("SELECT name FROM engine_migration ORDER BY name")))


def test_a_new_database_has_our_tables_and_the_engines(
    prepare: Callable[[], UpgradeReport], connection: Connection
) -> None:
    assert prepare().created
    assert not prepare().upgraded
    packaged = sorted(path.name for path in Path(SchemaManager.get_migrations_path()).glob("*.sql"))
    assert recorded(connection) == packaged
    assert connection.scalar(text("SELECT count(*) FROM procrastinate_jobs")) == 0


def test_the_migrations_make_exactly_the_models(prepare: Callable[[], UpgradeReport], connection: Connection) -> None:
    prepare()

    def is_no_engine_table(_thing: Any, name: str | None, kind: str, *_: object) -> bool:
        return kind != "table" or not str(name).startswith((engine_tables.PACKAGE, engine_tables.RECORD.name))

    options = {"include_object": is_no_engine_table, "include_name": is_ours}
    context = MigrationContext.configure(connection, opts=options)
    assert compare_metadata(context, Base.metadata) == []


def test_several_processes_that_start_at_once_create_it_once(prepare: Callable[[], UpgradeReport]) -> None:
    with ThreadPoolExecutor(4) as pool:
        reports = list(pool.map(lambda _: prepare(), range(4)))
    assert sorted(report.created for report in reports) == [False, False, False, True]


def test_a_desk_from_before_the_engine_gets_its_tables(
    prepare: Callable[[], UpgradeReport], connection: Connection
) -> None:
    config = upgrade._config()
    config.attributes["connection"] = connection
    command.upgrade(config, "0003")
    assert prepare().upgraded
    assert recorded(connection)
    assert inspect(connection).has_table("procrastinate_jobs")


def test_a_later_engine_changes_its_tables_once(
    prepare: Callable[[], UpgradeReport], connection: Connection, later_engine: Callable[[str], None]
) -> None:
    prepare()
    later_engine("ALTER TABLE procrastinate_jobs ADD COLUMN mood text; -- 100 %\nSELECT 1;")
    for _ in range(2):
        assert prepare().before == prepare().after
    assert recorded(connection)[-1] == LATER
    connection.execute(text("SELECT mood FROM procrastinate_jobs"))


def test_an_engine_whose_migration_fails_leaves_all_as_it_was(
    prepare: Callable[[], UpgradeReport], connection: Connection, later_engine: Callable[[str], None]
) -> None:
    later_engine("ALTER TABLE nowhere ADD COLUMN mood text;")
    prepare()
    connection.execute(text("DELETE FROM engine_migration WHERE name = :name"), {"name": LATER})
    before = recorded(connection)
    with pytest.raises(DatabaseError, match='relation "nowhere" does not exist'):
        prepare()
    assert recorded(connection) == before


def test_a_database_of_a_later_engine_is_refused(prepare: Callable[[], UpgradeReport], connection: Connection) -> None:
    prepare()
    connection.execute(text("INSERT INTO engine_migration VALUES (:name)"), {"name": LATER})
    with pytest.raises(DatabaseError, match="was used with a newer version of procrastinate than is installed here"):
        prepare()


def test_the_jobs_of_another_program_are_left_alone(
    prepare: Callable[[], UpgradeReport], connection: Connection
) -> None:
    connection.exec_driver_sql(SchemaManager.get_schema(), execution_options={"no_parameters": True})
    with pytest.raises(DatabaseError, match="belongs to another program; choose another database"):
        prepare()
    assert not set(inspect(connection).get_table_names()) & {*Base.metadata.tables, "alembic_version"}
