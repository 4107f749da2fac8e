"""Checks for `publisher doctor` whether people get mail from the desk, and who would."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from publisher.alerts.personal_addresses import MAIL_VARIABLE, mail_address, read_mail_url
from publisher.cli.doctor_lines import DoctorLine, check
from publisher.collaboration.notifications import staff_of, ways_of
from publisher.core.messages import Message, _, ngettext
from publisher.db.staff import NotificationKind, NotificationWay, Person
from publisher.desk import Desk
from publisher.settings import SettingsError

MAX_NAMED = 5


def check_mail(desk: Desk) -> DoctorLine:
    """Returns the line about mail to people: whether it is set, and who wants their news by it."""
    with desk.database.reading() as session:
        wanting = [person for person in staff_of(session) if _wants_mail(person)]
    is_set, line = check(_("mail"), _read_server, lambda is_set: _describe_mail(wanting, is_set=bool(is_set)))
    return replace(line, warning=line.good and not is_set and bool(wanting))


def _read_server() -> bool:
    """Decides whether a mail server is set. Raises SettingsError where it is set wrong."""
    url = read_mail_url()
    example = mail_address(url, "somebody@example.org") if url else None
    if reason := example.problem() if example else None:
        raise SettingsError(_("{variable}: {reason}", variable=MAIL_VARIABLE, reason=reason))
    return url is not None


def _describe_mail(wanting: Sequence[Person], *, is_set: bool) -> Message:
    """Says who would get mail."""
    if not is_set:
        return _without_server(wanting)
    if not wanting:
        return _("is sent for invitations and new passwords; nobody has chosen to get their news by it")
    return _("is sent for invitations and new passwords, and with their news to {people:list}", people=_names(wanting))


def _without_server(wanting: Sequence[Person]) -> Message:
    if not wanting:
        return _(
            "no mail server is set, so invitations are links to hand on; set {variable} to change that",
            variable=MAIL_VARIABLE,
        )
    return ngettext(
        "no mail server is set, and {count} person wants their news by mail and gets none ({people:list}); set "
        "{variable} to change that",
        "no mail server is set, and {count} people want their news by mail and get none ({people:list}); set "
        "{variable} to change that",
        count=len(wanting),
        people=_names(wanting),
        variable=MAIL_VARIABLE,
    )


def _wants_mail(person: Person) -> bool:
    return any(NotificationWay.MAIL in ways_of(person, kind) for kind in NotificationKind)


def _names(people: Sequence[Person]) -> list[Message | str]:
    more = len(people) - MAX_NAMED
    named: list[Message | str] = [person.email for person in people[:MAX_NAMED]]
    return [*named, ngettext("{count} more", "{count} more", count=more)] if more > 0 else named
