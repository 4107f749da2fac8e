"""Reads from the database with a time limit, for probes that must answer even if the database does not."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from sqlalchemy.orm import Session

from publisher.core.errors import ErrorKind, UserError
from publisher.core.problems import Problem
from publisher.core.timeouts import CallTimedOut, call_with_timeout
from publisher.db.upgrade import DatabaseError
from publisher.desk import Desk
from publisher.health.problem_codes import ReadinessProblem

T = TypeVar("T")


class DatabaseDown(UserError):
    """The database does not answer; `problem` says why."""

    code = "database-not-answering"
    kind = ErrorKind.MACHINE

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem)
        self.problem = problem


def read_database(desk: Desk, query: Callable[[Session], T], seconds: float) -> T:
    """Runs `query` in a transaction that only reads, for so many seconds at most.

    Raises:
        DatabaseDown: it can't be reached, refuses, or does not answer in time.
    """
    try:
        return call_with_timeout(lambda: _read_rows(desk, query), seconds)
    except CallTimedOut as error:
        raise DatabaseDown(ReadinessProblem.DATABASE_DOWN(reason=error.text)) from None
    except DatabaseError as error:
        raise DatabaseDown(ReadinessProblem.DATABASE_UNUSABLE(reason=error.text)) from error
    except SQLAlchemyError as error:
        raise DatabaseDown(ReadinessProblem.DATABASE_DOWN(reason=_cause(error))) from error


def _read_rows(desk: Desk, query: Callable[[Session], T]) -> T:
    database = desk.database
    # An open SQLite file that was removed or replaced still answers, but its changes will be lost.
    desk.history.require_place()
    with database.reading() as session:
        return query(session)


def _cause(error: SQLAlchemyError) -> str:
    reason = str(error.orig if isinstance(error, DBAPIError) else error).strip()
    return reason.splitlines()[0].rstrip(".") if reason else type(error).__name__
