"""Sends people what they are notified of, by mail and chat, with the discipline of alerts.

A notification is claimed by a conditional update that puts its next try later, so that one process sends it. Where a
process dies between sending and recording, the message is sent a second time; it is never lost. What the person has
read meanwhile is not sent.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, cast

from sqlalchemy import CursorResult, select, update
from sqlalchemy.orm import Session

from publisher.alerts.addresses import TIMEOUT_SECONDS, Address
from publisher.alerts.notifier import FIRST_PAUSE, retry_pause
from publisher.alerts.personal_addresses import MAX_CHATS, addresses_of
from publisher.alerts.problem_codes import AlertSendProblem
from publisher.collaboration.descriptions import DescribedNotification, describe
from publisher.core.errors import SettingsError
from publisher.core.logs import get_logger
from publisher.core.messages import Face, Message, Reader, _, ngettext, reading_as
from publisher.core.outage_log import LogOnce
from publisher.core.translations import desk_languages
from publisher.db.staff import Notification, NotificationWay, Person
from publisher.desk import Desk
from publisher.settings.channel_names import channel_names
from publisher.settings.loading import Settings

MAX_PEOPLE = 50
MAX_AT_ONCE = 20
"""Notifications in one message."""
MAX_AGE = timedelta(days=3)
"""What could not be sent for so long is given up: it stands on Today."""
CLAIM_TIME = FIRST_PAUSE + timedelta(seconds=2 * TIMEOUT_SECONDS * (MAX_CHATS + 1))
NO_BREAK = "\N{ZERO WIDTH SPACE}"


class PersonalSender:
    """Sends notifications for one process. Any number of processes may have one. Its method never raises."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._log = LogOnce("alerts", "sending notifications to people")

    def send(self, now: datetime) -> None:
        """Sends the notifications that are due. To be called about every 30 seconds."""
        try:
            with self._desk.database.reading() as session:
                due = select(Notification.person_id).where(Notification.next_try_at <= now).distinct()
                people = list(session.scalars(due.limit(MAX_PEOPLE)))
            for person_id in people:
                self._send_to(person_id, now)
        except Exception as error:
            self._log.failed(error)
        else:
            self._log.worked()

    def _send_to(self, person_id: int, now: datetime) -> None:
        desk = self._desk
        with desk.database.writing() as session:
            person = session.get_one(Person, person_id)
            claimed = _claim(session, person_id, now)
            described = describe(session, claimed)
        if not person.active:
            claimed, described = _given_up(desk, claimed)
        try:
            addresses = addresses_of(person) if claimed else {}
        except SettingsError as error:
            get_logger("alerts").warning("notifications can't be sent", why=str(error))
            failures = {notification.id: [error.text] for notification in claimed}
            _record(desk, claimed, {}, failures, now)
            return
        reached = {notification.id: set(notification.reached) for notification in claimed}
        failures = {notification.id: [] for notification in claimed}
        for address, way in addresses.items():
            unsent = [
                (notification, description)
                for notification, description in zip(claimed, described, strict=True)
                if way in notification.ways and address.name not in reached[notification.id]
            ]
            reason = self._send_by(address, way, person, [description for _row, description in unsent])
            for notification, _description in unsent:
                if reason:
                    failures[notification.id].append(
                        _("address {address}: {reason}", address=address.name, reason=reason)
                    )
                else:
                    reached[notification.id].add(address.name)
        _record(desk, claimed, reached, failures, now)

    def _send_by(
        self, address: Address, way: NotificationWay, person: Person, described: Sequence[DescribedNotification]
    ) -> Message | None:
        """Sends one message. Returns why that failed; None: it was sent, or there was nothing to send."""
        if not described:
            return None
        settings = self._desk.settings
        with reading_as(reader_of(person, settings)):
            title, body = compose(settings.outlet.name, described, settings.notify.link)
        if way is NotificationWay.CHAT:
            title, body = _without_commands(title), _without_commands(body)
        reason = address.send(title, body, bad=False)
        if reason is None:
            get_logger("alerts").info("sent to a person", address=address.name, notifications=len(described))
        return reason


def reader_of(person: Person, settings: Settings) -> Reader:
    """Returns the reader of messages to a person."""
    language = person.language if person.language in desk_languages() else settings.outlet.desk_language
    language = language or settings.outlet.desk_language
    return Reader(language, settings.outlet.zone, Face.PAGE, channel_names(settings))


def compose(outlet: str, described: Sequence[DescribedNotification], link: str) -> tuple[str, str]:
    """Composes the title and the text of one message, for the present reader. `link`: the address of the pages."""
    title = str(described[0].sentence)
    if len(described) > 1:
        title = str(ngettext("{count} thing for you", "{count} things for you", count=len(described)))
    return f"{outlet}: {title}", "\n\n".join(_text_of(description, link) for description in described)


def _text_of(described: DescribedNotification, link: str) -> str:
    place = f"#comment-{described.comment_id}" if described.comment_id else ""
    where = f"{link.rstrip('/')}/posts/{described.post_id}{place}" if link else ""
    return "\n".join(line for line in (str(described.sentence), described.excerpt, where) if line)


def _without_commands(text: str) -> str:
    """Returns a text in which a chat finds nobody to call, such as `@everyone` and `<!channel>`."""
    return text.replace("@", f"@{NO_BREAK}").replace("<", f"<{NO_BREAK}")


def _claim(session: Session, person_id: int, now: datetime) -> list[Notification]:
    """Claims what is due for a person, so that no other process sends it meanwhile."""
    own = (Notification.person_id == person_id, Notification.next_try_at <= now)
    due = list(session.scalars(select(Notification).where(*own).order_by(Notification.id).limit(MAX_AT_ONCE)))
    claimed = []
    for notification in due:
        session.expunge(notification)
        values = {"next_try_at": now + CLAIM_TIME, "tries": notification.tries + 1}
        if _update(session, notification, values, next_try_at=notification.next_try_at):
            notification.tries += 1
            claimed.append(notification)
    return claimed


def _given_up(desk: Desk, claimed: Sequence[Notification]) -> tuple[list[Notification], list[DescribedNotification]]:
    """Gives up what is for somebody who was shut out."""
    with desk.database.writing() as session:
        for notification in claimed:
            _update(session, notification, {"next_try_at": None}, tries=notification.tries)
    return [], []


def _record(
    desk: Desk,
    claimed: Sequence[Notification],
    reached: Mapping[int, set[str]],
    failures: Mapping[int, Sequence[Any]],
    now: datetime,
) -> None:
    """Records the results. What the person has read meanwhile, or another process claimed, stays as it is."""
    with desk.database.writing() as session:
        for notification in claimed:
            failed = failures[notification.id]
            values: dict[str, Any] = {
                "reached": sorted(reached.get(notification.id, notification.reached)),
                "send_error": AlertSendProblem.NOT_SENT(failures=list(failed)) if failed else None,
                "next_try_at": None,
            }
            if not failed:
                values["sent_at"] = now
            elif now - notification.at < MAX_AGE:
                values["next_try_at"] = now + retry_pause(notification.tries)
            _update(session, notification, values, tries=notification.tries)


def _update(session: Session, notification: Notification, values: dict[str, Any], **unchanged: Any) -> bool:
    is_unchanged = [getattr(Notification, column) == value for column, value in unchanged.items()]
    result = session.execute(
        update(Notification)
        .where(Notification.id == notification.id, Notification.next_try_at.is_not(None), *is_unchanged)
        .values(**values)
        .execution_options(synchronize_session=False)
    )
    return cast("CursorResult[Any]", result).rowcount == 1
