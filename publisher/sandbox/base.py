"""Defines the base of every sandbox platform and applies faults to its answers."""

from __future__ import annotations

import threading
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from email.utils import format_datetime
from typing import Any, ClassVar

from publisher.sandbox.faults import Execution, Fault, FaultQueue, Step, Symptom
from publisher.sandbox.gateway import gateway_page, redirect
from publisher.sandbox.habits import PlatformHabits, read_habits
from publisher.sandbox.late_requests import LateRequests
from publisher.sandbox.ledger import Ledger, LedgerPost, ListingLag
from publisher.sandbox.wire import Answer, DrippingPart, Request


class SandboxPlatform(ABC):
    """Simulates one platform. `handle` is called from several threads, one at a time.

    A platform asks `now` for the time, never the ledger: its clock may differ. It looks for posts in `listed_posts`
    for its listings, in `readable_posts` to read one by its id, and in `posts` for its own rules.
    """

    name: ClassVar[str]
    """The name of its folder."""
    label: ClassVar[str]
    hosts: ClassVar[tuple[str, ...]] = ()
    """The host names that it is reached by, over TLS through a proxy. Empty: plain HTTP at an address of its own."""
    needs_login: ClassVar[bool] = False
    """Whether a desk has to log in, as `publisher connect` does: its secrets alone don't let it publish."""
    habits: ClassVar[PlatformHabits] = PlatformHabits()

    def __init__(self, ledger: Ledger, faults: FaultQueue) -> None:
        self.ledger = ledger
        self.faults = faults
        self.delay = 0.0
        """Seconds that every answer takes, for measurements."""
        self.clock_skew = timedelta(0)
        """By how much the platform's clock is ahead of the ledger's."""
        self._late_requests = LateRequests()
        self._late_due_at: datetime | None = None
        """When the late request that is being carried out came due. None: no late request is being carried out."""
        self._lock = threading.Lock()

    @abstractmethod
    def handle(self, request: Request) -> Answer:
        """Answers a request as the platform would."""

    @abstractmethod
    def publishes(self, request: Request) -> bool:
        """Decides whether this request makes a post visible."""

    def corrects(self, request: Request) -> bool:
        """Decides whether this request changes what a public post says. By default no request does."""
        return False

    @abstractmethod
    def refusal(self, kind: str) -> Answer:
        """Returns the platform's own answer for `429`, `unauthorized`, `reject`, `500` and `504`."""

    @abstractmethod
    def credentials(self) -> dict[str, str]:
        """Returns the secrets of the sandbox's account, by the adapter's names for them."""

    @abstractmethod
    def account(self) -> str:
        """Returns the name of the sandbox's account, as a channel's `account` has it."""

    def now(self) -> datetime:
        """Returns the time by the platform's own clock, which stamps its posts and its answers."""
        return (self._late_due_at or self.ledger.now()) + self.clock_skew

    def posts(self) -> list[LedgerPost]:
        """Returns every post, oldest first."""
        return self.ledger.posts(self.name)

    def listed_posts(self) -> list[LedgerPost]:
        """Returns the posts that its listings show by now, oldest first."""
        return self.ledger.listed_posts(self.name, self.now())

    def readable_posts(self) -> list[LedgerPost]:
        """Returns the posts that can be read by their ids by now, oldest first."""
        return self.ledger.readable_posts(self.name, self.now())

    @property
    def late_requests(self) -> int:
        """Counts the requests that will be carried out later."""
        return len(self._late_requests)

    def answer(self, request: Request) -> Answer:
        """Answers a request, and applies the next fault that waits for such a request."""
        fault = self.faults.take(self.name, self._step(request))
        if fault is not None:
            self.faults.record_request(self.name, fault, request.body)
        with self._lock:
            self._run_late_requests()
            answer = self.handle(request).delayed(self.delay) if fault is None else self._faulty(request, fault)
            return answer.with_headers({"Date": format_datetime(self.now(), usegmt=True)})

    def set_evidence(self, *, on: bool) -> None:  # noqa: B027 - a platform may have no such refusals
        """Sets whether the platform itself shows that a post exists, by a refusal or by an id that stays."""

    def set_habits(self, values: Mapping[str, Any]) -> None:
        """Sets the attributes that are named like these habits.

        Raises:
            ValueError: a value is wrong, as the message says; then no habit is changed.
        """
        for name, value in read_habits(values, self.habits.readers).items():
            setattr(self, name, value)

    def catch_up(self) -> None:
        """Carries out the late requests that have come due."""
        with self._lock:
            self._run_late_requests()

    def reset(self) -> None:
        """Removes late requests, the lag of listings and the skew of the clock."""
        with self._lock:
            self._late_requests.clear()
            self.clock_skew = timedelta(0)
            self.ledger.set_listing_lag(self.name, ListingLag())

    def _step(self, request: Request) -> Step:
        if self.corrects(request):
            return "correct"
        if self.publishes(request):
            return "publish"
        return "read" if request.method == "GET" else "upload"

    def _run_late_requests(self) -> None:
        for late_request in self._late_requests.take_due(self.ledger.now()):
            self._late_due_at = late_request.due_at
            try:
                self.handle(late_request.request)
            finally:
                self._late_due_at = None

    def _faulty(self, request: Request, fault: Fault) -> Answer:
        match fault.effect.execution:
            case Execution.NEVER:
                return self._replacement(fault)
            case Execution.LATE:
                self._late_requests.add(request, self.ledger.now() + timedelta(seconds=fault.seconds))
                return self._replacement(fault)
            case Execution.FIRST:
                answer = self.handle(request)
                return answer.delayed(self.delay) if answer.status >= 300 else self._damaged(answer, fault)

    def _replacement(self, fault: Fault) -> Answer:
        """Returns what the client gets in place of the platform's answer."""
        effect = fault.effect
        match effect.symptom:
            case Symptom.OWN_REFUSAL:
                return self.refusal(effect.refusal)
            case Symptom.RETRY_AFTER:
                refusal = replace(self.refusal(effect.refusal), status=effect.status)
                return refusal.with_headers({"Retry-After": effect.retry_after})
            case Symptom.GATEWAY_PAGE:
                return gateway_page(effect.status)
            case Symptom.REDIRECT:
                return redirect(effect.status)
            case Symptom.SILENCE:
                return Answer(status=500, silent=True)
            case _:
                return Answer(status=500, cut_at=0)

    def _damaged(self, answer: Answer, fault: Fault) -> Answer:
        """Returns the answer as the fault changes it on its way to the client."""
        match fault.effect.symptom:
            case Symptom.CUT_BODY:
                return answer.cut(max(1, len(answer.body) // 2))
            case Symptom.OTHER_BODY:
                return replace(answer, body=b"<html><title>It works!</title></html>")
            case Symptom.SLOW_ANSWER:
                return answer.delayed(fault.seconds)
            case Symptom.DRIPPING_HEAD:
                return answer.dripping(DrippingPart.HEAD, fault.seconds)
            case Symptom.DRIPPING_BODY:
                return answer.dripping(DrippingPart.BODY, fault.seconds)
            case _:
                return self._replacement(fault)
