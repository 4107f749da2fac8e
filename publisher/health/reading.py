"""Reads from the database with a time limit, for probes that must answer even if the database does not."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from sqlalchemy.orm import Session

from publisher.core.errors import ErrorKind, UserError
from publisher.core.timeouts import CallTimedOut, call_with_timeout
from publisher.db.upgrade import DatabaseError
from publisher.desk import Desk

T = TypeVar("T")


class DatabaseDown(UserError):
    """The database does not answer; the message is one sentence."""

    code = "database-not-answering"
    kind = ErrorKind.MACHINE


def read_database(desk: Desk, query: Callable[[Session], T], seconds: float) -> T:
    """Runs `query` in a transaction that only reads, for so many seconds at most.

    Raises:
        DatabaseDown: it can't be reached, refuses, or does not answer in time.
    """
    try:
        return call_with_timeout(lambda: _read_rows(desk, query), seconds)
    except CallTimedOut as error:
        raise DatabaseDown(f"The database can't be used: {error}; check that its server or its file is well.") from None
    except DatabaseError as error:
        raise DatabaseDown(f"{error}.") from error
    except SQLAlchemyError as error:
        raise DatabaseDown(
            f"The database can't be used: {_cause(error)}; check that its server or its file is well."
        ) from error


def _read_rows(desk: Desk, query: Callable[[Session], T]) -> T:
    database = desk.database
    # An open SQLite file that was removed or replaced still answers, but its changes will be lost.
    desk.history.require_place()
    with database.reading() as session:
        return query(session)


def _cause(error: SQLAlchemyError) -> str:
    reason = str(error.orig if isinstance(error, DBAPIError) else error).strip()
    return reason.splitlines()[0].rstrip(".") if reason else type(error).__name__
