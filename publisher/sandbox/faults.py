"""Faults on request: what the next requests of a platform will suffer, step by step of a publication.

What a fault does to an answer, and when the platform does what it was asked for, stands in EFFECTS. A name that ends
in `-after` is of one that does it although the answer does not say so: the post exists, the picture was taken. With
`late-` it does it only after a while. With every other one it does nothing.
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
"""What a gateway in front of the platform answers by itself, with a page that is not the platform's."""
REDIRECT_STATUSES = (301, 302, 307)
RETRY_AFTER = {
    "ten-years": str(10 * 365 * 24 * 60 * 60),
    "year-2099": "Thu, 01 Jan 2099 00:00:00 GMT",
    "garbage": "after the break",
    "negative": "-5",
}
"""Pauses that no client should take at their word."""


class Moment(Enum):
    """When the platform does what it was asked for."""

    NEVER = auto()
    FIRST = auto()
    """Before the fault strikes its answer."""
    LATE = auto()
    """After so many seconds of the platform's time, whatever was answered."""


class Symptom(Enum):
    """What the client sees."""

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
    """What a kind of fault does."""

    symptom: Symptom
    moment: Moment = Moment.NEVER
    status: int = 0
    refusal: str = ""
    """The platform's own refusal, by its name in `SandboxPlatform.refusal`."""
    retry_after: str = ""
    takes_seconds: bool = False


def _plain() -> Mapping[str, Effect]:
    return {
        "refuse": Effect(Symptom.REFUSED_CONNECTION),
        "drop-before": Effect(Symptom.DROPPED_CONNECTION),
        "drop-after": Effect(Symptom.DROPPED_CONNECTION, Moment.FIRST),
        "500-before": Effect(Symptom.OWN_REFUSAL, refusal="500"),
        "500-after": Effect(Symptom.OWN_REFUSAL, Moment.FIRST, refusal="500"),
        "504-after": Effect(Symptom.OWN_REFUSAL, Moment.FIRST, refusal="504"),
        "truncate-after": Effect(Symptom.CUT_BODY, Moment.FIRST),
        "garbage-after": Effect(Symptom.OTHER_BODY, Moment.FIRST),
        "slow-after": Effect(Symptom.SLOW_ANSWER, Moment.FIRST, takes_seconds=True),
        "429": Effect(Symptom.OWN_REFUSAL, refusal="429"),
        "unauthorized": Effect(Symptom.OWN_REFUSAL, refusal="unauthorized"),
        "reject": Effect(Symptom.OWN_REFUSAL, refusal="reject"),
    }


def _gateway() -> Mapping[str, Effect]:
    before = {f"gateway-{status}": Effect(Symptom.GATEWAY_PAGE, status=status) for status in GATEWAY_STATUSES}
    after = {
        f"gateway-{status}-after": Effect(Symptom.GATEWAY_PAGE, Moment.FIRST, status=status)
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
    "late-504": Effect(Symptom.GATEWAY_PAGE, Moment.LATE, status=504, takes_seconds=True),
    "late-drop": Effect(Symptom.DROPPED_CONNECTION, Moment.LATE, takes_seconds=True),
    "late-silence": Effect(Symptom.SILENCE, Moment.LATE, takes_seconds=True),
}
_PLAIN, _GATEWAY, _RETRY_AFTER = _plain(), _gateway(), _retry_after()
_REDIRECT = {f"redirect-{status}": Effect(Symptom.REDIRECT, status=status) for status in REDIRECT_STATUSES}
_DRIP = {
    "drip-head": Effect(Symptom.DRIPPING_HEAD, Moment.FIRST, takes_seconds=True),
    "drip-body": Effect(Symptom.DRIPPING_BODY, Moment.FIRST, takes_seconds=True),
}
EFFECTS: Mapping[str, Effect] = {**_PLAIN, **_GATEWAY, **_REDIRECT, **_RETRY_AFTER, **_DRIP, **_LATE}
KINDS = tuple(_PLAIN)
"""Of faults of the wire and of the platform itself."""
GATEWAY_KINDS, REDIRECT_KINDS, RETRY_AFTER_KINDS = tuple(_GATEWAY), tuple(_REDIRECT), tuple(_RETRY_AFTER)
DRIP_KINDS, LATE_COMMIT_KINDS = tuple(_DRIP), tuple(_LATE)
ALL_KINDS = tuple(EFFECTS)
AFTER = frozenset(kind for kind in EFFECTS if EFFECTS[kind].moment is Moment.FIRST)
TAKES_SECONDS = tuple(kind for kind in EFFECTS if EFFECTS[kind].takes_seconds)

Step = Literal["publish", "upload", "read"]
"""Of a publication: the request that publishes, whatever else is sent, and whatever is only read."""
STEPS: tuple[str, ...] = get_args(Step)


@dataclass(frozen=True, slots=True)
class Fault:
    kind: str
    """One of ALL_KINDS."""
    seconds: float = 0.0
    """How long it takes, for one of TAKES_SECONDS: a slow answer, between two bytes, until a late request is done."""
    step: str = "publish"

    @classmethod
    def parse(cls, text: str) -> Fault:
        """`drop-after`, `slow-after:2.5`, or `read/500-before` at another step. Raises ValueError with a sentence."""
        step, _, rest = text.rpartition("/")
        kind, _, seconds = rest.partition(":")
        if step not in ("", *STEPS):
            raise ValueError(f"there is no step {step!r}; known are {', '.join(STEPS)}")
        if kind not in EFFECTS:
            raise ValueError(f"there is no fault {kind!r}; known are {', '.join(EFFECTS)}")
        if EFFECTS[kind].takes_seconds != bool(seconds):
            raise ValueError(f"{', '.join(TAKES_SECONDS)} take seconds, and only they do: slow-after:2.5")
        if kind == "refuse" and step:
            raise ValueError("refuse takes no step: it strikes when a connection is opened, whatever it is for")
        return cls(kind, float(seconds or 0.0), step or "publish")

    @property
    def effect(self) -> Effect:
        return EFFECTS[self.kind]

    @property
    def name(self) -> str:
        """As it is counted: `drop-after`, `read/drop-after`."""
        return self.kind if self.step == "publish" else f"{self.step}/{self.kind}"


KEPT_BYTES = 4000
"""Of each request that was struck: enough for the text of a post."""


class FaultBox:
    """Faults waiting per platform and step, taken one per request, in order."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._waiting: dict[tuple[str, str], deque[Fault]] = {}
        self._taken: Counter[tuple[str, str]] = Counter()
        self._struck: list[dict[str, str]] = []

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

    def keep_struck(self, platform: str, fault: Fault, body: bytes) -> None:
        """Keep what the request was about that a fault has struck."""
        text = unquote_plus(body[:KEPT_BYTES].decode("utf-8", errors="replace"))
        with self._lock:
            self._struck.append({"platform": platform, "fault": fault.name, "text": text})

    def struck(self) -> list[dict[str, str]]:
        """The requests that faults have struck, in order."""
        with self._lock:
            return [*self._struck]

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
