"""Defines the faults that can be requested, and queues them for the next requests of a platform.

EFFECTS tells what a fault does to an answer, and when the platform carries out the request. After a fault whose name
ends in `-after` the request was carried out although the answer does not say so: the post exists, the picture was
stored. With `late-` it is carried out only after a while, with every other fault never.
"""

from __future__ import annotations

import threading
from collections import Counter, deque
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum, auto
from typing import Literal, get_args
from urllib.parse import unquote_plus

GATEWAY_STATUSES = (403, 404, 405, 409, 413, 421, 502, 504)
"""Statuses that a gateway in front of the platform answers by itself, with a page that is not the platform's."""
REDIRECT_STATUSES = (301, 302, 307)
RETRY_AFTER = {
    "ten-years": str(10 * 365 * 24 * 60 * 60),
    "year-2099": "Thu, 01 Jan 2099 00:00:00 GMT",
    "garbage": "after the break",
    "negative": "-5",
}
"""Pauses that no client should follow."""


class Execution(Enum):
    """Says when the platform carries out the request."""

    NEVER = auto()
    FIRST = auto()
    """Before the fault strikes its answer."""
    LATE = auto()
    """After so many seconds of the platform's time, whatever was answered."""


class Symptom(Enum):
    """Names what the client sees."""

    REFUSED_CONNECTION = auto()
    DROPPED_CONNECTION = auto()
    OWN_REFUSAL = auto()
    """The platform's own answer."""
    GATEWAY_PAGE = auto()
    REDIRECT = auto()
    RETRY_AFTER = auto()
    """The platform's own answer, with an absurd pause."""
    CUT_BODY = auto()
    OTHER_BODY = auto()
    SLOW_ANSWER = auto()
    DRIPPING_HEAD = auto()
    """One byte every so many seconds."""
    DRIPPING_BODY = auto()
    SILENCE = auto()
    """No answer for as long as the client waits."""


@dataclass(frozen=True, slots=True)
class Effect:
    """Describes what a kind of fault does."""

    symptom: Symptom
    execution: Execution = Execution.NEVER
    status: int = 0
    refusal: str = ""
    """The platform's own refusal, by its name in `SandboxPlatform.refusal`."""
    retry_after: str = ""
    takes_seconds: bool = False


def _plain() -> Mapping[str, Effect]:
    return {
        "refuse": Effect(Symptom.REFUSED_CONNECTION),
        "drop-before": Effect(Symptom.DROPPED_CONNECTION),
        "drop-after": Effect(Symptom.DROPPED_CONNECTION, Execution.FIRST),
        "500-before": Effect(Symptom.OWN_REFUSAL, refusal="500"),
        "500-after": Effect(Symptom.OWN_REFUSAL, Execution.FIRST, refusal="500"),
        "504-after": Effect(Symptom.OWN_REFUSAL, Execution.FIRST, refusal="504"),
        "truncate-after": Effect(Symptom.CUT_BODY, Execution.FIRST),
        "garbage-after": Effect(Symptom.OTHER_BODY, Execution.FIRST),
        "slow-after": Effect(Symptom.SLOW_ANSWER, Execution.FIRST, takes_seconds=True),
        "429": Effect(Symptom.OWN_REFUSAL, refusal="429"),
        "unauthorized": Effect(Symptom.OWN_REFUSAL, refusal="unauthorized"),
        "reject": Effect(Symptom.OWN_REFUSAL, refusal="reject"),
    }


def _gateway() -> Mapping[str, Effect]:
    before = {f"gateway-{status}": Effect(Symptom.GATEWAY_PAGE, status=status) for status in GATEWAY_STATUSES}
    after = {
        f"gateway-{status}-after": Effect(Symptom.GATEWAY_PAGE, Execution.FIRST, status=status)
        for status in GATEWAY_STATUSES
    }
    return before | after


def _retry_after() -> Mapping[str, Effect]:
    return {
        f"{status}-{name}": Effect(Symptom.RETRY_AFTER, status=status, refusal=refusal, retry_after=value)
        for status, refusal in ((429, "429"), (503, "500"))
        for name, value in RETRY_AFTER.items()
    }


_LATE = {
    "late-504": Effect(Symptom.GATEWAY_PAGE, Execution.LATE, status=504, takes_seconds=True),
    "late-drop": Effect(Symptom.DROPPED_CONNECTION, Execution.LATE, takes_seconds=True),
    "late-silence": Effect(Symptom.SILENCE, Execution.LATE, takes_seconds=True),
}
_PLAIN, _GATEWAY, _RETRY_AFTER = _plain(), _gateway(), _retry_after()
_REDIRECT = {f"redirect-{status}": Effect(Symptom.REDIRECT, status=status) for status in REDIRECT_STATUSES}
_DRIP = {
    "drip-head": Effect(Symptom.DRIPPING_HEAD, Execution.FIRST, takes_seconds=True),
    "drip-body": Effect(Symptom.DRIPPING_BODY, Execution.FIRST, takes_seconds=True),
}
EFFECTS: Mapping[str, Effect] = {**_PLAIN, **_GATEWAY, **_REDIRECT, **_RETRY_AFTER, **_DRIP, **_LATE}
BASIC_KINDS = tuple(_PLAIN)
"""Kinds of faults of the wire and of the platform itself."""
GATEWAY_KINDS, REDIRECT_KINDS, RETRY_AFTER_KINDS = tuple(_GATEWAY), tuple(_REDIRECT), tuple(_RETRY_AFTER)
DRIP_KINDS, LATE_COMMIT_KINDS = tuple(_DRIP), tuple(_LATE)
ALL_KINDS = tuple(EFFECTS)
EXECUTED_KINDS = frozenset(kind for kind in EFFECTS if EFFECTS[kind].execution is Execution.FIRST)
TAKES_SECONDS = tuple(kind for kind in EFFECTS if EFFECTS[kind].takes_seconds)

Step = Literal["publish", "upload", "read", "correct"]
"""Of a post's way: the request that publishes it, whatever else is sent, whatever is only read, and the request that
gives a public post another text."""
STEPS: tuple[str, ...] = get_args(Step)


MAX_SECONDS = 366 * 24 * 3600


@dataclass(frozen=True, slots=True)
class Fault:
    kind: str
    """One of ALL_KINDS."""
    seconds: float = 0.0
    """How long it takes, for one of TAKES_SECONDS: a slow answer, between two bytes, until a late request is done."""
    step: str = "publish"

    @classmethod
    def parse(cls, text: str) -> Fault:
        """Reads `drop-after`, `slow-after:2.5`, or `read/500-before` at another step. Raises ValueError."""
        step, _, rest = text.rpartition("/")
        kind, _, seconds = rest.partition(":")
        if step not in ("", *STEPS):
            raise ValueError(f"there is no step {step!r}; known are {', '.join(STEPS)}")
        if kind not in EFFECTS:
            raise ValueError(f"there is no fault {kind!r}; known are {', '.join(EFFECTS)}")
        if EFFECTS[kind].takes_seconds != bool(seconds):
            raise ValueError(f"{', '.join(TAKES_SECONDS)} take seconds, and only they do: slow-after:2.5")
        if seconds and not 0 <= float(seconds) <= MAX_SECONDS:
            raise ValueError(f"{seconds} is no number of seconds from 0 to {MAX_SECONDS}")
        if kind == "refuse" and step:
            raise ValueError("refuse takes no step: it strikes when a connection is opened, whatever it is for")
        return cls(kind, float(seconds or 0.0), step or "publish")

    @property
    def effect(self) -> Effect:
        return EFFECTS[self.kind]

    @property
    def name(self) -> str:
        """Returns the name that it is counted under: `drop-after`, `read/drop-after`."""
        return self.kind if self.step == "publish" else f"{self.step}/{self.kind}"


MAX_RECORDED_BYTES = 4000
"""The most that is recorded of a request that a fault has struck: enough for the text of a post."""


class FaultQueue:
    """Queues faults per platform and step. Each request takes one, in order."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._queues: dict[tuple[str, str], deque[Fault]] = {}
        self._counts: Counter[tuple[str, str]] = Counter()
        self._affected_requests: list[dict[str, str]] = []

    def add(self, platform: str, fault: Fault, times: int = 1) -> None:
        with self._lock:
            self._queues.setdefault((platform, fault.step), deque()).extend([fault] * times)

    def take(self, platform: str, step: str = "publish", *, at_connection: bool = False) -> Fault | None:
        """Removes and returns the next fault of this platform at this step, if any.

        `refuse` strikes when a connection is opened and every other kind when a request is read;
        `at_connection` says which of the two this is.
        """
        with self._lock:
            queue = self._queues.get((platform, step))
            if not queue or (queue[0].kind == "refuse") != at_connection:
                return None
            fault = queue.popleft()
            self._counts[platform, fault.name] += 1
            return fault

    def record_request(self, platform: str, fault: Fault, body: bytes) -> None:
        """Records the beginning of a request that a fault has struck."""
        text = unquote_plus(body[:MAX_RECORDED_BYTES].decode("utf-8", errors="replace"))
        with self._lock:
            self._affected_requests.append({"platform": platform, "fault": fault.name, "text": text})

    def affected_requests(self) -> list[dict[str, str]]:
        """Returns the requests that faults have struck, in order."""
        with self._lock:
            return [*self._affected_requests]

    def clear(self) -> None:
        with self._lock:
            self._queues.clear()

    def summary(self) -> dict[str, dict[str, int]]:
        """Counts how often each fault struck, by platform."""
        with self._lock:
            counts_by_platform: dict[str, dict[str, int]] = {}
            for (platform, kind), times in self._counts.items():
                counts_by_platform.setdefault(platform, {})[kind] = times
            return counts_by_platform
