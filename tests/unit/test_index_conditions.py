"""Tests that indexes over some rows have the same condition on each kind of database."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import create_mock_engine

from publisher.db.base import Base
from publisher.db.models import BY_SLOT


def conditions(url: str) -> dict[str, str]:
    """Returns the condition of each index over some rows, by the index's name."""
    by_index: dict[str, str] = {}

    def note(statement: Any, *_: object, **__: object) -> None:
        words = str(statement.compile(dialect=engine.dialect)).strip()
        if "INDEX" in words and " WHERE " in words:
            by_index[words.split("INDEX ")[1].split(" ON ")[0]] = words.split(" WHERE ")[1]

    engine = create_mock_engine(url, note)
    Base.metadata.create_all(engine, checkfirst=False)
    return by_index


@pytest.mark.parametrize("index", ["uq_delivery_in_flight", "uq_alert_open", "ix_webhook_message_due"])
def test_an_index_has_the_same_condition_on_both_databases(index: str) -> None:
    on_sqlite, on_postgresql = conditions("sqlite://"), conditions("postgresql+psycopg://")
    assert on_sqlite[index]
    # SQLite has no statistics: the condition keeps these from questions that other indexes answer better.
    only_sqlite = {name for name, condition in on_sqlite.items() if condition == str(BY_SLOT)}
    assert on_postgresql == {name: on_sqlite[name] for name in on_sqlite.keys() - only_sqlite}
    assert all("slot" in name for name in only_sqlite)
