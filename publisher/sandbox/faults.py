"""Faults on request: what the next publishing requests of a platform will suffer.

`before` means that no post exists, `after` that it does although the answer does not say so.
"""

from __future__ import annotations

import threading
from collections import Counter, deque
from dataclasses import dataclass
from typing import Literal, get_args

FaultKind = Literal[
    "refuse",
    "drop-before",
    "drop-after",
    "500-before",
    "500-after",
    "504-after",
    "truncate-after",
    "garbage-after",
    "slow-after",
    "429",
    "unauthorized",
    "reject",
]
KINDS: tuple[str, ...] = get_args(FaultKind)
AFTER = frozenset(kind for kind in KINDS if kind.endswith("-after"))


@dataclass(frozen=True, slots=True)
class Fault:
    kind: str
    seconds: float = 0.0

    @classmethod
    def parse(cls, text: str) -> Fault:
        """`drop-after`, or `slow-after:2.5`. Raises ValueError with a sentence."""
        kind, _, seconds = text.partition(":")
        if kind not in KINDS:
            raise ValueError(f"there is no fault {kind!r}; known are {', '.join(KINDS)}")
        if (kind == "slow-after") != bool(seconds):
            raise ValueError("slow-after, and only it, takes seconds: slow-after:2.5")
        return cls(kind, float(seconds or 0.0))


class FaultBox:
    """Faults waiting per platform, taken one per publishing request, in order."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._waiting: dict[str, deque[Fault]] = {}
        self._taken: Counter[tuple[str, str]] = Counter()

    def add(self, platform: str, fault: Fault, times: int = 1) -> None:
        with self._lock:
            self._waiting.setdefault(platform, deque()).extend([fault] * times)

    def take(self, platform: str, *, refusing: bool = False) -> Fault | None:
        """The next fault of this platform, if any.

        `refuse` strikes when a connection is opened and every other kind when a publishing
        request is read; `refusing` says which moment this is.
        """
        with self._lock:
            waiting = self._waiting.get(platform)
            if not waiting or (waiting[0].kind == "refuse") != refusing:
                return None
            fault = waiting.popleft()
            self._taken[platform, fault.kind] += 1
            return fault

    def clear(self) -> None:
        with self._lock:
            self._waiting.clear()

    def summary(self) -> dict[str, dict[str, int]]:
        """How often each fault struck, by platform."""
        with self._lock:
            struck: dict[str, dict[str, int]] = {}
            for (platform, kind), times in self._taken.items():
                struck.setdefault(platform, {})[kind] = times
            return struck
