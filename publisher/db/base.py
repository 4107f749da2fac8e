"""Defines the names of constraints and the types of columns for every table."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, ClassVar

import sqlalchemy
from sqlalchemy import JSON, Connection, DateTime, Dialect, MetaData, TextClause, TypeDecorator, event
from sqlalchemy.orm import DeclarativeBase


def one_of(column: str, values: tuple[str, ...]) -> str:
    """Returns the SQL of a check that a column holds one of some words."""
    return f"{column} IN ({', '.join(repr(value) for value in values)})"


class UtcDateTime(TypeDecorator[datetime]):
    """Stores an aware instant in UTC, and refuses a naive one."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        utc = _in_utc(value)
        return utc.replace(tzinfo=None) if dialect.name == "sqlite" else utc

    def bind_processor(self, dialect: Dialect) -> Callable[[Any], Any] | None:
        """Formats an instant as text on SQLite. SQLAlchemy's own formatting is five times slower."""
        return _as_text if dialect.name == "sqlite" else super().bind_processor(dialect)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


class Index(sqlalchemy.Index):
    """Defines an index; only PostgreSQL's dialect gets the condition for its rows where that makes the index.

    SQLAlchemy would import PostgreSQL's dialect, with its parts for every driver, to check the name of the option.
    """

    def __init__(
        self,
        name: str,
        *columns: str,
        unique: bool = False,
        sqlite_where: TextClause | None = None,
        postgresql_where: TextClause | None = None,
    ) -> None:
        super().__init__(name, *columns, unique=unique, sqlite_where=sqlite_where)
        self._postgresql_where = postgresql_where
        event.listen(self, "before_create", self._tell_postgresql)

    def _tell_postgresql(self, _index: sqlalchemy.Index, connection: Connection, **_: object) -> None:
        if connection.dialect.name == "postgresql":
            self.dialect_options["postgresql"]["where"] = self._postgresql_where


def _as_text(value: datetime | None) -> str | None:
    """Returns an instant as SQLAlchemy keeps it in SQLite: `2026-05-01 07:00:00.000000`, in UTC."""
    return None if value is None else _in_utc(value).replace(tzinfo=None).isoformat(" ", "microseconds")


def _in_utc(value: datetime) -> datetime:
    if value.tzinfo is None:
        raise ValueError("a stored instant must be aware")
    return value.astimezone(UTC)


class Base(DeclarativeBase):
    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(column_0_label)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_name)s",
            "pk": "pk_%(table_name)s",
        }
    )
    type_annotation_map: ClassVar[dict[Any, Any]] = {
        datetime: UtcDateTime,
        dict[str, Any]: JSON,
        list[str]: JSON,
        list[int]: JSON,
        list[float]: JSON,
        list[dict[str, Any]]: JSON,
    }
