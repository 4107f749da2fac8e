"""Tests that the tests' databases share compiled statements."""

from __future__ import annotations

from sqlalchemy import literal, select

from tests.shared_statements import SharedStatements


def test_two_databases_share_a_compiled_statement_and_no_value() -> None:
    statements = SharedStatements()
    for value in ("first", "second"):
        engine = statements.create_engine("sqlite://")
        with engine.connect() as connection:
            assert connection.scalar(select(literal(value))) == value
        engine.dispose()
    assert len(statements) == 1
