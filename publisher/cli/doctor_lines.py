"""Makes the lines of `publisher doctor`'s report."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from publisher.cli.errors import describe_error
from publisher.core.messages import Message

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class DoctorLine:
    """Holds one line of the report."""

    good: bool
    what: Message
    message: Message | str
    warning: bool = False
    """The desk works, but a person should look."""


def check(what: Message, make: Callable[[], T], describe: Callable[[T], Message | str]) -> tuple[T | None, DoctorLine]:
    """Makes something, and returns it with a line that describes it; None and the error where that fails."""
    try:
        made = make()
        return made, DoctorLine(True, what, describe(made))
    except Exception as error:
        return None, DoctorLine(False, what, describe_error(error))
