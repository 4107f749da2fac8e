"""Makes and upgrades the engine's tables, beside ours on PostgreSQL, by the engine's own migrations.

Which of these a database has stands in its table `engine_migration`. They are read as files:
importing the engine would take longer than most commands do.
"""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

from sqlalchemy import Connection, column, insert, inspect, select, table

PACKAGE = "procrastinate"
RECORD = table("engine_migration", column("name"))


def missing_migrations(connection: Connection) -> list[Path]:
    """Returns the engine's migrations that a database still lacks, the oldest first. None on SQLite."""
    if connection.dialect.name != "postgresql":
        return []
    applied = _recorded(connection)
    return [file for file in _migrations() if file.name not in applied]


def newer_migrations(connection: Connection) -> set[str]:
    """Returns migrations that the database got from a newer engine than this one. None on SQLite."""
    if connection.dialect.name != "postgresql":
        return set()
    return _recorded(connection) - {file.name for file in _migrations()}


def has_foreign_tables(tables: set[str]) -> bool:
    """Returns whether some of a database's tables belong to an engine that is not ours."""
    return RECORD.name not in tables and any(name.startswith(f"{PACKAGE}_") for name in tables)


def apply_missing(connection: Connection) -> None:
    """Applies the missing migrations, as part of the connection's transaction."""
    ahead = missing_migrations(connection)
    if not ahead:
        return
    for file in ahead if _recorded(connection) else [_folder() / "schema.sql"]:
        # Without parameters, the driver takes many statements in one text.
        connection.exec_driver_sql(file.read_text(encoding="utf-8"), execution_options={"no_parameters": True})
    connection.execute(insert(RECORD), [{"name": file.name} for file in ahead])


def _recorded(connection: Connection) -> set[str]:
    if not inspect(connection).has_table(RECORD.name):
        return set()
    return set(connection.scalars(select(RECORD.c.name)))


def _migrations() -> list[Path]:
    return sorted((_folder() / "migrations").glob("*.sql"))


def _folder() -> Path:
    spec = find_spec(PACKAGE)
    if spec is None or not spec.submodule_search_locations:
        raise ModuleNotFoundError(f"No module named {PACKAGE!r}", name=PACKAGE)
    return Path(spec.submodule_search_locations[0]) / "sql"
