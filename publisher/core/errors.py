"""Defines the errors of a configuration. Their messages are sentences for people."""

from __future__ import annotations

from publisher.core.machine_errors import machine_problem, reading_problem


class SettingsError(Exception):
    """The configuration can't be used; the message is one sentence for a person."""


class SettingsUnreadable(SettingsError):
    """This machine could not read a file of the configuration; nothing is known about what it says.

    `lasting`: whether it stays so until a person gives a permission; else the next try may work.
    """

    def __init__(self, message: str, *, lasting: bool) -> None:
        super().__init__(message)
        self.lasting = lasting


def unreadable(what: str, error: BaseException, remedy: str = "") -> SettingsError:
    """Makes the error for a file that can't be read, and says so where the machine is at fault.

    `what`: the file, as the sentence names it. `remedy`: what to do where the file itself is wrong.
    """
    if problem := machine_problem(error):
        return SettingsUnreadable(
            f"{what} can't be read now, because {problem}; its content is not at fault", lasting=False
        )
    if problem := reading_problem(error):
        return SettingsUnreadable(f"{what} can't be read, because {problem}; give it the permission", lasting=True)
    reason = getattr(error, "strerror", None) or error
    return SettingsError(f"{what} can't be read: {reason}{f'; {remedy}' if remedy else ''}")
