"""Defines the base of all errors that are fit to show to people, and the errors of a configuration.

Faces show the message of a `UserError` and nothing of any other error. docs/errors.md lists the codes.
"""

from __future__ import annotations

from enum import Enum, auto

from publisher.core.machine_errors import machine_problem, reading_problem
from publisher.core.messages import Message, _
from publisher.core.problems import Problem


class ErrorKind(Enum):
    """Names what an error is about, so that a face can choose its status."""

    CONFLICT = auto()
    """The request does not fit the state of things."""
    NOT_FOUND = auto()
    FORBIDDEN = auto()
    """The person's roles, or the program's token, don't allow it."""
    CHANGED = auto()
    """Somebody else changed the thing meanwhile."""
    INVALID = auto()
    """Something in the request is wrong."""
    CONFIGURATION = auto()
    """An operator has to change the configuration."""
    DEPENDENCY = auto()
    """Something that the desk uses, such as the media store or a platform, failed."""
    MACHINE = auto()
    """This machine or its database can't do it now, whatever the request is."""


class UserError(Exception):
    """Ends an act with a message for people: what happened, what it means, and what to do.

    `str(error)` renders it for the present reader.
    """

    code: str
    """Names the error for programs and logs, in kebab case. It never changes; each subclass has its own."""
    kind: ErrorKind = ErrorKind.CONFLICT

    def __init__(self, message: Message | Problem) -> None:
        super().__init__(message)
        self.text = message

    @property
    def message(self) -> str:
        """The text, rendered for the present reader."""
        return str(self.text)

    def __str__(self) -> str:
        return self.message


class SettingsError(UserError):
    """The configuration can't be used; the message is one sentence for a person."""

    code = "settings-unusable"
    kind = ErrorKind.CONFIGURATION


class SettingsUnreadable(SettingsError):
    """This machine could not read a file of the configuration; nothing is known about what it says.

    `lasting`: whether it stays so until a person gives a permission; else the next try may work.
    """

    code = "settings-unreadable"
    kind = ErrorKind.MACHINE

    def __init__(self, message: Message, *, lasting: bool) -> None:
        super().__init__(message)
        self.lasting = lasting


def unreadable_error(file: Message | str, error: BaseException, remedy: Message | None = None) -> SettingsError:
    """Makes the error for a file that can't be read, and says so where the machine is at fault.

    `file`: as the sentence names it. `remedy`: what to do where the file itself is wrong.
    """
    if problem := machine_problem(error):
        text = _("{file} can't be read now, because {problem}; its content is not at fault", file=file, problem=problem)
        return SettingsUnreadable(text, lasting=False)
    if problem := reading_problem(error):
        text = _("{file} can't be read, because {problem}; give it the permission", file=file, problem=problem)
        return SettingsUnreadable(text, lasting=True)
    reason = getattr(error, "strerror", None) or error
    if remedy is None:
        return SettingsError(_("{file} can't be read: {reason}", file=file, reason=reason))
    return SettingsError(_("{file} can't be read: {reason}; {remedy}", file=file, reason=reason, remedy=remedy))
