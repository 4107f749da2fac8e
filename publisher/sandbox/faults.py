"""Faults on request: what the next requests of a platform will suffer, step by step of a publication.

`before` means that nothing was done, `after` that it was although the answer does not say so: the
post exists, the picture was taken.
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

Step = Literal["publish", "upload", "read"]
"""Of a publication: the request that publishes, whatever else is sent, and whatever is only read."""
STEPS: tuple[str, ...] = get_args(Step)


@dataclass(frozen=True, slots=True)
class Fault:
    kind: str
    seconds: float = 0.0
    step: str = "publish"

    @classmethod
    def parse(cls, text: str) -> Fault:
        """`drop-after`, `slow-after:2.5`, or `read/500-before` at another step. Raises ValueError with a sentence."""
        step, _, rest = text.rpartition("/")
        kind, _, seconds = rest.partition(":")
        if step not in ("", *STEPS):
            raise ValueError(f"there is no step {step!r}; known are {', '.join(STEPS)}")
        if kind not in KINDS:
            raise ValueError(f"there is no fault {kind!r}; known are {', '.join(KINDS)}")
        if (kind == "slow-after") != bool(seconds):
            raise ValueError("slow-after, and only it, takes seconds: slow-after:2.5")
        if kind == "refuse" and step:
            raise ValueError("refuse takes no step: it strikes when a connection is opened, whatever it is for")
        return cls(kind, float(seconds or 0.0), step or "publish")

    @property
    def name(self) -> str:
        """As it is counted: `drop-after`, `read/drop-after`."""
        return self.kind if self.step == "publish" else f"{self.step}/{self.kind}"


class FaultBox:
    """Faults waiting per platform and step, taken one per request, in order."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._waiting: dict[tuple[str, str], deque[Fault]] = {}
        self._taken: Counter[tuple[str, str]] = Counter()

    def add(self, platform: str, fault: Fault, times: int = 1) -> None:
        with self._lock:
            self._waiting.setdefault((platform, fault.step), deque()).extend([fault] * times)

    def take(self, platform: str, step: str = "publish", *, refusing: bool = False) -> Fault | None:
        """The next fault of this platform at this step, if any.

        `refuse` strikes when a connection is opened and every other kind when a request is read;
        `refusing` says which moment this is.
        """
        with self._lock:
            waiting = self._waiting.get((platform, step))
            if not waiting or (waiting[0].kind == "refuse") != refusing:
                return None
            fault = waiting.popleft()
            self._taken[platform, fault.name] += 1
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
