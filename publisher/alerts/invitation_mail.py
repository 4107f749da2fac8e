"""Sends the link that sets a person's password by mail. The link is never logged and never stored."""

from __future__ import annotations

from publisher.alerts.personal_addresses import mail_address, read_mail_url
from publisher.alerts.personal_sender import reader_of
from publisher.core.messages import Message, _, reading_as
from publisher.db.staff import Person
from publisher.desk import Desk

NO_MAIL_NAME = _("no mail can be sent to such an address")


def sends_mail() -> bool:
    """Decides whether the desk sends mail to people. Raises SettingsError."""
    return read_mail_url() is not None


def mail_invitation(desk: Desk, person: Person, link: str) -> Message | None:
    """Sends a person the link. Returns why that failed, as a clause; None: the mail server took it.

    Raises:
        SettingsError: the mail server is set wrong.
    """
    url = read_mail_url()
    address = mail_address(url, person.email) if url else None
    if address is None:
        return NO_MAIL_NAME
    with reading_as(reader_of(person, desk.settings)):
        title, body = (str(text) for text in _texts(desk.settings.outlet.name, person, link))
    return address.send(title, body, bad=False)


def _texts(outlet: str, person: Person, link: str) -> tuple[Message, Message]:
    values = {"name": person.name, "inviter": person.invited_by or outlet, "outlet": outlet, "link": link}
    if person.password_hash is None:
        return (
            _("{outlet}: an invitation from {inviter}", **values),
            _(
                "Hello {name},\n\n{inviter} invites you to the desk of {outlet}. Choose your password here:"
                "\n\n{link}\n\n"
                "The link works once, for seven days. If you did not expect it, leave it alone.",
                **values,
            ),
        )
    return (
        _("{outlet}: a link for a new password", **values),
        _(
            "Hello {name},\n\n{inviter} made you a link to choose a new password for the desk of {outlet}:"
            "\n\n{link}\n\n"
            "The link works once, for seven days. If you did not ask for it, leave it alone, and tell {inviter}.",
            **values,
        ),
    )
