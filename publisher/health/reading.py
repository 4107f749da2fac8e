"""Reading from the database for somebody who must have an answer, whatever became of the database."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from sqlalchemy.orm import Session

from publisher.core.timeouts import NoAnswer, call_with_timeout
from publisher.db.upgrade import DatabaseError
from publisher.desk import Desk

T = TypeVar("T")


class DatabaseDown(Exception):
    """The database can't be asked; the message is one sentence."""


def read(desk: Desk, question: Callable[[Session], T], seconds: float) -> T:
    """The answer of `question`, asked in a transaction that only reads.

    Raises:
        DatabaseDown: it can't be reached, refuses, or does not answer in time.
    """
    try:
        return call_with_timeout(lambda: _read(desk, question), seconds)
    except NoAnswer as error:
        raise DatabaseDown(f"The database can't be used: {error}; look after it.") from None
    except DatabaseError as error:
        raise DatabaseDown(f"{error}.") from error
    except SQLAlchemyError as error:
        raise DatabaseDown(f"The database can't be used: {_cause(error)}; look after it.") from error


def _read(desk: Desk, question: Callable[[Session], T]) -> T:
    database = desk.database
    # An open SQLite file that was removed or exchanged goes on answering, and nothing of it will be kept.
    desk.history.require_place()
    with database.reading() as session:
        return question(session)


def _cause(error: SQLAlchemyError) -> str:
    told = str(error.orig if isinstance(error, DBAPIError) else error).strip()
    return told.splitlines()[0].rstrip(".") if told else type(error).__name__
