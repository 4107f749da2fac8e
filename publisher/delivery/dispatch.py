"""Drains each channel that has work in a thread of this process, one thread at a time per channel.

Kicking twice, or never, does no harm: the claim is the guard, and the next tick kicks again.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from publisher.core.outage_log import LogOnce

Drain = Callable[[str, threading.Event], int]
"""Does what is due on a channel until nothing is, or until the event is set, and returns how much that was."""


class Drainer:
    """Drains channels in the caller's thread, each in one thread at a time."""

    def __init__(self, drain: Drain) -> None:
        self._drain = drain
        self._busy: set[str] = set()
        self._again: set[str] = set()
        self._troubles: dict[str, LogOnce] = {}
        self._lock = threading.Lock()
        self._stopping = threading.Event()

    def begin(self, channel: str) -> bool:
        """Returns whether to call `run`. If not, whoever drains the channel now does it once more afterwards."""
        with self._lock:
            if self._stopping.is_set():
                return False
            if channel in self._busy:
                self._again.add(channel)
                return False
            self._busy.add(channel)
            return True

    def drain(self, channel: str) -> None:
        """Begins the channel and runs it, if it is to be run."""
        if self.begin(channel):
            self.run(channel)

    def run(self, channel: str) -> None:
        """Drains a channel that was begun."""
        while True:
            self._drain_safely(channel)
            with self._lock:
                if channel in self._again and not self._stopping.is_set():
                    self._again.discard(channel)
                    continue
                self._busy.discard(channel)
                self._again.discard(channel)
                return

    def _drain_safely(self, channel: str) -> None:
        """Logs what a drain raises: the row keeps the truth, and the next tick kicks the channel again."""
        trouble = self._troubles.setdefault(channel, LogOnce("worker", "the work", channel=channel))
        try:
            self._drain(channel, self._stopping)
        except Exception as error:
            trouble.failed(error)
        else:
            trouble.worked()

    @property
    def idle(self) -> bool:
        with self._lock:
            return not self._busy

    def stop(self) -> None:
        """Begins nothing new, and lets each thread finish its present delivery."""
        self._stopping.set()


class ThreadDispatcher:
    """Drains each kicked channel in a thread of its own."""

    def __init__(self, drain: Drain, *, threads: int) -> None:
        self._drainer = Drainer(drain)
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="worker")

    def kick(self, channel: str) -> None:
        """Has the channel drained. One that is being drained is drained once more afterwards."""
        if self._drainer.begin(channel):
            self._pool.submit(self._drainer.run, channel)

    @property
    def idle(self) -> bool:
        return self._drainer.idle

    def stop(self) -> None:
        """Begins nothing new, lets each thread finish its present delivery, and waits for them."""
        self._drainer.stop()
        self._pool.shutdown(wait=True)
