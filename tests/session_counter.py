"""Counts in a locked session: `python -m tests.session_counter PLACE TIMES [die]`; `die`: kills itself at the end."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

from publisher.core.clock import SystemClock
from publisher.core.encryption import SecretCipher
from publisher.db.session import Database
from publisher.delivery.sessions import DatabaseSession
from publisher.platforms.session_files import SessionFile, SessionStore

KEY = "c2VhbHMgdGhlIHNlc3Npb25zIG9mIHRoZSB0ZXN0cyE="
CHANNEL = "x"


def store_at(place: str) -> SessionStore:
    """Opens the session store at a database URL, or in a file."""
    if "://" not in place:
        return SessionFile(Path(place))
    return DatabaseSession(CHANNEL, Database.open(place), SecretCipher(KEY), SystemClock())


def count(store: SessionStore) -> None:
    with store.alone():
        store.save({"count": store.load().get("count", 0) + 1})


def main(place: str, times: str, end: str = "") -> None:
    store = store_at(place)
    for _ in range(int(times)):
        count(store)
    if end == "die":
        with store.alone():
            os.kill(os.getpid(), signal.SIGKILL)


if __name__ == "__main__":
    main(*sys.argv[1:])
