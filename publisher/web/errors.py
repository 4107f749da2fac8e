"""What ends a request early, in words for a person."""

from __future__ import annotations


class PageError(Exception):
    """The request can't be met; the message is one sentence: what is wrong and what to do."""

    status = 400


class LoginNeeded(PageError):
    """Nobody is logged in."""

    status = 401


class Forbidden(PageError):
    status = 403


class ConfirmationNeeded(Forbidden):
    """Whoever asks has to say again who they are; `fields` of the form are sent once more together with that."""

    def __init__(self, fields: list[tuple[str, str]], refused: str = "") -> None:
        super().__init__(refused or "Give your password again to change this.")
        self.fields = fields
        self.refused = refused


class NotThere(PageError):
    status = 404


def sentence(text: str) -> str:
    """What the program says of a mistake, as a whole sentence."""
    told = text[:1].upper() + text[1:]
    return told if told.endswith((".", "?", "!")) else f"{told}."
