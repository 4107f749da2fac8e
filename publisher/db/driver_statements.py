"""Executes the statements that every delivery needs, with the least work in Python for each.

SQLAlchemy builds the text and knows the types, once for each kind of database. The driver gets it directly: what
SQLAlchemy does around a statement takes several times longer than the statement itself.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from sqlalchemy import Connection, Dialect, Select
from sqlalchemy.engine.interfaces import DBAPICursor, DBAPIModule
from sqlalchemy.exc import DBAPIError
from sqlalchemy.sql.dml import UpdateBase
from sqlalchemy.types import TypeEngine

Processor = Callable[[Any], Any] | None
"""Changes a value into what a driver takes, or back. None: it is taken as it is."""
Values = Mapping[str, Any]
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class _Plan:
    """Holds one statement as a driver takes it."""

    text: str
    processors: tuple[tuple[str, Processor], ...]
    constants: dict[str, Any]
    """Values that the statement itself brings along."""
    order: tuple[str, ...] | None
    """Where the driver takes values by place. None: it takes them by name."""
    columns: tuple[str, ...]
    results: tuple[Processor, ...]

    def arguments(self, values: Values) -> tuple[Any, ...] | dict[str, Any]:
        arguments = {**self.constants, **values} if self.constants else values
        processed = {
            name: process(arguments[name]) if process else arguments[name] for name, process in self.processors
        }
        return processed if self.order is None else tuple([processed[name] for name in self.order])

    def row(self, fetched: tuple[Any, ...]) -> dict[str, Any]:
        return {
            name: process(value) if process else value
            for name, process, value in zip(self.columns, self.results, fetched, strict=True)
        }


class DriverStatement:
    """Holds a statement that is built once and executed by the driver.

    Columns that an insert or update sets are those that it is given. Python-side defaults are not filled in, and
    events of SQLAlchemy about statements do not happen. Errors are SQLAlchemy's, as ever.
    """

    def __init__(self, statement: Select[*tuple[Any, ...]] | UpdateBase) -> None:
        self._statement = statement
        self._plans: dict[tuple[str, ...], _Plan] = {}

    def change(self, connection: Connection, values: Values) -> int:
        """Returns how many rows were changed."""
        return self._carry_out(connection, values, lambda cursor, _: cursor.rowcount)

    def first(self, connection: Connection, values: Values) -> dict[str, Any] | None:
        """Returns the first row, by the names of its columns; None when there is none."""
        return self._carry_out(connection, values, _first)

    def all(self, connection: Connection, values: Values) -> list[dict[str, Any]]:
        return self._carry_out(connection, values, _all)

    def _carry_out(self, connection: Connection, values: Values, read: Callable[[DBAPICursor, _Plan], T]) -> T:
        dialect = connection.dialect
        key = (dialect.name, *values)
        plan = self._plans.get(key)
        if plan is None:
            plan = self._plans[key] = _plan(self._statement, dialect, values)
        cursor = connection.connection.cursor()
        try:
            dialect.do_execute(cursor, plan.text, plan.arguments(values))
            return read(cursor, plan)
        except dialect.loaded_dbapi.Error as error:
            raise _translate_error(error, connection, cursor, plan.text) from error
        finally:
            cursor.close()


def carry_out(connection: Connection, text: str) -> None:
    """Executes a statement without values, such as `COMMIT`, of which SQLAlchemy need not know."""
    cursor = connection.connection.cursor()
    try:
        connection.dialect.do_execute(cursor, text, ())
    except connection.dialect.loaded_dbapi.Error as error:
        raise _translate_error(error, connection, cursor, text) from error
    finally:
        cursor.close()


def _translate_error(error: DBAPIModule.Error, connection: Connection, cursor: DBAPICursor, text: str) -> Exception:
    """Returns the error as SQLAlchemy would raise it. A connection that is lost is not used again."""
    dialect = connection.dialect
    is_lost = dialect.is_disconnect(error, connection.connection.dbapi_connection, cursor)
    if is_lost:
        connection.invalidate(error)
    kind = dialect.loaded_dbapi.Error
    return DBAPIError.instance(text, None, error, kind, connection_invalidated=is_lost, dialect=dialect)


def _first(cursor: DBAPICursor, plan: _Plan) -> dict[str, Any] | None:
    fetched = cursor.fetchone()
    return None if fetched is None else plan.row(fetched)


def _all(cursor: DBAPICursor, plan: _Plan) -> list[dict[str, Any]]:
    return [plan.row(fetched) for fetched in cursor.fetchall()]


def _plan(statement: Select[*tuple[Any, ...]] | UpdateBase, dialect: Dialect, values: Values) -> _Plan:
    names = None if isinstance(statement, Select) else list(values)
    compiled = statement.compile(dialect=dialect, column_keys=names)
    kinds = {name: bind.type for bind, name in compiled.bind_names.items()}
    return _Plan(
        text=str(compiled),
        processors=tuple((name, _bind_processor(kind, dialect)) for name, kind in kinds.items()),
        constants={name: value for name, value in compiled.params.items() if name not in values},
        order=tuple(compiled.positiontup or ()) if compiled.positional else None,
        columns=tuple(column.name for column in statement.exported_columns),
        results=tuple(_result_processor(column.type, dialect) for column in statement.exported_columns),
    )


def _bind_processor(kind: TypeEngine[Any], dialect: Dialect) -> Processor:
    return kind.dialect_impl(dialect).bind_processor(dialect)


def _result_processor(kind: TypeEngine[Any], dialect: Dialect) -> Processor:
    return kind.dialect_impl(dialect).result_processor(dialect, None)
