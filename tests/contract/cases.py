"""What a driver tells the contract suite of its platform: steps, answers, secrets and log-ins, as data."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from publisher.platforms.base import Dialogue
from publisher.platforms.errors import PlatformError
from publisher.sandbox.faults import Step as StruckStep
from publisher.sandbox.wire import Answer

if TYPE_CHECKING:
    from tests.contract.account import Account

Call = Literal["upload", "prepare", "publish"]


@dataclass(frozen=True, slots=True)
class Step:
    """One step of a publication: which call of the adapter makes it, and by which of its requests it is known."""

    name: str
    call: Call
    struck: StruckStep
    """The sandbox's name for the requests that a fault strikes."""
    sends_content: bool = True
    """The post itself, or a part of it: the platform may refuse that for good."""


@dataclass(frozen=True, slots=True)
class AnswerCase:
    """An answer in place of the platform's, and the error that it must end as."""

    answer: Answer
    expected: type[PlatformError]
    words: str = ""
    """A pattern of the sentence."""

    @property
    def name(self) -> str:
        return f"{self.answer.status}-{self.expected.__name__}"


@dataclass(frozen=True, slots=True)
class ListingCase:
    """A listing that tells less than it should."""

    name: str
    answer: Answer


@dataclass(frozen=True, slots=True)
class WaitCase:
    """A refusal that asks for a pause, and how many seconds from now the next request may go out."""

    name: str
    answer: Answer
    seconds: float


@dataclass(frozen=True, slots=True)
class SecretCase:
    """Secrets and a stored session that can't be used, and a pattern of what the operator is told."""

    name: str
    secrets: tuple[str, ...]
    """The names of those that are set."""
    words: str
    session: str | None = None
    """What stands in the session's file. None: there is no file."""


@dataclass(frozen=True, slots=True)
class LoginCase:
    """A log-in: the secrets that are set, who answers the questions, and what it must be told as."""

    name: str
    secrets: Callable[[Account], dict[str, str]]
    person: Callable[[Account], Dialogue]
    words: str = ""
    """A pattern of the refusal."""
    hidden: Callable[[Account, Dialogue], list[str]] = lambda _account, _person: []
    """What must not stand in the refusal."""
