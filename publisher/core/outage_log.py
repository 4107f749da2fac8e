"""Trouble that lasts: told when it begins and when it is over, not each time that it is met."""

from __future__ import annotations

import threading

from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError

from publisher.core.logs import get_logger

OUTAGES = (ConnectionError, InterfaceError, OperationalError)
"""What is outside the program: where in it they were met helps nobody."""


class LogOnce:
    """What one act, done again and again, has met. Any thread may tell of it."""

    def __init__(self, logger: str, what: str, **values: object) -> None:
        """`what`: the act, as in `WHAT failed`. `values`: what else the log lines name."""
        self._log = get_logger(logger)
        self._values = values
        self._what = what
        self._met = False
        self._lock = threading.Lock()

    def met(self, error: BaseException, *, trace: bool = True) -> None:
        """Tell of it, unless it lasts. `trace` False: where in the program it was met helps nobody."""
        with self._lock:
            first, self._met = not self._met, True
        if first:
            outage = isinstance(error, OUTAGES) or not trace
            told = f"{self._what} failed; trying again until it works"
            self._log.bind(**self._values).error(told, why=_cause(error), exc_info=None if outage else error)

    def over(self) -> None:
        with self._lock:
            was, self._met = self._met, False
        if was:
            self._log.bind(**self._values).info(f"{self._what} works again")


def _cause(error: BaseException) -> str:
    """What a database said, without the statement and its values."""
    said = str(error.orig if isinstance(error, DBAPIError) else error).strip()
    return said.splitlines()[0] if said else type(error).__name__
