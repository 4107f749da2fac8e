"""Logs the first failure of a repeated act and its next success, and nothing in between."""

from __future__ import annotations

import threading

from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError

from publisher.core.errors import UserError
from publisher.core.logs import get_logger

OUTAGE_ERRORS = (ConnectionError, InterfaceError, OperationalError)
"""Errors of what is outside the program: a trace of them helps nobody."""


class LogOnce:
    """Logs when one act begins to fail and when it works again. Any thread may call it."""

    def __init__(self, logger: str, what: str, **values: object) -> None:
        """`what`: the act, as in `WHAT failed`. `values`: what else the log lines name."""
        self._log = get_logger(logger)
        self._values = values
        self._what = what
        self._is_failing = False
        self._lock = threading.Lock()

    def failed(self, error: BaseException, *, trace: bool = True) -> None:
        """Logs an error unless the act failed the last time, too. `trace` False: without the place in the program."""
        outage = isinstance(error, OUTAGE_ERRORS) or not trace
        code = {"code": error.code} if isinstance(error, UserError) else {}
        self._log_first(_cause(error), None if outage else error, **code)

    def failed_because(self, reason: str) -> None:
        """Logs a failure that has a reason and no error, unless the act failed the last time, too."""
        self._log_first(reason, None)

    def worked(self) -> None:
        """Logs that the act works again if it failed the last time."""
        with self._lock:
            was_failing, self._is_failing = self._is_failing, False
        if was_failing:
            self._log.bind(**self._values).info(f"{self._what} works again")

    def _log_first(self, reason: str, error: BaseException | None, **values: str) -> None:
        with self._lock:
            is_first, self._is_failing = not self._is_failing, True
        if is_first:
            log = self._log.bind(**self._values, **values)
            log.error(f"{self._what} failed; trying again until it works", why=reason, exc_info=error)


def _cause(error: BaseException) -> str:
    """Returns what a database said, without the statement and its values."""
    reason = str(error.orig if isinstance(error, DBAPIError) else error).strip()
    return reason.splitlines()[0] if reason else type(error).__name__
