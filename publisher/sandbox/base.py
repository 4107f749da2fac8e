"""What every sandbox platform offers, and how faults are laid over its answers."""

from __future__ import annotations

import threading
from abc import ABC, abstractmethod
from dataclasses import replace
from typing import ClassVar

from publisher.sandbox.faults import AFTER, Fault, FaultBox, Step
from publisher.sandbox.ledger import Ledger, LedgerPost
from publisher.sandbox.wire import Answer, Request


class SandboxPlatform(ABC):
    """One platform on the local stage. `handle` is called from several threads, one at a time."""

    name: ClassVar[str]
    label: ClassVar[str]

    def __init__(self, ledger: Ledger, faults: FaultBox) -> None:
        self.ledger = ledger
        self.faults = faults
        self.delay = 0.0
        """Seconds that every answer takes, for measurements."""
        self._lock = threading.Lock()

    @abstractmethod
    def handle(self, request: Request) -> Answer:
        """Answer as the platform would."""

    @abstractmethod
    def publishes(self, request: Request) -> bool:
        """Whether this is the request that makes a post visible."""

    @abstractmethod
    def refusal(self, kind: str) -> Answer:
        """The platform's own answer for `429`, `unauthorized`, `reject`, `500` and `504`."""

    @abstractmethod
    def credentials(self) -> dict[str, str]:
        """The secrets of the sandbox's own account, by the adapter's names for them."""

    @abstractmethod
    def account(self) -> str:
        """The sandbox account, as a channel's `account` names it."""

    def posts(self) -> list[LedgerPost]:
        return self.ledger.posts(self.name)

    def answer(self, request: Request) -> Answer:
        """Answer, with the next fault that waits for such a request laid over it."""
        fault = self.faults.take(self.name, self._step(request))
        if fault is not None and fault.kind not in AFTER:
            return self._instead(fault)
        with self._lock:
            answer = self.handle(request)
        if fault is None or answer.status >= 300:
            return answer.delayed(self.delay)
        return self._spoilt(answer, fault)

    def _step(self, request: Request) -> Step:
        if self.publishes(request):
            return "publish"
        return "read" if request.method == "GET" else "upload"

    def _instead(self, fault: Fault) -> Answer:
        if fault.kind == "drop-before":
            return Answer(status=500, cut_at=0)
        return self.refusal(fault.kind.removesuffix("-before"))

    def _spoilt(self, answer: Answer, fault: Fault) -> Answer:
        match fault.kind:
            case "drop-after":
                return answer.cut(0)
            case "truncate-after":
                return answer.cut(max(1, len(answer.body) // 2))
            case "garbage-after":
                return replace(answer, body=b"<html><title>It works!</title></html>")
            case "slow-after":
                return answer.delayed(fault.seconds)
            case _:
                return self.refusal(fault.kind.removesuffix("-after"))
