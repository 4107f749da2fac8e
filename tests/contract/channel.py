"""A channel that leads to a platform's sandbox, and what stands between the two."""

from __future__ import annotations

import itertools
import json
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from datetime import timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any, Protocol, cast
from unittest.mock import patch

from publisher.core.clock import ShiftedClock
from publisher.core.content import (
    Absence,
)
from publisher.core.content import (
    Account as AccountOwner,
)
from publisher.platforms import exchange
from publisher.platforms.base import Connection, PlatformAdapter
from publisher.platforms.login_steps import LoginStep
from publisher.platforms.profiles import load_profile
from publisher.platforms.registry import adapter_class
from publisher.platforms.session_files import SessionFile
from publisher.sandbox.base import SandboxPlatform
from publisher.sandbox.faults import FaultQueue
from publisher.sandbox.ledger import Ledger
from publisher.sandbox.wire import Answer, Request
from tests.contract.platform_data import PlatformData

TITLE = "A cell divides"
NO_DATE = "yesterday"
"""A `Date` header that can't be read."""
SHORT_SECONDS = 0.6
"""How long an answer is waited for in a test in which none comes."""


class Server(Protocol):
    """What carries a platform over the network."""

    def start(self) -> None: ...

    def stop(self) -> None: ...


class LogsInByBrowser(Protocol):
    """An adapter class whose log-in leads a browser back."""

    def begin_login(self, connection: Connection, callback_url: str) -> LoginStep: ...

    def finish_login(
        self, connection: Connection, kept: Mapping[str, str], answer: Mapping[str, str]
    ) -> AccountOwner: ...


class Wire:
    """One server of a platform for the whole session. Each test puts an account of its own behind it."""

    def __init__(self, driver: type[Channel], folder: Path) -> None:
        self.account: Channel | None = None
        self.server = driver.serve(self._answer, self._refuses, folder)
        self.kept: dict[str, Any] = {}
        """What takes long to make and is the same for every account, such as a stored log-in."""

    def _answer(self, request: Request) -> Answer:
        assert self.account is not None
        return self.account.answer(request)

    def _refuses(self) -> bool:
        account = self.account
        return account is not None and account.faults.take(account.name, at_connection=True) is not None


class Channel(PlatformData, ABC):
    """An empty account of the platform, its wire, and the connection that leads there."""

    def __init__(self, folder: Path, wire: Wire) -> None:
        self.folder = folder
        self.wire = wire
        self.clock = ShiftedClock()
        self.ledger = Ledger()
        self.faults = FaultQueue()
        self.sandbox: SandboxPlatform = self.make_sandbox()
        self.requests: list[Request] = []
        self.in_front: Callable[[Request], Answer | None] = lambda _request: None
        """Answers in front of the platform; where it returns None, the platform answers."""
        self.rewrite: Callable[[Request, Answer], Answer] = lambda _request, answer: answer
        """Changes what the platform has answered."""
        self.date_offset = timedelta(0)
        """By how much the `Date` of the answers is wrong."""
        self.ahead: list[timedelta] = []
        """How far the platform's clock was said to be ahead of ours."""
        self.session = SessionFile(folder / "sessions" / f"{self.name}.json")
        self.began = self.clock.now()
        self.way = next(iter(self.WAYS))
        self._names = itertools.count()
        self._passed = timedelta(0)

    # --- how the platform is reached -----------------------------------------------------------

    @classmethod
    @abstractmethod
    def serve(cls, answer: Callable[[Request], Answer], refuses: Callable[[], bool], folder: Path) -> Server:
        """Returns a server of the platform that is not started yet."""

    @abstractmethod
    def make_sandbox(self) -> SandboxPlatform:
        """Returns a new platform over the ledger and the faults of this account."""

    @abstractmethod
    def address(self) -> dict[str, Any]:
        """Returns the fields of a connection that lead to the server."""

    def answer(self, request: Request) -> Answer:
        self.requests.append(request)
        answer = self.rewrite(request, self.in_front(request) or self.sandbox.answer(request))
        if "Date" in answer.headers and not self.date_offset:
            return answer
        if answer.headers.get("Date") == NO_DATE:
            return answer
        return answer.with_headers({"Date": format_datetime(self.sandbox.now() + self.date_offset, usegmt=True)})

    # --- the channel -----------------------------------------------------------------------------

    def connection(
        self, *, secrets: Mapping[str, str] | None = None, timeout: float = 20.0, **changes: Any
    ) -> Connection:
        profile = load_profile(self.name)
        habits = profile.publishing.model_copy(update={"timeout_seconds": timeout})
        connection = Connection(
            channel=self.name,
            account=self.sandbox.account(),
            profile=profile.model_copy(update={"publishing": habits}),
            secrets=self.sandbox.credentials() if secrets is None else secrets,
            session=self.session,
            clock=self.clock,
            platform_clock=self.ahead.append,
            **self.address(),
        )
        return replace(connection, **changes)

    def open(self) -> None:
        """Makes what every account of a run shares, where it is not made yet."""

    def logged_in(self, **changes: Any) -> Connection:
        """Returns a connection whose log-in is there already."""
        return self.connection(**changes)

    def adapter(self, **changes: Any) -> PlatformAdapter:
        return adapter_class(self.name).connect(self.logged_in(**changes))

    def take_way(self, way: str) -> None:
        """Publishes on this way from now on."""
        self.way = way

    @property
    def images(self) -> int:
        """How many pictures a post of the present way has."""
        return 1

    @property
    def absence(self) -> Absence:
        """What a look-up says of a post that was prepared on the present way, and not published."""
        return Absence.NOT_LISTED

    def waiting_shortly(self, seconds: float = SHORT_SECONDS) -> AbstractContextManager[Any]:
        """Waits shortly for answers that do not come."""
        return patch.object(exchange, "ANSWER_TIMEOUT", seconds)

    # --- log-ins ---------------------------------------------------------------------------------

    def logging_in_shortly(self) -> AbstractContextManager[float]:
        """Waits shortly for the answers to a log-in; gives the timeout of the connection."""
        return nullcontext(SHORT_SECONDS)

    def is_ours(self, request: Request) -> bool:
        """Decides whether the adapter sent a request, and not the browser of a person who logs in."""
        return True

    def steps_of_login(self) -> LogsInByBrowser:
        found: Any = adapter_class(self.name)
        return cast("LogsInByBrowser", found)

    def allowed(self, step: LoginStep) -> str:
        """Allows the log-in in a browser, and returns the address that it is led to."""
        raise NotImplementedError

    def secret_words(self) -> list[str]:
        """Returns what stands in no log and no message."""
        return [*self.sandbox.credentials().values()]

    def never_stored(self) -> list[str]:
        """Returns what a log-in uses and does not keep."""
        return [value for name, value in self.sandbox.credentials().items() if name.startswith("consumer")]

    def words_of_session(self, session: str) -> list[str]:
        """Returns the secrets of a stored session."""
        return [value for value in json.loads(session).values() if isinstance(value, str)]
