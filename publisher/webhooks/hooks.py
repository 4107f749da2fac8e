"""Adds, switches and removes the addresses that events are sent to."""

from __future__ import annotations

import secrets
from base64 import b64encode
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session
from urllib3.exceptions import LocationParseError
from urllib3.util import parse_url

from publisher.core.encryption import SecretCipher
from publisher.core.errors import ErrorKind, UserError
from publisher.core.messages import reading_as
from publisher.core.public_hosts import AddressRefused, ResolvedHost, resolve_public_host
from publisher.core.special_addresses import IPAddress, is_private_network
from publisher.db.models import Event
from publisher.db.session import Database
from publisher.db.webhooks import Webhook
from publisher.desk import Desk
from publisher.lifecycle import record_event
from publisher.settings import Settings
from publisher.settings.alert_reader import program_reader
from publisher.webhooks.events import EVENTS, WEBHOOK_ADDED
from publisher.webhooks.outbox import queue_messages
from publisher.webhooks.problem_codes import WebhookProblem

MAX_URL_LENGTH = 2000
MAX_HOOKS = 20
WEBHOOK_PREFIX = "whsec_"
SECRET_BYTES = 32


class WebhookError(UserError):
    """A change of the webhooks is refused; the text is a `WebhookProblem`."""

    code = "webhook-refused"
    kind = ErrorKind.INVALID


@dataclass(frozen=True, slots=True)
class AddedWebhook:
    """Holds a new webhook and the secret that signs its messages; the secret is shown once."""

    id: int
    secret: str


def resolve_webhook_host(url: str, *, private: bool) -> ResolvedHost:
    """Resolves the host of a webhook. `private`: it may be this machine or in a private network.

    Raises:
        AddressRefused: nothing may be sent there, or the name has no address.
    """
    return resolve_public_host(url, is_private_network if private else _allow_none)


def _allow_none(_address: IPAddress) -> bool:
    return False


def add_webhook(desk: Desk, url: str, events: Iterable[str], *, seal: SecretCipher, actor: str) -> AddedWebhook:
    """Adds an address that gets these events from now on; without any, it gets all events.

    Raises:
        WebhookError: the address is refused, or an event is unknown.
    """
    address, now = url.strip(), desk.now()
    _refuse_address(address, desk.settings)
    event_names = sorted(set(events))
    if unknown := [name for name in event_names if name not in EVENTS]:
        raise WebhookError(WebhookProblem.UNKNOWN_EVENT(event=unknown[0]))
    secret = WEBHOOK_PREFIX + b64encode(secrets.token_bytes(SECRET_BYTES)).decode()
    with desk.database.writing() as session:
        urls = list(session.scalars(select(Webhook.url)))
        if address in urls:
            raise WebhookError(WebhookProblem.ADDRESS_TAKEN())
        if len(urls) >= MAX_HOOKS:
            raise WebhookError(WebhookProblem.TOO_MANY_WEBHOOKS(maximum=MAX_HOOKS))
        hook = Webhook(
            url=address, secret=seal.encrypt(secret, seal_purpose(address)), events=event_names, created_at=now
        )
        session.add(hook)
        record_event(session, WEBHOOK_ADDED, now=now, actor=actor, detail={"webhook": address})
        session.flush()
        hook.last_event = newest_event_id(session)
        with reading_as(program_reader(desk.settings)):
            queue_messages(session, hook, [session.get_one(Event, hook.last_event)], desk.settings.outlet.name, now)
        return AddedWebhook(hook.id, secret)


def seal_purpose(url: str) -> str:
    """Returns the purpose that the secret of this address is sealed with."""
    return f"secret of the webhook {url}"


def _refuse_address(url: str, settings: Settings) -> None:
    private = settings.web.webhooks_to_private
    try:
        parts = parse_url(url)
    except LocationParseError:
        raise WebhookError(WebhookProblem.NO_WEB_ADDRESS(url=url)) from None
    if len(url) > MAX_URL_LENGTH or parts.auth:
        raise WebhookError(WebhookProblem.PASSWORD_IN_ADDRESS())
    if parts.scheme != "https" and not (private and parts.scheme == "http"):
        raise WebhookError(WebhookProblem.NOT_ENCRYPTED())
    try:
        resolve_webhook_host(url, private=private)
    except AddressRefused as refusal:
        problem = WebhookProblem.ADDRESS_REFUSED if private else WebhookProblem.PRIVATE_ADDRESS_REFUSED
        raise WebhookError(problem(reason=refusal.text)) from None


def set_webhook_active(database: Database, hook_id: int, active: bool, *, now: datetime, actor: str) -> None:
    """Switches a webhook on or off; switched on, it gets only what happens from now on. Raises WebhookError."""
    with database.writing() as session:
        hook = load_webhook(session, hook_id)
        if active and not hook.active:
            hook.last_event = newest_event_id(session)
        hook.active = active
        name = "webhook switched on" if active else "webhook switched off"
        record_event(session, name, now=now, actor=actor, detail={"webhook": hook.url})


def delete_webhook(database: Database, hook_id: int, *, now: datetime, actor: str) -> None:
    """Deletes a webhook with its secret and its messages. Raises WebhookError."""
    with database.writing() as session:
        hook = load_webhook(session, hook_id)
        record_event(session, "webhook removed", now=now, actor=actor, detail={"webhook": hook.url})
        session.delete(hook)


def list_webhooks(session: Session) -> list[Webhook]:
    """Lists all webhooks, the oldest first."""
    return list(session.scalars(select(Webhook).order_by(Webhook.id)))


def load_webhook(session: Session, hook_id: int) -> Webhook:
    hook = session.get(Webhook, hook_id)
    if hook is None:
        raise WebhookError(WebhookProblem.NO_SUCH_WEBHOOK(webhook=hook_id))
    return hook


def newest_event_id(session: Session) -> int:
    return session.scalar(select(func.max(Event.id))) or 0
