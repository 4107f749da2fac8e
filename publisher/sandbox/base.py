"""What every sandbox platform offers, and how faults are laid over its answers."""

from __future__ import annotations

import threading
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from email.utils import format_datetime
from typing import Any, ClassVar

from publisher.sandbox.faults import Fault, FaultBox, Moment, Step, Symptom
from publisher.sandbox.gateway import gateway_page, redirect
from publisher.sandbox.habits import PlatformHabits, read_habits
from publisher.sandbox.late import LateRequests
from publisher.sandbox.ledger import Ledger, LedgerPost, ListingLag
from publisher.sandbox.wire import Answer, DrippingPart, Request


class SandboxPlatform(ABC):
    """One platform on the local stage. `handle` is called from several threads, one at a time.

    A platform asks `now` for the time, never the ledger: its clock may differ. It looks for posts in `listed_posts`
    where it lists them, in `readable_posts` where it is asked for one by its id, and in `posts` for its own rules.
    """

    name: ClassVar[str]
    """The name of its folder."""
    label: ClassVar[str]
    hosts: ClassVar[tuple[str, ...]] = ()
    """The host names that it is reached by, over TLS through a proxy. Empty: plain HTTP at an address of its own."""
    needs_login: ClassVar[bool] = False
    """Whether a desk has to log in, as `publisher connect` does: its secrets alone don't let it publish."""
    habits: ClassVar[PlatformHabits] = PlatformHabits()

    def __init__(self, ledger: Ledger, faults: FaultBox) -> None:
        self.ledger = ledger
        self.faults = faults
        self.delay = 0.0
        """Seconds that every answer takes, for measurements."""
        self.clock_skew = timedelta(0)
        """By how much the platform's clock is ahead of the ledger's."""
        self._late = LateRequests()
        self._done_at: datetime | None = None
        """When the late request came due that is carried out just now."""
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

    def now(self) -> datetime:
        """The time by the platform's own clock, which stamps its posts and its answers."""
        return (self._done_at or self.ledger.now()) + self.clock_skew

    def posts(self) -> list[LedgerPost]:
        """Every post, oldest first."""
        return self.ledger.posts(self.name)

    def listed_posts(self) -> list[LedgerPost]:
        """The posts that its listings show by now, oldest first."""
        return self.ledger.listed_posts(self.name, self.now())

    def readable_posts(self) -> list[LedgerPost]:
        """The posts that can be read by their ids by now, oldest first."""
        return self.ledger.readable_posts(self.name, self.now())

    @property
    def late_requests(self) -> int:
        """How many requests will be carried out later."""
        return len(self._late)

    def answer(self, request: Request) -> Answer:
        """Answer, with the next fault that waits for such a request laid over it."""
        fault = self.faults.take(self.name, self._step(request))
        if fault is not None:
            self.faults.keep_struck(self.name, fault, request.body)
        with self._lock:
            self._carry_out_late()
            answer = self.handle(request).delayed(self.delay) if fault is None else self._faulty(request, fault)
            return answer.with_headers({"Date": format_datetime(self.now(), usegmt=True)})

    def give_evidence(self, *, on: bool) -> None:  # noqa: B027 - a platform may have no such refusals
        """Let the platform show by itself that a post is there, where it can: by a refusal, or by an id that stays."""

    def take_habits(self, wish: Mapping[str, Any]) -> None:
        """Follow these habits from now on: attributes of their names are set.

        Raises:
            ValueError: with a sentence, and then none is changed.
        """
        for name, value in read_habits(wish, self.habits.readers).items():
            setattr(self, name, value)

    def catch_up(self) -> None:
        """Carry out the late requests that have come due."""
        with self._lock:
            self._carry_out_late()

    def reset(self) -> None:
        """Forget late requests, the lag of listings and the skew of the clock."""
        with self._lock:
            self._late.clear()
            self.clock_skew = timedelta(0)
            self.ledger.set_listing_lag(self.name, ListingLag())

    def _step(self, request: Request) -> Step:
        if self.publishes(request):
            return "publish"
        return "read" if request.method == "GET" else "upload"

    def _carry_out_late(self) -> None:
        for late in self._late.due(self.ledger.now()):
            self._done_at = late.due_at
            try:
                self.handle(late.request)
            finally:
                self._done_at = None

    def _faulty(self, request: Request, fault: Fault) -> Answer:
        match fault.effect.moment:
            case Moment.NEVER:
                return self._in_place(fault)
            case Moment.LATE:
                self._late.add(request, self.ledger.now() + timedelta(seconds=fault.seconds))
                return self._in_place(fault)
            case Moment.FIRST:
                answer = self.handle(request)
                return answer.delayed(self.delay) if answer.status >= 300 else self._spoilt(answer, fault)

    def _in_place(self, fault: Fault) -> Answer:
        """What the client sees in place of an answer of the platform."""
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

    def _spoilt(self, answer: Answer, fault: Fault) -> Answer:
        """What the client sees of an answer."""
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
                return self._in_place(fault)
