"""Tells which revision a database has, and refuses one that this version can't work with."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import Connection, column, inspect, select, table

from publisher.core.messages import _
from publisher.db import engine_tables
from publisher.db.base import Base
from publisher.db.errors import RESTORE_HINT, DatabaseError

VERSIONS = "alembic_version"
"""The table in which Alembic keeps the revision."""
MIGRATIONS = Path(__file__).parent / "migrations"


def known_revisions() -> list[str]:
    """Returns every revision of this version of the program, the newest last, by the migrations' file names.

    Alembic lists them, too, but takes 8 MiB; it is loaded where something is migrated.
    """
    return sorted(file.stem.partition("_")[0] for file in (MIGRATIONS / "versions").glob("*.py"))


def knows_revision(revision: str) -> bool:
    """Returns whether this version of the program can work with, or upgrade, a database of this revision."""
    return revision in known_revisions()


def is_up_to_date(connection: Connection, before: str | None, after: str) -> bool:
    """Returns whether the tables, and the engine's, are as this version makes them."""
    return before == after and not engine_tables.missing_migrations(connection)


def read_revisions(connection: Connection) -> tuple[str | None, str]:
    """Returns the revision of the database (None: it has no tables of ours) and the one it should have."""
    newest = known_revisions()[-1]
    names = set(inspect(connection).get_table_names())
    before = (
        connection.scalar(select(column("version_num")).select_from(table(VERSIONS))) if VERSIONS in names else None
    )
    tables = names - {VERSIONS}
    desk_tables = tables & set(Base.metadata.tables)
    if (
        (before is None and desk_tables)
        or (before is not None and not desk_tables)
        or engine_tables.has_foreign_tables(tables)
    ):
        raise DatabaseError(
            _("{database} belongs to another program; choose another database", database=_database_name(connection))
        )
    if before is not None and not knows_revision(before):
        raise DatabaseError(
            _(
                "{database} was written by a newer publisher, or by one that was never released (revision "
                "{before}, this one knows {newest}); install that version, or {remedy}",
                database=_database_name(connection),
                before=before,
                newest=newest,
                remedy=RESTORE_HINT,
            )
        )
    if engine_tables.newer_migrations(connection):
        raise DatabaseError(
            _(
                "{database} was used with a newer version of {package} than is "
                "installed here; install that version, or a newer one",
                database=_database_name(connection),
                package=engine_tables.PACKAGE,
            )
        )
    if before is not None and before == newest:
        refuse_other_tables(connection, before)
    return before, newest


def refuse_other_tables(connection: Connection, revision: str) -> None:
    """Refuses a database with one of our revisions and other tables: the revision was rewritten since."""
    present = {
        name: {present_column["name"] for present_column in columns}
        for (_schema, name), columns in inspect(connection).get_multi_columns().items()
    }
    for name, expected in Base.metadata.tables.items():
        missing = [
            present_column.name
            for present_column in expected.columns
            if present_column.name not in present.get(name, ())
        ]
        if missing:
            raise DatabaseError(
                _(
                    "{database} says that it has revision {revision}, but its table {table} lacks "
                    "{column}: it was made by a version that was never released; {remedy}",
                    database=_database_name(connection),
                    revision=revision,
                    table=name,
                    column=missing[0],
                    remedy=RESTORE_HINT,
                )
            )


def _database_name(connection: Connection) -> str:
    url = connection.engine.url
    return str(url.database) if connection.dialect.name == "sqlite" else url.render_as_string(hide_password=True)
