"""The embedded dispatcher: a word that a channel has work, and a thread that drains it.

Kicking twice, or never, does no harm: the claim is the guard, and the next tick kicks again.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from publisher.logs import get_logger


class ThreadDispatcher:
    """Drains each kicked channel in a thread of its own, at most one per channel."""

    def __init__(self, drain: Callable[[str, threading.Event], int], *, threads: int) -> None:
        self._drain = drain
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="worker")
        self._busy: set[str] = set()
        self._again: set[str] = set()
        self._failing: set[str] = set()
        self._lock = threading.Lock()
        self._stopping = threading.Event()

    def kick(self, channel: str) -> None:
        """Have the channel drained. One that is being drained is drained once more afterwards."""
        with self._lock:
            if self._stopping.is_set():
                return
            if channel in self._busy:
                self._again.add(channel)
                return
            self._busy.add(channel)
        self._pool.submit(self._run, channel)

    def _run(self, channel: str) -> None:
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
        """The row keeps the truth and the next tick kicks again; why it failed is told once, not at every tick."""
        try:
            self._drain(channel, self._stopping)
        except Exception:
            if channel not in self._failing:
                get_logger("worker").exception("work failed; trying again until it works", channel=channel)
            self._failing.add(channel)
        else:
            if channel in self._failing:
                get_logger("worker").info("working again", channel=channel)
            self._failing.discard(channel)

    @property
    def idle(self) -> bool:
        with self._lock:
            return not self._busy

    def stop(self) -> None:
        """Let each thread finish what it has in hand, take nothing new, and wait for them."""
        self._stopping.set()
        self._pool.shutdown(wait=True)
