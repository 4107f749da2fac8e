"""The dead-man's switch: an address that is requested while all is well, so that silence raises the alarm."""

from __future__ import annotations

from datetime import datetime, timedelta

import requests

from publisher.alerts.addresses import PING_VARIABLE, read_ping_url
from publisher.core.logs import get_logger
from publisher.core.network_errors import failure_in_words
from publisher.core.timeouts import NoAnswer, Patience, call_with_timeout

EVERY = timedelta(minutes=5)
TIMEOUT_SECONDS = 10.0
"""For each single wait."""
WHOLE_SECONDS = 20.0
"""For all of it: one that drips its answer is left to itself after so long."""
_PATIENCE = Patience(at_once=1)


class Ping:
    """Requests the address at most every five minutes; each process does so for itself."""

    def __init__(self) -> None:
        self._tried_at: datetime | None = None
        self._failing = False

    def is_due(self, now: datetime) -> bool:
        """A last time that is yet to come was told by a clock that has been put back."""
        return self._tried_at is None or not timedelta(0) <= now - self._tried_at < EVERY

    def request(self, now: datetime) -> None:
        """Ask once. A failure is logged once, until it works again.

        Raises:
            SettingsError: the address can't be used.
        """
        url = read_ping_url()
        if url is None:
            return
        self._tried_at = now
        why = _ask(url)
        log = get_logger("notices")
        if why and not self._failing:
            log.error("the address of the dead-man's switch was not reached", variable=PING_VARIABLE, why=why)
        elif self._failing and not why:
            log.info("the address of the dead-man's switch is reached again")
        self._failing = bool(why)


def _ask(url: str) -> str:
    """Why it did not work; empty when it did. Never more of an error than its kind: its text names the address."""
    try:
        status = call_with_timeout(lambda: _status(url), WHOLE_SECONDS, _PATIENCE)
    except NoAnswer as error:
        return str(error)
    except requests.RequestException as error:
        return failure_in_words(error)
    if 300 <= status < 400:
        return f"it answered {status}, which leads elsewhere; set the address that it leads to"
    return "" if status < 300 else f"it answered {status}"


def _status(url: str) -> int:
    with requests.get(url, timeout=TIMEOUT_SECONDS, allow_redirects=False, stream=True) as answer:
        return answer.status_code
