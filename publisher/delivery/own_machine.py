"""Tells failures of this machine from those of a platform, and records outcomes once they are over."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable
from typing import TypeVar

from sqlalchemy import update
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError

from publisher.core.clock import monotonic
from publisher.core.errors import ErrorKind, UserError
from publisher.core.machine_errors import machine_problem
from publisher.core.messages import Message
from publisher.core.outage_log import LogOnce
from publisher.core.problems import Problem
from publisher.db.history_file import HistoryNotWritten
from publisher.db.session import Database
from publisher.delivery.due import CHANNELS
from publisher.delivery.problem_codes import DeliveryProblem, MachineProblem
from publisher.platforms.errors import PlatformError

SQLITE_TROUBLES = {
    sqlite3.SQLITE_BUSY: MachineProblem.DATABASE_LOCKED,
    sqlite3.SQLITE_LOCKED: MachineProblem.DATABASE_LOCKED,
    sqlite3.SQLITE_FULL: MachineProblem.DISK_FULL,
    sqlite3.SQLITE_READONLY: MachineProblem.NOT_WRITABLE,
    sqlite3.SQLITE_IOERR: MachineProblem.DISK_FAILED,
    sqlite3.SQLITE_CANTOPEN: MachineProblem.NOT_OPENED,
}
WRITES_SOMETHING = update(CHANNELS).values(name=CHANNELS.c.name)
WRITTEN_WITHIN_SECONDS = 20.0
"""After that a worker lets go: its lease ends, and another look is taken."""
PAUSE_SECONDS = 0.5
T = TypeVar("T")


class OwnMachineFailed(UserError):
    """Says that this machine could not do its part, and nothing was sent."""

    code = "machine-not-ready"
    kind = ErrorKind.MACHINE

    def __init__(self, why: Problem | Message) -> None:
        self.problem = DeliveryProblem.OWN_MACHINE_FAILED(why=why)
        super().__init__(self.problem)


def find_own_failure(error: BaseException) -> Problem | Message | None:
    """Returns what failed on this machine, as a clause; None where an error is about something else."""
    if isinstance(error, PlatformError):
        return None
    if isinstance(error, HistoryNotWritten):
        return error.text
    if isinstance(error, OperationalError | InterfaceError):
        return _database_problem(error)
    return machine_problem(error)


def _database_problem(error: DBAPIError) -> Problem | None:
    if not isinstance(error.orig, sqlite3.Error):
        return MachineProblem.NO_DATABASE_ANSWER()
    code = SQLITE_TROUBLES.get(getattr(error.orig, "sqlite_errorcode", 0) & 0xFF)
    return code and code()


class OwnMachine:
    """Knows whether a worker's own machine is in trouble: until that is over, nothing new is begun."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._in_trouble = threading.Event()
        self._trouble = LogOnce("worker", "writing down what is to be sent")
        self._pause = threading.Event()

    def judge(self, error: Exception) -> Exception:
        """Returns the error itself, or OwnMachineFailed where it is about this machine. Nothing was sent yet."""
        why = find_own_failure(error)
        if why is None or isinstance(error, OwnMachineFailed):
            return error
        self._note_trouble(error)
        return OwnMachineFailed(why)

    @property
    def is_in_trouble(self) -> bool:
        """Returns whether the machine was in trouble when something was last written."""
        return self._in_trouble.is_set()

    def is_well(self) -> bool:
        """Returns whether work may begin: pictures are not uploaded again for what can't be written down."""
        if not self._in_trouble.is_set():
            return True
        try:
            with self._database.changing_rows() as rows:
                rows.execute(WRITES_SOMETHING)
            self._database.require_history()
        except Exception as error:
            if find_own_failure(error) is None:
                raise
            self._note_trouble(error)
            return False
        self._in_trouble.clear()
        self._trouble.worked()
        return True

    def retry_until_written(self, write: Callable[[], T]) -> T:
        """Writes an outcome, again and again for a while if this machine is in trouble."""
        give_up = monotonic() + WRITTEN_WITHIN_SECONDS
        while True:
            try:
                return write()
            except Exception as error:
                if find_own_failure(error) is None or monotonic() >= give_up:
                    raise
                self._note_trouble(error)
            self._pause.wait(PAUSE_SECONDS)

    def _note_trouble(self, error: Exception) -> None:
        self._in_trouble.set()
        self._trouble.failed(error)
