"""Keeps compiled SQL statements for all databases that the tests of a process open, one after the other."""

from __future__ import annotations

from collections.abc import Iterator, MutableMapping
from typing import Any

from sqlalchemy import Engine, create_engine


class SharedStatements(MutableMapping[tuple[Any, ...], Any]):
    """Holds statements by the name of the SQL dialect.

    SQLAlchemy holds them for each engine, so that each test would compile the same hundred statements anew.
    """

    def __init__(self) -> None:
        self._statements: dict[tuple[Any, ...], Any] = {}

    def __getitem__(self, key: tuple[Any, ...]) -> Any:
        return self._statements[_shared(key)]

    def get(self, key: tuple[Any, ...], default: Any = None) -> Any:
        """Skips the exception of the general way: most look-ups succeed, and there are many."""
        return self._statements.get(_shared(key), default)

    def __setitem__(self, key: tuple[Any, ...], statement: Any) -> None:
        self._statements[_shared(key)] = statement

    def __delitem__(self, key: tuple[Any, ...]) -> None:
        del self._statements[_shared(key)]

    def __iter__(self) -> Iterator[tuple[Any, ...]]:
        return iter(self._statements)

    def __len__(self) -> int:
        return len(self._statements)

    def create_engine(self, url: Any, **options: Any) -> Engine:
        """Creates an engine that shares these statements."""
        engine = create_engine(url, **options)
        engine.update_execution_options(compiled_cache=self)
        return engine


def _shared(key: tuple[Any, ...]) -> tuple[Any, ...]:
    dialect, *rest = key
    return (dialect.name, dialect.driver, *rest)
