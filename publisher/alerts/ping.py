"""Requests the address of a dead-man's switch while all is well, so that its silence raises the alarm."""

from __future__ import annotations

from datetime import datetime, timedelta

import requests

from publisher.alerts.addresses import PING_VARIABLE, read_ping_url
from publisher.core.messages import Message, _
from publisher.core.network_errors import describe_failure
from publisher.core.outage_log import LogOnce
from publisher.core.timeouts import CallLimit, CallTimedOut, call_with_timeout

INTERVAL = timedelta(minutes=5)
TIMEOUT_SECONDS = 10.0
"""For each single wait."""
WHOLE_SECONDS = 20.0
"""For the whole request: a server that sends its answer byte by byte is given up after so long."""
_PATIENCE = CallLimit(max_calls=1)


class Ping:
    """Requests the address at most every five minutes; each process does so for itself."""

    def __init__(self) -> None:
        self._tried_at: datetime | None = None
        self._log = LogOnce("alerts", "requesting the address of the dead-man's switch", variable=PING_VARIABLE)

    def is_due(self, now: datetime) -> bool:
        """Decides whether five minutes are over. A last time in the future is from a clock that was put back."""
        return self._tried_at is None or not timedelta(0) <= now - self._tried_at < INTERVAL

    def request(self, now: datetime) -> None:
        """Requests the address once. A failure is logged once, until it works again.

        Raises:
            SettingsError: the address can't be used.
        """
        url = read_ping_url()
        if url is None:
            return
        self._tried_at = now
        if reason := _request(url):
            self._log.failed_because(str(reason))
        else:
            self._log.worked()


def _request(url: str) -> Message | None:
    """Returns why the request failed; None: it worked. Of an error only its kind, since its text names the address."""
    try:
        status = call_with_timeout(lambda: _read_status(url), WHOLE_SECONDS, _PATIENCE)
    except CallTimedOut as error:
        return error.text
    except requests.RequestException as error:
        return describe_failure(error)
    if 300 <= status < 400:
        return _("it answered {status}, which leads elsewhere; set the address that it leads to", status=status)
    return None if status < 300 else _("it answered {status}", status=status)


def _read_status(url: str) -> int:
    with requests.get(url, timeout=TIMEOUT_SECONDS, allow_redirects=False, stream=True) as answer:
        return answer.status_code
