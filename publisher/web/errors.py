"""What ends a request early, in words for a person."""

from __future__ import annotations


class PageError(Exception):
    """The request can't be met; the message is one sentence: what is wrong and what to do."""

    status = 400


class LoginNeeded(PageError):
    """Nobody is logged in."""

    status = 401


class FormWithoutLogin(LoginNeeded):
    """Nobody is logged in any more who sent a form; its `fields` can be sent after a log-in."""

    def __init__(self, fields: list[tuple[str, str]], *, has_files: bool) -> None:
        super().__init__("You are logged out; log in, and send what you entered once more.")
        self.fields = fields
        self.has_files = has_files


class Forbidden(PageError):
    status = 403


class ConfirmationNeeded(Forbidden):
    """Whoever asks has to say again who they are; `fields` of the form are sent once more together with that."""

    def __init__(self, fields: list[tuple[str, str]], refused: str = "") -> None:
        super().__init__(refused or "Give your password again to change this.")
        self.fields = fields
        self.refused = refused


class FormOutOfDate(Forbidden):
    """A form was opened before the session of its person was renewed; its `fields` can be sent again with `key`."""

    def __init__(self, fields: list[tuple[str, str]], key: str, *, has_files: bool) -> None:
        super().__init__("This page was opened before your log-in was renewed; send what you entered once more.")
        self.fields = fields
        self.key = key
        self.has_files = has_files


class NotFound(PageError):
    status = 404


def as_sentence(text: str) -> str:
    """What the program says of a mistake, as a whole sentence."""
    told = text[:1].upper() + text[1:]
    return told if told.endswith((".", "?", "!")) else f"{told}."
