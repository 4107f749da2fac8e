"""Defines the errors that end a request early, with messages for people."""

from __future__ import annotations

from publisher.core.errors import ErrorKind, UserError
from publisher.core.messages import Message, _
from publisher.core.problems import Problem, Text

ROLES_FORBID_IT = _("Your roles don't allow this; ask an admin of the desk.")


class PageError(UserError):
    """A request can't be answered; the message is one sentence: what is wrong and what to do."""

    code = "page-refused"
    kind = ErrorKind.INVALID

    status = 400


class LoginNeeded(PageError):
    """Nobody is logged in."""

    code = "login-needed"

    status = 401


class FormWithoutLogin(LoginNeeded):
    """A form came without a log-in; its `fields` can be sent after one."""

    code = "form-without-login"

    def __init__(self, fields: list[tuple[str, str]], *, has_files: bool) -> None:
        super().__init__(_("You are logged out; log in, and send what you entered once more."))
        self.fields = fields
        self.has_files = has_files


class Forbidden(PageError):
    """The person may not do this."""

    code = "forbidden"

    status = 403


class ConfirmationNeeded(Forbidden):
    """A change needs the person's password; `fields` of the form are sent once more together with it."""

    code = "confirmation-needed"

    def __init__(self, fields: list[tuple[str, str]], refused: Message | Problem | None = None) -> None:
        super().__init__(refused or _("Give your password again to change this."))
        self.fields = fields
        self.refused = refused


class FormOutOfDate(Forbidden):
    """A form was opened before its session was renewed; its `fields` can be sent again with `key`."""

    code = "form-out-of-date"

    def __init__(self, fields: list[tuple[str, str]], key: str, *, has_files: bool) -> None:
        super().__init__(_("This page was opened before your log-in was renewed; send what you entered once more."))
        self.fields = fields
        self.key = key
        self.has_files = has_files


class NotFound(PageError):
    """There is nothing at this address."""

    code = "not-found"

    status = 404


def sentence_of(text: Text) -> Message:
    """Makes a text of what the present reader is told in a whole sentence."""
    return Message("{sentence}", {"sentence": as_sentence(str(text))})


def as_sentence(text: str) -> str:
    """Makes a whole sentence of an error's text."""
    sentence = text[:1].upper() + text[1:]
    return sentence if sentence.endswith((".", "?", "!")) else f"{sentence}."
