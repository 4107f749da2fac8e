"""The addresses that are told what happens: added, switched off and on, removed by admins."""

from __future__ import annotations

import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session
from urllib3.exceptions import LocationParseError
from urllib3.util import parse_url

from publisher.core.encryption import Seal
from publisher.core.public_hosts import AddressRefused, ResolvedHost, resolve_public_host
from publisher.core.special_addresses import IPAddress, is_own_network
from publisher.db.models import Event
from publisher.db.session import Database
from publisher.db.staff import Webhook
from publisher.lifecycle import record_event
from publisher.settings import Settings
from publisher.webhooks.events import ADDED, EVENTS
from publisher.webhooks.outbox import queue

LONGEST_URL = 2000
MAX_HOOKS = 20
PREFIX = "whsec_"


class WebhookError(Exception):
    """The webhooks can't be changed so; the message is one sentence."""


@dataclass(frozen=True, slots=True)
class Added:
    """A new webhook, and the secret that its messages are signed with: it is shown once."""

    id: int
    secret: str


def place_of(url: str, *, private: bool) -> ResolvedHost:
    """Where a webhook leads. `private`: it may lead to this machine and to private networks.

    Raises:
        NotAsked: nothing may be sent there, or nobody has that name.
    """
    return resolve_public_host(url, is_own_network if private else _never)


def _never(_address: IPAddress) -> bool:
    return False


def add_webhook(
    database: Database, settings: Settings, url: str, events: Iterable[str], *, seal: Seal, now: datetime, actor: str
) -> Added:
    """Tell this address of these events from now on; of none of them by name: of all that there are.

    Raises:
        WebhookError: it is no address that may be told, or an event is not known.
    """
    address = url.strip()
    _refuse_address(address, settings)
    wanted = sorted(set(events))
    if unknown := [name for name in wanted if name not in EVENTS]:
        raise WebhookError(f"There is no event {unknown[0]!r}; choose among those of the list.")
    secret = PREFIX + secrets.token_urlsafe(32)
    with database.writing() as session:
        known = list(session.scalars(select(Webhook.url)))
        if address in known:
            raise WebhookError("This address is told already; change that webhook instead.")
        if len(known) >= MAX_HOOKS:
            raise WebhookError(f"There are {MAX_HOOKS} webhooks; remove one that isn't used any more.")
        hook = Webhook(url=address, secret=seal.seal(secret, purpose(address)), events=wanted, created_at=now)
        session.add(hook)
        record_event(session, ADDED, now=now, actor=actor, detail={"webhook": address})
        session.flush()
        hook.last_event = newest_event(session)
        queue(session, hook, [session.get_one(Event, hook.last_event)], settings.outlet.name, now)
        return Added(hook.id, secret)


def purpose(url: str) -> str:
    """What the secret of this address is sealed for."""
    return f"secret of the webhook {url}"


def _refuse_address(url: str, settings: Settings) -> None:
    private = settings.web.webhooks_to_private
    try:
        parts = parse_url(url)
    except LocationParseError:
        raise WebhookError(f"{url!r} is no web address; write it like https://example.org/hook.") from None
    if len(url) > LONGEST_URL or parts.auth:
        raise WebhookError("The address is too long, or holds a password; the signature tells who sends.")
    if parts.scheme != "https" and not (private and parts.scheme == "http"):
        raise WebhookError("What is sent must be sealed on its way; write an address that begins with https://.")
    try:
        place_of(url, private=private)
    except AddressRefused as refusal:
        hint = "" if private else "; an operator can allow it with web.webhooks_to_private"
        raise WebhookError(f"Nothing can be sent there: {refusal}{hint}.") from None


def switch(database: Database, hook_id: int, active: bool, *, now: datetime, actor: str) -> None:
    """Tell this address nothing any more, or again, from now on. Raises WebhookError."""
    with database.writing() as session:
        hook = load(session, hook_id)
        if active and not hook.active:
            hook.last_event = newest_event(session)
        hook.active = active
        name = "webhook switched on" if active else "webhook switched off"
        record_event(session, name, now=now, actor=actor, detail={"webhook": hook.url})


def remove(database: Database, hook_id: int, *, now: datetime, actor: str) -> None:
    """Forget this address, its secret and its log. Raises WebhookError."""
    with database.writing() as session:
        hook = load(session, hook_id)
        record_event(session, "webhook removed", now=now, actor=actor, detail={"webhook": hook.url})
        session.delete(hook)


def webhooks(session: Session) -> list[Webhook]:
    """All of them, the oldest first."""
    return list(session.scalars(select(Webhook).order_by(Webhook.id)))


def load(session: Session, hook_id: int) -> Webhook:
    hook = session.get(Webhook, hook_id)
    if hook is None:
        raise WebhookError(f"There is no webhook {hook_id}.")
    return hook


def newest_event(session: Session) -> int:
    return session.scalar(select(func.max(Event.id))) or 0
