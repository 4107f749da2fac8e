"""Defines a log-in as steps: what a person does and answers, at a terminal or in a browser."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Protocol, runtime_checkable
from urllib.parse import parse_qsl, urlsplit

from publisher.core.content import Account
from publisher.core.messages import Message, _
from publisher.platforms.base import Connection, Dialogue

ADDRESS = "address"
"""The name of the question for the address that a browser ended up at."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """Holds one thing that a person is asked while a channel is connected."""

    name: str
    text: Message
    secret: bool = False
    """It is not shown while it is typed."""
    one_time: bool = False
    """A code that works once."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LoginStep:
    """Says what a person does next to connect a channel."""

    instructions: Message | None = None
    url: str = ""
    """A page of the platform, to be opened in a browser. Empty: there is none."""
    questions: tuple[Question, ...] = ()
    """The next step takes the answers, by name. None: the platform leads the browser back to the callback address,
    and the next step takes the query that it comes with."""
    kept: Mapping[str, str] = field(default_factory=dict, repr=False)
    """What the next step needs besides. Secret: shown to nobody, and stored nowhere as it is."""


@runtime_checkable
class ConnectsInSteps(Protocol):
    """Marks an adapter class whose log-in goes on from answer to answer, as a browser needs it."""

    @property
    def leads_back(self) -> bool:
        """Says whether a page of the platform leads the browser back to a callback address."""
        ...

    def check_app(self, connection: Connection) -> None:
        """Checks that the configuration has what a log-in needs. Sends nothing.

        Raises:
            CredentialsRefused: it is not; the message names what to set.
        """
        ...

    def begin_login(self, connection: Connection, callback_url: str) -> LoginStep | Account:
        """Returns the first step; the account where nobody has to be asked: then its session is stored.

        `callback_url`: where the platform leads a browser back to. Empty: nowhere, and the person
        is asked for what the browser shows in the end.

        Raises what `finish_login` does.
        """
        ...

    def finish_login(
        self, connection: Connection, kept: Mapping[str, str], answer: Mapping[str, str]
    ) -> LoginStep | Account:
        """Returns what follows an answer: a further step; or the account, whose session is stored only then.

        Raises:
            CredentialsRefused: it was not allowed, does not belong to this log-in, or is another
                account's than the channel's; the message says what to do.
            Unavailable, RateLimited: nothing was decided; the log-in begins anew.
        """
        ...


def log_in_by_dialogue(adapter: ConnectsInSteps, connection: Connection, dialogue: Dialogue) -> Account:
    """Leads a person who answers at once through every step. Raises what the steps do."""
    step = adapter.begin_login(connection, "")
    while isinstance(step, LoginStep):
        if step.instructions:
            dialogue.show(str(step.instructions))
        answer = {
            question.name: dialogue.ask(str(question.text), secret=question.secret) for question in step.questions
        }
        step = adapter.finish_login(connection, step.kept, answer)
    return step


def warn_of_secrets(step: LoginStep, connection: Connection, first: str, second: str) -> LoginStep:
    """Returns the step, with a hint on two configured secrets that would be used before the new log-in."""
    if not (connection.secrets.get(first) and connection.secrets.get(second)):
        return step
    instructions = _(
        "{told}\nWhat {first} and {second} hold comes before the new log-in: remove both, then start the desk again.",
        told=step.instructions or "",
        first=_variable(connection, first),
        second=_variable(connection, second),
    )
    return replace(step, instructions=instructions)


def _variable(connection: Connection, secret: str) -> str:
    """Returns the environment variable that holds a secret of a channel."""
    return f"PUBLISHER_{connection.channel}_{secret}".upper().replace("-", "_")


def parse_callback(answer: Mapping[str, str]) -> dict[str, str]:
    """Returns what the platform led a browser back with: the answer itself, or the query of a copied address.

    What was copied and is no address is under `ADDRESS`, without the fragment that Tumblr adds.
    """
    if ADDRESS not in answer:
        return dict(answer)
    entered = answer[ADDRESS].strip().removesuffix("#_=_")
    return dict(parse_qsl(urlsplit(entered).query)) if "://" in entered else {ADDRESS: entered}
