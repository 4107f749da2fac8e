"""Finds the addresses of one person: their mail by the desk's mail server, and chats that they chose themselves.

What somebody of the staff types is no operator's secret: it may lead only to chat services whose host is fixed, and
may not have options, some of which make Apprise read files or other addresses.
"""

from __future__ import annotations

import re
from datetime import datetime
from urllib.parse import parse_qsl, urlencode, urlsplit

from publisher.alerts.addresses import Address
from publisher.core.encryption import SecretCipher
from publisher.core.errors import UserError
from publisher.core.messages import Message, _
from publisher.db.session import Database
from publisher.db.staff import NotificationWay, Person
from publisher.lifecycle import record_event
from publisher.settings import SettingsError, read_secret
from publisher.staff.accounts import load_person

MAIL_VARIABLE = "PUBLISHER_MAIL_URL"
MAIL_SCHEMES = ("mailto", "mailtos")
CHAT_SERVICES = ("slack", "discord", "tgram", "gchat", "pover", "wxteams")
"""Services of Apprise that send to one host of their own, whatever the address says."""
MAX_CHATS = 5
MAX_ADDRESS = 500
_CHAT = re.compile(r"([a-z]+)://[A-Za-z0-9_.:@#/+=~-]+")
_MAIL = re.compile(r"[^@\s,;:<>()\[\]\\\"]+@[^@\s,;:<>()\[\]\\\"/?#%]+")


class ChatAddressRefused(UserError):
    """Says why a chat address can't be used, without the address itself."""

    code = "chat-address-refused"


def read_mail_url() -> str | None:
    """Reads the address of the mail server that the desk sends by; None: it sends no mail to people.

    Raises:
        SettingsError: it is no mail address of Apprise, or its file can't be read.
    """
    url = read_secret(MAIL_VARIABLE)
    if url is not None and urlsplit(url).scheme.lower() not in MAIL_SCHEMES:
        raise SettingsError(
            _("{variable} is no mail server; write it like mailtos://NAME:PASSWORD@example.org", variable=MAIL_VARIABLE)
        )
    return url


def mail_address(url: str, recipient: str) -> Address | None:
    """Returns the address of one recipient at the desk's mail server; None: no mail can be sent to such a name."""
    if not _MAIL.fullmatch(recipient):
        return None
    parts = urlsplit(url)
    options = [(name, value) for name, value in parse_qsl(parts.query) if name.lower() not in ("to", "cc", "bcc")]
    return Address("mail", parts._replace(path="", query=urlencode([*options, ("to", recipient)])).geturl())


def addresses_of(person: Person) -> dict[Address, NotificationWay]:
    """Returns the addresses of a person, with the way that each of them is.

    Raises:
        SettingsError: the mail server or the key is set wrong.
    """
    found: dict[Address, NotificationWay] = {}
    mail_url = read_mail_url()
    if mail_url and (mail := mail_address(mail_url, person.email)):
        found[mail] = NotificationWay.MAIL
    if person.chat_addresses:
        text = SecretCipher.from_environment().decrypt(person.chat_addresses, purpose_of(person))
        found |= {address: NotificationWay.CHAT for address in _chats(text)}
    return found


def chat_names(person: Person) -> list[str]:
    """Lists a person's chats without their secrets, such as `1 (slack)`. Raises EncryptionError."""
    if not person.chat_addresses:
        return []
    text = SecretCipher.from_environment().decrypt(person.chat_addresses, purpose_of(person))
    return [address.name for address in _chats(text)]


def set_chats(database: Database, person_id: int, text: str, *, seal: SecretCipher | None, now: datetime) -> None:
    """Replaces a person's chats; without an address they have none. `seal` may be None only then.

    Raises:
        ChatAddressRefused: one of them can't be used. Then nothing was changed.
    """
    urls = list(dict.fromkeys(text.split()))
    if len(urls) > MAX_CHATS:
        raise ChatAddressRefused(_("You can have {maximum} chat addresses; leave some out.", maximum=MAX_CHATS))
    for number, url in enumerate(urls, start=1):
        if why := chat_problem(url):
            raise ChatAddressRefused(_("Address {number}: {why}", number=number, why=why))
    with database.writing() as session:
        person = load_person(session, person_id)
        encrypted = seal.encrypt(" ".join(urls), purpose_of(person)) if urls and seal else None
        person.chat_addresses = encrypted
        record_event(session, "chat addresses set", now=now, actor=person.actor)


def chat_problem(url: str) -> Message | None:
    """Returns why a chat address can't be used; None: it may work."""
    match = _CHAT.fullmatch(url)
    scheme = url.partition("://")[0].lower()
    if scheme not in CHAT_SERVICES:
        return _(
            "it leads to no service that can be used here; these can: {services:list}.", services=list(CHAT_SERVICES)
        )
    if match is None or url.count("://") != 1 or len(url) > MAX_ADDRESS:
        return _("write it plainly, such as slack://TOKEN-A/TOKEN-B/TOKEN-C, without options after a question mark.")
    problem = Address("", url).problem()
    return _("{problem:clause}.", problem=problem) if problem else None


def purpose_of(person: Person) -> str:
    """Returns the purpose that a person's chat addresses are encrypted for."""
    return f"chat addresses of {person.email}"


def _chats(text: str) -> list[Address]:
    return [Address(f"{number} ({url.partition('://')[0]})", url) for number, url in enumerate(text.split(), start=1)]
